"""`WS /api/camera`: what `mien webcam` sees, for the page that stands in for its window."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from mien.recognize.video.offline import to_jpeg
from mien.web.live import Close, Mailbox, first_ended, live_route, told_frame
from mien.web.security import CLOSE_POLICY
from mien.web.service import Service

if TYPE_CHECKING:
    from mien.recognize.video.live import LiveFrame

JPEG_QUALITY: Final = 85

KEYS: Final = ("q", "s")
"""`q` ends the view, `s` saves a still; as in a window."""

_CLOSE_NORMAL: Final = 1000  # RFC 6455, 7.4.1

_Page: TypeAlias = Mailbox[tuple[str, bytes], dict[str, Any]]


class CameraFeed:
    """Gives the frames of a live view to pages; it is a `mien.recognize.video.live_view.Viewer`.

    A page that is slow misses frames, and memory does not grow with it. The view goes on in another
    thread than the event loop of the pages, in which alone they are changed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None  # until the first page comes
        self._pages: set[_Page] = set()
        self._pressed: deque[str] = deque()
        self._ended = False

    def show(self, seen: "LiveFrame", *, recording_s: float | None = None) -> None:
        """Send a frame to every page that is open."""
        if not self.is_watched:
            return
        content = to_jpeg(seen.frame.image, JPEG_QUALITY)
        reply = told_frame(
            seen.frame,
            seen.readings,
            dropped=seen.dropped,
            fps=seen.fps,
            latency_ms=1e3 * seen.latency_s,
            recording_s=recording_s,
        )
        self._for_pages(lambda page: page.show((reply, content)))

    def pressed(self) -> Sequence[str]:
        """The keys since it was asked last."""
        return [self._pressed.popleft() for _ in range(len(self._pressed))]

    def saved(self, path: Path) -> None:
        """Tell the pages where a still has been saved."""
        self._for_pages(lambda page: page.say({"type": "saved", "path": str(path)}))

    def close(self) -> None:
        """Tell the pages that the view has ended; those that come later are told, too."""
        self._ended = True
        self._for_pages(lambda page: page.say({"type": "ended"}))

    @property
    def is_watched(self) -> bool:
        """Whether a page is open."""
        return bool(self._pages)

    async def serve(self, service: Service, socket: WebSocket) -> Close:
        """Frames out and keys in, until the page, the view or the server ends."""
        self._loop = asyncio.get_running_loop()
        page = _Page()
        self._pages.add(page)
        if self._ended:
            page.say({"type": "ended"})
        try:
            frames = _give_frames(socket, page, service.limits.stall_s)
            close = await first_ended(service, None, self._take_keys(socket), frames)
        finally:
            self._pages.discard(page)
        return close or (_CLOSE_NORMAL, "")

    async def _take_keys(self, socket: WebSocket) -> Close:
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
            self._pressed.append(message["key"])

    def _for_pages(self, act: Callable[[_Page], object]) -> None:
        def for_pages() -> None:
            for page in self._pages:
                act(page)

        if self._loop is not None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(for_pages)


def router(service: Service, feed: CameraFeed) -> APIRouter:
    """The route."""
    return live_route("/api/camera", service, partial(feed.serve, service))


async def _give_frames(socket: WebSocket, page: _Page, stall_s: float) -> Close:
    """Send what there is, until the view has ended or the page takes nothing for `stall_s`."""
    while True:
        words, image = await page.take()
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
