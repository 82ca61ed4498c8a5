"""Times rise and durations are true, whatever the file says of them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as PILImage

from mien import Recognizer
from mien.errors import OptionError
from mien.recognize.video.files import VideoOptions, VideoOutcome, write_video
from mien.recognize.video.frames import frames, measured, probe
from mien.recognize.video.outputs import Outputs
from videos import (
    Draw,
    bursts_of,
    copy_video,
    decoded,
    make_video,
    moving_portrait,
    numbered,
    packet_times,
    seen,
    steady_times,
)


def remux(source: Path, path: Path) -> None:
    """Put the packets of a video into another container, with the times that they have."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def join(
    path: Path,
    parts: Sequence[tuple[float, int]],
    *,
    draw: Draw | None = None,
    sound: bool = False,
) -> None:
    """Write a transport or program stream of parts, each with a start in seconds and frames."""
    content = b""
    for start_s, count in parts:
        part = path.with_name(f"part{path.suffix}")
        make_video(
            part,
            draw,
            times_s=steady_times(count, start_s=start_s),
            codec="mpeg2video" if path.suffix == ".mpg" else "libx264",
            b_frames=2,
            sound=sound,
            sound_bursts_s=[start_s + 0.5],
        )
        content += part.read_bytes()
        part.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_of_avi_are_shown_in_order_from_zero(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "b.avi"
    make_video(path, times_s=steady_times(30), codec=codec, b_frames=2)

    found = seen(path)

    assert [number for _, _, number in found] == list(range(30))
    assert [t for _, t, _ in found] == pytest.approx(steady_times(30))
    assert seen(path, start_s=1.05, end_s=1.1) == found[27:28]


@pytest.mark.parametrize("name", ["copy.mp4", "copy.mkv"])
def test_times_of_decoding_become_times_of_showing(name: str, tmp_path: Path) -> None:
    make_video(tmp_path / "b.avi", times_s=steady_times(30), b_frames=2)
    remux(tmp_path / "b.avi", tmp_path / name)

    found = seen(tmp_path / name)

    assert [number for _, _, number in found] == list(range(30))
    steps = [after - before for (_, before, _), (_, after, _) in pairwise(found)]
    assert steps == pytest.approx([0.04] * 29, abs=1e-3)


def test_an_avi_with_frames_left_out_keeps_its_times(tmp_path: Path) -> None:
    path = tmp_path / "uneven.avi"
    times_s = [0.0, 0.04, 0.12, 0.48, 0.52, 1.0]
    make_video(path, times_s=times_s, codec="mpeg4")
    assert [t for _, t, _ in seen(path)] == pytest.approx(times_s, abs=0.04)


JOINED = {
    "again from the start": [(0.0, 50), (0.0, 50), (0.0, 25)],
    "back by an hour": [(3600.0, 50), (0.0, 75)],
    "on by an hour": [(0.0, 50), (3600.0, 75)],
}


@pytest.mark.parametrize("parts", JOINED.values(), ids=JOINED)
@pytest.mark.parametrize("name", ["joined.ts", "joined.mpg"])
def test_videos_that_were_joined_go_on(
    name: str, parts: list[tuple[float, int]], tmp_path: Path
) -> None:
    path = tmp_path / name
    join(path, parts)

    found = seen(path)

    assert [n for _, _, n in found] == [n for _, count in parts for n in range(count)]
    assert [t for _, t, _ in found] == pytest.approx(steady_times(125), abs=1e-3)
    # A part of it is the same part, wherever a search by its clock would land.
    for start_s in (1.3, 2.5, 4.5):
        part = seen(path, start_s=start_s, end_s=start_s + 0.2)
        assert part == [f for f in found if start_s <= f[1] < start_s + 0.2]
        assert len(part) == 5
    length_s = measured(probe(path)).duration_s
    assert length_s == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_sound_of_joined_videos_stays_in_step(suffix: str, tmp_path: Path) -> None:
    source, path = tmp_path / "joined.ts", tmp_path / f"copy{suffix}"
    join(source, [(10.0, 50), (0.0, 50), (0.0, 50)], sound=True)
    copy_video(source, path)

    times_s = [time_s for time_s, _ in decoded(path)]
    assert np.diff(times_s) == pytest.approx([0.04] * 149, abs=1e-3)
    bursts_s = [burst_s - times_s[0] for burst_s in bursts_of(path)]
    assert bursts_s == pytest.approx([0.5, 2.5, 4.5], abs=0.03)


@pytest.mark.parametrize(
    ("sound_codec", "suffix"),
    [("libmp3lame", ".mp4"), ("pcm_s16le", ".mp4"), ("ac3", ".mp4"), ("ac3", ".webm")],
)
def test_sound_of_avi_is_written(sound_codec: str, suffix: str, tmp_path: Path) -> None:
    source, path = tmp_path / "clip.avi", tmp_path / f"copy{suffix}"
    make_video(
        source,
        times_s=steady_times(50),
        codec="mpeg4",
        sound=True,
        sound_codec=sound_codec,
        sound_bursts_s=[0.4, 1.2],
    )
    copy_video(source, path)
    assert len(packet_times(path)) == 50
    assert bursts_of(path) == pytest.approx(bursts_of(source), abs=0.04)


def read(path: Path, model: Path, **options: Any) -> tuple[VideoOutcome, Path]:
    out = path.with_name("out.mp4")
    how = VideoOptions(**options)
    return write_video(Recognizer(model), path, Outputs(video=out), how), out


def test_a_joined_video_is_as_long_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "video.ts"
    join(path, [(50.0, 25), (0.0, 25), (0.0, 25)], draw=moving_portrait())

    outcome, out = read(path, tiny_model)

    assert outcome.info.duration_s == pytest.approx(3.0, abs=0.01)
    assert not outcome.is_cut_short
    (person,) = outcome.people
    assert person.on_screen_s == pytest.approx(3.0, abs=0.01)
    assert np.diff(packet_times(out)) == pytest.approx([0.04] * 74, abs=1e-3)
    part_of, _ = read(path, tiny_model, start_s=2.5)
    assert part_of.end_s == pytest.approx(2.96, abs=0.01)
    with pytest.raises(OptionError, match=r"from 3\.5 s on, .* it ends at 3 s"):
        read(path, tiny_model, start_s=3.5)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv"])
def test_a_length_counts_from_zero_not_from_the_first_frame(name: str, tmp_path: Path) -> None:
    make_video(tmp_path / name, times_s=steady_times(25, start_s=0.52), b_frames=2)
    assert probe(tmp_path / name).duration_s == pytest.approx(1.52, abs=0.001)


@pytest.mark.parametrize("every_s", [None, 0.5])
def test_a_program_stream_is_as_long_as_its_packets_say(
    every_s: float | None, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "video.mpg"
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg1video", rate=25, width=160, height=96)
        stream.codec_context.max_b_frames = 3
        for image in np.random.default_rng(0).integers(0, 256, (50, 96, 160, 3), dtype=np.uint8):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        file.mux(stream.encode())
    assert (probe(path).duration_s or 0.0) < 1.99  # FFmpeg takes it from the clock
    outcome, _ = read(path, tiny_model, every_s=every_s)
    assert outcome.info.duration_s == pytest.approx(2.0)


def test_a_video_without_a_length_gets_the_one_that_was_read(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bare.h264"
    make_video(path, times_s=steady_times(50))
    assert probe(path).duration_s is None
    outcome, _ = read(path, tiny_model)
    assert outcome.info.duration_s == pytest.approx(2.0)
    slower, _ = read(path, tiny_model, sequence_fps=10.0)
    assert slower.info.frame_rate == 10.0
    assert slower.info.duration_s == pytest.approx(5.0)
    with pytest.raises(OptionError, match="from 7 s on, where reading is to start; there is none"):
        read(path, tiny_model, start_s=7.0)


def test_frames_per_second_are_for_what_has_no_times(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4")
    for call in (probe, frames):
        with pytest.raises(OptionError, match=r"clip\.mp4: expected a series of images.*--every"):
            call(tmp_path / "clip.mp4", sequence_fps=10.0)
    make_video(tmp_path / "bare.h264", times_s=steady_times(5))
    assert [t for _, t, _ in seen(tmp_path / "bare.h264", sequence_fps=10.0)] == pytest.approx(
        steady_times(5, 10.0)
    )
    with pytest.raises(OptionError, match="times of its own"):
        frames(0, sequence_fps=10.0)


def test_a_video_of_dv_has_its_frame_rate(tmp_path: Path) -> None:
    path = tmp_path / "tape.dv"
    make_video(path, numbered(720, 576), times_s=steady_times(10), codec="dvvideo")
    assert probe(path).frame_rate == 25.0
    assert [t for _, t, _ in seen(path)] == pytest.approx(steady_times(10), abs=1e-3)


def test_sound_may_come_before_the_images(tmp_path: Path) -> None:
    """Frames that the decoder holds back until the end are not lost."""
    path = tmp_path / "sound_first.mkv"
    make_video(tmp_path / "clip.mp4", times_s=steady_times(30), b_frames=2, sound=True)
    with av.open(str(tmp_path / "clip.mp4")) as old, av.open(str(path), "w") as new:
        order = (old.streams.audio[0], old.streams.video[0])
        streams = {old_one.index: new.add_stream_from_template(old_one) for old_one in order}
        for packet in old.demux(*order):
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    assert [number for _, _, number in seen(path)] == list(range(30))


def test_animations_are_videos(tmp_path: Path) -> None:
    images = [PILImage.fromarray(numbered(96, 64)(number)) for number in range(6)]
    for name in ("moves.gif", "moves.png", "moves.avif"):
        path = tmp_path / name
        images[0].save(path, save_all=True, append_images=images[1:], duration=100)
        found = seen(path)
        assert [n for _, _, n in found] == list(range(6)), name
        assert [t for _, t, _ in found] == pytest.approx(steady_times(6, 10.0)), name
