"""`WS /api/camera`: what `mien webcam` sees, for the page that stands in for its window."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from mien.web.live import Close, Mailbox, first_ended, server_ended, told_frame
from mien.web.security import CLOSE_POLICY, admitted, say_goodbye
from mien.web.service import Service

if TYPE_CHECKING:
    from mien.recognize.video.live import LiveFrame

JPEG_QUALITY: Final = 85

KEYS: Final = ("q", "s")
"""`q` ends the view, `s` saves a still; as in a window."""

_CLOSE_NORMAL: Final = 1000  # RFC 6455, 7.4.1


class CameraFeed:
    """Gives the frames of a live view to pages; it is a `mien.recognize.video.live_view.Viewer`.

    A page that is slow misses frames, and memory does not grow with it.
    """

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self._pages: set[_Page] = set()
        self._pressed: list[str] = []
        self._ended = False

    def show(self, seen: "LiveFrame", *, recording_s: float | None = None) -> None:
        """Send a frame to every page that is open."""
        if not (pages := self._open_pages()):
            return
        bgr = cv2.cvtColor(seen.frame.image, cv2.COLOR_RGB2BGR)
        _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        reply = told_frame(
            seen.frame,
            seen.readings,
            dropped=seen.dropped,
            fps=seen.fps,
            latency_ms=1e3 * seen.latency_s,
            recording_s=recording_s,
        )
        for page in pages:
            page.show((reply, bytes(content)))

    def pressed(self) -> Sequence[str]:
        """The keys since it was asked last."""
        with self._changed:
            keys, self._pressed = self._pressed, []
        return keys

    def saved(self, path: Path) -> None:
        """Tell the pages where a still has been saved."""
        self._tell({"type": "saved", "path": str(path)})

    def close(self) -> None:
        """Tell the pages that the view has ended; those that come later are told, too."""
        with self._changed:
            self._ended = True
        self._tell({"type": "ended"})

    @property
    def is_watched(self) -> bool:
        """Whether a page is open."""
        return bool(self._open_pages())

    def press(self, key: str) -> None:
        """Take a key as pressed."""
        with self._changed:
            self._pressed.append(key)

    def enter(self, page: "_Page") -> None:
        """Show a page the frames from now on."""
        with self._changed:
            self._pages.add(page)
            ended = self._ended
        if ended:
            page.say({"type": "ended"})

    def leave(self, page: "_Page") -> None:
        """Show it no more."""
        with self._changed:
            self._pages.discard(page)

    def _tell(self, word: dict[str, Any]) -> None:
        for page in self._open_pages():
            page.say(word)

    def _open_pages(self) -> list["_Page"]:
        with self._changed:
            return list(self._pages)


class _Page:
    """What waits for one page, whatever thread it comes from."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.mail: Mailbox[tuple[str, bytes], dict[str, Any]] = Mailbox()

    def show(self, image: tuple[str, bytes]) -> None:
        """Leave a frame and its readings for it."""
        self._call(self.mail.show, image)

    def say(self, word: dict[str, Any]) -> None:
        """Leave a word for it."""
        self._call(self.mail.say, word)

    def _call(self, call: Callable[[Any], object], item: object) -> None:
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(call, item)


def router(service: Service, feed: CameraFeed) -> APIRouter:
    """The route."""
    routes = APIRouter()

    @routes.websocket("/api/camera")
    async def camera(socket: WebSocket) -> None:
        async with admitted(socket, service) as is_in:
            if is_in:
                await _show(socket, service, feed)

    return routes


async def _show(socket: WebSocket, service: Service, feed: CameraFeed) -> None:
    """Frames out and keys in, until the page, the view or the server ends."""
    page = _Page()
    feed.enter(page)
    try:
        frames = _give_frames(socket, page, service.limits.stall_s)
        end = server_ended(service, None)
        close = await first_ended(_take_keys(socket, feed), end, frames)
    finally:
        feed.leave(page)
    await say_goodbye(socket, *(close or (_CLOSE_NORMAL, "")))


async def _take_keys(socket: WebSocket, feed: CameraFeed) -> Close:
    """Take keys until the page goes, or says something else."""
    expected = 'expected {"type": "key", "key": "s" or "q"}'
    while True:
        try:
            message = await socket.receive_json()
        except WebSocketDisconnect:
            return None
        except (ValueError, KeyError, RecursionError):
            return CLOSE_POLICY, f"{expected}; got no JSON text"
        if not isinstance(message, dict) or message.get("type") != "key":
            return CLOSE_POLICY, f"{expected}; got another message"
        if message.get("key") not in KEYS:
            return CLOSE_POLICY, f"{expected}; got another key"
        feed.press(message["key"])


async def _give_frames(socket: WebSocket, page: _Page, stall_s: float) -> Close:
    """Send what there is, until the view has ended or the page takes nothing for `stall_s`."""
    while True:
        words, image = await page.mail.take()
        try:
            async with asyncio.timeout(stall_s):
                if image is not None:
                    reply, content = image
                    await socket.send_text(reply)
                    await socket.send_bytes(content)
                for word in words:
                    await socket.send_json(word)
        except (TimeoutError, WebSocketDisconnect):
            return None
        if any(word["type"] == "ended" for word in words):
            return None
