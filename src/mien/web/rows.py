"""`POST /api/rows`: the rows of a video in, a file of them out, as `mien rows` writes it."""

import io
import json
import re
import tempfile
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from mien.errors import DataError, OutputError
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.row_sink import write_rows
from mien.rows.events import events_of
from mien.rows.files import read_json_lines
from mien.rows.formats import FORMATS, Media, write_format
from mien.rows.people import apply
from mien.rows.table import VideoResult, result_of
from mien.rows.usable import UnusableTotals
from mien.web import schemas
from mien.web.errors import ApiError
from mien.web.images import ERRORS
from mien.web.uploads import MAX_NAME, raw_name
from mien.web.videos import JSON_LINES

_ENDINGS: Final = {
    "csv": ".csv",
    "jsonl": ".jsonl",
    "summary": ".json",
    "events": ".csv",
    "statistics": ".csv",
}
"""Of what mien itself writes."""

OBSERVED: Final = "observed"
"""Events and what is not usable, as the page draws them."""


class Kind(StrEnum):
    """What can be made of rows."""

    CSV = "csv"
    JSONL = "jsonl"
    SUMMARY = "summary"
    EVENTS = "events"
    STATISTICS = "statistics"
    OBSERVED = OBSERVED
    EAF = "eaf"
    TEXTGRID = "textgrid"
    BORIS = "boris"
    BIDS = "bids"
    FEX = "fex"
    OPENFACE = "openface"


_TYPES: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".jsonl": JSON_LINES,
    ".json": "application/json",
    ".zip": "application/zip",
}

_OPENAPI_200: Final[dict[str, Any]] = {
    "description": "The file.",
    "content": {
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary"},
            "example": "track,name,emotion,onset_s,peak_s,end_s\n",
        },
        "text/csv": {"schema": {"type": "string"}, "example": "track,name,emotion,onset_s\n"},
        JSON_LINES: {
            "schema": {"type": "string"},
            "example": '{"frame":0,"time_s":0.0,"track":null}\n',
        },
        "application/zip": {
            "schema": {"type": "string", "format": "binary"},
            "example": "talk_events.tsv and talk_events.json",
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/Observed"}},
    },
}

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in (JSON_LINES, "application/octet-stream")
        },
    }
}


def router() -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["videos"])
    positive = Query(gt=0, le=1e9, allow_inf_nan=False)

    @routes.post(
        "/api/rows",
        response_class=Response,
        responses={**ERRORS, 200: {**_OPENAPI_200, "model": schemas.Observed}},
        openapi_extra=_BODY,
        summary="Make a file of the rows of a video",
    )
    async def rows(
        request: Request,
        kind: Annotated[Kind, Query(description="What is made of the rows.")],
        duration_s: Annotated[float | None, positive] = None,
        fps: Annotated[float | None, positive] = None,
        width: Annotated[int | None, Query(gt=0, le=100_000)] = None,
        height: Annotated[int | None, Query(gt=0, le=100_000)] = None,
    ) -> Response:
        """JSON lines as `POST /api/videos` and `mien video --jsonl` give them; each face may have a
        `name`, and tracks of one name become one person.

        `observed` gives events and stretches that are not usable as JSON. The name of the video may
        stand in the header `X-Filename`, percent-encoded; its length, frame rate and size in the
        query.
        """
        _check_type(request)
        body = await request.body()
        name = raw_name(request) or "video"
        media = Media(length_s=duration_s, width=width, height=height, frame_rate=fps)
        return await run_in_threadpool(_answer, body, str(kind), name, media)

    return routes


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON_LINES, "application/octet-stream"):
        wanted = f"{JSON_LINES} or application/octet-stream"
        raise ApiError(
            415, "content_type", f"expected the content type {wanted}; got {kind[:60]!r}"
        )


def _answer(body: bytes, kind: str, name: str, media: Media) -> Response:
    result = rows_of(body, name)
    if kind == OBSERVED:
        return Response(json.dumps(_observed(result)), media_type="application/json")
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        files = _write(result, kind, Path(folder) / _stem(name), media)
        content = files[0].read_bytes() if len(files) == 1 else _zip(files)
        ending = files[0].name.removeprefix(_stem(name)) if len(files) == 1 else "_events.zip"
    headers = {"Content-Disposition": f'attachment; filename="rows{ending}"'}
    kind_of = _TYPES.get("." + ending.rpartition(".")[2], "application/octet-stream")
    return Response(content, headers=headers, media_type=kind_of)


def rows_of(body: bytes, name: str) -> VideoResult:
    """The rows of a request, with tracks of one name as one person.

    Args:
        body: JSON lines.
        name: of the video.
    Raises:
        ApiError: they are no rows, or two faces of one frame have one name.
    """
    try:
        lines = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8")
        result = result_of(read_json_lines(lines, name), name)
        if (result.times_s < 0).any() or (result.times_s > 1e9).any():
            raise OutputError(f"{name}: expected times from 0 to 1e9 seconds")
        return apply(result, ()) if result.names else result
    except (OutputError, DataError) as error:
        raise ApiError(422, "unreadable", str(error)[:500]) from error


def _observed(result: VideoResult) -> dict[str, Any]:
    return {
        "events": [event.to_dict() for event in events_of(result)],
        "unusable": [
            {"track": track, "start_s": s.start_s, "end_s": s.end_s, "reason": s.reason}
            for track, spans in UnusableTotals.of(result).spans().items()
            for s in spans
        ],
    }


def _write(result: VideoResult, kind: str, stem: Path, media: Media) -> list[Path]:
    if kind in FORMATS:
        path = stem.with_name(stem.name + FORMATS[kind].endings[0])
        return write_format(result, kind, path, media)
    path = stem.with_name(stem.name + _ENDINGS[kind])
    wanted: dict[str, Any] = {kind: path}
    write_rows(result, Outputs(**wanted))
    return [path]


def _stem(name: str) -> str:
    """What files are called that are made of a video: letters, digits and lines alone."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", Path(name[:MAX_NAME]).stem).strip("_")
    return plain[:60] or "rows"


def _zip(files: list[Path]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return held.getvalue()
