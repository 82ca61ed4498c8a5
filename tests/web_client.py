"""A server for tests to talk to: in this process, or in one of its own."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mien.web.server import Server, listen
from mien.web.service import Service
from mien.web.settings import WebSettings

PATIENCE_S = 20.0
TOKEN = "a-token-of-the-tests"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Else httpx reads all certificates of the world for each request, which takes longer than most."""


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        address: of its page, without a slash at the end.
        service: behind its routes.
    """

    address: str
    service: Service

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = self.address + path
        return httpx.request(method, url, timeout=PATIENCE_S, verify=NO_CERTIFICATES, **options)

    def live(self, **options: Any) -> ClientConnection:
        return live_client(self.address, **options)

    def connect(self, content: bytes = b"") -> socket.socket:
        """A connection of its own, on which so much has been sent."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        raw.sendall(content)
        return raw


def live_client(
    address: str, *, token: str | None = None, path: str = "/api/live", **options: Any
) -> ClientConnection:
    names = ["mien"] if token is None else ["mien", f"token.{token}"]
    options.setdefault("subprotocols", [Subprotocol(name) for name in names])
    url = address.replace("http://", "ws://") + path
    client: ClientConnection = connect(url, compression=None, max_size=None, proxy=None, **options)
    return client


def close_of(client: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes a connection, whatever comes before."""
    with pytest.raises(ConnectionClosed) as ended:
        list(iter(lambda: client.recv(timeout=PATIENCE_S), None))
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """The status of a refusal, and what it tells programs."""
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["message"]
    return answer.status_code, answer.json()["error"]["code"]


@contextmanager
def video_events(address: str, video: Path) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """What a server tells of a video while it reads it."""
    with httpx.stream(
        "POST",
        f"{address}/api/videos",
        content=video.read_bytes(),
        headers={"Content-Type": "video/mp4"},
        timeout=PATIENCE_S,
    ) as response:
        yield events_of(response)


@contextmanager
def running(settings: WebSettings | None = None) -> Iterator[Running]:
    """A server in a thread of this process."""
    listening = listen("127.0.0.1", 0)
    ready = threading.Event()
    server = Server(settings or WebSettings(), ready.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", server.service)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listening.close()
        assert not thread.is_alive()


def serving(settings: WebSettings) -> Any:
    """A fixture: a server that the tests of a module share."""

    @pytest.fixture(scope="module")
    def server() -> Iterator[Running]:
        with running(settings) as found:
            yield found

    return server


class ServerProcess:
    """`mien serve` as people start it, on a free port or one of the arguments; entered it answers.

    `environment` is set beside that of this process; Python gets `program`.
    """

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "mien"),
    ) -> None:
        command = [sys.executable, *program, "serve", "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        assert self.process.stdout is not None
        printed = self.process.stdout.readline().strip()
        self.address, _, fragment = printed.partition("/#")
        self.address = self.address.rstrip("/")
        self.token = fragment.removeprefix("token=") or None

    def wait_until_healthy(self) -> None:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                self.get("/api/health", headers=headers)
                return
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def get(self, path: str, **options: Any) -> httpx.Response:
        url = self.address + path
        return httpx.get(url, timeout=PATIENCE_S, verify=NO_CERTIFICATES, **options)

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal, and wait for the end; gives the seconds that it took."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        return time.monotonic() - start

    def __enter__(self) -> "ServerProcess":
        self.wait_until_healthy()
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def events_of(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events, as they come."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def memory_bytes(process: int | str = "self") -> int:
    """What a process holds in memory now; Linux alone says so."""
    with open(f"/proc/{process}/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
