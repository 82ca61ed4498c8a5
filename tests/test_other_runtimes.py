"""The models in the package, in a runtime that is not ONNX Runtime."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from golden_readings import GOLDEN, tiles
from mien import Classifier, Recognizer, crop_faces, load_image
from mien.recognize.classifier import shipped_models
from mien.recognize.crops import Crops


@pytest.fixture(scope="module")
def crops(portrait: Path) -> Crops:
    """A face, moved, turned, mirrored, in other light and noisy; and faces that are drawn."""
    image = load_image(portrait)
    recognizer = Recognizer()
    box = recognizer(image)[0].box
    left, top, right, bottom = (round(float(side)) for side in box)
    random = np.random.default_rng(0)
    views: list[NDArray[Any]] = []
    for _ in range(60):
        dx, dy, grown = (int(random.integers(low, 30)) for low in (-25, -25, -15))
        part = image[top + dy - grown : bottom + dy + grown, left + dx - grown : right + dx + grown]
        gray = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (48, 48))
        turn = cv2.getRotationMatrix2D((23.5, 23.5), float(random.uniform(-30, 30)), 1.0)
        view = cv2.warpAffine(gray, turn, (48, 48), borderMode=cv2.BORDER_REPLICATE).astype(float)
        view = (view - 128) * random.uniform(0.4, 1.3) + 128 + random.uniform(-60, 60)
        view += random.normal(0, random.uniform(0, 15), view.shape)
        views.append(view[:, ::-1] if random.random() < 0.5 else view)
    for _ in range(20):
        drawn = np.full((48, 48), random.integers(60, 220), np.uint8)
        for x in (15, 33):
            cv2.circle(drawn, (x, int(random.integers(14, 22))), int(random.integers(2, 5)), 10, -1)
        middle, axes = (24, int(random.integers(30, 40))), tuple(random.integers(3, 12, 2).tolist())
        cv2.ellipse(drawn, middle, axes, 0, 0, int(random.choice([180, 360])), 10, 2)
        views.append(drawn)
    for tile in tiles(load_image(GOLDEN / "faces.png")):
        faces = recognizer.detector.detect(tile)[:1]
        views.extend(crop_faces(tile, faces, recognizer.detector.framing))
    crops: Crops = np.clip(np.array(views), 0, 255).astype(np.uint8)
    return crops


@pytest.mark.parametrize("together", [1, 16])
@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_opencv_reads_what_onnx_runtime_reads(name: str, together: int, crops: Crops) -> None:
    crops = crops[::3] if together == 1 else crops  # one by one they take long
    expected = Classifier(name)(crops)
    network = cv2.dnn.readNetFromONNX(str(shipped_models()[name]))
    rows = []
    for start in range(0, len(crops), together):
        network.setInput(crops[start : start + together])
        rows.append(network.forward("probabilities"))
    found = np.concatenate(rows)

    assert len(np.unique(expected.argmax(axis=1))) > 2
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.98
    assert np.abs(found - expected).max() < 0.05
