"""One process that serves, or several that accept from one socket, each with all of the server."""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from mien.errors import OutputError
from mien.web.readers import Recognizers
from mien.web.server import GRACE_S, LIVE_GRACE_S, Server, listen, page_address
from mien.web.settings import WebSettings

_LOOK_S: Final = 0.2  # between looks at whether all are alive
_FAST_DEATH_S: Final = 5.0  # a process that lives no longer failed for a reason that stays


def serve(settings: WebSettings, *, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until a signal ends it.

    Args:
        settings: where it listens, and all else.
        ready: called with the page's address, the token in it, once the port is taken.
    Raises:
        OutputError: the port is taken, or the address is not this machine's.
        MienError: as `mien.Recognizer` raises.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    listening = listen(settings.host, settings.port)
    with listening:
        address = page_address(settings, listening.getsockname()[1])
        if settings.workers > 1:
            serve_processes(settings, listening, lambda: ready(address))
        else:
            Server(settings, lambda: ready(address)).run([listening])


@dataclass(frozen=True)
class _Mail:
    """How processes tell each other which films nobody wants any more.

    Attributes:
        number: of the process.
        own: where it hears.
        others: where each is told, by number.
    """

    number: int
    own: Connection
    others: Sequence[Connection]

    def tell(self, number: int, id_: str) -> bool:
        """Pass the id of a film on; False if there is no process of that number."""
        if not 0 <= number < len(self.others) or len(id_) > 64:
            return False
        with contextlib.suppress(OSError):
            self.others[number].send(id_)  # so short that it is written at once, or not
        return True


@dataclass
class _Worker:
    process: SpawnProcess
    started_at: float


def serve_processes(
    settings: WebSettings, listening: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve with `settings.workers` processes until a signal ends them; one that dies is replaced.

    Args:
        settings: of each; so are its limits.
        listening: from which all of them accept.
        ready: called once they are started; what comes before they answer waits.
    Raises:
        OutputError: a process ends just after its start.
        MienError: as `mien.Recognizer` raises.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    Recognizers(settings)  # what is wrong with the model is said here, and once
    multiprocessing.allow_connection_pickling()
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(settings.workers)]
    ended = threading.Event()
    received: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        received.append(number)
        ended.set()

    def start(number: int) -> _Worker:
        mail = _Mail(number, pipes[number][0], [writer for _, writer in pipes])
        process = context.Process(target=_work, args=(settings, listening, mail))
        process.start()
        return _Worker(process, time.monotonic())

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    workers = [start(number) for number in range(settings.workers)]
    try:
        ready()
        while not ended.is_set():
            wait([worker.process.sentinel for worker in workers], timeout=_LOOK_S)
            for number, worker in enumerate(workers):
                if worker.process.is_alive() or ended.is_set():
                    continue
                if time.monotonic() - worker.started_at < _FAST_DEATH_S:
                    raise OutputError(
                        "expected that the processes of the server stay; one ended with status "
                        f"{worker.process.exitcode} just after its start"
                    )
                workers[number] = start(number)
    finally:
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE_S + 2 * LIVE_GRACE_S
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
        for caught, handler in before.items():
            signal.signal(caught, handler)
    for number in received[:1]:
        signal.raise_signal(number)


def _work(settings: WebSettings, listening: socket.socket, mail: _Mail) -> None:
    """One of the processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells us
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    server = Server(settings)
    service = server.service
    service.number, service.tell = mail.number, mail.tell

    def hear() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                server.call_soon(service.cancel_film, mail.own.recv())

    for target in (end_with_parent, hear):
        threading.Thread(target=target, daemon=True).start()
    server.run([listening])
    os._exit(0)  # whatever its threads still do
