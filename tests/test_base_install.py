"""What works without any extra, in a process that finds none of their packages."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from command_line import Outcome, assert_refused, in_python
from videos import make_video, moving_portrait, steady_times

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "examples" / "astronaut.jpg"

EXTRAS = ("pyarrow", "fsspec", "torch", "sklearn", "scipy", "matplotlib", "pandas", "onnx", "ray")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))\n"
COMMAND = WITHOUT + "from mien.cli.app import run; run()"
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


@pytest.mark.parametrize("command", ["detect", "explain"])
def test_images_are_read(command: str) -> None:
    done = python(COMMAND, command, PORTRAIT)
    assert done.returncode == 0, done.stderr
    assert "happy" in done.stdout


@pytest.mark.parametrize("begin", [["video"], ["webcam", "--no-window", "--source"]])
def test_videos_and_cameras_are_read_into_rows(
    begin: list[str], video: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    done = python(COMMAND, *begin, video, "--csv", rows)
    assert done.returncode == 0, done.stderr
    assert len(rows.read_text().splitlines()) == 4


def test_the_server_reads_images() -> None:
    done = python(WITHOUT + SERVER, PORTRAIT)
    assert done.stdout.startswith("200"), done.stdout + done.stderr
    assert "happy" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["video", "VIDEO", "--parquet", "rows.parquet"],
        ["webcam", "--no-window", "--source", "VIDEO", "--csv", "rows.parquet"],
        ["batch", PORTRAIT, "--out", "rows"],
        ["batch", "s3://bucket/photos", "--out", "rows"],
    ],
)
def test_what_needs_the_extra_batch_says_so(
    arguments: list[str], video: Path, tmp_path: Path
) -> None:
    words = [video if word == "VIDEO" else word for word in arguments]
    done = python(COMMAND, *words, cwd=tmp_path)
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    assert_refused(outcome, "pip install 'mien[batch]'")
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_fsspec_names_the_extra() -> None:
    code = "from mien.recognize.batch.storage import read_bytes; read_bytes('s3://bucket/a.jpg')"
    done = python(WITHOUT + code)
    assert "MissingExtraError: s3:// needs the extra 'batch'" in done.stderr
