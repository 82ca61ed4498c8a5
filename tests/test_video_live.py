"""Live views: stand-ins for the camera and for what reads, so that the times are known."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fakes import a_tracked_reading
from mien.errors import OutputError, VideoError
from mien.readings import TrackedReading
from mien.recognize.images import load_image
from mien.recognize.video.frames import Frame
from mien.recognize.video.live import Live, LiveFrame, Read, in_real_time, watch
from mien.recognize.video.live_view import draw_status, save_still, why_no_window

SIZE = (120, 160, 3)


def a_camera(count: int, *, every_s: float = 0.0) -> Iterator[Frame]:
    for index in range(count):
        time.sleep(every_s)
        yield Frame(index, index / 25, np.full(SIZE, index % 256, np.uint8))


def reader(takes_s: float = 0.0) -> Read:
    """One happy face in every frame, after a while."""

    def read(frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[TrackedReading]]]:
        for frame in frames:
            time.sleep(takes_s)
            yield frame, [a_tracked_reading()]

    return read


class SilentCamera:
    """Gives two frames and then none, until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        yield from a_camera(2)
        self.released.wait(5)


class Screen:
    """Remembers what was shown; presses keys at given frames."""

    def __init__(self, keys: dict[int, str] | None = None) -> None:
        self.shown: list[LiveFrame] = []
        self.stills: list[Path] = []
        self._keys = keys or {}

    def show(self, seen: LiveFrame, *, recording_s: float | None = None) -> None:
        self.shown.append(seen)

    def saved(self, path: Path) -> None:
        self.stills.append(path)

    def pressed(self) -> list[str]:
        return list(self._keys.pop(len(self.shown), ""))

    def close(self) -> None:
        pass


def test_without_dropping_every_frame_is_seen_in_order() -> None:
    with Live(a_camera(30), reader(), drop=False) as live:
        seen = list(live)
    assert [s.frame.index for s in seen] == list(range(30))
    assert (seen[0].frame.image == 0).all()  # it is drawn upon a copy
    assert (seen[0].drawn != seen[0].frame.image).any()
    assert (live.summary().frames, live.summary().dropped, live.summary().people) == (30, 0, 1)


def test_frames_that_come_while_another_is_read_are_dropped_and_counted() -> None:
    ended = threading.Event()

    def camera() -> Iterator[Frame]:
        yield from a_camera(60)
        ended.set()

    def read(frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[TrackedReading]]]:
        for frame in frames:
            assert ended.wait(5)
            yield frame, []

    with Live(camera(), read) as live:
        seen = [s.frame.index for s in live]
    assert seen[-1] == 59  # what waits is the newest
    assert len(seen) <= 2
    assert live.summary().dropped == 60 - len(seen)


def test_a_slow_viewer_sees_fewer_frames_and_not_older_ones() -> None:
    watched, ended = threading.Event(), threading.Event()

    def camera() -> Iterator[Frame]:
        for frame in a_camera(60):
            yield frame
            assert watched.wait(5)
        ended.set()

    with Live(camera(), reader()) as live:
        frames = iter(live)
        assert next(frames).frame.index == 0
        watched.set()
        assert ended.wait(5)  # the viewer is busy until here
        seen = [s.frame.index for s in frames]
    # One was read meanwhile, whichever came first; no more of them wait.
    assert len(seen) <= 2
    assert seen[-1] == 59


def test_what_is_shown_has_its_latency_and_rate() -> None:
    with Live(a_camera(40, every_s=0.01), reader(0.005)) as live:
        last = list(live)[-1]
    assert 0.005 <= last.latency_s < 1.0
    assert 0 < last.fps < 110
    summary = live.summary()
    assert 5 <= summary.latency_ms <= summary.latency_p95_ms
    assert summary.fps == pytest.approx((summary.frames - 1) / summary.seconds)
    assert summary.to_dict()["frames"] == summary.frames


def test_an_error_of_the_source_comes_after_the_frames_before_it() -> None:
    def camera() -> Iterator[Frame]:
        yield from a_camera(3)
        raise VideoError("camera 0: gone")

    seen: list[LiveFrame] = []
    with Live(camera(), reader(), drop=False) as live:
        with pytest.raises(VideoError, match="camera 0: gone"):
            watch(live, outputs=[seen.append])
        assert len(seen) == 3


def test_an_error_of_the_reader_reaches_the_caller() -> None:
    def read(frames: Iterator[Frame]) -> Iterator[tuple[Frame, list[TrackedReading]]]:
        yield next(frames), []
        raise VideoError("cannot be read")

    live = Live(a_camera(5), read, drop=False)
    with pytest.raises(VideoError, match="cannot be read"), live:
        list(live)


def test_the_end_of_a_camera_is_a_fault() -> None:
    live = Live(a_camera(2), reader(), patience_s=5.0, name="camera 3")
    with pytest.raises(VideoError, match="camera 3: no more images come from it"), live:
        list(live)


def test_a_camera_that_falls_silent_is_given_up() -> None:
    camera = SilentCamera()
    with Live(camera, reader(), patience_s=0.2) as live:
        with pytest.raises(VideoError, match=r"expected an image; none came for 0\.2 s"):
            list(live)
        camera.released.set()


def test_leaving_early_ends_the_threads_and_closes_the_source() -> None:
    closed = threading.Event()

    def camera() -> Iterator[Frame]:
        try:
            yield from a_camera(10_000, every_s=0.001)
        finally:
            closed.set()

    before = threading.active_count()
    with Live(camera(), reader()) as live:
        next(iter(live))
    assert closed.wait(2)
    assert threading.active_count() == before


def test_a_file_goes_on_as_a_camera_would() -> None:
    start = time.monotonic()
    arrived = [(f.time_s, time.monotonic() - start) for f in in_real_time(a_camera(6))]
    for time_s, at in arrived:
        assert at >= time_s - 0.005


def test_q_ends_it_while_no_frame_comes() -> None:
    class Impatient(Screen):
        """Presses `q` when the second frame has been there for a while."""

        asked = 0

        def pressed(self) -> list[str]:
            self.asked += 1
            return ["q"] if self.asked > 3 else []

    camera, screen = SilentCamera(), Impatient()
    start = time.monotonic()
    with Live(camera, reader(), drop=False, patience_s=5.0) as live:
        watch(live, viewer=screen)
        camera.released.set()
    assert len(screen.shown) == 2
    assert time.monotonic() - start < 4


def test_s_saves_what_is_seen_without_the_line_below_it(tmp_path: Path) -> None:
    saved: list[Path] = []
    drawn: list[LiveFrame] = []
    screen = Screen({2: "s", 3: "s"})
    with Live(a_camera(4), reader(), drop=False) as live:
        watch(
            live,
            viewer=screen,
            outputs=[drawn.append],
            stills=tmp_path / "stills",
            on_still=saved.append,
        )
    assert sorted(saved) == sorted((tmp_path / "stills").iterdir())
    assert screen.stills == saved
    assert len(saved) == 2
    assert (load_image(saved[0]) == drawn[1].drawn).all()


def a_live_frame(width: int = 320, height: int = 240) -> LiveFrame:
    image = np.full((height, width, 3), 200, np.uint8)
    return LiveFrame(Frame(7, 0.28, image), [a_tracked_reading()], image, 0.0, 0.012, 29.7, 3)


@pytest.mark.parametrize("size", [(1920, 1080), (320, 240), (90, 60), (8, 8)])
@pytest.mark.parametrize("recording_s", [None, 75.0])
def test_the_line_below_the_image_covers_no_more_than_its_lower_border(
    size: tuple[int, int], recording_s: float | None
) -> None:
    seen = a_live_frame(*size)
    drawn = draw_status(seen, recording_s=recording_s)
    assert drawn.shape == seen.drawn.shape
    assert (seen.drawn == 200).all()
    assert (drawn[-1] != 200).all()
    if size[1] >= 200:
        assert (drawn[: round(0.85 * size[1])] == 200).all()


def test_stills_of_one_second_do_not_replace_each_other(tmp_path: Path) -> None:
    paths = [save_still(a_live_frame(), tmp_path) for _ in range(3)]
    assert len(set(paths)) == 3
    assert sorted(paths) == sorted(tmp_path.iterdir())


def test_a_still_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "stills").touch()
    with pytest.raises(OutputError, match="stills: expected a folder to write into; it is a file"):
        save_still(a_live_frame(), tmp_path / "stills")


def test_why_there_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.currentUIFramework", lambda: "")
    assert "pip install 'opencv-python<5'" in str(why_no_window())
    monkeypatch.setattr("cv2.currentUIFramework", lambda: "QT5")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no screen" in str(why_no_window())
    monkeypatch.setenv("DISPLAY", ":0")
    assert why_no_window() is None
