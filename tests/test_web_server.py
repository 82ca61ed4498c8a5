import errno
import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing.context import SpawnProcess
from pathlib import Path

import httpx
import pytest

from command_line import Mien, assert_refused, in_python
from mien.errors import OptionError, OutputError
from mien.web.server import _serve_processes, listen, page_address
from mien.web.settings import Limits, WebSettings, is_loopback
from named_pipes import wait_until
from videos import make_video, moving_portrait, steady_times
from web_client import (
    AUTHORIZED,
    PATIENCE_S,
    TOKEN,
    ServerProcess,
    close_of,
    code_of,
    live_client,
    running,
    video_events,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes far longer to read than any test."""
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    make_video(path, moving_portrait(lambda n: (n % 100, 0.0)), times_s=steady_times(3000))
    return path


def reading(address: str, video: Path, ends: list[str]) -> threading.Thread:
    """A client that has a video read, and notes its id and how it ends; it has begun."""
    begun = threading.Event()

    def read() -> None:
        try:
            with video_events(address, video) as events:
                for name, data in events:
                    ends.append(data["id"] if name == "accepted" else f"{name} {data.get('error')}")
                    begun.set()
        except httpx.HTTPError as error:
            ends.append(type(error).__name__)

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(PATIENCE_S)
    return thread


def test_sigterm_ends_it_in_two_seconds_with_live_clients_and_a_video(
    long_video: Path, portrait: Path
) -> None:
    ends: list[str] = []
    with ServerProcess() as server, ExitStack() as stack:
        clients = [stack.enter_context(live_client(server.address)) for _ in range(3)]
        for client in clients:
            client.send(portrait.read_bytes())
            client.recv(timeout=PATIENCE_S)
        reader = reading(server.address, long_video, ends)
        assert server.end(signal.SIGTERM) < 2.0
        assert [close_of(client)[0] for client in clients] == [1001] * 3
        reader.join(PATIENCE_S)
        assert "cancelled" in ends[-1]
        assert server.process.returncode == -signal.SIGTERM
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


def test_ctrl_c_ends_it() -> None:
    with ServerProcess() as server:
        assert server.end(signal.SIGINT) < 2.0
        assert server.process.returncode == 130
        assert server.process.stderr is not None
        assert server.process.stderr.read() == "mien: Ctrl-C ends it\n"


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
def test_a_crash_leaves_nothing_of_a_video_on_the_disk(tmp_path: Path, long_video: Path) -> None:
    ends: list[str] = []
    with ServerProcess(environment={"TMPDIR": str(tmp_path)}) as server:
        reader = reading(server.address, long_video, ends)
        descriptors = Path(f"/proc/{server.process.pid}/fd").iterdir()
        opened = []
        for one in descriptors:
            with suppress(FileNotFoundError):  # closed meanwhile
                opened.append(str(one.readlink()))
        assert any(name.startswith(f"{tmp_path}/") and "deleted" in name for name in opened)
        assert list(tmp_path.iterdir()) == []
        server.end(signal.SIGKILL)
        reader.join(PATIENCE_S)
    assert list(tmp_path.iterdir()) == []


def test_several_processes_share_the_port(portrait: Path, long_video: Path) -> None:
    with ServerProcess("--workers", "2") as server:
        first = server.process.pid
        listed = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        contents = portrait.read_bytes()
        for _ in range(8):
            url, headers = f"{server.address}/api/readings", {"Content-Type": "image/jpeg"}
            answer = httpx.post(url, content=contents, headers=headers, timeout=PATIENCE_S)
            assert len(answer.json()["images"][0]["faces"]) == 1
        # Whichever process hears that a video is not wanted, the one that reads it ends it.
        ends: list[str] = []
        reader = reading(server.address, long_video, ends)
        answers = [httpx.delete(f"{server.address}/api/videos/{ends[0]}") for _ in range(6)]
        assert {answer.status_code for answer in answers} <= {204, 404}
        reader.join(PATIENCE_S)
        assert "cancelled" in ends[-1]
        assert server.end(signal.SIGTERM) < 2.0
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in listed), "the end of all processes"
    )


def test_processes_that_came_up_are_ended_where_another_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, pids = SpawnProcess.start, list[int]()

    def starts_one(process: SpawnProcess) -> None:
        if pids:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        start(process)
        pids.append(process.pid or 0)

    monkeypatch.setattr(SpawnProcess, "start", starts_one)
    settings = WebSettings(port=0, workers=2)
    with listen("127.0.0.1", 0) as listening, pytest.raises(BlockingIOError):
        _serve_processes(settings, listening, lambda: None)
    assert not [child for child in multiprocessing.active_children() if child.pid in pids]


def test_a_model_whose_name_is_no_utf8_has_one_that_json_holds() -> None:
    assert WebSettings(model="mine/caf\udce9.onnx,mien").model_name == r"caf\udce9.onnx,mien"


def test_a_port_in_use_is_one_sentence(mien: Mien) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port}: no page can be shown there"):
            listen("127.0.0.1", port)
        outcome = mien("serve", "--no-browser", "--port", port)
    assert_refused(outcome, f"mien: 127.0.0.1, port {port}: no page can be shown there")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "70000"], "port: expected 0 to 65535; got 70000"),
        (["--workers", "0"], "workers: expected 1 or more; got 0"),
        (["--token", "short"], "token: expected 8 or more letters"),
        (["--token", "with spaces in it"], "token: expected 8 or more letters"),
        (["--allow-host", "http://name"], "expected the name of a host"),
        (["--allow-origin", "*"], "expected an origin as browsers name it"),
        (["--max-live", "0"], "--max-live: expected more than 0; got 0"),
        (["--host", "no.such.host.invalid"], "host: expected an address of this machine"),
        (["--model", "nothing.onnx"], "there is no file 'nothing.onnx'"),
        (["--model", "nothing.onnx", "--workers", "2"], "there is no file 'nothing.onnx'"),
        (["--threshold", "2"], "threshold: expected 0 to 1; got 2.0"),
    ],
)
def test_options_out_of_range_are_one_line(mien: Mien, options: list[str], said: str) -> None:
    assert_refused(mien("serve", "--no-browser", "--port", "0", *options), said)


def test_without_the_extra_it_says_how_to_install_it() -> None:
    done = in_python(
        "-c",
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['mien', 'serve'];"
        "from mien.cli.app import main; main()",
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install 'mien[web]'" in done.stderr


def test_no_other_command_loads_the_server() -> None:
    done = in_python(
        "-c",
        "import sys; from mien.cli.app import build_app; build_app('detect'); build_app('serve');"
        "print([m for m in ('fastapi', 'pydantic', 'uvicorn', 'starlette') if m in sys.modules])",
    )
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_elsewhere_than_on_this_machine_a_token_is_needed_and_made_up() -> None:
    with pytest.raises(OptionError, match="expected a token"):
        WebSettings(host="0.0.0.0")
    with ServerProcess("--host", "0.0.0.0") as server:
        assert server.token is not None
        assert len(server.token) >= 32
        assert server.get("/api/health").status_code == 401
        headers = {"Authorization": f"Bearer {server.token}"}
        assert server.get("/api/health", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["--token", TOKEN, "--workers", "2"], {}),
        ([], {"MIEN_TOKEN": TOKEN}),
    ],
)
def test_a_token_that_was_given_is_told_to_nobody(
    options: list[str], environment: dict[str, str]
) -> None:
    with ServerProcess(*options, environment=environment) as server:
        assert server.token is None  # it is not printed
        assert server.get("/api/health", headers=AUTHORIZED).status_code == 200
        assert server.get("/api/health").status_code == 401
        assert server.get("/").status_code == 200
        assert server.get("/openapi.json").status_code == 200
        command = Path(f"/proc/{server.process.pid}/cmdline")
        shown = command.read_text() if command.exists() and not options else ""
        server.end()
        assert server.process.stdout is not None
        assert server.process.stderr is not None
        said = server.process.stderr.read()
        assert "the page asks for the token that it was started with" in said
        assert TOKEN not in said + server.process.stdout.read() + shown
    assert TOKEN not in repr(WebSettings(token=TOKEN))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mien serve` that says where the page is, and ends."""

    def serve(settings: WebSettings, ready: Callable[[str], None]) -> None:
        ready(page_address(settings, 1))
        for thread in threading.enumerate():
            if thread.daemon and "open_there" in thread.name:
                thread.join(PATIENCE_S)

    monkeypatch.setattr("mien.web.server.serve", serve)


@pytest.mark.usefixtures("quiet")
def test_the_browser_is_opened_without_a_token_that_was_given(
    mien: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    # Every user of the machine sees what a browser is called with.
    monkeypatch.setattr("mien.desktop.open_in_browser", lambda address, _: opened.append(address))
    assert mien("serve", "--token", TOKEN).stdout == "http://127.0.0.1:1/\n"
    assert mien("serve", "--host", "0.0.0.0").stdout.startswith("http://127.0.0.1:1/#token=")
    assert opened[0] == "http://127.0.0.1:1/"
    assert opened[1].startswith("http://127.0.0.1:1/#token=")


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("screen", [True, False])
def test_where_no_browser_can_be_opened_it_says_so(
    mien: Mien, monkeypatch: pytest.MonkeyPatch, screen: bool
) -> None:
    monkeypatch.setattr("mien.desktop.has_screen", lambda: screen)
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    outcome = mien("serve")
    assert outcome.stdout == "http://127.0.0.1:1/\n"
    assert outcome.stderr == (
        "mien: Ctrl-C ends it\nmien: no browser can be opened here; open that address in one\n"
    )
    assert mien("serve", "--no-browser").stderr == "mien: Ctrl-C ends it\n"


def test_the_address_carries_the_token_where_no_server_sees_it() -> None:
    settings = WebSettings(host="::1", token=TOKEN)
    assert page_address(settings, 5) == f"http://[::1]:5/#token={TOKEN}"
    assert page_address(WebSettings(), 5) == "http://127.0.0.1:5/"
    named = WebSettings(host="0.0.0.0", token=TOKEN, allow_hosts=("lab.example",))
    assert page_address(named, 5).startswith("http://lab.example:5/")
    anywhere = WebSettings(host="0.0.0.0", token=TOKEN)
    assert page_address(anywhere, 5).startswith("http://127.0.0.1:5/")
    assert all(map(is_loopback, ("127.0.0.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "name")))


def test_connections_that_say_nothing_are_ended() -> None:
    with running(WebSettings(limits=Limits(head_s=0.5))) as server:
        half = b"GET /api/health HTTP/1.1\r\nHost: 127"
        for raw in (server.connect(), server.connect(half)):
            with raw, suppress(ConnectionResetError):
                assert raw.recv(1000) == b""


def test_more_connections_than_allowed_are_refused() -> None:
    with running(WebSettings(limits=Limits(connections=3))) as server, ExitStack() as stack:
        clients = [stack.enter_context(live_client(server.address)) for _ in range(3)]
        assert code_of(server.get("/api/health")) == (429, "busy")
        for client in clients:
            client.close()
        wait_until(lambda: server.get("/api/health").status_code == 200, "room for another")
