import json
import math
from pathlib import Path
from typing import Any, get_type_hints

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien import (
    Detector,
    Face,
    Framing,
    HaarDetector,
    ImageError,
    OptionError,
    YuNetDetector,
    load_image,
)
from mien.readings import Box, Image
from mien.recognize.candidates import iou
from mien.recognize.crops import crop_faces
from mien.recognize.faces import (
    DETECTORS,
    WHOLE_IMAGE,
    WholeImage,
    detector_named,
    what_may_help,
)
from mien.recognize.yunet import YuNet

PORTRAIT_BOX: Box = (179.0, 63.0, 270.0, 175.0)  # of the face in the portrait, by eye
SAME = 0.6  # intersection over union of two boxes that mean the same face


@pytest.mark.parametrize("kind", [*DETECTORS.values(), WholeImage])
def test_type_checkers_take_it_for_a_detector(kind: type[Detector]) -> None:
    assert (
        get_type_hints(kind)["framing"] is Framing
    )  # a Final of a class is no property to Pyright


def resized(image: Image, scale: float) -> Image:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def on_canvas(image: Image, height: int, width: int, *, x: int, y: int) -> Image:
    canvas = np.full((height, width, 3), 128, np.uint8)
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
    return canvas


def box_at(scale: float, x: float = 0.0, y: float = 0.0) -> Box:
    x0, y0, x1, y1 = (scale * side for side in PORTRAIT_BOX)
    return x0 + x, y0 + y, x1 + x, y1 + y


def only(faces: list[Face]) -> Face:
    assert len(faces) == 1
    return faces[0]


def eyes_tilt(face: Face) -> float:
    """Degrees, clockwise."""
    assert face.landmarks is not None
    (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
    return math.degrees(math.atan2(left_y - right_y, left_x - right_x))


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0, 2.0, 5.0])
def test_boxes_follow_the_size_of_the_image(portrait_image: Image, scale: float) -> None:
    face = only(YuNetDetector().detect(resized(portrait_image, scale)))
    assert iou(face.box, box_at(scale)) > 0.7


@pytest.mark.parametrize(
    ("height", "width", "x", "y"),
    [(520, 1200, 600, 5), (1200, 520, 5, 600), (1500, 2000, 1100, 800), (513, 517, 3, 1)],
)
def test_boxes_follow_the_place_in_the_image(
    portrait_image: Image, height: int, width: int, x: int, y: int
) -> None:
    image = on_canvas(portrait_image, height, width, x=x, y=y)
    face = only(YuNetDetector().detect(image))
    assert iou(face.box, box_at(1.0, x, y)) > 0.8


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_haar_boxes_follow_the_size_of_the_image(portrait_image: Image, scale: float) -> None:
    faces = HaarDetector().detect(resized(portrait_image, scale))
    assert iou(faces[0].box, box_at(scale)) > SAME
    assert faces[0].landmarks is None


def test_landmarks_are_in_order_and_inside_the_box(portrait_image: Image) -> None:
    face = only(YuNetDetector().detect(resized(portrait_image, 2.0)))
    assert face.landmarks is not None
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    x0, y0, x1, y1 = face.box
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in face.landmarks)
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < nose[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    assert right_eye == pytest.approx((406, 206), abs=10)  # by eye
    assert left_eye == pytest.approx((490, 206), abs=10)


def test_a_mirrored_image_has_mirrored_boxes(portrait_image: Image) -> None:
    face = only(YuNetDetector().detect(np.ascontiguousarray(portrait_image[:, ::-1])))
    x0, y0, x1, y1 = PORTRAIT_BOX
    assert iou(face.box, (512 - x1, y0, 512 - x0, y1)) > 0.8
    assert face.landmarks is not None
    assert face.landmarks[0][0] < face.landmarks[1][0]  # the right eye is still at the left


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_turned_image(portrait_image: Image, degrees: float) -> None:
    x, y = (PORTRAIT_BOX[0] + PORTRAIT_BOX[2]) / 2, (PORTRAIT_BOX[1] + PORTRAIT_BOX[3]) / 2
    turn = cv2.getRotationMatrix2D((x, y), -degrees, 1.0)  # clockwise
    turned = np.asarray(cv2.warpAffine(portrait_image, turn, (512, 512)), np.uint8)
    assert iou(only(YuNetDetector().detect(turned)).box, PORTRAIT_BOX) > SAME

    # YuNet sees the tilt of large faces only, and less of it than there is.
    close_up = resized(turned[round(y) - 75 : round(y) + 75, round(x) - 75 : round(x) + 75], 4.0)
    assert 0.4 < eyes_tilt(only(YuNetDetector().detect(close_up))) / degrees < 1.3


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(512, 512), (500, 380), (900, 1400)])
def test_a_scan_on_its_side_is_read_as_if_it_were_upright(
    portrait_image: Image, quarters: int, height: int, width: int
) -> None:
    upright = on_canvas(portrait_image[:height, 40:400], height, width, x=10, y=0)
    detector = YuNetDetector()
    expected = only(detector.detect(upright))
    scan = np.ascontiguousarray(np.rot90(upright, quarters))

    face = only(detector.detect(scan))
    x0, y0, x1, y1 = expected.box
    for _ in range(quarters):  # counter-clockwise: what was at the right is on top
        x0, y0, x1, y1 = y0, width - x1, y1, width - x0
        height, width = width, height
    assert iou(face.box, (x0, y0, x1, y1)) > 0.85
    assert abs((eyes_tilt(face) + 90 * quarters + 180) % 360 - 180) < 15
    crops = [
        crop_faces(image, [found], detector.framing)[0].astype(float)
        for image, found in ((upright, expected), (scan, face))
    ]
    assert np.corrcoef(crops[0].ravel(), crops[1].ravel())[0, 1] > 0.95


def with_tilted_head(portrait_image: Image, degrees: float) -> Image:
    """The portrait, turned about the tip of its nose, clockwise."""
    turn = cv2.getRotationMatrix2D((224.0, 119.0), -degrees, 1.0)
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(portrait_image, turn, (512, 512), borderMode=border), np.uint8)


@pytest.mark.parametrize("degrees", [-50, -45])
def test_a_tilted_head(portrait_image: Image, degrees: float) -> None:
    tilted = with_tilted_head(portrait_image, degrees)
    face = only(YuNetDetector().detect(tilted))
    assert iou(face.box, PORTRAIT_BOX) > SAME
    assert eyes_tilt(face) == pytest.approx(degrees, abs=20)


@pytest.mark.parametrize("degrees", [-40, 40])
def test_the_tilt_of_a_face_that_is_hardly_found(portrait_image: Image, degrees: float) -> None:
    tilted = with_tilted_head(portrait_image, degrees)
    assert abs(eyes_tilt(only(YuNetDetector(second_looks=False).detect(tilted)))) < 10
    assert eyes_tilt(only(YuNetDetector().detect(tilted))) == pytest.approx(degrees, abs=12)


def test_a_tilted_head_beside_an_upright_one(portrait_image: Image) -> None:
    pair = np.concatenate([portrait_image, with_tilted_head(portrait_image, -50)], axis=1)
    upright, tilted = sorted(YuNetDetector().detect(pair), key=lambda face: face.box)
    assert iou(upright.box, PORTRAIT_BOX) > SAME
    assert iou(tilted.box, box_at(1.0, x=512)) > SAME


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The sizes of the images that the network searches from here on."""
    shapes = []
    find = YuNet.find

    def counted(network: YuNet, image: Image, least: float) -> NDArray[np.float64]:
        shapes.append(image.shape[:2])
        return find(network, image, least)

    monkeypatch.setattr(YuNet, "find", counted)
    return shapes


def test_an_image_of_a_large_upright_face_is_only_glanced_at_however_dull(
    portrait_image: Image, searched: list[tuple[int, ...]]
) -> None:
    dull = (portrait_image[20:340, 80:400] / 8.4 + 114).astype(np.uint8)
    assert only(YuNetDetector().detect(dull)).score < YuNetDetector.LEVEL_SCORES[0]
    assert YuNetDetector().detect(portrait_image)
    assert searched == [(256, 256)] * 2


def test_beside_a_small_face_others_are_looked_for(
    portrait_image: Image, searched: list[tuple[int, ...]]
) -> None:
    group = on_canvas(resized(portrait_image, 0.35), 480, 640, x=40, y=40)
    group[200:379, 400:579] = resized(portrait_image, 0.35)
    assert len(YuNetDetector().detect(group)) == 2
    assert searched[:2] == [(216, 288), (384, 512)]


def test_what_may_be_a_face_is_looked_at_again(
    portrait_image: Image, searched: list[tuple[int, ...]]
) -> None:
    dark = on_canvas((resized(portrait_image, 0.25) * 0.3).astype(np.uint8), 480, 640, x=300, y=200)
    assert only(YuNetDetector(second_looks=False).detect(dark)).score < YuNetDetector.SURE_SCORE
    assert searched == [(216, 288), (384, 512)]
    face = only(YuNetDetector().detect(dark))
    assert iou(face.box, box_at(0.25, 300, 200)) > SAME
    assert face.score > YuNetDetector.SURE_SCORE
    assert searched[2:5] == [(216, 288), (384, 512), (128, 128)]


@pytest.mark.parametrize(("size_px", "found"), [(70.0, 1), (20.0, 0)])
def test_a_small_thing_in_what_is_looked_at_is_another_one(
    monkeypatch: pytest.MonkeyPatch, size_px: float, found: int
) -> None:
    def find(network: YuNet, image: Image, least: float) -> NDArray[np.float64]:
        row = np.zeros((1, 15))
        if image.shape == (384, 512, 3):  # the search
            row[0, :4], row[0, 14] = (200, 100, 80, 80), 0.6
        elif image.shape == (128, 128, 3):  # the look
            row[0, :4], row[0, 14] = (64 - size_px / 2, 64 - size_px / 2, size_px, size_px), 0.95
        return row[row[:, 14] >= least]

    monkeypatch.setattr(YuNet, "find", find)
    faces = YuNetDetector().detect(np.zeros((480, 640, 3), np.uint8))
    assert len(faces) == found


@pytest.mark.parametrize(
    ("search", "look", "expected"),
    # Hands and torsos are faces to a look alone; its share of the score is .6.
    [
        (0.5, 0.88, 0.728),
        (0.5, 0.85, None),
        (0.75, 0.75, 0.75),
        (0.3, 0.94, None),
        (0.7, 0.69, None),
        (0.79, 0.6, None),
    ],
)
def test_the_score_is_that_of_the_search_and_of_a_look_together(
    monkeypatch: pytest.MonkeyPatch, search: float, look: float, expected: float | None
) -> None:
    def find(network: YuNet, image: Image, least: float) -> NDArray[np.float64]:
        row = np.zeros((1, 15))
        if image.shape == (384, 512, 3):
            row[0, :4], row[0, 14] = (200, 100, 80, 80), search
        elif image.shape == (128, 128, 3):
            row[0, :4], row[0, 14] = (24, 24, 80, 80), look
        return row[row[:, 14] >= least]

    monkeypatch.setattr(YuNet, "find", find)
    faces = YuNetDetector().detect(np.zeros((480, 640, 3), np.uint8))
    assert [face.score for face in faces] == ([] if expected is None else [pytest.approx(expected)])


def test_doubtful_faces_are_looked_at_side_by_side(
    portrait_image: Image, searched: list[tuple[int, ...]]
) -> None:
    dark = (resized(portrait_image, 0.25) * 0.3).astype(np.uint8)
    group = on_canvas(dark, 480, 640, x=300, y=200)
    group[20:148, 20:148] = group[320:448, 20:148] = dark
    faces = YuNetDetector().detect(group)
    for place in ((20, 20), (20, 320), (300, 200)):
        assert any(iou(face.box, box_at(0.25, *place)) > SAME for face in faces)
    assert searched[:2] == [(216, 288), (384, 512)]
    assert searched[2][0] == 128
    assert searched[2][1] >= 3 * 128
    assert (128, 128) not in searched


def test_no_part_of_a_face_is_another_one(portrait_image: Image) -> None:
    crowd = np.tile(portrait_image[40:190, 160:300], (3, 5, 1))
    assert len(YuNetDetector().detect(crowd)) == 15


def test_beside_faces_that_are_not_large_others_are_looked_for(
    portrait_image: Image, searched: list[tuple[int, ...]]
) -> None:
    head = resized(portrait_image[:400, 80:380], 0.8)
    one = on_canvas(head, 480, 640, x=20, y=60)
    two = one.copy()
    two[60 : 60 + head.shape[0], 340 : 340 + head.shape[1]] = head
    assert len(YuNetDetector().detect(one)) == 1
    assert len(searched) == 1
    searched.clear()
    assert len(YuNetDetector().detect(two)) == 2
    assert searched[1][0] > searched[0][0]
    searched.clear()
    assert len(YuNetDetector(second_looks=False).detect(two)) == 2
    assert len(searched) == 1


def test_no_image_is_looked_at_without_end(
    searched: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.zeros((400, 15))
    rows[:, :2] = np.indices((20, 20)).reshape(2, -1).T * 18
    rows[:, 2:4], rows[:, 14] = 16, 0.6

    def find(network: YuNet, image: Image, least: float) -> NDArray[np.float64]:
        searched.append(image.shape)
        return rows

    monkeypatch.setattr(YuNet, "find", find)
    YuNetDetector().detect(np.zeros((480, 640, 3), np.uint8))
    assert len(searched) < 100


def test_no_false_faces_in_what_is_turned(portrait_image: Image) -> None:
    random = np.random.default_rng(0)
    smooth = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    checks = np.kron(np.indices((12, 16)).sum(0) % 2 * 255, np.ones((30, 30)))
    blobs = np.full((360, 480, 3), 90, np.uint8)
    for _ in range(60):
        center, axes = random.integers(0, 480, 2).tolist(), random.integers(5, 60, 2).tolist()
        color = random.integers(0, 256, 3).tolist()
        cv2.ellipse(blobs, center, axes, float(random.uniform(0, 180)), 0, 360, color, -1)
    images = [
        resized(smooth, 30.0),
        np.repeat(checks[:, :, None], 3, axis=2).astype(np.uint8),
        blobs,
        portrait_image[190:],  # the suit, flags, a model of the shuttle
        np.ascontiguousarray(portrait_image[:, 300:]),
    ]
    for image in images:
        assert YuNetDetector(full_size=True).detect(image) == []


@pytest.mark.parametrize(("height", "width"), [(48, 48), (130, 100), (20, 300)])
def test_an_image_that_is_a_face(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert only(detector_named("none").detect(image)) == Face((0.0, 0.0, width, height), 1.0)


def test_the_size_of_the_search() -> None:
    assert YuNetDetector().search_size(300, 200) == (300, 200)
    assert YuNetDetector(full_size=True).search_size(4000, 3000) == (4000, 3000)
    for name in DETECTORS:
        width, height = detector_named(name).search_size(4000, 3000)  # type: ignore[attr-defined]
        assert width * height <= 640 * 640
        assert width / height == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.parametrize("name", DETECTORS)
def test_what_may_help(name: str) -> None:
    detector = detector_named(name)
    width, height = detector.search_size(4000, 3000)  # type: ignore[attr-defined]
    large = f"searched at {width}x{height}; small faces: --full-size, in Python full_size=True"
    assert what_may_help(detector, (4000, 3000), ()) == large
    assert what_may_help(detector, (4000, 3000), (500.0, 50.0)) == large
    assert what_may_help(detector, (4000, 3000), (500.0, 400.0)) == ""
    assert what_may_help(detector_named(name, full_size=True), (4000, 3000), ()) == ""
    assert "--cropped, in Python detector='none'" in what_may_help(detector, (48, 48), ())
    assert what_may_help(detector, (48, 48), (30.0,)) == ""
    assert what_may_help(detector, (96, 30), ()) == ""
    assert what_may_help(detector, (300, 300), ()) == ""
    assert what_may_help(WholeImage(), (4000, 3000), ()) == ""


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("full_size", [False, True])
def test_images_without_a_face_or_room_for_one(name: str, full_size: bool) -> None:
    detector, random = detector_named(name, full_size=full_size), np.random.default_rng(0)
    for size in (
        *((300, 400), (8, 8), (8, 4000), (4000, 8)),
        *((9, 40_000), (31, 33), (1000, 9)),
    ):
        noise = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        assert detector.detect(noise) == [], size
    for level in (0, 255):
        assert detector.detect(np.full((300, 400, 3), level, np.uint8)) == []


@pytest.mark.parametrize("name", [*DETECTORS, WHOLE_IMAGE])
@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((64, 64), np.uint8), "(64, 64) uint8"),
        (np.zeros((64, 64, 4), np.uint8), "(64, 64, 4) uint8"),
        (np.zeros((64, 64, 3), np.float32), "(64, 64, 3) float32"),
        (np.zeros((0, 64, 3), np.uint8), "(0, 64, 3) uint8"),
        ("portrait.jpg", "str"),
    ],
)
def test_what_is_no_image_is_refused(name: str, image: Any, got: str) -> None:
    with pytest.raises(ImageError, match=r"expected \(H, W, 3\) uint8") as raised:
        detector_named(name).detect(image)
    assert str(raised.value).endswith(f"got {got}")


@pytest.mark.parametrize("name", DETECTORS)
def test_small_faces_can_be_left_out(name: str, portrait_image: Image) -> None:
    large = resized(portrait_image, 2.0)  # its face has some 200 pixels
    assert detector_named(name, min_face_px=100).detect(large)
    assert detector_named(name, min_face_px=400).detect(large) == []


def test_full_size_finds_small_faces_in_large_images(portrait_image: Image) -> None:
    image = on_canvas(resized(portrait_image, 0.2), 1200, 1800, x=1100, y=700)
    assert YuNetDetector().detect(image) == []
    face = only(YuNetDetector(full_size=True).detect(image))
    assert iou(face.box, box_at(0.2, 1100, 700)) > SAME


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 7.0])
def test_full_size_loses_no_large_face_and_counts_none_twice(
    portrait_image: Image, scale: float
) -> None:
    close_up = resized(portrait_image[:250, 100:350], scale)
    face = only(YuNetDetector(full_size=True).detect(close_up))
    assert iou(face.box, box_at(scale, x=-100 * scale)) > 0.7


def test_haar_full_size_finds_small_faces_in_large_images(portrait_image: Image) -> None:
    image = on_canvas(resized(portrait_image, 0.5), 1500, 2000, x=1200, y=700)
    expected = box_at(0.5, 1200, 700)
    assert not any(iou(face.box, expected) > SAME for face in HaarDetector().detect(image))
    faces = HaarDetector(full_size=True).detect(image)
    assert any(iou(face.box, expected) > SAME for face in faces)


def test_the_surest_face_comes_first(portrait_image: Image) -> None:
    dim = resized(resized(portrait_image, 0.1), 10.0)[:, :510]
    pair = np.concatenate([dim[:500], portrait_image[:500]], axis=1)
    for detector in (YuNetDetector(min_score=0.1), HaarDetector(min_neighbors=1)):
        scores = [face.score for face in detector.detect(pair)]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) > 1


@pytest.mark.parametrize("name", DETECTORS)
def test_an_image_leaves_no_trace_in_the_next(name: str, portrait_image: Image) -> None:
    detector: Detector = detector_named(name)
    first = detector.detect(portrait_image)
    detector.detect(np.zeros((100, 900, 3), np.uint8))
    assert detector.detect(portrait_image) == first


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        *(
            (name, {option: value}, f"{option}: expected .*; got {value}")
            for name in DETECTORS
            for option, values in (
                ("min_score", (-0.1, 1.1, math.nan)),
                ("min_face_px", (-1.0, math.nan, math.inf)),
            )
            for value in values
        ),
        ("haar", {"min_neighbors": -1}, "min_neighbors: expected 0 or more; got -1"),
        ("none", {"min_face_px": 20.0}, r"takes whole images .* neither min_face_px nor full"),
        ("none", {"full_size": True}, r"takes whole images .* neither min_face_px nor full"),
        ("mtcnn", {}, "expected a detector among yunet, haar, none; got 'mtcnn'"),
    ],
)
def test_other_detectors_and_options_are_refused(
    name: str, options: dict[str, float], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        detector_named(name, **options)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),
        ((0, 0, 2, 2), (5, 5, 9, 9), 0.0),
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),
    ],
)
def test_intersection_over_union(a: Box, b: Box, expected: float) -> None:
    assert iou(a, b) == pytest.approx(expected)


def count_on_photos(detector: Detector, photos: Path) -> tuple[int, int]:
    """How many labelled faces are found, and how many boxes match none; one to one."""
    found = false = 0
    for name, labelled in json.loads((photos / "boxes.json").read_text()).items():
        open_boxes = [tuple(box) for box in labelled]
        for face in detector.detect(load_image(photos / name)):
            best = max(open_boxes, key=lambda box: iou(face.box, box), default=None)
            if best is not None and iou(face.box, best) >= 0.35:
                open_boxes.remove(best)
                found += 1
            else:
                false += 1
    return found, false


@pytest.mark.parametrize(("name", "least", "most_false"), [("yunet", 41, 2), ("haar", 36, 99)])
def test_faces_of_real_photos_are_found(
    name: str, least: int, most_false: int, photos: Path
) -> None:
    found, false = count_on_photos(detector_named(name), photos)
    assert found >= least
    assert false <= most_false
