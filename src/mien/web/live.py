"""`WS /api/live`: frames of somebody's camera in, readings out; the newest frame wins."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Generic, TypeVar

from fastapi import APIRouter, WebSocket
from fastapi.concurrency import run_in_threadpool

from mien.errors import ImageError, MienError, OptionError, check_number, counted
from mien.readings import TrackedReading
from mien.recognize.images import load_image
from mien.recognize.recognizer import Recognizer
from mien.recognize.video.frames import Frame
from mien.recognize.video.readings import VideoSettings, frame_readings
from mien.recognize.video.smoothing import FaceSmoothing, SmoothingSettings, closing_of
from mien.web.errors import ApiError, user_message
from mien.web.security import CLOSE_BUSY, CLOSE_POLICY, say_goodbye, subprotocol
from mien.web.service import Service
from mien.web.settings import Limits, megabytes

CLOSE_GOING: Final = 1001  # RFC 6455, 7.4.1, and so the next ones
CLOSE_TOO_BIG: Final = 1009
CLOSE_FAILED: Final = 1011

_LIVE: Final = VideoSettings(batch_frames=1)

_log = logging.getLogger("mien.web")

FrameT = TypeVar("FrameT")
WordT = TypeVar("WordT")

Close = tuple[int, str] | None
"""Code and reason with which a WebSocket is closed; None where it is closed already."""


class Mailbox(Generic[FrameT, WordT]):
    """What waits for one reader: words in their order, and the newest frame alone.

    So memory does not grow with a reader that is slow. In the event loop.
    """

    def __init__(self) -> None:
        self._words: list[WordT] = []
        self._frame: FrameT | None = None
        self._changed = asyncio.Event()

    def say(self, word: WordT) -> None:
        """Leave a word."""
        self._words.append(word)
        self._changed.set()

    def show(self, frame: FrameT) -> bool:
        """Leave a frame in place of one that still waits; gives whether one did."""
        dropped = self._frame is not None
        self._frame = frame
        self._changed.set()
        return dropped

    async def take(self) -> tuple[list[WordT], FrameT | None]:
        """Wait for something, and take all that there is."""
        await self._changed.wait()
        self._changed.clear()
        words, self._words = self._words, []
        frame, self._frame = self._frame, None
        return words, frame


async def first_ended(service: Service, going: Close, *parts: Coroutine[Any, Any, Close]) -> Close:
    """Run parts until one of them ends, and end the others; gives what the first has to say.

    Where it is the server that ends, that is `going`.
    """

    async def server_ended() -> Close:
        await service.stopping.wait()
        return going

    tasks = [asyncio.ensure_future(part) for part in (*parts, server_ended())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ended = [task.result() for task in done if task.exception() is None]
    return next((close for close in ended if close is not None), None)


def live_route(
    path: str, service: Service, talk: Callable[[WebSocket], Awaitable[Close]]
) -> APIRouter:
    """A route for live clients: each is counted and talked to, until one of the two ends.

    None comes in where there are as many as may be, or where the address says more than where it
    wants to go.
    """
    routes = APIRouter()

    @routes.websocket(path)
    async def live(socket: WebSocket) -> None:
        await socket.accept(subprotocol=subprotocol(socket))
        if service.live_clients >= (most := service.limits.live_clients):
            clients = counted(most, "live client")
            await say_goodbye(socket, CLOSE_BUSY, f"expected at most {clients} at once")
            return
        if socket.query_params:
            name = ascii(next(iter(socket.query_params))[:20])[:60]
            reason = f"expected no query parameters, as settings are messages; got {name}"
            await say_goodbye(socket, CLOSE_POLICY, reason)
            return
        service.live_clients += 1
        try:
            if (close := await talk(socket)) is not None:
                await say_goodbye(socket, *close)
        finally:
            service.live_clients -= 1

    @routes.get(path, include_in_schema=False)
    async def plain() -> None:
        message = "expected a WebSocket; got a plain request. A proxy has to pass on Upgrade"
        raise ApiError(426, "websocket", message)

    return routes


def told_frame(frame: Frame, readings: Sequence[TrackedReading], **more: Any) -> str:
    """What a client is told of a frame that was read, as JSON."""
    height, width = frame.image.shape[:2]
    told = {
        "type": "readings",
        "frame": frame.index,
        "time_s": frame.time_s,
        "width": width,
        "height": height,
        **more,
        "faces": [reading.to_dict() for reading in readings],
    }
    return json.dumps(told, separators=(",", ":"))


def router(service: Service) -> APIRouter:
    """The route."""
    return live_route("/api/live", service, partial(_serve, service))


@dataclass(frozen=True)
class LiveSettings:
    """What a live client may change at any time; OptionError where a value is out of its range."""

    threshold: float = 0.0  # a less probable reading is unsure
    half_life_s: float = SmoothingSettings().half_life_s  # of the smoothing; 0 smooths nothing

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, 0, 1)
        check_number("half_life_s", self.half_life_s, 0, 60)

    def changed(self, text: str) -> "LiveSettings":
        """These settings, with those of a message in their place; OptionError where it has none."""
        wanted = 'expected {"type": "settings", "threshold": 0.5, "half_life_s": 0.3}'
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise OptionError(f"{wanted}; got no JSON") from None
        if not isinstance(message, dict) or message.get("type") != "settings":
            raise OptionError(f"{wanted}; got another message")
        values = {name: value for name, value in message.items() if name != "type"}
        known = {"threshold", "half_life_s"}
        if not values.keys() <= known:
            raise OptionError(f"{wanted}; got {sorted(values.keys() - known)[0][:40]!r}, too")
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise OptionError(f"expected a number; got {str(value)[:40]}", argument=name)
            # math.isfinite raises where a whole number is too large to be a float.
            if not -math.inf < value < math.inf:
                raise OptionError(f"expected a finite number; got {str(value)[:40]}", argument=name)
        return replace(self, **values)


class LiveSession:
    """One live client: its newest frame is read in a thread, as soon as the one before is answered.

    There is never more than one frame that waits: a client that sends faster than frames are read,
    or does not read its replies, sees `dropped` grow. `bad_frames` are those in a row, until now.
    """

    def __init__(self, recognizer: Recognizer, limits: Limits, settings: LiveSettings) -> None:
        self.bad_frames = 0
        self._limits = limits
        self._settings = settings
        self._mail: Mailbox[tuple[int, float, bytes], OptionError] = Mailbox()
        self._count = self._dropped = 0
        self._first_at: float | None = None
        self._frame: Frame | None = None
        self._reading = threading.Lock()
        self._readings = frame_readings(recognizer, self._frames(), settings=_LIVE)
        self._smooth_faces = FaceSmoothing()

    def offer(self, content: bytes) -> None:
        """Take a frame that came, as a file; one that still waits is dropped for it."""
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
        self._dropped += self._mail.show((self._count, now - self._first_at, content))
        self._count += 1

    def change(self, text: str) -> None:
        """Take a message that changes the settings; one that is wrong is answered with an error."""
        try:
            self._settings = self._settings.changed(text)
        except OptionError as error:
            self.bad_frames += 1
            self._mail.say(error)

    async def replies(self) -> list[str]:
        """Wait for something to answer; the answers as JSON."""
        errors, frame = await self._mail.take()
        replies = [_error("bad_message", error) for error in errors]
        if frame is not None:
            replies.append(await run_in_threadpool(self._read, *frame))
        return replies

    def close(self) -> None:
        """End the reading, after the frame that is being read."""
        with self._reading, closing_of(self._readings):
            pass

    def _read(self, index: int, time_s: float, content: bytes) -> str:
        start = time.perf_counter()
        try:
            image = load_image(content, max_pixels=self._limits.frame_pixels)
        except ImageError as error:
            self.bad_frames += 1
            return _error("bad_image", error, frame=index)
        with self._reading:
            self._frame = Frame(index, time_s, image)
            frame, readings = next(self._readings)
        self.bad_frames = 0
        read_ms = 1e3 * (time.perf_counter() - start)
        settings = self._settings  # which change while tracks go on
        smoothing = SmoothingSettings.of(settings.half_life_s)
        smoothed = self._smooth_faces(
            readings, frame.time_s, smoothing, threshold=settings.threshold
        )
        return told_frame(
            frame,
            smoothed,
            time_s=round(frame.time_s, 4),
            dropped=self._dropped,
            read_ms=round(read_ms, 2),
        )

    def _frames(self) -> Iterator[Frame]:
        """The frame that is read, each time that the stream asks for the next."""
        while (frame := self._frame) is not None:
            self._frame = None
            yield frame


def _error(code: str, error: MienError, **more: Any) -> str:
    return json.dumps({"type": "error", "code": code, "message": user_message(error), **more})


async def _serve(service: Service, socket: WebSocket) -> Close:
    """Frames in and replies out, until one of the two ends or the server does."""
    limits = service.limits
    settings = LiveSettings(service.settings.threshold)
    session = LiveSession(service.recognizer(), limits, settings)

    async def take() -> Close:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            content, text = message.get("bytes"), message.get("text")
            if len(content or text or "") > limits.frame_bytes:
                return CLOSE_TOO_BIG, f"expected at most {megabytes(limits.frame_bytes)} a frame"
            if content is not None:
                session.offer(content)
            elif text is not None:
                session.change(text)
            if session.bad_frames >= limits.bad_frames:
                return CLOSE_POLICY, f"{session.bad_frames} frames in a row were no images"

    async def give() -> Close:
        while True:
            try:
                replies = await session.replies()
            except Exception:  # the client is told no more than that it failed
                _log.exception("a live client's frame could not be read")
                return CLOSE_FAILED, "the frame could not be read; the server's log says why"
            try:
                async with asyncio.timeout(limits.stall_s):
                    for reply in replies:
                        await socket.send_text(reply)
            except TimeoutError:
                return None  # nothing can be sent any more, nor a reason

    try:
        return await first_ended(service, (CLOSE_GOING, "the server ends"), take(), give())
    finally:
        await asyncio.shield(asyncio.to_thread(session.close))
