import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.data.duplicates import (
    NearCopy,
    _joined,
    check,
    duplicates_of,
    near_duplicates,
    without_duplicates,
)
from mien.readings import Face, Image
from mien.recognize.crops import crop_faces
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image

ANGRY, SAD = EMOTIONS.index("angry"), EMOTIONS.index("sad")


def _noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """(count, 48, 48): images that are nothing like each other, smooth as faces are."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(128, 60, (count, 12, 12)).astype(np.float32)
    images = [cv2.resize(c, (48, 48), interpolation=cv2.INTER_CUBIC) for c in coarse]
    return np.asarray(np.clip(np.stack(images), 0, 255), dtype=np.uint8)


def _set(images: NDArray[np.uint8], splits: list[str], targets: list[int] | None = None) -> FaceSet:
    labels = np.array(targets if targets is not None else [0] * len(images), np.int64)
    return FaceSet(images, labels, np.array(splits))


A, B, C, D = _noise(4)
ALMOST_A = A.copy()
ALMOST_A[7, 9] ^= 1


@pytest.mark.parametrize(
    ("images", "splits", "of", "marked"),
    [
        ([A, B, C, A, A, D], "train train val val test test", "train", [0, 0, 0, 1, 1, 0]),
        ([A, A, B, A], "train train train test", "train", [0, 1, 0, 1]),  # the first is not
        ([A, A, B, A], "train train train test", "test", [1, 1, 0, 0]),
        ([A, B, A, B], "train val test test", "train+val", [0, 0, 1, 1]),
        ([A, ALMOST_A], "train test", "train", [0, 0]),  # one gray level is another
    ],
)
def test_copies_of_a_split_are_marked_wherever_they_are(
    images: list[NDArray[np.uint8]], splits: str, of: str, marked: list[int]
) -> None:
    assert duplicates_of(_set(np.stack(images), splits.split()), of=of).tolist() == marked


@pytest.mark.parametrize(("of", "error"), [("dev", OptionError), ("val", DataError)])
def test_copies_of_a_split_that_is_not_there(of: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=of):
        duplicates_of(_set(np.stack([A, B]), ["train", "test"]), of=of)


def test_without_copies_train_has_each_image_once_and_none_of_val_and_test() -> None:
    faces = _set(
        np.stack([A, B, B, C, D, A, C, C]),
        ["train", "train", "train", "train", "train", "val", "test", "test"],
        [0, 1, 2, 3, 4, 5, 6, 0],
    )
    clean = without_duplicates(faces)

    assert clean.targets.tolist() == [1, 4, 5, 6, 0]
    assert clean.splits.tolist() == ["train", "train", "val", "test", "test"]


def test_without_near_duplicates(portrait_crop: NDArray[np.uint8]) -> None:
    brighter = np.clip(portrait_crop.astype(int) + 20, 0, 255).astype(np.uint8)
    images = np.stack([portrait_crop, *_noise(30, seed=1), brighter])
    faces = _set(images, ["train"] * 31 + ["test"])

    assert len(without_duplicates(faces)) == 32
    assert len(without_duplicates(faces, near=True)) == 31


def _crop(image: Image, shift_px: float = 0.0, grown: float = 1.0) -> NDArray[np.uint8]:
    detector = YuNetDetector()
    (face,) = detector.detect(image)
    x0, y0, x1, y1 = face.box
    moved = Face((x0 + shift_px, y0, x1 + shift_px, y1), face.score)
    margin = (grown - 1) / 2
    (crop,) = crop_faces(image, [moved], detector.framing, margin=margin)
    return np.asarray(crop, dtype=np.uint8)


def _changed(image: Image, how: str) -> NDArray[np.uint8]:
    crop = _crop(image)
    if how == "cropped otherwise":
        return _crop(image, shift_px=6.0, grown=1.04)
    if how == "compressed":
        written = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
        return np.asarray(cv2.imdecode(written, cv2.IMREAD_GRAYSCALE), np.uint8)
    if how == "with more contrast":
        return np.asarray(np.clip(1.4 * crop.astype(float) - 60, 0, 255), dtype=np.uint8)
    if how == "with a watermark":
        return np.asarray(cv2.putText(crop.copy(), "stock", (4, 30), 0, 0.4, 200), np.uint8)
    if how == "scaled down and up":
        small = cv2.resize(crop, (30, 30), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (48, 48)), np.uint8)
    return np.ascontiguousarray(crop[:, ::-1])


@pytest.mark.parametrize("others", [0, 1, 40, 150])
@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("cropped otherwise", "near"),
        ("compressed", "near"),
        ("with more contrast", "near"),
        ("with a watermark", "near"),
        ("scaled down and up", "near"),
        ("in a mirror", "mirrored"),
    ],
)
def test_a_face_is_found_again(how: str, kind: str, others: int, portrait_image: Image) -> None:
    pair_of_faces = [_crop(portrait_image), _changed(portrait_image, how)]
    images = np.stack([*_noise(max(others, 1))[:others], *pair_of_faces])

    (pair,) = near_duplicates(images)
    assert (pair.row, pair.other, pair.kind) == (others, others + 1, kind)
    assert 0.7 <= pair.detail <= 1.0


def test_different_faces_are_no_copies(photos: Path) -> None:
    detector = YuNetDetector()
    crops: list[NDArray[np.uint8]] = []
    for file in sorted(photos.glob("*.jpg"))[:3]:
        image = load_image(file)
        crops.extend(crop_faces(image, detector.detect(image), detector.framing))

    assert len(crops) > 3
    assert near_duplicates(np.stack(crops)) == ()


def test_near_duplicates_leave_out_exact_ones_and_single_gray_levels() -> None:
    flat = np.full((2, 48, 48), 255, np.uint8)
    flat[1] = 0

    assert near_duplicates(np.stack([A, A, *flat, B])) == ()
    assert near_duplicates(np.empty((0, 48, 48), np.uint8)) == ()
    assert near_duplicates(flat) == ()


def test_near_duplicates_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = _noise(40)
    later = images + np.random.default_rng(0).integers(0, 4, images.shape).astype(np.uint8)
    both = np.concatenate([images, later[::-1]])
    at_once = near_duplicates(both)
    monkeypatch.setattr("mien.learn.data.duplicates._BLOCK", 7)
    shares: list[float] = []

    assert near_duplicates(both, report=shares.append) == at_once
    assert [(pair.row, pair.other) for pair in at_once] == [(n, 79 - n) for n in range(40)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_near_duplicates_count_across_splits_with_the_exact_copies_of_each(
    portrait_crop: NDArray[np.uint8],
) -> None:
    brighter = np.clip(portrait_crop.astype(int) + 20, 0, 255).astype(np.uint8)
    images = np.stack([portrait_crop, portrait_crop, *_noise(30), brighter])
    faces = _set(images, ["train"] * 32 + ["test"], [ANGRY] * 32 + [SAD])
    found = check(faces)

    assert found.exact_across["test"]["train"] == 0
    assert found.near_across is not None
    assert (found.near_across["test"]["train"], found.near_across["train"]["test"]) == (1, 2)
    assert (found.n_unique, found.n_distinct, found.near_conflicts) == (32, 31, 1)


def test_long_chains_of_duplicates_become_one_group_each_at_once() -> None:
    """As the frames of a video are, each of which is a near duplicate of the next alone."""
    order = np.random.default_rng(0).permutation(20_000)
    chains = order[:10_000], order[10_000:]
    links = [link for chain in chains for link in pairwise(chain.tolist())]
    start = time.process_time()
    group = _joined(np.arange(20_000), [NearCopy(*link, "near", 1.0) for link in links])
    assert time.process_time() - start < 2.0  # .03 s; a turn for each link takes 7
    for chain in chains:
        assert set(group[chain].tolist()) == {chain.min()}


def test_without_near_duplicates_nothing_is_said_of_them() -> None:
    found = check(_set(np.stack([A, A]), ["train", "test"]), near=False)

    of_near = (found.near, found.near_across, found.n_distinct, found.near_conflicts)
    assert of_near == (None,) * 4
    assert found.not_faces is None


@pytest.mark.slow
def test_fer2013_has_the_known_copies(fer2013: FaceSet) -> None:
    found = check(fer2013, near=False)

    # Two duplicates are none to the letter where a form of the set has images from JPEG files.
    assert found.n_unique in (34_034, 34_036)
    assert found.exact_across["val"]["train"] == 280
    assert found.exact_across["test"]["train"] == 288
    assert (~duplicates_of(fer2013, of="train")[fer2013.splits == "test"]).sum() == 3_301
    clean = without_duplicates(fer2013)
    assert (len(clean.split("val")), len(clean.split("test"))) == (3_589, 3_589)
    assert not duplicates_of(clean, of="train").any()
