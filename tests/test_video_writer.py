"""Videos that are written: times as they were given, sound in step, playable after a kill."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mien.errors import ImageError, OutputError
from mien.output.files import part_name
from mien.recognize.video.frames import probe
from mien.recognize.video.writer import VideoWriter
from videos import (
    UNEVEN,
    bursts_of,
    copy_video,
    decoded,
    limited_file_size,
    make_video,
    number_of,
    numbered,
    packet_times,
    steady_times,
)

TESTS = Path(__file__).resolve().parent


@pytest.mark.parametrize(
    ("name", "times_s", "b_frames", "suffix"),
    [
        *(("b.mp4", steady_times(40), 2, suffix) for suffix in (".mp4", ".mov", ".mkv", ".webm")),
        *(("uneven.mkv", UNEVEN, 0, suffix) for suffix in (".mp4", ".webm")),
        ("clock.ts", steady_times(40), 2, ".mp4"),
    ],
)
def test_frames_keep_their_times(
    name: str, times_s: list[float], b_frames: int, suffix: str, tmp_path: Path
) -> None:
    source, path = tmp_path / name, tmp_path / f"copy{suffix}"
    make_video(source, times_s=times_s, b_frames=b_frames)

    given = copy_video(source, path)

    coarse = 0.0006 if suffix in (".mkv", ".webm") else 1e-6  # Matroska has milliseconds
    assert packet_times(path) == pytest.approx(given, abs=coarse)
    assert [number_of(image) for _, image in decoded(path)] == list(range(len(times_s)))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, path.name])


def test_h264_where_there_is_an_encoder_for_it(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4")
    copy_video(tmp_path / "clip.mp4", tmp_path / "copy.mp4")
    copy_video(tmp_path / "clip.mp4", tmp_path / "copy.webm")
    assert probe(tmp_path / "copy.mp4").codec == "h264"
    assert probe(tmp_path / "copy.webm").codec == "vp9"


@pytest.mark.parametrize(
    ("name", "sound_codec", "suffix"),
    [
        *(("aac.mp4", "aac", suffix) for suffix in (".mp4", ".mkv", ".webm")),
        *(("aac.ts", "aac", suffix) for suffix in (".mp4", ".mkv")),
        *(("pcm.mkv", "pcm_s16le", suffix) for suffix in (".mp4", ".mkv")),
        *(("mp3.mkv", "libmp3lame", suffix) for suffix in (".mp4", ".webm")),
    ],
)
def test_sound_stays_in_step_within_a_frame(
    name: str, sound_codec: str, suffix: str, tmp_path: Path
) -> None:
    source, path = tmp_path / name, tmp_path / f"copy{suffix}"
    bursts = [0.4, 1.2]
    make_video(
        source,
        times_s=steady_times(50),
        b_frames=2,
        sound=True,
        sound_codec=sound_codec,
        sound_bursts_s=bursts,
    )
    before = [burst - packet_times(source)[0] for burst in bursts_of(source)]

    copy_video(source, path)

    after = [burst - packet_times(path)[0] for burst in bursts_of(path)]
    assert len(after) == len(before) == 2
    assert after == pytest.approx(before, abs=0.02)
    assert packet_times(path)[-1] - packet_times(path)[0] == pytest.approx(1.96, abs=0.001)


def test_sound_is_copied_not_encoded_anew(tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    make_video(source, sound=True)
    copy_video(source, path)
    contents = []
    for file in (source, path):
        with av.open(str(file)) as container:
            packets = container.demux(container.streams.audio[0])
            contents.append([(p.pts, bytes(p)) for p in packets if p.size])
    assert contents[0] == contents[1]


def test_a_part_of_a_video_begins_at_zero_with_its_sound(tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / "part.mp4"
    make_video(source, times_s=steady_times(100), sound=True, sound_bursts_s=[0.5, 2.5])

    given = copy_video(source, path, start_s=2.0)

    assert given[0] == 2.0
    assert packet_times(path) == pytest.approx([t - 2.0 for t in given], abs=1e-6)
    assert bursts_of(path) == pytest.approx([0.5], abs=0.02)


def test_the_sound_of_a_part_ends_with_it(tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / "part.mp4"
    make_video(source, times_s=steady_times(100), sound=True, sound_bursts_s=[0.5, 2.3, 3.2])

    with VideoWriter(path, like=probe(source), start_s=2.0) as writer:
        for time_s in steady_times(25, start_s=2.0):
            writer.write(numbered()(0), time_s)

    assert bursts_of(path) == pytest.approx([0.3], abs=0.02)
    assert probe(path).duration_s == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_last_frame_and_its_sound_last_as_long_as_is_said(suffix: str, tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / f"part{suffix}"
    make_video(source, times_s=steady_times(100), sound=True, sound_bursts_s=[2.7, 3.5])
    for until_s, length_s, bursts in (
        (3.7, 1.7, [0.7, 1.5]),
        (3.3, 1.3, [0.7]),
        (3.01, 1.04, [0.7]),
    ):
        with VideoWriter(path, like=probe(source), start_s=2.0) as writer:
            writer.write(numbered()(0), 2.0)
            writer.write(numbered()(1), 3.0)
            writer.until_s = until_s
        assert bursts_of(path) == pytest.approx(bursts, abs=0.02)
        with av.open(str(path)) as container:  # whose header may count what sound begins with
            ends_s = {}
            for packet in container.demux():
                if packet.pts is not None:
                    assert packet.duration is not None
                    assert packet.time_base is not None
                    end_s = (packet.pts + packet.duration) * packet.time_base
                    ends_s[packet.stream.type] = float(end_s)
        assert ends_s == pytest.approx({"video": length_s, "audio": length_s}, abs=0.025)


def test_sound_that_is_shorter_or_longer_than_the_images(tmp_path: Path) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    make_video(source, times_s=steady_times(50), sound=True)
    for count in (25, 75):
        with VideoWriter(path, like=probe(source)) as writer:
            for time_s in steady_times(count):
                writer.write(numbered()(0), time_s)
        assert probe(path).has_sound


def test_the_rotation_is_applied_not_kept(tmp_path: Path) -> None:
    source, path = tmp_path / "turned.mp4", tmp_path / "copy.mp4"
    make_video(source, rotation=90)
    copy_video(source, path)
    assert probe(path).rotation == 0
    assert (probe(path).width, probe(path).height) == (48, 64)


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (46, 66), (98, 30), (52, 68)])
def test_colors_survive_and_odd_sides_are_filled_up(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "colors.mp4"
    height, width = size
    drawn = np.zeros((height, width, 3), np.uint8)
    drawn[:, : width // 2], drawn[:, width // 2 :] = (200, 60, 30), (30, 90, 210)
    with VideoWriter(path) as writer:
        for number in range(5):
            writer.write(drawn, number / 25)
    ((_, image), *_) = decoded(path)
    assert image.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(image[:height, :width].astype(int) - drawn).mean() < 10


def test_a_clock_that_stands_still_or_jumps_back_loses_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "clock.mp4"
    with VideoWriter(path) as writer:
        for number, time_s in enumerate([0.0, 0.04, 0.04, 0.02, 0.2]):
            writer.write(numbered()(number), time_s)
    assert [number_of(image) for _, image in decoded(path)] == [0, 1, 2, 3, 4]


def test_an_error_leaves_a_part_that_plays_and_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "copy.mp4"
    path.write_bytes(b"of yesterday")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path) as writer:  # noqa: PT012
        for number in range(30):
            writer.write(numbered()(number), number / 25)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"of yesterday"
    assert len(decoded(part_name(path))) == 30


def test_a_writer_without_a_frame_leaves_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "none.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from mien.recognize.video.frames import probe
from mien.recognize.video.writer import VideoWriter
from videos import numbered
with VideoWriter({path!r}, like=probe({source!r})) as writer:
    for number in range(100):
        writer.write(numbered()(number), number / 25)
    print("written", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_kill_leaves_a_video_that_plays_up_to_the_last_second(
    suffix: str, tmp_path: Path
) -> None:
    source, path = tmp_path / "clip.mp4", tmp_path / f"copy{suffix}"
    make_video(source, times_s=steady_times(200), sound=True)
    code = KILLED.format(tests=str(TESTS), path=str(path), source=str(source))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.kill()
    process.communicate()

    found = decoded(part_name(path))

    assert not path.exists()
    assert found[-1][0] >= 3.96 - 1.0
    assert [number_of(image) for _, image in found] == list(range(len(found)))
    assert probe(part_name(path)).has_sound


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the sizes of files")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_said_in_a_sentence(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"big{suffix}"
    random = np.random.default_rng(0)
    with (  # noqa: PT012
        limited_file_size(40_000),
        pytest.raises(OutputError, match="cannot be written; file too large"),
        VideoWriter(path) as writer,
    ):
        for number in range(200):
            writer.write(random.integers(0, 255, (96, 128, 3), np.uint8), number / 25)
    assert not path.exists()


def test_what_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    for name, message in {
        "folder.mp4": "it is a folder",
        "clip.gif": "expected a name that ends in",
        "clip": "expected a name that ends in",
        "missing/clip.mp4": "cannot be written",
        "a" * 300 + ".mp4": "cannot be written",
    }.items():
        with pytest.raises(OutputError, match=message), VideoWriter(tmp_path / name) as writer:
            writer.write(numbered()(0), 0.0)


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        writer.write(numbered()(0), 0.0)
        with pytest.raises(ImageError, match="64 x 48 pixels, as the first; got 32 x 32"):
            writer.write(numbered(32, 32)(0), 0.04)
