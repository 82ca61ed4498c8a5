"""Groups that nobody had to annotate: what can be measured on the face itself.

Brightness, contrast, blur, resolution, and by YuNet's landmarks how the head is turned, how it
is tilted and how large the face lies in its frame. They say nothing of who a person is; they say in
which images a model fails.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError, counted
from mien.labels import FERPLUS_EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.robustness import draw_faces
from mien.learn.fairness.groups import Grouping
from mien.opencv import cv2
from mien.recognize.crops import SIZE_PX, Crops
from mien.recognize.quality import blur_of, pose_of
from mien.recognize.yunet import YuNet

Values: TypeAlias = NDArray[np.float64]
"""(N,) float64, one for each face; NaN where it cannot be measured."""

REFERENCE_FACES: Final = 3000
"""So many faces are drawn, at most, to choose cut points on: their thirds lie within about a
hundredth of the ranks of those of all."""

FOUND: Final = "found"
"""The slice of the faces that YuNet finds and of those that it does not."""

ENLARGED: Final = 6
"""Times: in smaller ones YuNet takes a tilted head for a more upright one. Even so it tells about
four fifths of a tilt of 20 degrees (`benchmarks/tilt.py` prints it)."""

_SIDES_PX: Final = (8, 12, 16, 20, 24, 28, 32, 36, 40, 44)
_FOUND_SCORE: Final = 0.8  # of YuNet; from here on a face is found
_LOST: Final = 0.01  # share of a face's variance that may be lost to call it no loss


@dataclass(frozen=True)
class Slice:
    """One quantity by which faces are sliced."""

    name: str  # what people call it on the command line
    about: str  # what it is, in words that go before "cut at"
    unit: str  # of its values; empty where they have none
    words: tuple[str, str, str]  # for the lowest, the middle and the highest third


# fmt: off
_TABLE: Final = (
    Slice("brightness", "mean gray level", "", ("dark", "medium", "bright")),
    Slice("contrast", "standard deviation of the gray levels", "", ("flat", "medium", "strong")),
    Slice("blur", "how little more blur would change, 0 to 1 (the blur effect, Crete et al. 2007)",
          "", ("sharp", "medium", "blurred")),
    Slice("resolution", "the side to which the face can be shrunk before more than "
          f"{100 * _LOST:g} % of its variance is lost", "px", ("coarse", "medium", "fine")),
    Slice("yaw", "how far the head is turned aside, by the nose's place between eyes and mouth",
          "degrees", ("from the front", "a little aside", "most aside")),
    Slice("roll", "angle of the line of the eyes",
          "degrees", ("upright", "a little tilted", "most tilted")),
    Slice("size", "longer side of YuNet's box in the frame of 48 px",
          "px", ("small", "medium", "large")),
    Slice(FOUND, "whether YuNet finds the face in it, enlarged sixfold", "", ("", "", "")),
    Slice("votes", "share of FER+'s taggers that chose the favorite of the eight expressions",
          "", ("divided", "medium", "agreed")),
)
# fmt: on
SLICES: Final[Mapping[str, Slice]] = {row.name: row for row in _TABLE}
"""The slices by name. `yaw`, `roll` and `size` leave out the faces that YuNet does not find, which
are a group of their own in `found`; `votes` those without FER+ votes."""

_BY_YUNET: Final = ("yaw", "roll", "size", FOUND)


def slices_of(faces: FaceSet) -> tuple[str, ...]:
    """Names of the slices that a data set allows: all, but `votes` only where it has them."""
    voted = faces.votes is not None and bool(faces.votes.any())
    return tuple(name for name in SLICES if name != "votes" or voted)


def reference_faces(faces: FaceSet, *, seed: int = 0) -> FaceSet | None:
    """The faces on which cut points are chosen: of train, or of val without it; never of test.

    Args:
        faces: the whole data set.
        seed: of the draw, where there are more than `REFERENCE_FACES`.
    Returns:
        None if the data set has test alone.
    """
    for split in ("train", "val"):
        if (faces.splits == split).any():
            return draw_faces(faces.split(split), REFERENCE_FACES, seed=seed)
    return None


def slice_faces(
    faces: FaceSet,
    names: Sequence[str],
    *,
    reference: FaceSet | None,
    cuts: Mapping[str, Sequence[float]] | None = None,
    report: Callable[[str], object] = lambda _: None,
) -> tuple[Grouping, ...]:
    """Divide faces by what is measured on them.

    Args:
        faces: to divide.
        names: of `SLICES`.
        reference: cut points are the thirds of these; see `reference_faces`.
        cuts: by the name of a slice, cut points to take instead, ascending. A face on one belongs
            to the group above.
        report: called with the name of each step as it begins.
    Returns:
        One grouping for each name.
    Raises:
        OptionError: there is no such slice, cut points are not ascending or not for a slice that
            is wanted, or there are no faces to choose them on.
        DataError: `votes` of faces that have none.
    """
    cuts = dict(cuts or {})
    for name in [*names, *cuts]:
        if name not in SLICES:
            raise OptionError(f"expected a slice among {', '.join(SLICES)}; got {name!r}")
    for name, points in cuts.items():
        if name not in names or name == FOUND:
            raise OptionError(
                "expected cut points for one of "
                f"{', '.join(n for n in names if n != FOUND) or 'no slices'}; got some for {name}"
            )
        ascend = all(low < high for low, high in pairwise(points))
        if not (points and ascend and np.isfinite(points).all()):
            got = ", ".join(f"{point:g}" for point in points) or "none"
            raise OptionError(f"expected cut points that ascend; got {got}", argument=name)
    open_names = [name for name in names if name not in cuts and name != FOUND]
    if open_names and reference is None:
        raise OptionError(
            f"expected faces of train or val to choose the cut points of {', '.join(open_names)} "
            f"on, for they are not chosen on test; {faces.name} has none: give them (--cuts)"
        )
    of_faces = measure_slices(faces, names, report=report)
    of_reference: dict[str, Values] = {}
    if open_names and reference is not None:
        report("cut points")
        of_reference = measure_slices(reference, open_names, report=report)
        splits = "+".join(sorted(set(reference.splits.tolist())))
    made = []
    for name in names:
        one, values = SLICES[name], of_faces[name]
        if name == FOUND:
            members = np.where(values > 0, 0, 1).astype(np.int64)
            made.append(Grouping(FOUND, one.about, ("found", "not found"), members))
        elif name in cuts:
            made.append(_cut(one, values, tuple(cuts[name]), "as given"))
        else:
            n = int(np.isfinite(of_reference[name]).sum())
            chosen = f"thirds of {counted(n, 'face')} of {splits}"
            made.append(_cut(one, values, thirds(of_reference[name]), chosen))
    return tuple(made)


def measure_slices(
    faces: FaceSet, names: Sequence[str], *, report: Callable[[str], object] = lambda _: None
) -> dict[str, Values]:
    """The values by which faces are sliced.

    Args:
        faces: N of them.
        names: of `SLICES`.
        report: called with the name of each step as it begins.
    Returns:
        For each name (N,) float64, NaN where it cannot be measured; `found` is 1 or 0.
    Raises:
        DataError: `votes` of faces that have none.
    """
    images = faces.images
    poses: dict[str, Values] = {}
    if any(name in _BY_YUNET for name in names):
        report(f"looking for {counted(len(faces), 'face')} with YuNet")
        poses = _poses(images)
    if "resolution" in names:
        report(f"resolution of {counted(len(faces), 'face')}")
    ways: dict[str, Callable[[], Values]] = {
        "brightness": lambda: images.mean(axis=(1, 2), dtype=np.float64),
        "contrast": lambda: images.std(axis=(1, 2), dtype=np.float64),
        "blur": lambda: np.array([blur_of(image) for image in images], np.float64),
        "resolution": lambda: np.array([_resolution(image) for image in images], np.float64),
        "votes": lambda: _agreement(faces),
    }
    return {name: poses[name] if name in poses else ways[name]() for name in names}


def thirds(values: Values) -> tuple[float, ...]:
    """The two values that divide a sample into thirds, to three digits.

    One where both are the same or one would leave a group empty; none where the sample has no two
    different values.
    """
    known = values[np.isfinite(values)]
    if not known.size or known.min() == known.max():
        return ()
    points = {float(f"{point:.3g}") for point in np.quantile(known, [1 / 3, 2 / 3])}
    inside = sorted(point for point in points if known.min() < point <= known.max())
    return tuple(inside) or (float(known.max()),)


def _cut(one: Slice, values: Values, points: tuple[float, ...], chosen: str) -> Grouping:
    known = np.isfinite(values)
    if not points:
        about = f"{one.about}; not cut, for there are no two values among the {chosen}"
        return Grouping(one.name, about, ("all",), np.where(known, 0, -1).astype(np.int64))
    unit = f" {one.unit}" if one.unit else ""
    shown = [f"{point:g}" for point in points]
    ranges = [
        f"under {shown[0]}{unit}",
        *(f"{low} to {high}{unit}" for low, high in pairwise(shown)),
        f"{shown[-1]}{unit} and over",
    ]
    words = {1: (one.words[0], one.words[2]), 2: one.words}.get(len(points))
    named = [f"{word}: {r}" for word, r in zip(words, ranges, strict=True)] if words else ranges
    members = np.where(known, np.searchsorted(points, np.where(known, values, 0.0), "right"), -1)
    about = f"{one.about}; cut at {' and '.join(shown)}, {chosen}"
    return Grouping(one.name, about, tuple(named), members.astype(np.int64))


def _resolution(image: NDArray[np.uint8]) -> float:
    """The side in pixels to which a face can be shrunk and enlarged again without loss."""
    level = image.astype(np.float32)
    variance = float(level.var())
    if variance == 0.0:
        return float("nan")
    losses = []
    for side in _SIDES_PX:
        small = cv2.resize(level, (side, side), interpolation=cv2.INTER_AREA)
        again = cv2.resize(small, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
        losses.append(float(np.square(again - level).mean()) / variance)
    # The loss falls with the side but for ripples; between two sides it is taken for a line.
    falling = np.minimum.accumulate([*losses, 0.0])
    sides = [*_SIDES_PX, SIZE_PX]
    return float(np.interp(-_LOST, -falling, sides))


def _agreement(faces: FaceSet) -> Values:
    if faces.votes is None:
        raise DataError(f"{faces.name} has no FER+ votes to slice by")
    total = faces.votes.sum(axis=1)
    favorite = faces.votes[:, : len(FERPLUS_EMOTIONS)].max(axis=1)
    return np.where(total > 0, favorite / np.maximum(total, 1), np.nan).astype(np.float64)


def _poses(crops: Crops) -> dict[str, Values]:
    """`yaw`, `roll`, `size` and `found` of (N, 48, 48) crops."""
    network = YuNet()

    def pose(crop: NDArray[np.uint8]) -> tuple[float, float, float, float]:
        side = SIZE_PX * ENLARGED
        large = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
        found = network.find(np.repeat(large[:, :, None], 3, axis=2), _FOUND_SCORE)[:1]
        if not len(found):
            return np.nan, np.nan, np.nan, 0.0
        (row,) = found
        right_eye, left_eye, nose, right_mouth, left_mouth = (
            (float(x), float(y)) for x, y in row[4:14].reshape(5, 2)
        )
        yaw, _, roll = pose_of((right_eye, left_eye, nose, right_mouth, left_mouth))
        return abs(yaw), abs(roll), row[2:4].max() / ENLARGED, 1.0

    with ThreadPoolExecutor() as pool:
        rows = np.array(list(pool.map(pose, crops)), np.float64).reshape(len(crops), 4)
    return dict(zip(("yaw", "roll", "size", FOUND), rows.T, strict=True))
