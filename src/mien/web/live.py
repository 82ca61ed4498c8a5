"""`WS /api/live`: frames of somebody's camera in, readings out; the newest frame wins."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, WebSocket

from mien.errors import ImageError, MienError, OptionError
from mien.images import load_image
from mien.readings import TrackedReading
from mien.recognizer import Recognizer
from mien.video.frames import Frame
from mien.video.readings import VideoSettings, frame_readings
from mien.video.smoothing import Smoother, SmoothingSettings, with_smoothed
from mien.web.admission import admitted, say_goodbye
from mien.web.answers import user_message
from mien.web.channels import Channel
from mien.web.guard import CLOSE_POLICY
from mien.web.limits import Limits, megabytes
from mien.web.service import Service

CLOSE_GOING: Final = 1001  # RFC 6455, 7.4.1, and so the next ones
CLOSE_TOO_BIG: Final = 1009
CLOSE_FAILED: Final = 1011

_FORGET_S: Final = 60.0  # without a face, after which its past is dropped
_LIVE: Final = VideoSettings(batch_frames=1)

_log = logging.getLogger("mien.web")


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.websocket("/api/live")
    async def live(socket: WebSocket) -> None:
        async with admitted(socket, service) as is_in:
            if is_in:
                await _serve(socket, service)

    return routes


@dataclass(frozen=True)
class LiveSettings:
    """What a live client may change at any time.

    Attributes:
        threshold: 0 to 1; a less probable reading is unsure.
        half_life_s: of the smoothing; 0 smooths nothing.
    Raises:
        OptionError: one of them is out of its range.
    """

    threshold: float = 0.0
    half_life_s: float = SmoothingSettings().half_life_s

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise OptionError(f"threshold: expected 0 to 1; got {self.threshold}")
        if not 0.0 <= self.half_life_s <= 60.0:
            raise OptionError(f"half_life_s: expected 0 to 60; got {self.half_life_s}")

    def changed(self, text: str) -> "LiveSettings":
        """These settings, with those of a message in their place.

        Raises:
            OptionError: it is no such message.
        """
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
                raise OptionError(f"{name}: expected a number; got {str(value)[:40]}")
            # math.isfinite raises where a whole number is too large to be a float.
            if not -math.inf < value < math.inf:
                raise OptionError(f"{name}: expected a finite number; got {str(value)[:40]}")
        return replace(self, **values)


class LiveSession:
    """One live client: a thread that reads its newest frame, and says what it shows.

    There is never more than one frame that waits and one reply that waits: a client that sends
    faster than frames are read sees `dropped` grow, and one that does not read its replies gets
    no more of them.

    Args:
        recognizer: whose settings nobody else changes.
        limits: of frames.
        settings: at first.
    Attributes:
        replies: for the client, as JSON; None at the end.
        bad_frames: in a row, until now.
    """

    def __init__(self, recognizer: Recognizer, limits: Limits, settings: LiveSettings) -> None:
        self.replies: Channel[str | None] = Channel(room=1)
        self.bad_frames = 0
        self._recognizer = recognizer
        self._limits = limits
        self._settings = settings
        self._changed = threading.Condition()
        self._newest: tuple[int, float, bytes] | None = None
        self._complaints: list[OptionError] = []
        self._count = self._dropped = 0
        self._first_at: float | None = None
        self._read_since = 0.0
        self._closed = False
        self._smoothers: dict[int, tuple[Smoother, float]] = {}
        self._thread = threading.Thread(target=self._work, name="mien live", daemon=True)
        self._thread.start()

    def offer(self, content: bytes) -> None:
        """Take a frame that came, as a file; one that still waits is dropped for it."""
        now = time.monotonic()
        with self._changed:
            if self._first_at is None:
                self._first_at = now
            self._dropped += self._newest is not None
            self._newest = (self._count, now - self._first_at, content)
            self._count += 1
            self._changed.notify_all()

    def change(self, text: str) -> None:
        """Take a message that changes the settings; one that is wrong is answered with an error."""
        try:
            settings = self._settings.changed(text)
        except OptionError as error:
            with self._changed:
                self.bad_frames += 1
                self._complaints = [error]
                self._changed.notify_all()
        else:
            self._settings = settings

    def close(self) -> None:
        """End the thread, after the frame that it reads."""
        with self._changed:
            self._closed = True
            self._newest = None
            self._changed.notify_all()
        self.replies.close()

    def _work(self) -> None:
        try:
            read = frame_readings(self._recognizer, self._frames(), settings=_LIVE)
            for frame, found in read:
                read_ms = 1e3 * (time.perf_counter() - self._read_since)
                self.bad_frames = 0
                self.replies.put(self._reply(frame, found, read_ms))
        except Exception:  # the client is told no more than that it failed
            _log.exception("a live client's frame could not be read")
        self.replies.put(None)

    def _frames(self) -> Iterator[Frame]:
        """Frames as they come, until the client has gone."""
        while (found := self._next()) is not None:
            if isinstance(found, OptionError):
                self.replies.put(_error("bad_message", found))
                continue
            index, time_s, content = found
            self._read_since = time.perf_counter()
            try:
                image = load_image(content, max_pixels=self._limits.frame_pixels)
            except ImageError as error:
                self.bad_frames += 1
                self.replies.put(_error("bad_image", error, frame=index))
                continue
            yield Frame(index, time_s, image)

    def _next(self) -> tuple[int, float, bytes] | OptionError | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._complaints or self._newest is not None
            )
            if self._closed:
                return None
            if self._complaints:
                return self._complaints.pop()
            found, self._newest = self._newest, None
            return found

    def _reply(self, frame: Frame, found: list[TrackedReading], read_ms: float) -> str:
        faces = [self._smoothed(reading, frame.time_s).to_dict() for reading in found]
        for track, (_, seen_s) in list(self._smoothers.items()):
            if frame.time_s - seen_s > _FORGET_S:
                del self._smoothers[track]
        return json.dumps(
            {
                "type": "readings",
                "frame": frame.index,
                "time_s": round(frame.time_s, 4),
                "width": frame.image.shape[1],
                "height": frame.image.shape[0],
                "dropped": self._dropped,
                "read_ms": round(read_ms, 2),
                "faces": faces,
            },
            separators=(",", ":"),
        )

    def _smoothed(self, reading: TrackedReading, time_s: float) -> TrackedReading:
        """Smoothed here, not in the stream, so that settings change while tracks go on."""
        settings = self._settings
        smoother, _ = self._smoothers.get(reading.track, (Smoother(), 0.0))
        smoother.settings = (
            SmoothingSettings(settings.half_life_s)
            if settings.half_life_s
            else SmoothingSettings(0.0, 0.0)
        )
        smoothed, label = smoother(reading.raw_probabilities, time_s)
        self._smoothers[reading.track] = (smoother, time_s)
        return with_smoothed(reading, smoothed, label, settings.threshold)


def _error(code: str, error: MienError, **more: Any) -> str:
    return json.dumps({"type": "error", "code": code, "message": user_message(error), **more})


async def _serve(socket: WebSocket, service: Service) -> None:
    """Frames in and replies out, until one of the two ends or the server does."""
    limits = service.limits
    recognizer = service.recognizers.new()
    session = LiveSession(recognizer, limits, LiveSettings(service.settings.threshold))

    async def take() -> tuple[int, str] | None:
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
                return CLOSE_POLICY, f"{session.bad_frames} frames in a row were no pictures"

    async def give() -> tuple[int, str] | None:
        while (reply := await session.replies.get()) is not None:
            try:
                async with asyncio.timeout(limits.stall_s):
                    await socket.send_text(reply)
            except TimeoutError:
                return None  # nothing can be sent any more, nor a reason
        return CLOSE_FAILED, "the frame could not be read; the server's log says why"

    async def wait() -> tuple[int, str] | None:
        await service.stopping.wait()
        return CLOSE_GOING, "the server ends"

    tasks = [asyncio.ensure_future(part()) for part in (take, give, wait)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        session.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ended = [task.result() for task in done if task.exception() is None]
    for close in ended:
        if close is not None:
            await say_goodbye(socket, *close)
            return
