from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from fakes import a_reading, a_tracked_reading
from mien import EMOTIONS, ImageError, annotate
from mien.labels import COLORS
from mien.output.overlay import Annotator
from mien.readings import Box, Image


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
    other = replace(reading, emotion="sad")  # the plate does not tell which it might have been
    assert (annotate(image, [other], bars=False) == found).all()


def test_a_face_of_a_video_is_labelled_with_the_number_of_the_person() -> None:
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
    # Letters that are drawn between the pixels would shimmer in a video.
    plates = []
    for shift in (0.0, 0.3, 7.6):
        reading = a_reading((100.0 + shift, 80.0 + shift, 200.0 + shift, 200.0 + shift))
        found = annotate(gray(), [reading], bars=False)
        rows, columns = np.nonzero((found[: int(80 + shift)] != 128).any(2))
        plates.append(found[rows.min() : rows.min() + 15, columns.min() : columns.max()])
    assert (plates[0] == plates[1]).all()
    assert (plates[0] == plates[2]).all()


def test_bars_can_be_left_out_and_what_was_drawn_before_changes_nothing() -> None:
    image, readings = gray(), [a_reading((20.0, 80.0, 120.0, 200.0))]
    with_bars, without = annotate(image, readings), annotate(image, readings, bars=False)
    assert (with_bars != image).sum() > (without != image).sum()
    assert (without[60:260, 140:] == 128).all()
    annotate(np.zeros_like(image), [a_reading((250.0, 80.0, 350.0, 200.0), "sad"), *readings])
    assert (annotate(image, readings) == with_bars).all()
    nobody = annotate(image, [])
    assert (nobody == image).all()
    assert not np.shares_memory(nobody, image)


def face_at(x: float, y: float, height: float) -> Box:
    """A box around x, y, as slim as a face."""
    return x - 0.4 * height, y - height / 2, x + 0.4 * height, y + height / 2


def panels(bars: Image, without: Image) -> list[tuple[int, int, int, int]]:
    """x, y, width and height of each panel of bars, from the left."""
    changed = (bars != without).any(2).astype(np.uint8)
    closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    return sorted((int(x), int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:count])


def panels_of(image: Image, boxes: list[Box]) -> list[tuple[int, int, int, int]]:
    readings = [a_reading(box) for box in boxes]
    found = panels(annotate(image, readings), annotate(image, readings, bars=False))
    for x, y, width, height in found:
        for x0, y0, x1, y1 in boxes:
            assert x >= x1 or x + width <= x0 or y >= y1 or y + height <= y0
    return found


@pytest.mark.parametrize(
    ("width", "height", "boxes"),
    [
        (640, 480, [face_at(320, 240, 192)]),  # 40 % of the height, in the middle
        (640, 480, [face_at(320, 240, 420)]),
        (640, 480, [face_at(190, 230, 192), face_at(450, 220, 192)]),
        (640, 480, [face_at(110, 230, 170), face_at(320, 230, 170), face_at(530, 230, 170)]),
        (1280, 720, [face_at(400, 360, 300), face_at(880, 360, 300)]),
        (300, 900, [face_at(150, 300, 250)]),
        (3840, 2160, [face_at(1000, 1000, 900), face_at(2500, 1000, 700)]),
        (1200, 800, [face_at(130 + 230 * i, 250 + 320 * j, 110) for i in range(5) for j in (0, 1)]),
    ],
)
def test_every_face_has_bars_where_there_is_room(width: int, height: int, boxes: list[Box]) -> None:
    assert len(panels_of(gray(height, width), boxes)) == len(boxes)


def test_letters_of_bars_shrink_only_where_room_is_short() -> None:
    places = ((1280, face_at(300, 360, 200)), (1280, face_at(640, 360, 200)))
    alone, wide, narrow = (
        panels_of(gray(720, width), [face])[0][3]
        for width, face in (*places, (400, face_at(200, 360, 330)))
    )
    assert narrow < wide == alone


def test_several_faces_are_numbered_as_tables_count_them() -> None:
    boxes = [(20.0, 80.0, 120.0, 200.0), (250.0, 80.0, 350.0, 200.0)]
    pair = annotate(gray(), [a_reading(box) for box in boxes], bars=False)
    alone = [annotate(gray(), [a_reading(box)], bars=False) for box in boxes]
    plates = [
        annotate(gray(), [a_tracked_reading(number, box=box)], bars=False)
        for number, box in enumerate(boxes, start=1)
    ]
    assert (pair[:, :200] == plates[0][:, :200]).all()
    assert (pair[:, 200:] == plates[1][:, 200:]).all()
    assert (pair[:, :200] != alone[0][:, :200]).any()  # a face alone needs no number


def video_of(places: list[list[Box]]) -> list[list[tuple[float, ...] | None]]:
    """Of each frame of 640 x 480, where the bars of each face lie from its middle, and how large.

    None where a face has no bars.
    """
    annotator, frames = Annotator(), []
    for boxes in places:
        found: list[tuple[float, ...] | None] = []
        readings = [a_tracked_reading(track, box=box) for track, box in enumerate(boxes, start=1)]
        drawn = annotator(gray(480, 640), readings)
        for box, layout in zip(boxes, annotator._kept.values(), strict=True):
            if layout.bars is None:
                found.append(None)
                continue
            x0, y0, x1, y1 = layout.bars.place
            assert (drawn[round((y0 + y1) / 2), round(x0) + 2] < 60).all()  # it is drawn there
            side = (x0 + x1 - box[0] - box[2]) / 2, (y0 + y1 - box[1] - box[3]) / 2
            found.append((*side, round(x1 - x0), round(y1 - y0)))
        frames.append(found)
    return frames


def swaying(count: int, face_px: float) -> list[list[Box]]:
    """Faces side by side that sway, and whose boxes tremble as a detector's do."""
    random = np.random.default_rng(count)
    return [
        [
            face_at(
                640 * (i + 1) / (count + 1) + 25 * np.sin(frame / 8) + random.normal(0, 2),
                230 + random.normal(0, 2),
                face_px * random.uniform(0.93, 1.07),
            )
            for i in range(count)
        ]
        for frame in range(60)
    ]


@pytest.mark.parametrize(("count", "face_px"), [(1, 85), (1, 192), (1, 300), (2, 150), (2, 192)])
def test_bars_of_a_video_stay_on_their_side_and_as_large_as_they_are(
    count: int, face_px: float
) -> None:
    frames = video_of(swaying(count, face_px))
    shown = [[bars for bars in found if bars] for found in frames]
    shown = shown[next(i for i, found in enumerate(shown) if len(found) == count) :]
    assert len(shown) > 30
    assert {len(found) for found in shown} == {count}
    for before, after in pairwise(shown):
        for first, second in zip(before, after, strict=True):
            assert first[2:] == second[2:]
            # The middle of the bars goes with the border of the box, or stays inside the image.
            assert abs(first[0] - second[0]) < 0.25 * face_px
            assert abs(first[1] - second[1]) < 0.25 * face_px


def test_bars_change_seldom_where_room_is_short() -> None:
    frames = video_of(swaying(3, 150))
    sizes = [[bars[2:] if bars else None for bars in found] for found in frames]
    assert sum(a != b for a, b in pairwise(sizes)) <= 4
    assert sum(bars is not None for found in sizes for bars in found) > 0.8 * 3 * len(frames)


def test_bars_without_room_come_back_only_when_there_is_plenty() -> None:
    near, far = face_at(320, 240, 470), face_at(320, 240, 380)
    edge = [[face_at(320, 240, height)] for height in (436, 444) * 20]
    shown = [found[0] is not None for found in video_of([[far], [near], *edge, *[[far]] * 30])]
    assert shown[:2] == [True, False]
    assert not any(shown[2 : 2 + len(edge)])
    assert shown[-1]


@pytest.mark.parametrize("emotion", ["happy", "surprise"])
def test_a_label_is_whole_on_a_face_of_fer2013(emotion: str) -> None:
    image = np.full((48, 48, 3), 200, np.uint8)
    reading = a_reading((4.0, 14.0, 44.0, 46.0), emotion)
    shares = [0.94, 0.97]
    four, seven = (
        annotate(image, [replace(reading, probability=share)], bars=False) for share in shares
    )
    assert (four != seven).any()  # what tells them apart is the last digit


def test_a_label_of_a_video_keeps_the_size_of_its_letters() -> None:
    draw, heights = Annotator(bars=False), set()
    for height in (96, 100, 104, 108, 98, 95):
        box = face_at(200, 150, height)
        found = draw(gray(), [a_tracked_reading(1, box=box)])
        rows = np.nonzero((found[: int(box[1])] != 128).any((1, 2)))[0]
        heights.add(int(box[1]) - rows.min())
    assert max(heights) - min(heights) <= 1  # of rounding the place


def test_a_label_without_a_free_place_hides_as_little_of_other_faces_as_it_can() -> None:
    face, above, below = (
        (100.0, 100.0, 160.0, 180.0),
        (80.0, 40.0, 220.0, 130.0),
        (80.0, 190.0, 240.0, 270.0),
    )
    found = annotate(gray(), [a_reading(box) for box in (face, above, below)], bars=False)
    assert (found[82:98, 105:155] == 128).all()  # of the face above
    assert tuple(found[183, 110]) == COLORS["happy"]  # over the top of the one below


def test_a_label_of_a_video_stays_where_all_places_hide_about_as_much() -> None:
    random = np.random.default_rng(0)
    annotator, corners = Annotator(bars=False), []
    for _ in range(40):
        boxes = [
            face_at(80 + 50 * i + random.normal(0, 1), 60 + 60 * j + random.normal(0, 1), 100)
            for i in range(5)
            for j in range(3)
        ]
        annotator(
            gray(), [a_tracked_reading(track, box=box) for track, box in enumerate(boxes, start=1)]
        )
        corners.append([layout.corner for layout in annotator._kept.values()])
    moves = np.count_nonzero(np.diff(corners, axis=0))
    assert moves < 0.05 * np.size(corners)


@pytest.mark.parametrize(
    "boxes",
    [
        [(-50.0, -40.0, 60.0, 80.0)],
        [(350.0, 250.0, 470.0, 380.0)],
        [(-100.0, -100.0, 600.0, 500.0)],
        [(100.5, 100.5, 100.5, 100.5)],
        [(100.0, 100.0, 101.0, 101.0)],
        [(0.0, 0.0, 400.0, 300.0)],
        [(-300.0, 20.0, -200.0, 120.0)],
        [(x, y, x + 25.0, y + 25.0) for x in range(0, 380, 30) for y in range(0, 280, 30)],
    ],
)
def test_faces_of_every_size_and_place(boxes: list[Box]) -> None:
    assert_drawn(gray(), *boxes)


def test_images_of_every_size_views_and_locked_arrays() -> None:
    for height, width in ((8, 8), (8, 400), (400, 8), (30, 30), (3000, 2000)):
        assert_drawn(gray(height, width), (1.0, 1.0, width - 1.0, height - 1.0))
    levels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert_drawn(levels[::-1, ::-1], (100.0, 80.0, 200.0, 200.0))
    levels.setflags(write=False)
    found = assert_drawn(levels, (100.0, 80.0, 200.0, 200.0))
    assert found.flags.writeable


def test_what_is_no_rgb_image_is_refused() -> None:
    others: list[Any] = [gray(40, 40)[:, :, 0], gray(40, 40) / 255, "portrait.jpg"]
    for image in others:
        with pytest.raises(ImageError, match=r"expected \(H, W, 3\) uint8"):
            annotate(image, [])
