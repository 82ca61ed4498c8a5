from dataclasses import replace

import numpy as np
import pytest

from fakes import a_reading, a_tracked_reading
from mien import EMOTIONS, annotate
from mien.faces import Box
from mien.images import Image
from mien.labels import COLORS


def gray(height: int = 300, width: int = 400) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def assert_drawn(image: Image, *boxes: Box, emotion: str = "happy") -> Image:
    before = image.copy()
    found = annotate(image, [a_reading(box, emotion) for box in boxes])
    assert (image == before).all()
    assert found.shape == image.shape
    assert found.dtype == np.uint8
    assert not np.shares_memory(found, image)
    assert (found != image).any()
    return found


def test_without_faces_it_is_a_copy() -> None:
    image = gray()
    found = annotate(image, [])
    assert (found == image).all()
    assert not np.shares_memory(found, image)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_box_has_the_color_of_the_emotion(emotion: str) -> None:
    found = assert_drawn(gray(), (100.0, 80.0, 200.0, 200.0), emotion=emotion)
    for x, y in ((100, 140), (200, 140), (150, 200)):  # on its sides, off the rounded corners
        assert tuple(found[y, x]) == COLORS[emotion]
    assert (found[120:170, 120:180] == 128).all()  # the face itself stays to be seen


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_unsure_face_has_no_color_of_an_emotion_and_is_seen_on_every_ground(level: int) -> None:
    image = np.full((300, 400, 3), level, np.uint8)
    reading = replace(a_reading((100.0, 80.0, 200.0, 200.0)), unsure=True)
    found = annotate(image, [reading], bars=False).astype(int)

    assert (found.max(axis=2) - found.min(axis=2)).max() < 10  # gray, all of it
    side = found[140, 96:106, 0]  # across the left side of the box
    assert side.max() - side.min() > 200
    assert (found[120:170, 120:180] == level).all()


def test_an_unsure_face_is_labelled_otherwise_than_a_sure_one() -> None:
    box = (100.0, 80.0, 200.0, 200.0)
    sure, unsure = a_reading(box), replace(a_reading(box), unsure=True)
    assert (annotate(gray(), [sure]) != annotate(gray(), [unsure])).any()
    other = replace(unsure, emotion="sad")  # the plate does not tell which it might have been
    assert (annotate(gray(), [unsure], bars=False) == annotate(gray(), [other], bars=False)).all()


def test_a_face_of_a_film_is_labelled_with_the_number_of_the_person() -> None:
    box = (100.0, 80.0, 200.0, 200.0)
    plain = a_reading(box)
    first, second = (a_tracked_reading(track, box=box) for track in (1, 2))
    drawn = [annotate(gray(), [reading], bars=False) for reading in (plain, first, second)]
    widths = [(found[77, 100:] == COLORS["happy"]).all(1).sum() for found in drawn]
    assert widths[0] < widths[1]  # the plate, just above the box
    assert (drawn[1] != drawn[2]).any()
    unsure = [replace(reading, unsure=True) for reading in (first, second)]
    assert (annotate(gray(), unsure[:1]) != annotate(gray(), unsure[1:])).any()


def test_a_label_looks_the_same_wherever_a_face_moves() -> None:
    # Letters that are drawn between the pixels would shimmer in a film.
    plates = []
    for shift in (0.0, 0.3, 7.6):
        reading = a_reading((100.0 + shift, 80.0 + shift, 200.0 + shift, 200.0 + shift))
        found = annotate(gray(), [reading], bars=False)
        rows, columns = np.nonzero((found[: int(80 + shift)] != 128).any(2))
        plates.append(found[rows.min() : rows.min() + 15, columns.min() : columns.max()])
    assert (plates[0] == plates[1]).all()
    assert (plates[0] == plates[2]).all()


def test_what_is_drawn_once_does_not_change_what_is_drawn_next() -> None:
    readings = [
        a_reading((20.0, 80.0, 120.0, 200.0)),
        a_reading((250.0, 80.0, 350.0, 200.0), "sad"),
    ]
    first = annotate(gray(), readings)
    annotate(np.zeros((300, 400, 3), np.uint8), readings[::-1])
    assert (annotate(gray(), readings) == first).all()


def test_bars_can_be_left_out() -> None:
    image, readings = gray(), [a_reading((20.0, 80.0, 120.0, 200.0))]
    with_bars, without = annotate(image, readings), annotate(image, readings, bars=False)
    assert (with_bars != image).sum() > (without != image).sum()
    assert (without[60:260, 140:] == 128).all()


def test_bars_hide_no_other_face() -> None:
    boxes = [(20.0, 80.0, 120.0, 200.0), (150.0, 80.0, 250.0, 200.0), (280.0, 80.0, 380.0, 200.0)]
    found = assert_drawn(gray(), *boxes)
    for x0, y0, x1, y1 in boxes:
        inside = found[int(y0) + 10 : int(y1) - 10, int(x0) + 10 : int(x1) - 10]
        assert (inside == 128).all()


def test_many_faces() -> None:
    corners = [(x, y) for x in range(0, 380, 30) for y in range(0, 280, 30)]
    assert_drawn(gray(), *[(float(x), float(y), x + 25.0, y + 25.0) for x, y in corners])


@pytest.mark.parametrize(
    "box",
    [
        (-50.0, -40.0, 60.0, 80.0),
        (350.0, 250.0, 470.0, 380.0),
        (-100.0, -100.0, 600.0, 500.0),
        (100.5, 100.5, 100.5, 100.5),
        (100.0, 100.0, 101.0, 101.0),
        (0.0, 0.0, 400.0, 300.0),
        (-300.0, 20.0, -200.0, 120.0),
    ],
)
def test_faces_of_every_size_and_place(box: Box) -> None:
    assert_drawn(gray(), box)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 400), (400, 8), (30, 30), (3000, 2000)])
def test_pictures_of_every_size(height: int, width: int) -> None:
    assert_drawn(gray(height, width), (1.0, 1.0, width - 1.0, height - 1.0))


def test_views_and_locked_arrays() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert_drawn(levels[::-1, ::-1], (100.0, 80.0, 200.0, 200.0))
    levels.setflags(write=False)
    found = assert_drawn(levels, (100.0, 80.0, 200.0, 200.0))
    assert found.flags.writeable
