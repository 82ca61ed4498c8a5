import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from mien import Face, Framing, ImageError, crop_faces
from mien.readings import Box, Image, Landmarks
from mien.recognize.crops import whole_image_crop
from mien.recognize.faces import WholeImage

PLAIN = Framing(side=1.0, shift_x=0.0, shift_y=0.0)


def flat(level: int, height: int = 100, width: int = 120) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def noise(height: int = 100, width: int = 120) -> Image:
    """Gray."""
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 1), dtype=np.uint8)
    return levels.repeat(3, axis=2)


def crop(
    image: Image, box: Box, framing: Framing = PLAIN, margin: float = 0.0
) -> NDArray[np.int64]:
    crops = crop_faces(image, [Face(box, 1.0)], framing, margin=margin)
    levels: NDArray[np.int64] = crops[0].astype(np.int64)
    return levels


def test_every_gray_level_of_a_whole_crop_is_kept() -> None:
    levels = np.resize(np.arange(256, dtype=np.uint8), (48, 48))
    assert (whole_image_crop(np.repeat(levels[:, :, None], 3, axis=2)) == levels).all()
    for height, width in ((8, 8), (47, 49), (96, 96), (100, 80), (700, 48)):
        assert np.array_equal(whole_image_crop(flat(93, height, width)), flat(93, 48, 48)[:, :, 0])


@pytest.mark.parametrize(
    ("box", "margin"),
    [
        ((20.0, 30.0, 68.0, 78.0), 0.0),
        ((32.0, 30.0, 56.0, 78.0), 0.0),  # the longer side counts
        ((20.0, 42.0, 68.0, 66.0), 0.0),
        ((32.0, 42.0, 56.0, 66.0), 0.5),  # on each side
    ],
)
def test_a_frame_on_whole_pixels_is_cut_out_unchanged(box: Box, margin: float) -> None:
    for image in (noise(), noise()[::-1, ::-1]):
        assert (crop(image, box, margin=margin) == image[30:78, 20:68, 0]).all()


def test_colors_weigh_as_luma() -> None:
    image = flat(0)
    image[:] = (200, 100, 50)
    assert np.abs(crop(image, (10, 10, 90, 90)) - (0.299 * 200 + 0.587 * 100 + 5.7)).max() <= 1


# Eyes and box of a face at rest, around its middle, and the framing that cuts it.
EYES = np.array([[-20.0, -12.0], [20.0, -12.0]])
BOX_SIDE = 90.0
FRAMING = Framing(side=1.2, shift_x=0.03, shift_y=-0.05)


def image_of_eyes(
    scale: float, degrees: float, x: float, y: float
) -> tuple[Image, Face, NDArray[np.float64]]:
    """A white dot at each eye of a face that is scaled, turned clockwise and moved to x, y."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    eyes = scale * EYES @ turn.T + (x, y)
    down, across = np.mgrid[:400, :500] + 0.5  # centers of the pixels
    light = sum(
        np.exp(-((across - ex) ** 2 + (down - ey) ** 2) / (2 * (3 * scale) ** 2)) for ex, ey in eyes
    )
    image = np.repeat((255 * np.clip(light, 0, 1)).astype(np.uint8)[:, :, None], 3, axis=2)
    half = scale * BOX_SIDE / 2
    points = [(float(px), float(py)) for px, py in eyes]
    landmarks: Landmarks = (points[0], points[1], (x, y), (x, y), (x, y))
    return image, Face((x - half, y - half, x + half, y + half), 1.0, landmarks), eyes


def centers_of_light(found: NDArray[np.uint8]) -> NDArray[np.float64]:
    """x, y of the light in the left and in the right half, from the crop's corner."""
    down, across = np.mgrid[:48, :48] + 0.5
    light = found.astype(float)
    return np.array(
        [
            [(grid * light)[:, half].sum() / light[:, half].sum() for grid in (across, down)]
            for half in (np.s_[:24], np.s_[24:])
        ]
    )


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("degrees", [-40, -10, 0, 25])
@pytest.mark.parametrize(("x", "y"), [(250.0, 200.0), (231.5, 187.25)])
def test_eyes_come_to_the_same_level_places(
    scale: float, degrees: float, x: float, y: float
) -> None:
    image, face, _ = image_of_eyes(scale, degrees, x, y)
    (found,) = crop_faces(image, [face], FRAMING)
    shift = np.array([FRAMING.shift_x, FRAMING.shift_y]) * BOX_SIDE
    expected = 24 + (EYES - shift) * 48 / (FRAMING.side * BOX_SIDE)
    assert centers_of_light(found) == pytest.approx(expected, abs=0.6)


def test_without_landmarks_the_frame_is_not_turned() -> None:
    image, face, eyes = image_of_eyes(1.0, 25.0, 250.0, 200.0)
    (found,) = crop_faces(image, [Face(face.box, 1.0)], PLAIN)
    expected = 24 + (eyes - (250.0, 200.0)) * 48 / BOX_SIDE
    assert centers_of_light(found) == pytest.approx(expected, abs=0.6)


def test_rows_belong_to_faces() -> None:
    image = flat(10)
    image[:, 60:] = 200
    faces = [Face((5.0, 5.0, 45.0, 45.0), 1.0), Face((70.0, 5.0, 110.0, 45.0), 1.0)]
    assert crop_faces(image, faces, PLAIN).mean(axis=(1, 2)).tolist() == [10, 200]
    none = crop_faces(image, [], PLAIN)
    assert none.shape == (0, 48, 48)
    assert none.dtype == np.uint8


def test_beyond_the_border_its_pixels_go_on() -> None:
    image = flat(0)
    image[:, :1] = 250  # the left column
    found = crop(image, (-24.0, 20.0, 24.0, 68.0))
    assert (found[:, :24] == 250).all()
    assert (found[:, 26:] == 0).all()


@pytest.mark.parametrize(
    "box",
    [
        (-300.0, -300.0, -250.0, -250.0),
        (1e4, 20.0, 1e4 + 50, 70.0),
        (1e7, 1e7, 1e7 + 50, 1e7 + 50),
        (-1e8, -1e8, 1e8, 1e8),
        (50.0, 50.0, 50.0, 50.0),
        (50.0, 50.0, 50.001, 50.001),
        (0.0, 0.0, 1.0, 1.0),
        (-900.0, 0.0, 900.0, 10.0),
    ],
)
def test_extreme_boxes_of_a_flat_image_give_flat_crops(box: Box) -> None:
    assert (crop(flat(77), box) == 77).all()


def test_fine_patterns_shrink_to_their_mean() -> None:
    pattern = np.zeros((2000, 2000, 3), np.uint8)
    pattern[::2, 1::2] = pattern[1::2, ::2] = 255
    for side in (96, 131, 200, 768, 1000, 1536, 1999):
        for corner in (0.0, 0.5):
            found = crop(pattern, (corner, corner, corner + side, corner + side))
            assert np.abs(found[1:-1, 1:-1] - 127.5).max() < 20, (side, corner)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((50, 50), np.uint8),
        ((50, 50, 4), np.uint8),
        ((50, 50, 3), np.float32),
        ((1, 50, 50, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_by_what_they_are(shape: tuple[int, ...], dtype: type) -> None:
    message = re.escape(
        f"expected (H, W, 3) uint8, as mien.load_image gives; got {shape} {np.dtype(dtype)}"
    )
    with pytest.raises(ImageError, match=message):
        crop_faces(np.zeros(shape, dtype), [Face((0, 0, 20, 20), 1.0)], PLAIN)


def test_a_cut_out_face_is_kept_and_made_square_by_repeating_its_border() -> None:
    def cut(image: Image, margin: float = 0.0) -> NDArray[np.uint8]:
        whole = WholeImage()
        (found,) = crop_faces(image, whole.detect(image), whole.framing, margin=margin)
        return np.asarray(found)

    for margin in (0.0, 0.2):
        assert (cut(noise(48, 48), margin) == noise(48, 48)[:, :, 0]).all()
    image = flat(60, 96, 48)
    image[:, :12], image[:, 36:] = 10, 200
    assert (cut(image)[:, :17] == 10).all()
    assert (cut(image)[:, 31:] == 200).all()
    assert (cut(image)[:, 19:29] == 60).all()  # 24 of 96 pixels, not stretched
