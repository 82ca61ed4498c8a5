"""Sockets, signals and processes: what runs the application.

uvicorn's own `workers` would run its plain server: without an end for connections that say nothing,
a word to live clients before they are cut, or an end to processes that fail at once.
"""

import asyncio
import logging
import multiprocessing
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

import uvicorn

from mien.environment import end_with_parent
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
_CANCELLED: Final = 256  # videos that are told of, within such a tick and its neighbors
_LOOK_S: Final = 0.2  # between looks at whether all processes are alive
_FAST_DEATH_S: Final = 5.0  # a process that lives no longer failed for a reason that stays


def serve(settings: WebSettings, *, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until a signal ends it; `ready` gets the page's address, the token in it.

    Raises:
        OutputError: the port is taken, or the address is not this machine's.
        MienError: as `mien.Recognizer` raises.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    listening = listen(settings.host, settings.port)
    with listening:
        address = page_address(settings, listening.getsockname()[1])
        if settings.workers > 1:
            _serve_processes(settings, listening, lambda: ready(address))
        else:
            Server(settings, lambda: ready(address)).run([listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OutputError: the port is taken or not allowed, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OptionError(
            f"expected an address of this machine; {host!r}: {error}", argument="host"
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
    """One process of the server: `run` it with sockets that listen, whatever the settings name.

    It tells live clients and videos that it ends, before connections are cut. `ready` is called
    once it answers; `cancelled` has the videos that are cancelled, where several processes serve.
    """

    def __init__(
        self,
        settings: WebSettings,
        ready: Callable[[], None] = lambda: None,
        *,
        camera: CameraFeed | None = None,
        cancelled: "_Cancelled | None" = None,
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
                ws_per_message_deflate=False,  # images are compressed already
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self.service: Service = app.state.service
        self.service.connections = lambda: len(self.server_state.connections)
        if cancelled is not None:
            self.service.cancel_elsewhere = cancelled.add
        self._cancelled = cancelled
        self._ready = ready
        self._limits = settings.limits
        self._since: dict[Any, tuple[str, float]] = {}  # connection -> what it waits for, from when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn, and so the next ones."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if self._cancelled is not None and self.service.videos:
            for id_ in self._cancelled.among(self.service.videos):
                self.service.videos[id_].cancel()
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


class _Cancelled:
    """Ids of the last videos that nobody wants any more: memory that all processes share.

    It has no lock, which a process that is killed could keep.
    """

    def __init__(self) -> None:
        self._ids = multiprocessing.get_context("spawn").RawArray("Q", _CANCELLED)

    def add(self, id_: str) -> bool:
        """Tell all processes of an id; False if it is none."""
        if not re.fullmatch("[0-9a-f]{16}", id_):
            return False
        self._ids[secrets.randbelow(len(self._ids))] = int(id_, 16)
        return True

    def among(self, ids: Iterable[str]) -> list[str]:
        """Those of some ids that it was told of."""
        told = set(self._ids)
        return [id_ for id_ in ids if int(id_, 16) in told]


def _serve_processes(
    settings: WebSettings, listening: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve with several processes until a signal ends them; one that dies is replaced."""
    settings.open(threads=settings.threads)  # what is wrong with the model is said here, and once
    multiprocessing.allow_connection_pickling()
    context = multiprocessing.get_context("spawn")
    cancelled = _Cancelled()
    received: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        received.append(number)

    def start() -> tuple[SpawnProcess, float]:
        process = context.Process(target=_work, args=(settings, listening, cancelled))
        process.start()
        return process, time.monotonic()

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    workers: list[tuple[SpawnProcess, float]] = []
    try:
        for _ in range(settings.workers):
            workers.append(start())  # one by one: those that came up are ended if another does not
        ready()
        while not received:
            wait([process.sentinel for process, _ in workers], timeout=_LOOK_S)
            for number, (process, started_at) in enumerate(workers):
                if process.is_alive() or received:
                    continue
                if time.monotonic() - started_at < _FAST_DEATH_S:
                    raise OutputError(
                        "expected that the processes of the server stay; one ended with status "
                        f"{process.exitcode} just after its start"
                    )
                workers[number] = start()
    finally:
        for process, _ in workers:
            process.terminate()
        deadline = time.monotonic() + GRACE_S + 2 * LIVE_GRACE_S
        for process, _ in workers:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
        for caught, handler in before.items():
            signal.signal(caught, handler)
    for number in received[:1]:
        signal.raise_signal(number)


def _work(settings: WebSettings, listening: socket.socket, cancelled: _Cancelled) -> None:
    """One of the processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells us
    end_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    Server(settings, cancelled=cancelled).run([listening])
    os._exit(0)  # whatever its threads still do
