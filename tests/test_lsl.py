"""Live readings as a stream of the Lab Streaming Layer, read by a second process."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import Mien, assert_refused
from fakes import a_tracked_reading
from mien.labels import EMOTIONS
from mien.readings import FaceQuality
from mien.recognize.video.lsl import CHANNELS, sample_of
from videos import make_video, moving_portrait, steady_times

SECONDS, FPS = 4, 10
HIDDEN = range(20, 25)  # frames without a face

RECEIVER = """
import json, sys, pylsl
[found] = pylsl.resolve_byprop("type", "Expressions", timeout=60)
inlet = pylsl.StreamInlet(found)
inlet.open_stream(60)
print("open", flush=True)
info = inlet.info()
samples, times = [], []
while True:
    sample, time_s = inlet.pull_sample(timeout=3.0)
    if sample is None:
        break
    samples.append(sample)
    times.append(time_s + inlet.time_correction())
print(json.dumps({"xml": info.as_xml(), "samples": samples, "times": times}))
"""

SENDER = """
import sys, threading, time
from mien.recognize.video import live

frames = live.in_real_time
def after_a_line(found):
    sys.stdin.readline()  # once the receiver listens
    for frame in frames(found):
        print(time.monotonic(), file=sys.stderr, flush=True)
        yield frame
live.in_real_time = after_a_line

from mien.cli.app import run
run()
"""


@pytest.fixture
def local_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are found on this machine alone, without multicast."""
    config = tmp_path / "lsl_api.cfg"
    config.write_text(
        "[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n[log]\nlevel = -2\n"
    )
    monkeypatch.setenv("LSLAPICFG", str(config))


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("local_network")
def test_another_process_receives_every_frame_at_its_time(tmp_path: Path, tiny_model: Path) -> None:
    pytest.importorskip("pylsl")
    video, rows = tmp_path / "video.mp4", tmp_path / "rows.csv"
    shown = moving_portrait(shown=lambda number: number not in HIDDEN)
    make_video(video, shown, times_s=steady_times(SECONDS * FPS, fps=FPS))
    sender = start(
        SENDER, "webcam", "--model", tiny_model, "--source", video, "--real-time",
        "--no-window", "--lsl", "--csv", rows, "--json",
    )  # fmt: skip
    receiver = start(RECEIVER)
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "open\n"
    summary, captured = sender.communicate("go\n", timeout=60)
    assert sender.returncode == 0, captured
    told, faults = receiver.communicate(timeout=60)
    assert receiver.returncode == 0, faults
    received = json.loads(told)
    labels, units = channels(received["xml"])
    assert dict(zip(labels, units, strict=True)) == CHANNELS
    samples = [dict(zip(labels, sample, strict=True)) for sample in received["samples"]]
    assert len(samples) == json.loads(summary)["frames"] > SECONDS * FPS / 2
    captured_at = [float(line) for line in captured.splitlines() if line[:1].isdigit()]
    for sample, time_s in zip(samples, received["times"], strict=True):
        assert time_s - captured_at[int(sample["frame"])] == pytest.approx(0, abs=0.05)
        check(sample)
    assert any(sample["track"] == 0 for sample in samples)


def channels(xml: str) -> tuple[list[str], list[str]]:
    """Labels and units of the channels, as any program for LSL finds them."""
    from xml.etree import ElementTree

    info = ElementTree.fromstring(xml)
    assert info.findtext("name") == "mien video.mp4"
    assert info.findtext("nominal_srate") == "0.000000000000000"
    assert info.findtext("desc/synchronization/can_drop_samples") == "true"
    assert info.findtext("desc/acquisition/manufacturer") == "mien"
    assert str(Path.cwd()) not in xml
    found = info.findall("desc/channels/channel")
    return [c.findtext("label", "") for c in found], [c.findtext("unit", "") for c in found]


def check(sample: dict[str, float]) -> None:
    """Of a face, or of a frame without one."""
    if sample["track"] == 0:
        assert int(sample["frame"]) in HIDDEN
        assert all(math.isnan(sample[name]) for name in CHANNELS if name not in ("frame", "track"))
        return
    assert sum(sample[emotion] for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5)
    assert sample["x0"] < sample["x1"]
    assert sample["usable"] in (0, 1)


def test_what_is_not_known_is_not_a_number() -> None:
    quality = FaceQuality(None, None, None, 30.0, 0.1, 120.0, 40.0, 1.0, "blurred")
    reading = replace(a_tracked_reading(), quality=quality)
    sample = dict(zip(CHANNELS, sample_of(7, reading), strict=True))
    assert (sample["frame"], sample["track"], sample["usable"]) == (7, reading.track, 0)
    assert math.isnan(sample["yaw"])
    assert sample["size_px"] == 30
    assert [sample[emotion] for emotion in EMOTIONS] == list(reading.probabilities)


@pytest.mark.parametrize("installed", [False, True])
def test_without_the_extra_or_its_library_the_command_names_it(
    installed: bool, mien: Mien, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "video.mp4"
    make_video(video, moving_portrait(), times_s=steady_times(2))
    if installed:
        failing = "raise RuntimeError('LSL binary library file was not found.\\nDo this')\n"
        (tmp_path / "pylsl.py").write_text(failing)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "pylsl", raising=False)
        words = ["liblsl", "not found. Install it", "PYLSL_LIB"]
    else:
        monkeypatch.setitem(sys.modules, "pylsl", None)
        words = ["--lsl needs the extra 'lsl'", "pip install 'mien[lsl]'"]
    done = mien("webcam", "--model", tiny_model, "--source", video, "--no-window", "--lsl")
    assert_refused(done, *words)
