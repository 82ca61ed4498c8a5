"""What works without any extra, in a process that finds none of their packages."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from command_line import Outcome, assert_refused, in_python
from videos import make_video, moving_portrait, steady_times

pytestmark = [pytest.mark.slow, pytest.mark.newest]

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "examples" / "astronaut.jpg"

EXTRAS = ("pyarrow", "fsspec", "torch", "sklearn", "scipy", "matplotlib", "pandas", "onnx", "ray")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))\n"
COMMANDS = """
import contextlib, io, json, sys
from mien.cli.app import main
outcomes = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["mien", *words]
    streams = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    outcomes.append([status, *(stream.getvalue() for stream in streams)])
print(json.dumps(outcomes))
"""
SERVER = """
import sys
from pathlib import Path
from web_client import running
with running() as server:
    assert server.get("/").status_code == 200
    answer = server.post(
        "/api/readings",
        content=Path(sys.argv[1]).read_bytes(),
        headers={"Content-Type": "image/jpeg"},
    )
    print(answer.status_code, answer.json())
"""


def python(
    code: str, *arguments: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "tests"), *sys.path])
    return in_python("-c", code, *arguments, cwd=cwd, env={**os.environ, "PYTHONPATH": path})


def ended(folder: Path, *commands: Sequence[str | Path]) -> list[Outcome]:
    """How these commands end, one after the other in a process without the extras."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = python(WITHOUT + COMMANDS, words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [Outcome(*outcome) for outcome in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    make_video(path, moving_portrait(), times_s=steady_times(3))
    return path


def test_the_base_install_requires_none_of_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {re.split(r"[<>=]", text)[0] for text in project["dependencies"]}
    assert base.isdisjoint(EXTRAS)
    assert {"numpy", "onnxruntime", "av"} <= base


def test_images_and_videos_and_cameras_are_read(video: Path, tmp_path: Path) -> None:
    seen, watched = tmp_path / "seen.csv", tmp_path / "watched.csv"
    outcomes = ended(
        tmp_path,
        ["detect", PORTRAIT],
        ["explain", PORTRAIT],
        ["video", video, "--csv", seen],
        ["webcam", "--no-window", "--source", video, "--csv", watched],
    )
    assert [outcome.status for outcome in outcomes] == [0] * 4, outcomes
    assert all("happy" in outcome.stdout for outcome in outcomes[:2]), outcomes
    for rows in (seen, watched):
        assert len(rows.read_text().splitlines()) == 4


def test_the_server_reads_images() -> None:
    done = python(WITHOUT + SERVER, PORTRAIT)
    assert done.stdout.startswith("200"), done.stdout + done.stderr
    assert "happy" in done.stdout


def test_what_needs_the_extra_batch_says_so(video: Path, tmp_path: Path) -> None:
    for outcome in ended(
        tmp_path,
        ["video", video, "--parquet", "rows.parquet"],
        ["webcam", "--no-window", "--source", video, "--csv", "rows.parquet"],
        ["batch", PORTRAIT, "--out", "rows"],
        ["batch", "s3://bucket/photos", "--out", "rows"],
    ):
        assert_refused(outcome, "pip install 'mien[batch]'")
    assert list(tmp_path.iterdir()) == []
    code = "from mien.recognize.batch.storage import read_bytes; read_bytes('s3://bucket/a.jpg')"
    done = python(WITHOUT + code)
    assert "MissingExtraError: s3:// needs the extra 'batch'" in done.stderr


TORCH = """
import importlib, mien
for name in ("training.loop", "networks", "files.export", "files.convert"):
    try:
        importlib.import_module(f"mien.learn.{name}")
    except mien.MissingExtraError as error:
        print(error)
"""


def test_what_needs_torch_in_python_says_the_extra_to_install() -> None:
    done = python(WITHOUT + TORCH)
    assert done.stdout.count("pip install 'mien[train]'") == 4, done.stdout + done.stderr
