"""No packet leaves the machine: commands run where the kernel kills whoever opens a socket."""

import signal
import subprocess
from pathlib import Path
from typing import Final

import httpx
import pytest

import no_network
from coder_files import CODED, write_rows, write_table
from command_line import in_python
from mien.rows.people import write_people_template
from mien.rows.table import read_rows
from videos import PORTRAIT, make_video, moving_portrait, steady_times
from web_client import PATIENCE_S, ServerProcess, live_client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not no_network.POSSIBLE, reason="seccomp is of Linux"),
]

GUARD: Final = str(Path(no_network.__file__))

ATTEMPTS: Final = {
    "a connection": "socket.create_connection(('127.0.0.1', 9))",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "a name": "socket.getaddrinfo('localhost', 80)",
    "a thread": "t = threading.Thread(target=socket.socket); t.start(); t.join()",
    "a compiled library": "ctypes.CDLL(None).socket(2, 1, 0)",
}

OFFLINE: Final = [
    "detect family.jpg --out seen --csv faces.csv",
    "explain family.jpg --out heat.png",
    "video talk.mp4 --out seen.mp4 --csv rows.csv --report page.html --plot rows.png "
    "--events events.csv --statistics statistics.csv --dyads dyads.csv --format eaf "
    "--format textgrid --format boris --format bids --format fex --format openface",
    "webcam --source talk.mp4 --no-window --csv live.csv",
    "events interview.csv --out found.csv",
    "rows interview.csv --people interview-people.csv --csv named.csv --report named.html",
    "convert interview.csv --to eaf",
    "agree interview.csv coder.csv --gaps neutral --report agreement.html",
    "batch photos --out archive",
    "models mien",
]


def guarded(kind: str, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return in_python(GUARD, kind, *words, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    (folder / "photos").mkdir()
    for name in ("family.jpg", "photos/1.jpg"):
        (folder / name).write_bytes(PORTRAIT.read_bytes())
    make_video(folder / "talk.mp4", moving_portrait(), times_s=steady_times(12), sound=True)
    rows = write_rows(folder / "interview.csv", CODED)
    write_people_template(read_rows(rows), folder / "interview-people.csv")
    write_table(folder / "coder.csv", CODED)
    return folder


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_who_turns_to_a_network_is_killed(attempt: str) -> None:
    code = f"import ctypes, socket, threading; {ATTEMPTS[attempt]}; print('survived')"
    done = guarded("alone", "-c", code)
    assert (done.returncode, done.stdout) == (-signal.SIGSYS, "")


@pytest.mark.parametrize("command", OFFLINE, ids=[command.split()[0] for command in OFFLINE])
def test_no_packet_leaves(command: str, folder: Path) -> None:
    done = guarded("alone", *command.split(), cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(socket.create_server(('127.0.0.1', 0)).getsockname())",
        "socket.socket(type=socket.SOCK_DGRAM)",
        "socket.socket().sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', 9))",
    ],
)
def test_a_server_that_calls_another_machine_is_killed(code: str) -> None:
    done = guarded("answering", "-c", f"import socket; {code}; print('survived')")
    assert (done.returncode, done.stdout) == (-signal.SIGSYS, "")


def test_the_server_speaks_only_to_those_who_call_it() -> None:
    photo = PORTRAIT.read_bytes()
    with ServerProcess(program=(GUARD, "answering")) as server:
        server.wait_until_healthy()
        assert httpx.get(f"{server.address}/", timeout=PATIENCE_S).status_code == 200
        answer = httpx.post(
            f"{server.address}/api/readings",
            content=photo,
            headers={"Content-Type": "image/jpeg"},
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 200, answer.text
        with live_client(server.address) as live:
            live.send(photo)
            assert "happy" in str(live.recv(timeout=PATIENCE_S))
        assert server.process.poll() is None
