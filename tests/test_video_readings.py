import json
import math
import sys
import threading
import weakref
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import FixedDetector, a_tracked_reading
from mien import EMOTIONS, ImageError, MissingExtraError, OptionError, Recognizer
from mien.errors import OutputError, VideoError
from mien.readings import Face, Image, TrackedReading
from mien.recognize.analysis import analyze_video
from mien.recognize.candidates import iou
from mien.recognize.video.files import write_video
from mien.recognize.video.frames import Frame
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.readings import VideoSettings, read_stream
from mien.recognize.video.smoothing import SmoothingSettings
from mien.recognize.video.tracking import TrackingSettings
from mien.rows.table import VideoColumns, VideoResult
from videos import make_video, moving_portrait

FPS = 25
BOX = (40.0, 40.0, 104.0, 104.0)
Read = list[tuple[Frame, list[TrackedReading]]]


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def noise_frames(count: int, *, fps: float = FPS) -> Iterator[Frame]:
    """Each unlike the one before, so that every reading is another; no two are a cut apart."""
    base = noise(0).astype(float)
    for i in range(count):
        image = (0.8 * base + 0.2 * noise(i + 1)).astype(np.uint8)
        yield Frame(i, i / fps, image)


@pytest.fixture(scope="module")
def one_face(tiny_model: Path) -> Recognizer:
    return Recognizer(tiny_model, detector=FixedDetector([Face(BOX, 0.9)]))


@pytest.fixture(scope="module")
def no_face(tiny_model: Path) -> Recognizer:
    return Recognizer(tiny_model, detector=FixedDetector([]))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds: the portrait moves to the right, and is away from frame 20 to 29."""
    draw = moving_portrait(lambda n: (1.5 * n, 10.0), shown=lambda n: not 20 <= n < 30)
    times_s = [i / FPS for i in range(50)]
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    make_video(path, draw, times_s=times_s)
    return path


@pytest.fixture(scope="module")
def result(clip: Path, tiny_model: Path) -> VideoResult:
    return analyze_video(clip, Recognizer(tiny_model))


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_every_frame_comes_back_in_order_with_its_readings(
    one_face: Recognizer, threshold: float
) -> None:
    recognizer = copy(one_face)
    recognizer.threshold = threshold
    given = list(noise_frames(21))
    read = list(read_stream(recognizer, given))
    assert [frame for frame, _ in read] == given
    for _, (reading,) in read:
        assert (reading.track, reading.unsure) == (1, threshold == 1.0)
        assert reading.probabilities[EMOTIONS.index(reading.emotion)] == reading.probability
        assert sum(reading.probabilities) == pytest.approx(1.0)
        assert sum(reading.raw_probabilities) == pytest.approx(1.0, abs=1e-5)
        assert EMOTIONS[int(np.argmax(reading.raw_probabilities))] == reading.raw_emotion


def test_raw_readings_are_those_of_the_image_alone(one_face: Recognizer) -> None:
    settings = VideoSettings(tracking=TrackingSettings(detect_every_s=0.0))
    for frame, (reading,) in read_stream(one_face, noise_frames(5), settings=settings):
        (alone,) = one_face(frame.image)
        assert reading.raw_probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert (reading.box, reading.raw_emotion) == (alone.box, alone.emotion)
        assert reading.detected


@pytest.mark.parametrize("batch_frames", [2, 8, 100])
def test_batches_change_nothing(one_face: Recognizer, batch_frames: int) -> None:
    def read(count: int, across_s: float) -> Read:
        tracking = TrackingSettings(across_s=across_s)
        settings = VideoSettings(batch_frames=count, tracking=tracking)
        return list(read_stream(one_face, noise_frames(20), settings=settings))

    for (_, a), (_, b) in zip(read(1, 0.1), read(batch_frames, 0.0), strict=True):
        assert [r.box for r in a] == [r.box for r in b]
        assert a[0].probabilities == pytest.approx(b[0].probabilities, abs=1e-5)
    # Across frames a face is followed by another way.
    for (_, (one,)), (_, (other,)) in zip(read(1, 0.1), read(batch_frames, 0.1), strict=True):
        assert iou(one.box, other.box) > 0.95


def test_a_reading_can_stand_for_some_frames(one_face: Recognizer) -> None:
    def raw(read_every_s: float) -> list[tuple[float, ...]]:
        settings = VideoSettings(read_every_s=read_every_s, batch_frames=3)
        read = read_stream(one_face, noise_frames(10), settings=settings)
        return [reading.raw_probabilities for _, (reading,) in read]

    every = raw(0.0)
    assert len(set(every)) == 10
    for i, sparse in enumerate(raw(2 / FPS)):
        assert sparse == pytest.approx(every[i - i % 2], abs=1e-5)


def test_a_face_that_has_not_changed_keeps_its_reading(one_face: Recognizer) -> None:
    """Its mouth moves in frame 6; before, there is but the noise of a camera. For .1 s at most."""
    still = noise(0).astype(int)
    chance = np.random.default_rng(1)
    images = [np.clip(still + chance.integers(-2, 3, still.shape), 0, 255) for _ in range(20)]
    for image in images[6:]:
        image[84:96, 60:84] = 0
    frames = [Frame(i, i / 100, image.astype(np.uint8)) for i, image in enumerate(images)]

    def raw(min_change: float) -> list[tuple[float, ...]]:
        settings = VideoSettings(
            TrackingSettings(detect_every_s=0.0), batch_frames=4, min_change=min_change
        )
        read = read_stream(one_face, frames, settings=settings)
        return [reading.raw_probabilities for _, (reading,) in read]

    held, every = raw(2.0), raw(0.0)
    assert held[:6] == [held[0]] * 6
    assert held[6:17] == [held[6]] * 11
    assert held[17:] == [held[17]] * 3
    for number in (0, 6, 17):
        assert held[number] == pytest.approx(every[number], abs=1e-5)
    assert len(set(held)) == 3
    assert len(set(every)) == 20


def test_live_a_frame_is_read_before_the_next_is_asked_for(one_face: Recognizer) -> None:
    asked = 0

    def camera() -> Iterator[Frame]:
        nonlocal asked
        for frame in noise_frames(5):
            asked += 1
            yield frame

    for frame, _ in one_face.stream(camera()):
        assert asked == frame.index + 1


def test_what_was_decoded_before_an_error_is_read(one_face: Recognizer) -> None:
    def broken() -> Iterator[Frame]:
        yield from noise_frames(11)
        raise VideoError("the rest is missing")

    read = read_stream(one_face, broken())
    assert [next(read)[0].index for _ in range(11)] == list(range(11))
    with pytest.raises(VideoError, match="the rest is missing"):
        next(read)


def test_leaving_early_closes_the_source(one_face: Recognizer) -> None:
    closed = []

    def source() -> Iterator[Frame]:
        try:
            yield from noise_frames(1000)
        finally:
            closed.append(True)

    read = read_stream(one_face, source())
    next(read)
    read.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_frames_are_let_go_as_they_are_read(one_face: Recognizer) -> None:
    given: list[weakref.ref[Frame]] = []

    def source() -> Iterator[Frame]:
        for frame in noise_frames(60):
            given.append(weakref.ref(frame))
            yield frame

    most = 0
    for _ in read_stream(one_face, source()):
        most = max(most, sum(frame() is not None for frame in given))
    assert most <= VideoSettings().batch_frames + 2


def test_a_time_that_jumps_back_stops_nothing(one_face: Recognizer) -> None:
    jumping = [replace(frame, time_s=frame.time_s % 0.3) for frame in noise_frames(20)]
    read = list(read_stream(one_face, jumping))
    assert [frame.time_s for frame, _ in read] == [frame.time_s for frame in jumping]
    assert {reading.track for _, (reading,) in read} == {1}


def test_what_are_no_frames_is_refused(one_face: Recognizer) -> None:
    with pytest.raises(OptionError, match=r"expected each to be a .*Frame.*; got ndarray"):
        next(one_face.stream([noise(0)]))  # type: ignore[list-item]
    with pytest.raises(ImageError, match=r"expected \(H, W, 3\) uint8, .*; got \(120, 160\) uint8"):
        next(one_face.stream([Frame(0, 0.0, noise(0)[:, :, 0])]))
    nothing: Any = None
    with pytest.raises(OptionError, match=r"source: expected a path, .*, or frames; got NoneType"):
        one_face.stream(nothing)


def test_times_of_numpy_are_told_as_plain_ones(one_face: Recognizer) -> None:
    times_s: Any = np.arange(3, dtype=np.float32) / 10
    given = [
        Frame(0, time_s, frame.image)
        for time_s, frame in zip(times_s, noise_frames(3), strict=True)
    ]
    for frame, (reading,) in one_face.stream(given):
        assert json.loads(json.dumps(reading.to_dict()))["track"] == 1
        assert json.dumps(frame.time_s)


def test_a_reading_of_a_video_is_plain_values() -> None:
    told = replace(a_tracked_reading(3, detected=False), raw_emotion="sad")
    told = replace(told, raw_probabilities=tuple(i / 28 for i in range(1, 8)))
    values = json.loads(json.dumps(told.to_dict()))
    assert (values["track"], values["detected"]) == (3, False)
    assert (values["emotion"], values["raw_emotion"]) == ("happy", "sad")
    assert values["probabilities"] == told.by_emotion()
    assert values["raw_probabilities"] == dict(zip(EMOTIONS, told.raw_probabilities, strict=True))


def test_parts_of_a_file_are_read(clip: Path, tiny_model: Path) -> None:
    recognizer = Recognizer(tiny_model)
    part = [frame.index for frame, _ in recognizer.stream(clip, start_s=0.2, end_s=0.4)]
    assert part == [5, 6, 7, 8, 9]
    told: list[float] = []
    sparse = analyze_video(clip, recognizer, every_s=0.4, progress=told.append)
    assert sparse.frames.tolist() == [0, 10, 20, 30, 40]
    assert sparse.tracks.tolist() == [1, 1, 1, 1]
    assert told == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6])


def test_a_video_is_closed_although_the_error_of_a_callback_is_kept(
    clip: Path, tiny_model: Path, tmp_path: Path
) -> None:
    def stop(*_: object) -> None:
        raise RuntimeError("enough")

    recognizer = Recognizer(tiny_model)
    before = threading.active_count()
    with pytest.raises(RuntimeError) as kept:
        analyze_video(clip, recognizer, progress=stop)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError) as kept_too:
        write_video(recognizer, clip, Outputs(csv=tmp_path / "rows.csv"), progress=stop)
    assert threading.active_count() == before
    del kept, kept_too


@pytest.mark.skipif(sys.platform != "linux", reason="where open files can be listed")
def test_a_video_is_closed_where_an_output_cannot_be_written(
    clip: Path, tiny_model: Path, tmp_path: Path
) -> None:
    recognizer = Recognizer(tiny_model)
    (tmp_path / "rows.part.csv").mkdir()
    with pytest.raises(OutputError) as kept:
        write_video(recognizer, clip, Outputs(csv=tmp_path / "rows.csv"))
    assert str(clip) not in [str(place.resolve()) for place in Path("/proc/self/fd").iterdir()]
    del kept


@pytest.mark.parametrize(
    ("kind", "option", "value", "expected"),
    [
        (VideoSettings, "batch_frames", 0, "1 or more"),
        (VideoSettings, "read_every_s", -1, "0 or more"),
        (VideoSettings, "min_change", -1, "0 or more"),
        (TrackingSettings, "detect_every_s", -1, "0 or more"),
        (TrackingSettings, "min_score", 2, "0 to 1"),
        (TrackingSettings, "min_appearance", math.nan, "-1 to 1"),
        *((SmoothingSettings, "half_life_s", v, "0 or more") for v in (-0.1, math.nan, math.inf)),
        (SmoothingSettings, "margin", 1.5, "0 to 1"),
    ],
)
def test_other_settings_are_refused(kind: Any, option: str, value: float, expected: str) -> None:
    with pytest.raises(OptionError, match=f"{option}: expected {expected}; got {value}"):
        kind(**{option: value})


def test_times_are_for_sources_that_are_opened(one_face: Recognizer) -> None:
    with pytest.raises(OptionError, match="are for files and addresses"):
        one_face.stream(noise_frames(3), every_s=1.0)
    with pytest.raises(VideoError):
        list(one_face.stream("no-such-video.mp4"))


def test_a_result_has_a_row_for_every_face_and_every_frame(result: VideoResult) -> None:
    assert sorted({row.frame for row in result.rows}) == list(range(50))
    assert [row.time_s for row in result.rows] == sorted(row.time_s for row in result.rows)
    empty = [row.frame for row in result.rows if row.reading is None]
    assert set(range(20, 30)) <= set(empty) <= set(range(20, 34))
    with_face = [row.reading for row in result.rows if row.reading is not None]
    assert len(with_face) == len(result.tracks)
    for reading in with_face:
        assert sum(reading.probabilities) == pytest.approx(1.0, abs=1e-5)
        assert reading.probability == pytest.approx(reading.by_emotion()[reading.emotion])


def test_centered_and_online_differ_in_smoothing_alone(
    clip: Path, tiny_model: Path, result: VideoResult
) -> None:
    online = analyze_video(clip, Recognizer(tiny_model), offline=False)
    for name in ("frames", "times_s", "positions", "tracks", "boxes", "raw_probabilities"):
        assert np.array_equal(getattr(online, name), getattr(result, name))
    assert not np.allclose(online.probabilities, result.probabilities)
    streamed = [
        reading.probabilities
        for _, readings in Recognizer(tiny_model).stream(clip)
        for reading in readings
    ]
    assert online.probabilities == pytest.approx(np.array(streamed), abs=1e-6)


def test_the_summary_adds_up(result: VideoResult) -> None:
    (person,) = result.summary()
    assert person.track == 1
    assert person.first_s == 0.0
    assert person.last_s == pytest.approx(49 / FPS)
    assert person.frames == len(result.tracks)
    assert person.on_screen_s == pytest.approx(person.frames / FPS)
    assert 0 < person.detected < person.frames
    assert sum(person.shares.values()) == pytest.approx(1.0)
    assert sum(person.means.values()) == pytest.approx(1.0, abs=1e-5)
    assert person.shares[person.emotion] == max(person.shares.values())
    assert person.flips_per_minute <= person.raw_flips_per_minute
    assert json.loads(json.dumps(person.to_dict()))["shares"] == person.shares


@pytest.mark.parametrize(
    ("times_s", "on_screen_s"),
    [
        ([], []),
        ([0.0], None),
        ([0.0, 0.1, 0.2, 1.2, 1.3], [1.3 + 0.1]),  # the last as long as that before it
    ],
)
def test_videos_of_few_frames_at_a_varying_rate(
    one_face: Recognizer, times_s: list[float], on_screen_s: list[float] | None
) -> None:
    columns = VideoColumns()
    frames = (replace(f, time_s=t) for f, t in zip(noise_frames(99), times_s, strict=False))
    for frame, readings in one_face.stream(frames):
        columns.add(frame.index, frame.time_s, readings)
    result = columns.result("video")
    people = result.summary()
    assert len(result.rows) == len(times_s)
    assert len(people) == min(len(times_s), 1)
    assert all(sum(person.shares.values()) == pytest.approx(1.0) for person in people)
    if on_screen_s is not None:
        assert [person.on_screen_s for person in people] == pytest.approx(on_screen_s)


def test_a_data_frame_has_the_rows(result: VideoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")  # of the extra `video`
    table = result.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert table.frame.tolist() == [row.frame for row in result.rows]
    empty = [row.reading is None for row in result.rows]
    assert table.track.isna().tolist() == table.happy.isna().tolist() == empty
    faces = table.dropna(subset=["track"])
    assert faces.track.tolist() == result.tracks.tolist()
    assert faces.emotion.tolist() == [r.reading.emotion for r in result.rows if r.reading]
    assert faces.raw_sad.tolist() == result.raw_probabilities[:, EMOTIONS.index("sad")].tolist()
    assert faces.detected.tolist() == result.detected.tolist()
    assert not faces.unsure.any()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[video\]'"):
        result.to_pandas()


def test_a_plot_is_drawn_of_it(result: VideoResult, tmp_path: Path) -> None:
    (path,) = result.plot(tmp_path / "timeline.png")
    assert path.read_bytes().startswith(b"\x89PNG")
