"""The heat maps are faithful: benchmarks/explain.py on few faces."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import explain
from learn_fixtures import made_up_faces, write_parquet_folder
from mien import EMOTIONS, Classifier, Recognizer, crop_faces, load_image
from mien.readings import Probabilities
from mien.recognize.crops import Crops

pytestmark = pytest.mark.tools

HAPPY = EMOTIONS.index("happy")


def brightness_of_the_top(crops: Crops) -> Probabilities:
    """Happy by how many of the upper half's pixels are white, sad otherwise."""
    probabilities = np.zeros((len(crops), 7), np.float32)
    probabilities[:, HAPPY] = (crops[:, :24] == 255).mean((1, 2))
    probabilities[:, EMOTIONS.index("sad")] = 1.0 - probabilities[:, HAPPY]
    return probabilities


def test_the_curves_are_areas_in_the_order_of_the_scores() -> None:
    crop = np.zeros((48, 48), np.uint8)
    crop[:24] = 255
    top_first = np.repeat(np.arange(48.0, 0.0, -1.0)[:, None], 48, axis=1)
    best = explain.curves(brightness_of_the_top, crop, HAPPY, top_first, steps=48)
    worst = explain.curves(brightness_of_the_top, crop, HAPPY, -top_first, steps=48)
    # A line from 1 to 0 over the first half of the pixels, and over the second.
    assert best.deletion == pytest.approx(0.25, abs=0.01)
    assert worst.deletion == pytest.approx(0.75, abs=0.01)
    assert best.insertion > worst.insertion + 0.2


def test_orders_are_of_each_face_and_of_others() -> None:
    random = np.random.default_rng(0)
    heats = random.normal(size=(3, 48, 48))
    found = explain.orders(np.zeros((3, 48, 48), np.uint8), heats, random)
    np.testing.assert_array_equal(found["its heat map"], heats)
    np.testing.assert_array_equal(found["another face's heat map"][1], heats[0])
    assert {scores.shape for scores in found.values()} == {(3, 48, 48)}
    middle: NDArray[np.floating] = found["from the middle"][0]
    assert middle[23, 23] == middle.max()


@pytest.mark.slow
def test_heat_maps_are_more_faithful_than_any_other_order(photos: Path) -> None:
    recognizer = Recognizer()
    images = [load_image(path) for path in sorted(photos.glob("*.jpg"))]
    found_in = [(image, recognizer.detector.detect(image)) for image in images]
    every = np.concatenate([crop_faces(*one, recognizer.detector.framing) for one in found_in])
    crops = every[::2]  # of 43, so that none of the orders is best by chance
    times_ms, found = explain.compare(Classifier(), crops, np.random.default_rng(0))
    gains = {name: float(np.diff(areas).mean()) for name, areas in found.items()}
    best = gains.pop("its heat map")
    assert all(best > gain + 0.05 for gain in gains.values()), (best, gains)
    assert best > gains["random blobs"] + 0.2
    assert len(times_ms) == len(crops)


def test_the_benchmark_prints_a_row_for_each_order(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_parquet_folder(tmp_path / "data", made_up_faces(train=1, val=1, test=1))
    arguments = ["--data", str(data), "--model", str(tiny_model), "--faces", "3"]
    monkeypatch.setattr(sys, "argv", ["explain.py", *arguments])
    explain.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"model {tiny_model}, 3 faces of val, one thread"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    heats = ["its heat map", "another face's heat map"]
    others = ["from the middle", "random blobs", "random pixels"]
    assert [row[0] for row in rows[2:]] == [*heats, *others]
    for _, deletion, insertion, gain in rows[2:]:
        expected = pytest.approx(float(gain.split()[0]), abs=0.0015)
        assert float(insertion) - float(deletion) == expected
