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
from mien.recognize.video.sampling import end_of_last
from mien.rows.events import EventFinder
from mien.rows.files import read_json_lines
from mien.rows.formats import FORMATS, Media, write_format
from mien.rows.people import apply
from mien.rows.table import VideoResult, result_of
from mien.rows.text_table import marked_encoding
from mien.rows.usable import UnusableTotals
from mien.web import schemas
from mien.web.errors import ApiError
from mien.web.images import ERRORS, raw_body
from mien.web.uploads import BYTES, MAX_NAME, content_type, raw_name
from mien.web.videos import CSV, JSON_LINES, JSON_LINES_EXAMPLE

# Of what mien itself writes, where it is no CSV.
_ENDINGS: Final = {"jsonl": ".jsonl", "summary": ".json"}


class Kind(StrEnum):
    """What can be made of rows."""

    CSV = "csv"
    JSONL = "jsonl"
    SUMMARY = "summary"
    EVENTS = "events"
    STATISTICS = "statistics"
    OBSERVED = "observed"
    EAF = "eaf"
    TEXTGRID = "textgrid"
    BORIS = "boris"
    BIDS = "bids"
    FEX = "fex"
    OPENFACE = "openface"


_TYPES: Final = {
    ".csv": f"{CSV}; charset=utf-8",
    ".jsonl": JSON_LINES,
    ".json": "application/json",
    ".zip": "application/zip",
}

_OPENAPI_200: Final[dict[str, Any]] = {
    "description": "The file.",
    "content": {
        BYTES: {
            "schema": {"type": "string", "format": "binary"},
            "example": "track,name,emotion,onset_s,peak_s,end_s\n",
        },
        CSV: {"schema": {"type": "string"}, "example": "track,name,emotion,onset_s\n"},
        JSON_LINES: JSON_LINES_EXAMPLE,
        "application/zip": {
            "schema": {"type": "string", "format": "binary"},
            "example": "talk_events.tsv and talk_events.json",
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/Observed"}},
    },
}


def router() -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["videos"])
    positive = Query(gt=0, le=1e9, allow_inf_nan=False)

    @routes.post(
        "/api/rows",
        response_class=Response,
        responses={**ERRORS, 200: {**_OPENAPI_200, "model": schemas.Observed}},
        openapi_extra=raw_body(JSON_LINES, BYTES),
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
        content_type(request, JSON_LINES, BYTES)
        body = await request.body()
        name = raw_name(request) or "video"
        media = Media(length_s=duration_s, width=width, height=height, frame_rate=fps)
        return await run_in_threadpool(_answer, body, str(kind), name, media)

    return routes


def _answer(body: bytes, kind: str, name: str, media: Media) -> Response:
    result = rows_of(body, name)
    if kind == Kind.OBSERVED:
        return Response(
            json.dumps(_observed(result, media.length_s)), media_type="application/json"
        )
    stem = _stem(name)
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        first, *others = files = _write(result, kind, Path(folder, stem), media)
        content = _zip(files) if others else first.read_bytes()
        shown = "rows" + ("_events.zip" if others else first.name.removeprefix(stem))
    headers = {"Content-Disposition": f'attachment; filename="{shown}"'}
    return Response(content, headers=headers, media_type=_TYPES.get(Path(shown).suffix, BYTES))


def rows_of(body: bytes, name: str) -> VideoResult:
    """The rows of a request, JSON lines, with tracks of one name as one person.

    Raises:
        ApiError: they are no rows, or two faces of one frame have one name.
    """
    try:
        lines = io.TextIOWrapper(io.BytesIO(body), encoding=marked_encoding(body))
        result = result_of(read_json_lines(lines, name), name)
        if (result.times_s < 0).any() or (result.times_s > 1e9).any():
            raise OutputError(f"{name}: expected times from 0 to 1e9 seconds")
        return apply(result, ()) if result.names else result
    except (OutputError, DataError) as error:
        raise ApiError(422, "unreadable", str(error)[:500]) from error


def _until_s(result: VideoResult, length_s: float | None) -> float | None:
    """When the last frame ends; None where it takes as long as the one before."""
    if len(result.times_s) < 2:
        return None
    before_s, last_s = result.times_s[-2:].tolist()
    return end_of_last(last_s, None, length_s, until_s=2 * last_s - before_s)


def _observed(result: VideoResult, length_s: float | None) -> dict[str, Any]:
    finder, until_s = EventFinder(), _until_s(result, length_s)
    finder.add(result)
    return {
        "events": [event.to_dict() for event in finder.finish(until_s)],
        "unusable": [
            {"track": track, "start_s": s.start_s, "end_s": s.end_s, "reason": s.reason}
            for track, spans in UnusableTotals.of(result).spans(until_s).items()
            for s in spans
        ],
    }


def _write(result: VideoResult, kind: str, stem: Path, media: Media) -> list[Path]:
    ending = FORMATS[kind].endings[0] if kind in FORMATS else _ENDINGS.get(kind, ".csv")
    path = stem.with_name(stem.name + ending)
    if kind in FORMATS:
        return write_format(result, kind, path, media)
    wanted: dict[str, Any] = {kind: path}
    write_rows(result, Outputs(**wanted), until_s=_until_s(result, media.length_s))
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
