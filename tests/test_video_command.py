"""`mien video`: a video in, its outputs out, and nothing lost on the way."""

import json
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from command_line import Mien, assert_refused, csv_rows
from mien import EMOTIONS, Recognizer
from mien.errors import OptionError, OutputError, VideoError
from mien.output.files import part_name
from mien.recognize.analysis import analyze_video
from mien.recognize.video.batch import VideoFile, find_videos, write_videos
from mien.recognize.video.files import VideoOptions, write_video
from mien.recognize.video.frames import VideoInfo, probe
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import read_report
from mien.rows.files import read_frames
from mien.rows.timeline import clock
from videos import (
    bursts_of,
    decoded,
    limited_file_size,
    make_sound,
    make_video,
    moving_portrait,
    numbered,
    packet_times,
    steady_times,
)

Video = Path


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Video:
    """Four seconds with sound and B-frames; a portrait that moves and is away in the third."""
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    draw = moving_portrait(lambda n: (10 + n, 10.0), shown=lambda n: not 50 <= n < 75)
    make_video(path, draw, times_s=steady_times(100), b_frames=2, sound=True, sound_bursts_s=[1, 3])
    return path


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return Recognizer(tiny_model)


@pytest.fixture
def video(mien: Mien, tiny_model: Path) -> Mien:
    return lambda *arguments: mien("video", "--model", tiny_model, *arguments)


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_all_outputs_come_of_one_reading(video: Mien, clip_file: Video, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    out = tmp_path / "annotated.mp4"
    done = video(
        *(clip_file, "--out", out, "--csv", tmp_path / "r.csv", "--jsonl", tmp_path / "r.jsonl"),
        *("--parquet", tmp_path / "r.parquet", "--summary", tmp_path / "s.json"),
        *("--plot", tmp_path / "plot", "--report", tmp_path / "page.html"),
    )
    assert (done.status, done.stderr) == (0, "")
    assert names(tmp_path) == [
        *("annotated.mp4", "page.html", "plot.png", "plot.svg"),
        *("r.csv", "r.jsonl", "r.parquet", "s.json"),
    ]
    rows, times_s = csv_rows(tmp_path / "r.csv"), packet_times(clip_file)
    assert sorted({float(row["time_s"]) for row in rows}) == times_s
    assert [int(row["frame"]) for row in rows] == list(range(100))
    tracks = [row["track"] for row in rows]
    assert set(tracks[:50]) == {"1"}
    assert {tracks[number] for number in range(65, 75)} == {""}
    assert set(tracks[85:]) == {"1"}
    from_csv, from_lines = (list(read_frames(tmp_path / f"r.{kind}")) for kind in ("csv", "jsonl"))
    assert from_csv == from_lines
    assert packet_times(out) == pytest.approx(times_s, abs=1e-6)
    assert bursts_of(out) == pytest.approx([1, 3], abs=0.04)
    (person,) = json.loads((tmp_path / "s.json").read_text())
    assert person["track"] == 1
    assert person["on_screen_s"] == pytest.approx(3.0, abs=0.7)
    header, row = done.stdout.splitlines()
    assert header.split()[:4] == ["person", "from", "to", "on"]
    assert row.split()[0] == "1"


def test_command_and_python_say_the_same_of_a_video(
    video: Mien, clip_file: Video, tiny_model: Path
) -> None:
    """Shares and means are of labels smoothed in one way: with a bounded look ahead."""
    (told,) = json.loads(video(clip_file, "--json").stdout)
    assert (told["frames"], told["size"]) == (100, [320, 240])
    people = [
        person.to_dict() for person in analyze_video(clip_file, Recognizer(tiny_model)).summary()
    ]
    assert len(people) == len(told["people"]) == 1
    for mine, theirs in zip(told["people"], people, strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            assert value == pytest.approx(theirs[name], abs=1e-6), name


def test_a_second_stream_of_images_is_said(video: Mien, tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams: list[Any] = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(numbered()(number), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    done = video(path)
    assert done.status == 0
    assert "it has 2 streams of images; the first of them was read" in done.stderr


def test_a_part_of_the_video_at_times_of_the_video(
    video: Mien, clip_file: Video, tmp_path: Path
) -> None:
    out, rows_file, page = (tmp_path / name for name in ("part.mp4", "rows.csv", "page.html"))
    arguments = ("--start", 0.5, "--end", 1.5, "--every", 0.25)
    done = video(clip_file, "--out", out, "--csv", rows_file, "--report", page, *arguments)
    assert done.status == 0
    facts = read_report(page).facts
    assert (facts["length"], facts["part read"]) == ("0:04.0", "0:00.5 to 0:01.5")
    assert [float(row["time_s"]) for row in csv_rows(rows_file)] == [0.52, 0.76, 1.0, 1.28]
    assert packet_times(out) == pytest.approx([0.02, 0.26, 0.5, 0.78], abs=1e-6)


@pytest.mark.parametrize(("end_s", "until_s"), [(None, 4.0), (3.7, 3.7), (3.3, 3.3), (2.8, 2.8)])
def test_the_last_frame_that_was_read_ends_with_the_video_at_the_latest(
    end_s: float | None, until_s: float, recognizer: Recognizer, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    make_video(path, moving_portrait(lambda n: (10, 10)), times_s=steady_times(100))
    outputs = Outputs(
        video=tmp_path / "copy.mp4",
        statistics=tmp_path / "statistics.csv",
        report=tmp_path / "page.html",
        formats={"textgrid": tmp_path / "clip.TextGrid"},
    )
    how = VideoOptions(every_s=1.5, end_s=end_s)  # frames at 0, 1.52 (there is none at 1.5) and 3 s
    (person,) = write_video(recognizer, path, outputs, how).people
    assert person.on_screen_s == pytest.approx(until_s)
    assert {float(r["seen_s"]) for r in csv_rows(tmp_path / "statistics.csv")} == {until_s}
    assert clock(until_s, fine=True) in (tmp_path / "page.html").read_text()
    assert f"            xmax = {until_s:g}\n" in (tmp_path / "clip.TextGrid").read_text()
    assert probe(tmp_path / "copy.mp4").duration_s == pytest.approx(until_s)


def test_nobody_is_on_screen_for_longer_than_the_video_lasts(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    """A recording of a screen has no frames where nothing changes: its steps may be long."""
    path = tmp_path / "screen.gif"
    first, *others = (Image.fromarray(moving_portrait(lambda n: (n, 10))(n)) for n in range(3))
    first.save(path, save_all=True, append_images=others, duration=[100, 2000, 200])
    outputs = Outputs(
        statistics=tmp_path / "statistics.csv",
        report=tmp_path / "page.html",
        formats={"textgrid": tmp_path / "screen.TextGrid"},
    )
    (person,) = write_video(recognizer, path, outputs).people
    assert person.on_screen_s == pytest.approx(2.3)
    assert {float(r["seen_s"]) for r in csv_rows(tmp_path / "statistics.csv")} == {2.3}
    assert clock(2.3, fine=True) in (tmp_path / "page.html").read_text()
    assert "            xmax = 2.3\n" in (tmp_path / "screen.TextGrid").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [("rows.csv", ["it exists", "--overwrite"]), ("rows.part.csv", ["--resume", "--overwrite"])],
    ids=["whole", "what an earlier run left"],
)
def test_what_is_there_is_replaced_only_when_asked(
    name: str, words: list[str], video: Mien, clip_file: Video, tmp_path: Path
) -> None:
    rows_file, earlier = tmp_path / "rows.csv", tmp_path / name
    earlier.write_text("hours of work")
    assert_refused(video(clip_file, "--csv", rows_file), name, *words)
    assert earlier.read_text() == "hours of work"
    assert video(clip_file, "--csv", rows_file, "--end", 0.2, "--overwrite").status == 0
    assert len(csv_rows(rows_file)) == 5
    assert names(tmp_path) == ["rows.csv"]


def test_smoothing_is_centered_unless_asked_otherwise(
    video: Mien, clip_file: Video, tmp_path: Path
) -> None:
    made = {way: tmp_path / f"{way}.csv" for way in ("default", "offline", "online")}
    for way, rows_file in made.items():
        asked = () if way == "default" else ("--smooth", way)
        assert video(clip_file, "--csv", rows_file, "--end", 1, *asked).status == 0
    assert made["default"].read_text() == made["offline"].read_text() != made["online"].read_text()
    (online, *_), (both, *_) = (list(read_frames(made[way])) for way in ("online", "offline"))
    assert online.readings[0].raw_probabilities == both.readings[0].raw_probabilities
    assert online.readings[0].probabilities == pytest.approx(online.readings[0].raw_probabilities)
    assert both.readings[0].probabilities != both.readings[0].raw_probabilities


def test_a_half_life_of_zero_smooths_nothing(mien: Mien, tmp_path: Path) -> None:
    clip, rows_file = tmp_path / "clip.mp4", tmp_path / "rows.csv"
    fade = np.linspace(1.0, 0.02, 50)  # until the face is dark, and is called something else
    portrait = moving_portrait(lambda n: (10, 10))(0)
    make_video(clip, lambda n: np.asarray(portrait * fade[n], np.uint8), times_s=steady_times(50))
    assert mien("video", clip, "--half-life", 0, "--csv", rows_file).status == 0
    faces = [row for row in csv_rows(rows_file) if row["track"]]
    likeliest = [max(EMOTIONS, key=lambda emotion: float(row[emotion])) for row in faces]
    assert len(set(likeliest)) > 1
    assert [row["emotion"] for row in faces] == likeliest


def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    video: Mien, clip_file: Video, tmp_path: Path
) -> None:
    none, noise, sound = (tmp_path / name for name in ("none.mp4", "noise.mp4", "sound.mp4"))
    noise.write_bytes(b"noise" * 1000)
    make_sound(sound)
    folder, csv = tmp_path / "folder.csv", tmp_path / "rows.csv"
    folder.mkdir()
    cases: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
        ((clip_file, "--csv", folder), ("it is a folder",)),
        ((clip_file, "--csv", tmp_path / "rows.txt"), ("--csv", "ends in .csv")),
        ((clip_file, "--out", tmp_path / "out.gif"), ("--out", "ends in .mp4")),
        ((clip_file, "--out", clip_file, "--overwrite"), ("would replace what is read",)),
        ((clip_file, "--csv", csv, "--summary", csv), ("of its own",)),
        ((clip_file, "--start", 9), ("clip.mp4: expected frames from 9 s on", "it ends at 4 s")),
        (
            (clip_file, "--start", 2, "--end", 1, "--csv", csv),
            ("mien: --end: expected", "above 2.0 (--start)"),
        ),
        ((0,), ("a camera", "mien webcam")),
        ((none,), ("no such file",)),
        ((noise, "--csv", csv), ("noise.mp4", "expected a video")),
        ((sound, "--csv", csv), ("only sound",)),
        ((folder,), ("it has no file that ends as they do",)),
        ((folder / "*.mp4",), ("no file matches",)),
        ((tmp_path, "--csv", csv), ("--csv", "expected a folder")),
        ((tmp_path, "--out", none), ("--out", "expected a folder")),
    ]
    cases += [
        ((clip_file, clip_file, "--every", 0), ("mien: --every: expected seconds above 0; got 0",)),
        ((clip_file, "--fps", 0), ("mien: --fps: expected frames per second above 0; got 0",)),
    ]
    for arguments, words in cases:
        assert_refused(video(*arguments), *words)
    assert names(tmp_path) == ["noise.mp4", "sound.mp4"]


def test_a_video_that_was_cut_short_is_read_and_said_to_be(video: Mien, tmp_path: Path) -> None:
    clip_file, rows_file = tmp_path / "cut.mp4", tmp_path / "rows.csv"
    make_video(clip_file, times_s=steady_times(100), options={"movflags": "faststart"})
    clip_file.write_bytes(clip_file.read_bytes()[: clip_file.stat().st_size * 6 // 10])
    done = video(clip_file, "--csv", rows_file)
    assert done.status == 2
    assert "images end at" in done.stderr
    assert 30 < len(csv_rows(rows_file)) < 70


def folder_of_videos(folder: Path) -> Path:
    folder.mkdir()
    (folder / "talks").mkdir()
    make_video(folder / "a.mp4")
    make_video(folder / "a.mkv", times_s=steady_times(5))
    make_video(folder / "talks" / "b.mov")
    (folder / "broken.mp4").write_bytes(b"noise" * 100)
    (folder / "notes.txt").touch()
    return folder


def test_one_set_for_each_video_and_a_failure_stops_no_other(video: Mien, tmp_path: Path) -> None:
    videos, out = folder_of_videos(tmp_path / "videos"), tmp_path / "videos" / "out"

    done = video(videos, "--out", out, "--csv", out)

    assert done.status == 2
    assert "broken.mp4: expected a video" in done.stderr
    assert "1 of 4 videos could not be read" in done.stderr
    assert names(out) == [
        *("a.mkv.csv", "a.mkv.mp4", "a.mp4.csv", "a.mp4.mp4", "talks/b.csv", "talks/b.mp4"),
    ]
    assert [len(csv_rows(out / f"{name}.csv")) for name in ("a.mkv", "a.mp4", "talks/b")] == [
        *(5, 25, 25)
    ]
    assert done.stdout.splitlines()[0].split()[0] == "video"

    written_at = (out / "a.mkv.csv").stat().st_mtime_ns
    (out / "a.mp4.csv").unlink()
    done = video(videos, "--out", out, "--csv", out, "--resume")

    assert "a.mkv: left alone" in done.stderr
    assert "a.mp4: left alone" not in done.stderr
    assert (out / "a.mkv.csv").stat().st_mtime_ns == written_at
    assert len(csv_rows(out / "a.mp4.csv")) == 25


def test_videos_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    """A number would be that of another video once there is one more, which --resume believes."""
    for person in ("p1", "p2", "p4"):
        (tmp_path / person / "first").mkdir(parents=True)
        (tmp_path / person / "first" / "talk.mp4").touch()
        (tmp_path / person / "first" / "shot_1.png").touch()

    def called(*given: str) -> list[str]:
        return [str(video.relative) for video in find_videos([tmp_path / one for one in given])[0]]

    shell = [f"{person}/first/talk.mp4" for person in ("p1", "p2", "p4")]
    assert called(*shell) == called("*/first/talk.mp4") == shell
    assert called("p4/first", "p1/first") == ["p4/first/talk.mp4", "p1/first/talk.mp4"]
    assert called("p1/first/shot_%d.png", "p2/first/shot_%d.png") == [
        *("p1/first/shot__d.png", "p2/first/shot__d.png")
    ]
    assert called("p1/first/talk.mp4", "p2/first/shot_%d.png") == ["talk.mp4", "shot__d.png"]
    cameras = ["rtsp://one.local/stream", "rtsp://two.local/stream"]
    assert [str(video.relative) for video in find_videos(cameras)[0]] == ["stream", "stream"]


def test_no_two_videos_have_one_output_and_none_takes_that_of_another() -> None:
    def named(*videos: str) -> list[str]:
        sets = Outputs(csv=Path("out")).for_each([VideoFile(v, Path(v)) for v in videos], ["eaf"])
        rows = [path for one in sets for path in one.named()]
        assert [one.formats["eaf"] for one in sets] == [path.with_suffix(".eaf") for path in rows]
        return [str(path.relative_to("out")) for path in rows]

    assert named("a-2.ts", "a.mkv", "a.mp4") == ["a-2.csv", "a.mkv.csv", "a.mp4.csv"]
    # Found beside a.mkv later, a.avi does not take a.csv for its own.
    assert named("a.mkv") == ["a.csv"]
    assert named("a.avi", "a.mkv") == ["a.avi.csv", "a.mkv.csv"]
    # Of two folders, and where a system does not tell A from a.
    assert named("a.mp4", "a.mp4", "b.mp4") == ["a.mp4.csv", "a.mp4-2.csv", "b.csv"]
    assert named("x/A.mp4", "x/a.mov", "y/a.mov") == ["x/A.mp4.csv", "x/a.mov.csv", "y/a.csv"]
    assert named("a.mp4.mkv", "a.mp4", "a.mov") == ["a.mp4.csv", "a.mp4-2.csv", "a.mov.csv"]


def test_a_series_of_images_is_one_video(video: Mien, tmp_path: Path) -> None:
    from PIL import Image as PILImage

    for number in range(5):
        PILImage.fromarray(numbered()(number)).save(tmp_path / f"shot_{number}.png")
    rows_file = tmp_path / "rows.csv"
    for series in ("shot_%d.png", "shot_*.png"):
        arguments = ("--fps", 10, "--csv", rows_file, "--overwrite")
        assert video(tmp_path / series, *arguments).status == 0
        assert [float(r["time_s"]) for r in csv_rows(rows_file)] == [0.0, 0.1, 0.2, 0.3, 0.4]


def interrupt(info: VideoInfo, time_s: float) -> None:
    if time_s >= 1.6:
        raise KeyboardInterrupt


def test_a_video_that_was_cut_off_is_begun_anew(
    recognizer: Recognizer, clip_file: Video, tmp_path: Path
) -> None:
    outputs = Outputs(video=tmp_path / "v.mp4", csv=tmp_path / "r.csv", jsonl=tmp_path / "r.jsonl")
    with pytest.raises(KeyboardInterrupt):
        write_video(recognizer, clip_file, outputs, progress=interrupt)
    assert names(tmp_path) == ["r.part.csv", "r.part.jsonl", "v.part.mp4"]
    assert len(decoded(tmp_path / "v.part.mp4")) >= 30

    whole = VideoFile(str(clip_file), Path(clip_file.name))
    (result,) = write_videos(recognizer, [whole], [outputs], resume=True)

    assert result.outcome is not None
    assert [rows.frame for rows in read_frames(tmp_path / "r.csv")] == list(
        range(result.outcome.frames)
    )
    assert packet_times(tmp_path / "v.mp4") == pytest.approx(packet_times(clip_file))
    assert bursts_of(tmp_path / "v.mp4") == pytest.approx([1, 3], abs=0.04)
    assert names(tmp_path) == ["r.csv", "r.jsonl", "v.mp4"]


@pytest.mark.slow
def test_a_kill_loses_a_second_at_most(tiny_model: Path, tmp_path: Path) -> None:
    clip_file, rows_file, out = (tmp_path / name for name in ("long.mp4", "rows.csv", "out.mp4"))
    make_video(clip_file, numbered(96, 72), times_s=steady_times(2000), sound=True)
    arguments = [clip_file, "--csv", rows_file, "--out", out, "--model", tiny_model]
    command = [sys.executable, "-m", "mien", "video", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    part = part_name(rows_file)
    while process.poll() is None and not (part.exists() and part.stat().st_size > 500):
        time.sleep(0.02)
    process.kill()
    process.wait()

    found = list(read_frames(part))
    assert process.returncode < 0, "it was killed before its end"
    assert [rows.frame for rows in found[:-1]] == list(range(len(found) - 1))
    assert len(decoded(part_name(out))) > 0
    assert probe(part_name(out)).has_sound
    assert not rows_file.exists()
    assert not out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the sizes of files")
def test_a_full_disk_is_said_in_a_sentence(
    recognizer: Recognizer, clip_file: Video, tmp_path: Path
) -> None:
    outputs = Outputs(csv=tmp_path / "rows.csv")
    with limited_file_size(4000), pytest.raises(OutputError, match="cannot be written; File too"):
        write_video(recognizer, clip_file, outputs)
    assert not (tmp_path / "rows.csv").exists()


def test_a_folder_has_the_kinds_of_videos_that_a_file_may_be(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    from PIL import Image as PILImage

    folder = tmp_path / "videos"
    folder.mkdir()
    for name, codec in (("a.asf", "mpeg4"), ("b.h264", "libx264"), ("c.mjpg", "mjpeg")):
        make_video(folder / name, moving_portrait(), times_s=steady_times(3), codec=codec)
    images = [PILImage.fromarray(numbered()(number)) for number in range(3)]
    for kind in ("gif", "png"):
        images[0].save(folder / f"moves.{kind}", save_all=True, append_images=images[1:])
        images[0].save(folder / f"still.{kind}")
    (folder / "damaged.GIF").write_bytes(b"GIF89a")
    videos, _ = find_videos([folder])
    results = list(write_videos(recognizer, videos, [Outputs()] * len(videos)))
    frames = {r.video.relative.name: r.outcome and r.outcome.frames for r in results}
    assert frames == dict.fromkeys(("a.asf", "b.h264", "c.mjpg", "moves.gif", "moves.png"), 3)


def test_videos_are_found_once_and_outputs_are_no_videos(tmp_path: Path) -> None:
    videos = folder_of_videos(tmp_path / "videos")
    (videos / "a.part.mp4").touch()
    (videos / "code.ts").write_text("export const naïve = 1;\n")  # which ends as videos do
    (videos / "empty.ts").touch()
    found, many = find_videos([videos, videos / "a.mp4"], not_in=[videos / "talks"])
    assert many
    assert [str(video.relative) for video in found] == ["a.mkv", "a.mp4", "broken.mp4", "empty.ts"]
    with pytest.raises(VideoError, match="empty name"):
        find_videos([""])
    with pytest.raises(OptionError, match="paths: expected several, as "):
        find_videos(str(videos))


def test_no_output_of_a_video_is_written_over_by_another_ones(tmp_path: Path) -> None:
    events, talk = (VideoFile(name, Path(name)) for name in ("talk.events.mp4", "talk.mp4"))
    outputs = Outputs(csv=tmp_path, events=tmp_path)
    with pytest.raises(OutputError, match=r"talk\.events\.mp4 and talk\.mp4 would both write it"):
        outputs.for_each([events, talk])
    assert len(Outputs(csv=tmp_path).for_each([events, talk])) == 2
    part = VideoFile("talk.part.mp4", Path("talk.part.mp4"))  # as rows are called while written
    with pytest.raises(OutputError, match=r"talk\.part\.csv: expected outputs of their own"):
        Outputs(csv=tmp_path).for_each([part, talk])


def test_rows_may_be_written_beside_the_videos_and_copies_may_not(tmp_path: Path) -> None:
    folder = folder_of_videos(tmp_path / "videos")
    names = [video.source for video in find_videos([folder])[0]]
    for rows in (folder, tmp_path):
        assert [video.source for video in find_videos([folder], not_in=[rows])[0]] == names
    copies = folder / "copies"
    copies.mkdir()
    (copies / "a.mp4").touch()
    found, _ = find_videos([folder], not_in=[folder, copies], copies=copies)
    assert [video.source for video in found] == names
    with pytest.raises(VideoError, match="another folder for the annotated copies than the one"):
        find_videos([folder], not_in=[folder], copies=folder / "talks" / "..")


def test_no_copy_takes_the_place_of_another_video(tmp_path: Path) -> None:
    inner, outer = tmp_path / "videos" / "videos" / "a.mp4", tmp_path / "videos" / "a.mp4"
    inner.parent.mkdir(parents=True)
    for path in (inner, outer):
        path.touch()
    found, _ = find_videos([tmp_path / "videos"], not_in=[tmp_path], copies=tmp_path)
    assert {video.source for video in found} == {str(inner), str(outer)}
    with pytest.raises(OutputError, match=rf"{outer}: would replace what is read"):
        Outputs(video=tmp_path).for_each(found)
