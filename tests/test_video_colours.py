"""Colors are those that a player shows on an ordinary screen."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien.recognize.video.colors import screen_table
from mien.recognize.video.frames import frames, probe

HLG, PQ = 18, 16
SKIN = {"light": (224, 172, 140), "dark": (141, 85, 36), "pale": (250, 219, 180)}
BT709 = (0.2126, 0.0722)  # shares of red and blue in luma
BT601 = (0.299, 0.114)
BT2020 = (0.2627, 0.0593)


def planes(
    rgb: tuple[float, float, float], shares: tuple[float, float], bits: int = 8, full: bool = False
) -> list[int]:
    """Luma and the two chroma values of a color of 0 to 1, as video stores them."""
    red, green, blue = rgb
    luma = shares[0] * red + (1 - sum(shares)) * green + shares[1] * blue
    chroma = [(blue - luma) / (2 - 2 * shares[1]), (red - luma) / (2 - 2 * shares[0])]
    unit = 2 ** (bits - 8)
    low, range_, span = (0, 255, 255) if full else (16, 219, 224)
    return [round(unit * v) for v in (low + range_ * luma, *(128 + span * c for c in chroma))]


def make_color(
    path: Path,
    values: list[int],
    *,
    size: tuple[int, int] = (64, 48),
    pixels: str = "yuv420p",
    codec: str = "ffv1",
    matrix: int = 2,
    transfer: int = 2,
    primaries: int = 2,
    full: bool = False,
    rotation: int = 0,
) -> None:
    """Write three frames of one color, exactly; tags of 2 say nothing."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        context = stream.codec_context
        context.colorspace, context.color_trc = matrix, transfer
        context.color_primaries, context.color_range = primaries, 2 if full else 1
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(3):
            frame = av.VideoFrame(*size, pixels)
            kind = np.uint16 if "10" in pixels else np.uint8
            for plane, value in zip(frame.planes, values, strict=True):
                plane.update(np.full(plane.buffer_size // kind().nbytes, value, kind).tobytes())
            frame.colorspace, frame.color_trc = matrix, transfer
            frame.color_primaries, frame.color_range = primaries, 2 if full else 1
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def shown(path: Path) -> np.ndarray:
    """(3,) RGB in the middle of the second frame."""
    image = list(frames(path))[1].image
    return np.asarray(image[image.shape[0] // 2, image.shape[1] // 2], int)


HDR = {"matrix": 9, "primaries": 9, "pixels": "yuv420p10le"}


@pytest.mark.parametrize(("transfer", "signal"), [(HLG, 0.75), (PQ, 0.58)], ids=["HLG", "PQ"])
def test_white_of_hdr_is_white(transfer: int, signal: float, tmp_path: Path) -> None:
    path = tmp_path / "white.mkv"
    make_color(path, planes((signal,) * 3, BT2020, 10), transfer=transfer, **HDR)  # type: ignore[arg-type]
    assert shown(path).min() >= 240
    assert np.ptp(shown(path)) <= 1


# Greys as libswscale 9.5 converts them to BT.709, in some ten times the time. An 18 % card is at
# 0.38 in both: ITU-R BT.2408, table 1.
GRAYS = {
    HLG: {0.15: 43, 0.25: 72, 0.38: 109, 0.45: 129, 0.5: 143},
    PQ: {0.15: 28, 0.25: 55, 0.38: 108, 0.45: 148, 0.5: 183},
}


@pytest.mark.parametrize("transfer", [HLG, PQ], ids=["HLG", "PQ"])
def test_below_white_tones_are_those_of_another_converter(transfer: int, tmp_path: Path) -> None:
    table = screen_table(transfer)
    assert (np.diff(table.astype(int)) >= 0).all()
    assert (table[0], table[255]) == (0, 255)
    for signal, expected in GRAYS[transfer].items():
        path = tmp_path / "gray.mkv"
        make_color(path, planes((signal,) * 3, BT2020, 10), transfer=transfer, **HDR)  # type: ignore[arg-type]
        assert np.abs(shown(path) - expected).max() <= 4, signal


@pytest.mark.parametrize("skin", SKIN)
@pytest.mark.parametrize("transfer", [HLG, PQ, 1], ids=["HLG", "PQ", "SDR"])
def test_skin_keeps_its_color_in_bt2020(skin: str, transfer: int, tmp_path: Path) -> None:
    path = tmp_path / "skin.mkv"
    narrow_to_wide = np.array(
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    light = narrow_to_wide @ (np.array(SKIN[skin]) / 255) ** 2.4
    if transfer == 1:
        signal = light ** (1 / 2.4)
    else:  # the value that the table shows so
        table = screen_table(transfer).astype(float)
        signal = np.interp(255 * light ** (1 / 2.4), table, np.arange(256)) / 255
    red, green, blue = signal
    make_color(path, planes((red, green, blue), BT2020, 10), transfer=transfer, **HDR)  # type: ignore[arg-type]
    assert np.abs(shown(path) - SKIN[skin]).max() <= 9


SMALL, HD = (720, 576), (1280, 720)


@pytest.mark.parametrize(
    ("size", "shares", "matrix"),
    [(HD, BT709, 2), (SMALL, BT601, 2), (HD, BT601, 6), (SMALL, BT709, 1), ((640, 640), BT709, 2)],
    ids=["HD", "SD", "HD that says BT.601", "SD that says BT.709", "upright"],
)
def test_the_matrix_follows_from_the_size_where_nothing_is_said(
    size: tuple[int, int], shares: tuple[float, float], matrix: int, tmp_path: Path
) -> None:
    path, color = tmp_path / "color.mkv", (200, 60, 40)
    make_color(path, planes((200 / 255, 60 / 255, 40 / 255), shares), size=size, matrix=matrix)
    assert np.abs(shown(path) - color).max() <= 3


@pytest.mark.parametrize("matrix", [2, 1])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_range_and_depth_are_as_the_video_says(
    bits: int, full: bool, matrix: int, tmp_path: Path
) -> None:
    path, color = tmp_path / "color.mkv", (255, 128, 20)
    make_color(
        path,
        planes((1.0, 128 / 255, 20 / 255), BT709, bits, full),
        size=HD,
        matrix=matrix,
        full=full,
        pixels="yuv420p10le" if bits == 10 else "yuv420p",
    )
    assert np.abs(shown(path) - color).max() <= 3


def test_videos_in_rgb_are_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "screen.avi"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "rgb24"
        image = np.full((720, 1280, 3), (200, 60, 40), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    (frame,) = frames(path)
    assert frame.image[9, 9].tolist() == [200, 60, 40]


def test_a_turned_hdr_video_of_a_phone_is_upright_and_bright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mov"
    values = planes((0.75, 0.75, 0.75), BT2020, 10)
    make_color(path, values, size=(96, 64), codec="libx265", transfer=HLG, rotation=-90, **HDR)  # type: ignore[arg-type]
    info = probe(path)
    assert (info.width, info.height, info.codec) == (64, 96, "hevc")
    assert shown(path).min() >= 240
