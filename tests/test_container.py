"""The Dockerfile, as far as it can be tried without Docker: what goes in, who runs it, health."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mien.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]


def instructions(stage: str, name: str) -> list[str]:
    """What stands after an instruction, lines that go on joined."""
    joined = re.sub(r"\\\n\s*", "", stage)
    return re.findall(rf"^{name} (.+)$", joined, re.MULTILINE)


def test_the_last_stage_runs_as_a_user_without_rights() -> None:
    (user,) = instructions(STAGES[-1], "USER")
    number, group = map(int, user.split(":"))
    assert number >= 10_000  # a number, so that an orchestrator can tell that it is not root
    assert group >= 10_000
    assert TEXT.index("USER") < TEXT.index("ENTRYPOINT")


def test_what_is_copied_is_there_and_not_left_out_of_the_context() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {name for line in instructions(STAGES[0], "COPY") for name in line.split()[:-1]}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_it_starts_a_command_that_there_is() -> None:
    (entry,) = instructions(STAGES[-1], "ENTRYPOINT")
    (command,) = instructions(STAGES[-1], "CMD")
    assert json.loads(entry) == ["mien"]
    assert json.loads(command)[0] in COMMANDS
    assert instructions(STAGES[-1], "EXPOSE") == ["8642"]


@contextmanager
def server(token: str, status: int) -> Iterator[int]:
    """Answers `/api/health` with a status, or 401 without the token; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Bearer {token}"
            assert self.path == "/api/health"
            self.send_response(status if known else 401)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("given", "status", "healthy"),
    [
        ("of-the-server", 200, True),
        ("", 200, True),  # the token was made up: to be refused is an answer, too
        ("of-the-server", 503, False),
        ("of-the-server", None, False),  # no server
    ],
)
def test_the_health_check_tells_whether_the_server_answers(
    given: str, status: int | None, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (check,) = instructions(STAGES[-1], "HEALTHCHECK")
    code = json.loads(check[check.index("CMD ") + 4 :])[2]
    monkeypatch.setenv("MIEN_TOKEN", given)
    with (
        server("of-the-server", status) if status else nullcontext(9) as port,
        pytest.raises((SystemExit, OSError)) as ended,
    ):
        exec(code.replace("8642", str(port)), {})
    assert (getattr(ended.value, "code", True) is False) is healthy  # False is status 0
