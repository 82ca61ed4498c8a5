"""`mien webcam`, with videos that stand in for the camera."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Mien, Outcome, assert_refused, csv_rows
from mien.errors import VideoError
from mien.readings import Image
from mien.recognize.images import load_image
from mien.recognize.video.frames import Frame, frames
from videos import decoded, make_video, moving_portrait, steady_times
from web_client import live_client


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of the portrait in motion, 12 frames."""
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    make_video(path, moving_portrait(), times_s=steady_times(12))
    return path


@pytest.fixture
def webcam(mien: Mien, tiny_model: Path) -> Mien:
    def run(*arguments: object) -> Outcome:
        return mien("webcam", "--model", tiny_model, *arguments)

    return run


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    """Camera 0 gives the video, and is then unplugged."""

    def unplugged(source: object, **options: object) -> Iterator[Frame]:
        assert source == "0"
        yield from frames(video)
        raise VideoError("camera 0: it was unplugged")

    monkeypatch.setattr("mien.recognize.video.frames.frames", unplugged)


def test_what_a_run_that_was_killed_left_is_not_lost_unasked(
    webcam: Mien, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "seen.part.mp4").write_text("the only copy")
    arguments = ("--source", video, "--no-window", "--record", tmp_path / "seen.mp4")
    assert_refused(webcam(*arguments), "seen.part.mp4", "rename", "--overwrite")
    assert (tmp_path / "seen.part.mp4").read_text() == "the only copy"
    assert webcam(*arguments, "--overwrite").status == 0


def test_a_file_stands_in_for_the_camera(webcam: Mien, video: Path, tmp_path: Path) -> None:
    seen, table = tmp_path / "seen.mp4", tmp_path / "faces.csv"
    done = webcam("--source", video, "--no-window", "--record", seen, "--csv", table, "--json")
    assert done.status == 0
    summary = json.loads(done.stdout)
    assert (summary["frames"], summary["dropped"], summary["people"]) == (12, 0, 1)
    assert summary["latency_ms"] > 0
    assert done.stderr == f"mien: Ctrl-C ends it\nmien: wrote {seen}\nmien: wrote {table}\n"
    rows = csv_rows(table)
    assert [row["frame"] for row in rows] == [str(i) for i in range(12)]
    assert {row["track"] for row in rows} == {"1"}
    recorded = decoded(seen)
    assert [t for t, _ in recorded] == pytest.approx([float(r["time_s"]) for r in rows], abs=1e-3)
    original = [frame.image for frame in frames(video)]
    assert changed(recorded[5][1], original[5]) > 300  # the box and its label
    assert sorted(p.name for p in tmp_path.iterdir()) == ["faces.csv", "seen.mp4"]


def changed(one: Image, other: Image) -> int:
    """How many pixels differ by more than a codec makes them differ."""
    return int((np.abs(one.astype(int) - other.astype(int)).max(axis=2) > 60).sum())


def test_it_ends_by_itself(webcam: Mien, video: Path, tmp_path: Path) -> None:
    done = webcam(
        "--source", video, "--seconds", "0.2", "--no-window", "--csv", tmp_path / "a.jsonl"
    )
    assert done.status == 0
    assert done.stdout.split()[:3] == ["seconds", "frames", "dropped"]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 6


@pytest.mark.usefixtures("camera")
def test_what_was_recorded_when_the_camera_is_unplugged_is_whole(
    webcam: Mien, tmp_path: Path
) -> None:
    seen, table = tmp_path / "seen.mp4", tmp_path / "faces.csv"
    done = webcam("--no-window", "--record", seen, "--csv", table, "--json")
    assert done.status == 2
    assert done.stderr.splitlines()[-1] == "mien: camera 0: it was unplugged"
    assert "Traceback" not in done.stderr
    count = json.loads(done.stdout)["frames"]
    assert len(decoded(seen)) == len(csv_rows(table)) == count > 0


def test_ctrl_c_ends_it_and_keeps_what_was_recorded(
    video: Path, tiny_model: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.mp4"
    make_video(long, moving_portrait(lambda number: (0.0, 0.0)), times_s=steady_times(40, fps=2.0))
    seen = tmp_path / "seen.mp4"
    command = [sys.executable, "-m", "mien", "webcam", "--source", str(long), "--real-time"]
    command += ["--json", "--model", str(tiny_model), "--record", str(seen), "--no-window"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "seen.part.mp4").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.6)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == f"mien: wrote {seen}"
    assert len(decoded(seen)) == json.loads(out)["frames"] >= 1


def test_what_makes_no_sense_is_refused_and_writes_nothing(
    webcam: Mien, video: Path, tmp_path: Path
) -> None:
    taken, csv = tmp_path / "taken.csv", tmp_path / "a.csv"
    taken.touch()
    cases: list[tuple[tuple[object, ...], str]] = [
        (("--source", 63), "camera 63: it is not connected"),
        (("--source", tmp_path / "no.mp4", "--csv", csv, "--no-window"), "no such file"),
        (("--no-window",), "expected --record, --csv or --lsl with it"),
        (("--real-time",), "expected a file in --source"),
        (("--seconds", 0), "--seconds: expected more than 0; got 0"),
        (("--source", video, "--csv", taken), "it exists; --overwrite"),
        (("--source", video, "--csv", tmp_path), "it is a folder"),
        (("--source", video, "--csv", tmp_path / "a.txt"), "ends in .csv"),
        (("--source", video, "--record", tmp_path / "a.gif"), "a.gif"),
        (("--source", video, "--half-life", -1), "--half-life: expected 0 or more"),
    ]
    for arguments, words in cases:
        assert_refused(webcam(*arguments), words)
    assert [p.name for p in tmp_path.iterdir()] == ["taken.csv"]


@pytest.fixture
def no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mien.recognize.video.live_view.why_no_window",
        lambda: "this OpenCV cannot show windows; do so",
    )


@pytest.mark.usefixtures("no_window")
def test_without_a_window_the_page_of_the_server_shows_it(
    webcam: Mien, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    images: list[bytes] = []

    def visit(address: str) -> None:
        page, token = address.split("/#token=")

        def look() -> None:
            with live_client(page, token=token, path="/api/camera") as feed:
                while not (told and told[-1]["type"] == "ended"):
                    message = feed.recv(timeout=20)
                    if isinstance(message, bytes):
                        images.append(message)
                        feed.send(json.dumps({"type": "key", "key": "s" if not told[1:] else "q"}))
                    else:
                        told.append(json.loads(message))

        watching.append(threading.Thread(target=look))
        watching[0].start()

    watching: list[threading.Thread] = []
    monkeypatch.setattr("mien.desktop.open_in_browser", visit)
    long = tmp_path / "long.mp4"
    make_video(long, moving_portrait(lambda number: (0.0, 0.0)), times_s=steady_times(150))
    done = webcam("--source", long, "--real-time", "--stills", tmp_path, "--json")
    watching[0].join(20)
    assert done.status == 0
    first, second, third = done.stderr.splitlines()
    assert (
        first == "mien: this OpenCV cannot show windows; do so. The view is a page in the browser"
    )
    assert second.startswith("mien: http://127.0.0.1:")
    assert second.endswith(" (q there or Ctrl-C here ends it)")
    (still,) = tmp_path.glob("*.png")
    assert third == f"mien: saved {still}"
    assert {"type": "saved", "path": str(still)} in told
    assert told[-1] == {"type": "ended"}
    assert told[0]["type"] == "readings"
    assert len(told[0]["faces"]) == 1
    shown = load_image(images[0])
    assert shown.shape[:2] == (told[0]["height"], told[0]["width"])
    assert 0 < json.loads(done.stdout)["frames"] < 150


@pytest.mark.usefixtures("no_window")
def test_without_a_window_and_without_the_extra_it_names_both(
    webcam: Mien, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mien.web.camera_page", None)
    done = webcam("--source", video)
    assert_refused(done, "this OpenCV cannot show windows", "pip install 'mien[web]'")


def test_a_window_shows_every_frame_and_takes_keys(
    webcam: Mien, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Image] = []
    closed: list[str] = []
    keys = iter([0xFF, ord("s"), ord("Q")])
    monkeypatch.setattr("mien.recognize.video.live_view.why_no_window", lambda: None)
    monkeypatch.setattr("cv2.namedWindow", lambda *arguments: None)
    monkeypatch.setattr("cv2.resizeWindow", lambda title, width, height: None)
    monkeypatch.setattr("cv2.getWindowProperty", lambda *arguments: 1.0)
    monkeypatch.setattr("cv2.imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr("cv2.waitKey", lambda ms: next(keys, 0xFF))
    monkeypatch.setattr("cv2.destroyWindow", closed.append)
    done = webcam("--source", video, "--stills", tmp_path, "--json")
    assert done.status == 0
    assert json.loads(done.stdout)["frames"] == len(shown) == 3
    (still,) = tmp_path.iterdir()
    assert done.stderr == f"mien: saved {still}\n"
    assert closed == ["mien"]
