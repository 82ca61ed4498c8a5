"""Facial movements: what LiteRT says of MediaPipe's own file, tables with them, and bad input."""

import json
import math
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from command_line import Mien, csv_rows
from drawn_faces import MOODS, DrawnFace, draw_face
from fakes import a_tracked_reading
from mien import ImageError, Recognizer, YuNetDetector, analyze_video
from mien.output.records import IMAGE_TABLE, MOVES, VIDEO_TABLE, face_to_dict
from mien.readings import MOVEMENTS, POSE_METHODS, FacialMovements, Image
from mien.recognize.crops import Square
from mien.recognize.movements import (
    _IN_THE_FILE,
    _SKULL,
    MOVEMENTS_FILE,
    Movements,
    movement_crop,
    movement_square,
    pose_of,
)
from mien.recognize.video.frames import Frame
from mien.recognize.video.readings import VideoSettings
from mien.rows.files import read_frames, row_writer
from mien.rows.table import read_rows
from test_quality import held
from videos import make_video, moving_portrait, steady_times

REFERENCE = Path(__file__).parent / "assets" / "movements.json"
"""What LiteRT 2.3 gives for the crops of four faces, with the networks of face_landmarker.task
(sha256 64184e22...): every ninth point, in pixels of the crop, and all 52 outputs."""


@pytest.fixture(scope="module")
def movements() -> Movements:
    return Movements()


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(movements=True)


@pytest.fixture(scope="module")
def images(portrait_image: Image) -> list[Image]:
    drawn = [draw_face(DrawnFace(MOODS[m], scale=0.4), 240) for m in ("happy", "surprise", "angry")]
    return [portrait_image, *drawn]


def crops_of(images: list[Image]) -> list[tuple[Image, Square]]:
    detector = YuNetDetector()
    squares = []
    for image in images:
        (face,) = detector.detect(image)
        square = movement_square(face, detector.framing)
        squares.append((movement_crop(image, square), square))
    return squares


def the_face(recognizer: Recognizer, image: Image) -> FacialMovements:
    (reading,) = recognizer(image)
    assert reading.movements is not None
    return reading.movements


def points_of(moved: FacialMovements) -> NDArray[np.float32]:
    assert moved.points is not None
    return moved.points


def test_the_network_gives_what_litert_gives(movements: Movements, images: list[Image]) -> None:
    crops = [crop for crop, _ in crops_of(images)]
    whole = Square(128.0, 128.0, 0.0, 256.0)
    read = movements.read_crops(crops, [whole] * len(crops))
    for moved, expected in zip(read, json.loads(REFERENCE.read_text()), strict=True):
        assert moved is not None
        assert points_of(moved)[::9] == pytest.approx(np.array(expected["points"]), abs=0.05)
        outputs = dict(zip(_IN_THE_FILE, expected["movements"], strict=True))
        assert moved.by_name() == pytest.approx({n: outputs[n] for n in MOVEMENTS}, abs=2e-3)


def test_many_faces_are_read_as_one_alone(movements: Movements, images: list[Image]) -> None:
    crops, squares = map(list, zip(*crops_of(images), strict=True))
    many = movements.read_crops(crops * 3, squares * 3)
    for i, moved in enumerate(many):
        (alone,) = movements.read_crops([crops[i % 4]], [squares[i % 4]])
        assert moved is not None
        assert alone is not None
        assert moved.values == pytest.approx(alone.values, abs=1e-4)
    assert movements.read_crops([], []) == []


def test_points_are_in_pixels_of_the_image(recognizer: Recognizer, portrait_image: Image) -> None:
    (reading,) = recognizer(portrait_image)
    assert reading.movements is not None
    assert reading.landmarks is not None
    points = points_of(reading.movements)
    assert points.shape == (478, 3)
    right_eye, left_eye, nose, *_ = reading.landmarks
    assert points[468, :2] == pytest.approx(right_eye, abs=6)  # the irises, which YuNet has lower
    assert points[473, :2] == pytest.approx(left_eye, abs=6)
    assert points[4, :2] == pytest.approx(nose, abs=6)


def test_a_smile_moves_the_corners_of_the_mouth(
    recognizer: Recognizer, portrait_image: Image
) -> None:
    moved = the_face(recognizer, portrait_image).by_name()
    assert min(moved["mouthSmileLeft"], moved["mouthSmileRight"]) > 0.8
    assert max(moved["browDownLeft"], moved["jawLeft"], moved["mouthFrownLeft"]) < 0.2


def test_a_smaller_image_and_a_tilted_head_change_some_of_it(
    recognizer: Recognizer, portrait_image: Image
) -> None:
    level = the_face(recognizer, portrait_image)
    small = np.asarray(cv2.resize(portrait_image, (300, 300), interpolation=cv2.INTER_AREA))
    turn = cv2.getRotationMatrix2D((225, 125), -20, 1.0)
    tilted = np.asarray(cv2.warpAffine(portrait_image, turn, (512, 512)), np.uint8)
    for image in (small.astype(np.uint8), tilted):
        values = the_face(recognizer, image).values
        assert np.abs(np.subtract(values, level.values)).max() < 0.35
    pose = pose_of(points_of(the_face(recognizer, tilted)))
    before = pose_of(points_of(level))
    assert pose.roll - before.roll == pytest.approx(20, abs=4)
    assert pose[:2] == pytest.approx(before[:2], abs=3)


def canonical_points(pose: Sequence[float], away_cm: float = math.inf) -> NDArray[np.float32]:
    """MediaPipe's canonical face, held so, as a camera sees it: 10 pixels to the centimeter."""
    x, y, z = held(np.array([place for _, place in _SKULL.values()]), pose).T
    nearer = 1.0 / (1.0 - z / away_cm)
    points = np.zeros((478, 3), np.float32)
    points[list(_SKULL)] = np.column_stack([x * nearer, -y * nearer, -z]) * 10 + 100
    return points


@pytest.mark.parametrize(
    "pose", [(0, 0, 0), (35, 0, 0), (0, 25, 0), (0, 0, 20), (-40, 15, -30), (25, -35, 60)]
)
def test_a_face_that_is_held_so_has_that_pose(pose: tuple[float, float, float]) -> None:
    assert pose_of(canonical_points(pose)) == pytest.approx(pose, abs=1e-3)


def test_a_near_camera_changes_little_of_the_pose() -> None:
    for yaw in range(-40, 41, 10):
        for pitch in range(-30, 31, 10):
            pose = (yaw, pitch, 0)
            assert pose_of(canonical_points(pose, away_cm=60)) == pytest.approx(pose, abs=1.7)


def test_the_pose_of_a_reading_is_that_of_its_mesh(
    recognizer: Recognizer, portrait_image: Image
) -> None:
    (plain,), (reading,) = Recognizer()(portrait_image), recognizer(portrait_image)
    assert plain.quality is not None
    assert reading.quality is not None
    assert (plain.quality.pose_method, reading.quality.pose_method) == ("points", "mesh")
    pose = pose_of(points_of(the_face(recognizer, portrait_image)))
    assert (reading.quality.yaw, reading.quality.pitch, reading.quality.roll) == pose
    assert pose == pytest.approx((-0.5, -9.3, 2.7), abs=1)
    assert plain.quality.size_px == reading.quality.size_px


def test_a_reading_as_plain_values_tells_its_movements(
    recognizer: Recognizer, portrait_image: Image
) -> None:
    (reading,), (plain,) = recognizer(portrait_image), Recognizer()(portrait_image)
    assert reading.movements is not None
    told = json.loads(json.dumps(reading.to_dict()))
    assert told == face_to_dict(reading, movements=True)
    assert told["movements"] == reading.movements.by_name()
    assert "movements" not in plain.to_dict()
    for _, (tracked,) in recognizer.stream([Frame(0, 0.0, portrait_image)]):
        assert tracked.movements is not None
        assert tracked.to_dict()["movements"] == tracked.movements.by_name()


def test_a_mesh_gives_a_pose_where_there_are_no_landmarks(portrait_image: Image) -> None:
    reading = Recognizer(detector="haar", movements=True)(portrait_image)[0]
    assert reading.landmarks is None
    assert reading.quality is not None
    assert reading.quality.pose_method == "mesh"
    assert reading.quality.yaw == pytest.approx(0, abs=3)


def test_where_the_network_sees_no_face_the_pose_is_that_of_the_points(
    portrait_image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.recognize.movements._MIN_PRESENCE", 1.1)
    (plain,), (blind,) = Recognizer()(portrait_image), Recognizer(movements=True)(portrait_image)
    assert blind.movements is None
    assert blind.quality == plain.quality


def test_rows_of_a_video_have_the_pose_of_the_mesh_that_stands(recognizer: Recognizer) -> None:
    still = moving_portrait(lambda number: (0.0, 0.0))(0)
    frames = [Frame(number, number / 25, still) for number in range(6)]
    read = [readings for _, readings in recognizer.stream(frames, settings=VideoSettings())]
    for (reading,) in read:
        assert reading.movements is not None
        assert reading.quality is not None
        pose = pose_of(points_of(reading.movements))
        assert (reading.quality.yaw, reading.quality.pitch, reading.quality.roll) == pose
        assert reading.quality.pose_method == "mesh"
    meshes = {id(reading.movements) for (reading,) in read}
    assert len(meshes) < len(read)  # where the face is as it was, its reading stands


def test_what_shows_no_face_has_no_movements(movements: Movements) -> None:
    nothing = np.full((256, 256, 3), 127, np.uint8)
    assert movements.read_crops([nothing], [Square(0, 0, 0, 256)]) == [None]


def test_bad_images_are_named() -> None:
    square = Square(5, 5, 0, 10)
    with pytest.raises(
        ImageError,
        match=r"expected \(H, W, 3\) uint8, as mien.load_image gives; got \(9, 9\) uint8",
    ):
        movement_crop(np.zeros((9, 9), np.uint8), square)
    with pytest.raises(ImageError, match="float64"):
        movement_crop(np.zeros((9, 9, 3)), square)  # type: ignore[arg-type]


def test_it_is_pickled_as_its_settings(recognizer: Recognizer, portrait_image: Image) -> None:
    content = pickle.dumps(recognizer.movements)
    assert len(content) < 200
    again: Recognizer = pickle.loads(pickle.dumps(recognizer))
    assert the_face(again, portrait_image) == the_face(recognizer, portrait_image)


def test_the_file_says_whose_it_is_and_what_was_changed() -> None:
    notice = onnx.load(MOVEMENTS_FILE).graph.doc_string
    assert "Google" in notice
    assert "Apache License, Version 2.0" in notice
    assert "translated to ONNX" in notice


def test_without_being_asked_nothing_is_loaded(
    portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("mien.recognize.movements.onnx_session")
    (reading,) = Recognizer()(portrait)
    assert reading.movements is None


def test_images_have_the_columns_where_they_are_asked_for(
    mien: Mien, portrait: Path, tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    done = mien("detect", portrait, "--movements", "--csv", table)
    assert done.status == 0, done.stderr
    assert "mouthSmileRight 0.9" in done.stdout
    (row,) = csv_rows(table)
    assert tuple(row) == (*IMAGE_TABLE, *MOVES)
    assert float(row["move_mouthSmileLeft"]) == pytest.approx(0.895, abs=0.02)
    assert row["pose_method"] == "mesh"

    assert mien("detect", portrait, "--csv", table, "--overwrite").status == 0
    assert tuple(csv_rows(table)[0]) == IMAGE_TABLE
    (image,) = json.loads(mien("detect", portrait, "--movements", "--json").stdout)
    assert list(image["faces"][0]["movements"]) == list(MOVEMENTS)
    (image,) = json.loads(mien("detect", portrait, "--json").stdout)
    assert "movements" not in image["faces"][0]


def test_videos_have_them_in_every_row_and_they_come_back(
    mien: Mien, recognizer: Recognizer, tmp_path: Path
) -> None:
    video, table = tmp_path / "video.mp4", tmp_path / "rows.csv"
    make_video(video, moving_portrait(), times_s=steady_times(4))
    done = mien("video", video, "--movements", "--csv", table)
    assert done.status == 0, done.stderr
    rows = csv_rows(table)
    assert tuple(rows[0]) == (*VIDEO_TABLE, *MOVES)
    assert min(float(row["move_mouthSmileLeft"]) for row in rows) > 0.6

    back, read = read_rows(table), analyze_video(video, recognizer)
    assert back.movements is not None
    assert read.movements is not None
    assert back.movements == pytest.approx(read.movements, abs=1e-5)
    assert back.measures == pytest.approx(read.measures, abs=1e-3)
    assert set(back.pose_methods.tolist()) == {POSE_METHODS.index("mesh")}
    assert read.rows[0].reading is not None
    assert read.rows[0].reading.movements is not None

    people = tmp_path / "people.csv"
    people.write_text("track,name,exclude,note\n1,Eileen,,\n")
    again = tmp_path / "named.csv"
    done = mien("rows", table, "--people", people, "--csv", again)
    assert done.status == 0, done.stderr
    kept = [[row[name] for name in MOVES] for row in csv_rows(again)]
    assert kept == [[row[name] for name in MOVES] for row in rows]
    assert csv_rows(again)[0]["name"] == "Eileen"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_without_movements_stand_beside_others(suffix: str, tmp_path: Path) -> None:
    seen = FacialMovements(tuple(i / 64 for i in range(len(MOVEMENTS))))
    video = [
        (0, 0.0, [a_tracked_reading(1)]),
        (1, 0.5, [replace(a_tracked_reading(1), movements=seen), a_tracked_reading(2)]),
        (2, 1.0, []),
    ]
    writer = row_writer(tmp_path / f"rows{suffix}", movements=True)
    for frame, time_s, readings in video:
        writer.write(frame, time_s, readings)
    writer.finish()
    back = list(read_frames(writer.path))
    assert [[r.movements for r in rows.readings] for rows in back] == [[None], [seen, None], []]
    result = read_rows(writer.path)
    assert result.movements is not None
    assert np.isnan(result.movements).all(1).tolist() == [True, False, True]
    table = result.to_pandas()
    assert table["move_mouthUpperUpRight"].dropna().tolist() == [seen.values[-1]]
