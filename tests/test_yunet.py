from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from mien.readings import Image
from mien.recognize.yunet import YUNET_FILE, YuNet
from yunet_onnx import rearranged

ORIGINAL = Path(__file__).parent / "assets" / "face_detection_yunet_2023mar.onnx"
"""The file of OpenCV's model zoo, whose sha256 begins with 8f2383e4."""

LEAST = 0.3
SIZES = [(512, 512), (352, 352), (333, 480), (600, 401), (64, 64), (1000, 1500)]


def of_opencv(image: Image, least: float) -> NDArray[np.float32]:
    size = (image.shape[1], image.shape[0])
    detector = cv2.FaceDetectorYN.create(str(ORIGINAL), "", size, least, 0.3, 5000)
    rows = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return np.empty((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)


@pytest.fixture(scope="module")
def crowd(portrait_image: Image) -> Image:
    """The portrait in four sizes, the right half upside down."""
    sizes = [np.asarray(cv2.resize(portrait_image, (s, s)), np.uint8) for s in (256, 128)]
    column = np.concatenate([sizes[0], np.tile(sizes[1], (2, 2, 1))])
    return np.concatenate([column, column[::-1, ::-1]], axis=1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_finds_what_opencv_finds(crowd: Image, height: int, width: int) -> None:
    image = np.asarray(cv2.resize(crowd, (width, height)), np.uint8)
    expected = of_opencv(image, LEAST)
    found = YuNet().find(image, LEAST)

    assert found.shape == expected.shape
    assert len(found) >= (5 if height > 64 else 0)
    order = np.argsort(-expected[:, 14], kind="stable")
    assert found[:, :14] == pytest.approx(expected[order, :14], abs=1e-3)  # pixels
    assert found[:, 14] == pytest.approx(expected[order, 14], abs=1e-6)


def test_a_part_of_an_image_is_searched_as_a_copy_of_it(crowd: Image) -> None:
    part = crowd[:, ::-1][10:400, 20:300]
    assert np.array_equal(YuNet().find(part, LEAST), YuNet().find(part.copy(), LEAST))


def test_the_file_is_what_the_script_writes() -> None:
    assert onnx.load(YUNET_FILE) == rearranged(onnx.load(ORIGINAL))
