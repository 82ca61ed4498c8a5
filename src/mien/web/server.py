"""Sockets and signals: what runs the application."""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import uvicorn

from mien.errors import OptionError, OutputError
from mien.web.app import create_app
from mien.web.camera import CameraFeed
from mien.web.service import Service
from mien.web.settings import WebSettings

GRACE_S: Final = 1  # for what is being answered when the server is told to end
LIVE_GRACE_S: Final = 0.4  # for live clients to be told
_BACKLOG: Final = 512
_SEND_BYTES: Final = 262_144
_SWEEP_TICKS: Final = 5  # of uvicorn, each of a tenth of a second


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OutputError: the port is taken or not allowed, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OptionError(
            f"host: expected an address of this machine; {host!r}: {error}"
        ) from error
    family, kind, protocol, _, address = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # where it would share the port with another program
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Of what is sent and not taken the system holds no more than this for each connection.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise OutputError(
            f"{host}, port {port}: no page can be shown there; {error.strerror or error}. "
            "--port takes another, and 0 one that is free"
        ) from error
    return opened


def page_address(settings: WebSettings, port: int) -> str:
    """What is opened in a browser; the token stands where no server and no log sees it."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = settings.allow_hosts[0] if settings.allow_hosts else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    token = "" if settings.token is None else f"#token={settings.token}"
    return f"http://{shown}:{port}/{token}"


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a line of uvicorn's log speaks of a fault of the server's, not of a client's."""
    of_clients = ("Invalid UTF-8", "ASGI callable returned without completing")
    return not record.getMessage().startswith(of_clients)


class Server(uvicorn.Server):
    """One process of the server: `run` it with sockets that listen.

    It tells live clients and films that it ends, before connections are cut.

    Args:
        settings: of all of it but host and port.
        ready: called once it answers.
        camera: of the server's own, for the page.
    Raises:
        MienError: as `mien.Recognizer` raises.
    """

    def __init__(
        self,
        settings: WebSettings,
        ready: Callable[[], None] = lambda: None,
        *,
        camera: CameraFeed | None = None,
    ) -> None:
        app = create_app(settings, camera=camera)
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        logging.getLogger("uvicorn.error").addFilter(_is_ours)
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,  # uvicorn's own closes the handlers of the whole process
                log_level=logging.ERROR,  # broken requests are not worth a line each
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nobody else says where a request comes from
                ws="websockets-sansio",  # it stops reading while messages wait to be taken
                ws_max_size=settings.limits.frame_bytes,
                ws_per_message_deflate=False,  # pictures are compressed already
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self.service: Service = app.state.service
        self.service.connections = lambda: len(self.server_state.connections)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits = settings.limits
        self._since: dict[Any, tuple[str, float]] = {}  # connection -> what it waits for, from when

    def call_soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Call something in the event loop, from another thread; nothing if it does not run."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, *arguments)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn, and so the next ones."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % _SWEEP_TICKS == 0:
            self._sweep(time.monotonic())
        return await super().on_tick(counter)

    def _sweep(self, now: float) -> None:
        """End connections that uvicorn would keep for ever.

        Such are those that send no request, or half of one, and those that were closed and whose
        client does not take what is left for it.
        """
        patience = {"head": self._limits.head_s, "taking": self._limits.stall_s}
        since: dict[Any, tuple[str, float]] = {}
        crowded = len(self.server_state.connections) > self._limits.connections
        for connection in self.server_state.connections:
            transport = connection.transport
            cycle = getattr(connection, "cycle", None)  # none of a WebSocket
            if transport.is_closing():
                state = "taking"
            elif hasattr(connection, "cycle") and (cycle is None or cycle.response_complete):
                state = "head"
            else:
                continue
            before, start = self._since.get(connection, (state, now))
            since[connection] = (state, start if before == state else now)
            if now - since[connection][1] > (0.0 if crowded else patience[state]):
                transport.abort()
        self._since = since

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """When a signal came."""
        # What is cut off from now on is no news.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.service.stop()
        deadline = time.monotonic() + LIVE_GRACE_S
        while not self.service.is_idle and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
