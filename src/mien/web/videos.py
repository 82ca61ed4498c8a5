"""`POST /api/videos`: a video in, its readings out as it is read; nothing of it is kept."""

import asyncio
import io
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Annotated, Any, BinaryIO, Final, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from mien.errors import VideoError, counted
from mien.output.records import (
    VIDEO_TABLE,
    csv_header,
    rounded,
    video_csv_lines,
    video_json_lines,
)
from mien.readings import TrackedReading
from mien.recognize.recognizer import Recognizer
from mien.recognize.video.frames import Frame, VideoInfo, open_video
from mien.recognize.video.offline import smoothed_offline
from mien.recognize.video.readings import frame_readings
from mien.recognize.video.sampling import end_of_last
from mien.recognize.video.smoothing import SmoothingSettings
from mien.recognize.video.times import CLOCK_FORMATS
from mien.rows.totals import TrackTotals
from mien.web import schemas
from mien.web.errors import ApiError
from mien.web.images import ALWAYS, ERRORS, Threshold, body_of
from mien.web.service import Service
from mien.web.settings import Limits
from mien.web.uploads import uploaded_video

EVENTS: Final = "text/event-stream"
CSV: Final = "text/csv"
JSON_LINES: Final = "application/x-ndjson"

JSON_LINES_EXAMPLE: Final = {
    "schema": {"type": "string"},
    "example": '{"frame":0,"time_s":0.0,"track":null}\n',
}

_WEIGHT: Final = re.compile(r"\bq=(\d(?:\.\d*)?)", re.IGNORECASE)  # RFC 9110, 12.4.2
_BATCH_S: Final = 0.25  # of the clock on the wall, for which frames are sent together
_BATCH_FRAMES: Final = 250

_NO_SPACE: Final = {"model": schemas.Error, "description": "There is no room for the video."}

_OPENAPI_200: Final[dict[str, Any]] = {
    "description": "The video is being read.",
    "content": {
        EVENTS: {
            "schema": {"type": "string"},
            "example": 'event: accepted\ndata: {"id":"5f0c","name":"talk.mp4","width":1280,'
            '"height":720,"fps":25.0,"duration_s":60.0,"frames":1500}\n\n'
            'event: frames\ndata: {"frames":[{"index":0,"time_s":0.0,"faces":[]}],'
            '"done_s":0.0,"duration_s":60.0}\n\n'
            'event: result\ndata: {"frames":1500,"people":[],"duration_s":60.0,"read_s":9.8}\n\n',
        },
        CSV: {"schema": {"type": "string"}, "example": csv_header(VIDEO_TABLE)},
        JSON_LINES: JSON_LINES_EXAMPLE,
    },
}


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["videos"])

    @routes.post(
        "/api/videos",
        response_class=Response,
        responses={**ERRORS, 200: _OPENAPI_200, 507: _NO_SPACE},
        openapi_extra=body_of("video", "video/*", many=False),
        summary="Follow the faces of a video",
    )
    async def videos(
        request: Request,
        threshold: Threshold = None,
        half_life_s: Annotated[
            float | None,
            Query(
                ge=0, le=60, description="Of the smoothing; 0 smooths nothing; 0.4 if not given."
            ),
        ] = None,
        every_s: Annotated[
            float | None,
            Query(ge=0, le=3600, description="Read one frame in so many seconds; 0 reads all."),
        ] = None,
    ) -> Response:
        """The video is read while the answer is sent: as server-sent events, or as the rows of
        `mien video` where `Accept` asks for `text/csv` or `application/x-ndjson`.

        Events: `accepted`, then `frames` a few times a second, at last `result` or `failed`.
        Closing the connection ends the reading, and so does `DELETE /api/videos/{id}`. Of rows, an
        answer that is cut off in the middle says that the video could not be read to its end.

        Nothing of the video is kept: the file that it is read from has no name, and is gone with
        the answer, or with the server.
        """
        read = partial(
            read_events,
            threshold=service.settings.threshold if threshold is None else threshold,
            smoothing=SmoothingSettings.of(half_life_s),
            every_s=every_s or None,
        )
        return _VideoResponse(service, request, read)

    @routes.delete(
        "/api/videos/{id}",
        status_code=204,
        response_class=Response,
        responses={
            **ALWAYS,
            404: {"model": schemas.Error, "description": "No such video is being read."},
        },
        summary="End the reading of a video",
    )
    async def cancel(id: str) -> Response:
        """By the number that the event `accepted` gave."""
        if not service.cancel_video(id):
            expected = "expected the id of a video that is being read"
            raise ApiError(404, "not_found", f"{expected}; got {id[:60]!r}")
        return Response(status_code=204)

    return routes


@dataclass(frozen=True)
class Result:
    """The video was read to its end."""

    frames: int  # that were read
    people: list[dict[str, Any]]  # what each person shows, ready for JSON
    duration_s: float | None  # of the video; where no header tells it, as its frames do
    read_s: float  # how long it took


Frames = list[tuple[Frame, list[TrackedReading]]]
"""Some frames with their readings, in order."""

Event = VideoInfo | Frames | Result | ApiError
"""It could be opened; frames, in their order; and in the end a result, or why there is none."""


def _cancelled() -> ApiError:
    return ApiError(409, "cancelled", "the video was cancelled")


class VideoSession:
    """One video, from its upload until it is read: a file that ends when nobody wants it any more.

    Decoders then stop by themselves.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_cancelled = False
        self.name = "video"
        self._file: BinaryIO = io.BytesIO()  # until it is there
        self._deadline = 0.0
        self._upload: asyncio.Timeout | None = None

    def cancel(self) -> None:
        """Stop the upload or the reading; in the event loop."""
        self.is_cancelled = True
        if self._upload is not None:
            self._upload.reschedule(0.0)

    def upload_time(self) -> asyncio.Timeout:
        """How long the upload may take; a TimeoutError ends it, and so does `cancel`."""
        self._upload = asyncio.timeout(self.limits.upload_s)
        return self._upload

    def begin(self, name: str, file: BinaryIO) -> None:
        """The video is there; from now on it may be read for so long."""
        self._upload = None
        self.name, self._file = name, file
        self._deadline = time.monotonic() + self.limits.read_s

    def read(self, size: int) -> bytes:
        """As of a file, and so the next ones."""
        is_late = time.monotonic() > self._deadline
        return b"" if self.is_cancelled or is_late else self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: D102
        return self._file.seek(offset, whence)

    def tell(self) -> int:  # noqa: D102
        return self._file.tell()

    def check_cancelled(self) -> None:
        """Raise an ApiError where nobody wants it any more."""
        if self.is_cancelled:
            raise _cancelled()

    def check(self) -> None:
        """Raise an error where the reading is to end."""
        self.check_cancelled()
        if time.monotonic() > self._deadline:
            most_s = self.limits.read_s
            raise self._too_much(f"{most_s:g} s to read it; it takes longer", most_s)

    def bounded(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames, until somebody cancels; no more of them than a video may have."""
        with closing(frames):  # type: ignore[type-var]
            for frame in frames:
                self.check()
                self.check_length(frame.time_s)
                if frame.index >= (most := self.limits.video_frames):
                    raise self._too_much(f"{most:,} frames; more came", most)
                yield frame

    def check_length(self, time_s: float, *, is_whole: bool = False) -> None:
        """Raise an error where there is too much of it."""
        most_s = self.limits.video_s
        if time_s > most_s:
            came = f"got {time_s / 60:.1f}" if is_whole else "it is longer"
            raise self._too_much(f"{most_s / 60:g} minutes; {came}", most_s)

    def _too_much(self, words: str, limit: float) -> VideoError:
        return VideoError(f"expected at most {words}", source=self.name, limit=limit)


def read_events(
    session: VideoSession,
    recognizer: Recognizer,
    *,
    threshold: float,
    smoothing: SmoothingSettings,
    every_s: float | None,
) -> Generator[Event]:
    """Read a video, or the first frame at or after each multiple of `every_s`.

    Yields:
        That it could be opened, its frames a few times a second, and a result or an error.
    Raises:
        MienError: it could not be opened.
        ApiError: nor was it wanted any more.
    """
    start = time.monotonic()
    try:
        info, frames = open_video(
            cast(BinaryIO, session),
            session.name,
            every_s=every_s,
            max_pixels=session.limits.video_pixels,
        )
    except Exception:
        session.check_cancelled()
        raise
    # The clock of a transport stream may jump; how long it is shows when it is read.
    told_s = None if info.container in CLOCK_FORMATS else info.duration_s
    session.check_length(told_s or 0.0, is_whole=True)
    yield info
    recognizer.threshold = threshold
    read = smoothed_offline(
        frame_readings(recognizer, session.bounded(frames)),
        smoothing,
        threshold=threshold,
        keep_images=False,
    )
    totals, count, sent_at = TrackTotals(), 0, start
    waiting: Frames = []
    last_s = step_s = 0.0
    try:
        with closing(read):  # type: ignore[type-var]
            for frame, readings in read:
                count += 1
                last_s, step_s = frame.time_s, frame.time_s - last_s
                totals.add(frame.time_s, readings)
                waiting.append((frame, readings))
                if len(waiting) >= _BATCH_FRAMES or time.monotonic() - sent_at >= _BATCH_S:
                    yield waiting
                    waiting, sent_at = [], time.monotonic()
        session.check()
    except Exception as error:  # when nobody wants it any more, files seem to be damaged
        yield _cancelled() if session.is_cancelled else ApiError.of(error)
        return
    if waiting:
        yield waiting
    until_s = end_of_last(last_s, every_s, told_s, until_s=last_s + step_s)
    people = [person.to_dict() for person in totals.summary(until_s)]
    duration_s = (last_s + step_s or None) if told_s is None else told_s
    yield Result(count, people, duration_s, round(time.monotonic() - start, 3))


class _BrokenOffError(Exception):
    """Rows have no place for an error: they are cut off."""


Encode = Callable[[Iterable[Event]], Iterator[bytes]]


def encoder(accept: str, id_: str, name: str) -> tuple[str, Encode]:
    """The content type that is asked for, and what makes it of the events of a video."""
    weights = {EVENTS: 1e-6}  # which are sent where nothing else is asked for
    for part in accept.split(","):
        kind, _, parameters = part.partition(";")
        weight = _WEIGHT.search(parameters)
        weights[kind.strip().lower()] = float(weight[1]) if weight else 1.0
    wanted = max((CSV, JSON_LINES, EVENTS), key=lambda kind: weights.get(kind, 0.0))
    if wanted == CSV:
        return f"{CSV}; charset=utf-8", partial(_rows, csv_header(VIDEO_TABLE), video_csv_lines)
    if wanted == JSON_LINES:
        return JSON_LINES, partial(_rows, "", video_json_lines)
    return f"{EVENTS}; charset=utf-8", partial(_server_sent, id_, name)


def _rows(
    head: str,
    lines: Callable[[int, float, list[TrackedReading]], str],
    events: Iterable[Event],
) -> Iterator[bytes]:
    yield head.encode()
    for event in events:
        if isinstance(event, ApiError):
            raise _BrokenOffError
        if isinstance(event, list):
            yield "".join(lines(f.index, f.time_s, readings) for f, readings in event).encode()


def _server_sent(id_: str, name: str, events: Iterable[Event]) -> Iterator[bytes]:
    """Server-sent events of one video."""
    duration_s: float | None = None
    for event in events:
        if isinstance(event, VideoInfo):
            duration_s = event.duration_s
            frames = event.frame_count
            if frames is None and duration_s is not None and event.frame_rate is not None:
                frames = round(duration_s * event.frame_rate)
            size = {"width": event.width, "height": event.height}
            told = {"fps": event.frame_rate, "duration_s": duration_s, "frames": frames}
            yield _event("accepted", {"id": id_, "name": name, **size, **told})
        elif isinstance(event, list):
            rows = [
                {
                    "index": frame.index,
                    "time_s": frame.time_s,
                    "faces": [rounded(reading.to_dict()) for reading in readings],
                }
                for frame, readings in event
            ]
            progress = {"done_s": rows[-1]["time_s"], "duration_s": duration_s}
            yield _event("frames", {"frames": rows, **progress})
        elif isinstance(event, Result):
            yield _event("result", asdict(event))
        else:
            yield _event("failed", {"error": event.to_dict()})


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class _VideoResponse(Response):
    """Takes a video in, reads it, and sends what comes of it, until the client goes.

    It is read only as fast as the client takes what is sent.
    """

    def __init__(
        self, service: Service, request: Request, read: Callable[..., Generator[Event]]
    ) -> None:
        super().__init__()
        self._service = service
        self._request = request
        self._read = read
        self._id = secrets.token_hex(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        videos, limits = self._service.videos, self._service.limits
        if len(videos) >= limits.videos:
            most = counted(limits.videos, "video")
            raise ApiError(429, "busy", f"expected at most {most} at once")
        session = videos[self._id] = VideoSession(limits)
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with session.upload_time():
                        upload = uploaded_video(self._request, limits)
                        session.begin(*await stack.enter_async_context(upload))
                except TimeoutError:
                    session.check_cancelled()
                    message = f"expected the video within {limits.upload_s:g} s; it took longer"
                    raise ApiError(408, "too_slow", message) from None
                await self._answer(session, scope, receive, send)
        finally:
            videos.pop(self._id, None)

    async def _answer(
        self, session: VideoSession, scope: Scope, receive: Receive, send: Send
    ) -> None:
        events = self._read(session, self._service.recognizer())
        kind, encode = encoder(self._request.headers.get("accept", ""), self._id, session.name)

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in iterate_in_threadpool(encode(chain((first,), events))):
                yield chunk
            # Before the answer ends, so that a client that has it all may send its next video.
            self._service.videos.pop(self._id, None)

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(session.limits.stall_s):
                await send(message)

        async def receive_end() -> Message:
            message = await receive()
            session.is_cancelled |= message["type"] == "http.disconnect"
            return message

        try:
            first = await run_in_threadpool(next, events)
            headers = {"X-Accel-Buffering": "no"}
            response = StreamingResponse(chunks(), headers=headers, media_type=kind)
            with suppress(TimeoutError, OSError, _BrokenOffError):  # the answer is cut off
                await response(scope, receive_end, send_in_time)
        finally:
            session.is_cancelled = True
            # The file is closed after its reader has seen the end of it; where the server is cut
            # off meanwhile, it reads on for a moment.
            with suppress(ValueError):
                await asyncio.shield(asyncio.to_thread(events.close))
