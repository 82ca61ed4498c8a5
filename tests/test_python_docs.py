"""docs/python.md: its examples run, and many threads at once get what one does."""

import asyncio
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

from command_line import in_python
from mien import Recognizer
from test_documents import blocks

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text("utf-8")
REQUESTS = 12


def example(containing: str) -> str:
    [found] = [block for block in blocks(PAGE, "python") if containing in block]
    return found


def defined_by(containing: str) -> dict[str, Any]:
    """What an example defines."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(example(containing), "docs/python.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def expected(portrait: Path) -> dict[str, Any]:
    return {"faces": [reading.to_dict() for reading in Recognizer()(portrait)]}


@pytest.fixture
def folder(tmp_path: Path, portrait: Path) -> Path:
    """Where the scripts are run: with the files that they name."""
    for name in ("family.jpg", "team.jpg"):
        shutil.copy(portrait, tmp_path / name)
    return tmp_path


def test_fastapi_answers_many_at_once(portrait: Path, expected: dict[str, Any]) -> None:
    transport = httpx.ASGITransport(app=defined_by("fastapi")["app"])

    async def ask(*contents: bytes) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await asyncio.gather(
                *(client.post("/readings", files={"image": content}) for content in contents)
            )

    *answers, refused = asyncio.run(ask(*[portrait.read_bytes()] * REQUESTS, b"no image"))
    assert [answer.status_code for answer in answers] == [200] * REQUESTS
    assert [answer.json() for answer in answers] == [expected] * REQUESTS
    assert refused.status_code == 400
    assert "these bytes: expected a" in refused.json()["detail"]


def test_flask_answers_many_at_once(
    portrait: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flask is in no extra: what the example takes of it stands in its place."""
    request = SimpleNamespace(get_data=portrait.read_bytes)
    flask: Any = ModuleType("flask")
    flask.request = request
    flask.Flask = lambda name: SimpleNamespace(post=lambda path: lambda function: function)
    monkeypatch.setitem(sys.modules, "flask", flask)
    readings = defined_by("flask")["readings"]
    with ThreadPoolExecutor(REQUESTS) as clients:
        answers = list(clients.map(lambda _: readings(), range(REQUESTS)))
    assert answers == [expected] * REQUESTS
    request.get_data = lambda: b"no image"
    assert readings()[1] == 400


def test_scripts_print_the_emotions_of_each_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    defined_by("asyncio.run")
    script = folder / "script.py"  # whose processes import it
    script.write_text(example("ProcessPoolExecutor"), encoding="utf-8")
    done = in_python(script, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == capsys.readouterr().out == "['happy']\n['happy']\n"
