"""Duplicates of faces within a data set: exact ones, near ones, and what their labels say.

An exact copy has the same pixels. A near copy is the same image again after scaling, cropping,
compression, a change of brightness, a watermark, or turned in a mirror. Near copies are found in
two steps, each a normalized cross-correlation (Lewis 1995, "Fast normalized cross-correlation"):

1. Every face is shrunk to 12 x 12, and the mean face taken off, which all faces share. Pairs that
   correlate by `SHAPE` go on. Each face meets each other one, in blocks of bounded memory.
2. Their detail, which is what is left without the low frequencies, must correlate by `DETAIL` at
   some shift of up to 5 pixels. Different people in the same pose and light fail here.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.labels import EMOTIONS, FERPLUS
from mien.learn.data.datasets import SPLITS, FaceSet
from mien.learn.data.tables import Report
from mien.opencv import cv2
from mien.output.files import atomic_text

Kind: TypeAlias = Literal["near", "mirrored"]

SHAPE: Final = 0.8
"""Correlation of two shrunken faces above which their detail is compared."""

DETAIL: Final[dict[Kind, float]] = {"near": 0.7, "mirrored": 0.75}
"""Correlation of the detail of two faces from which on one is a copy of the other.

In FER2013, of 120 pairs drawn from all that are found, a look confirmed 120; of 120 from the lowest
band, .70 to .75, it confirmed 115, the others being photos of alike faces. Of the 69 mirrored pairs
it confirmed 68; below .75 about half would be wrong.
"""

PAIR_COLUMNS: Final = (
    *("kind", "detail", "row", "split", "label", "source"),
    *("other_row", "other_split", "other_label", "other_source"),
)
"""Of the file that `write_pairs` writes."""

_SMALL_PX: Final = 12
_BLUR_PX: Final = 3.0  # standard deviation of the low frequencies that are taken off
_SHIFT_PX: Final = 5
_ENOUGH_FOR_A_MEAN: Final = 100  # faces
_BLOCK: Final = 2048  # faces; a block of correlations takes 16 MB


@dataclass(frozen=True)
class Group:
    """Faces that are the same image."""

    rows: tuple[int, ...]  # of the faces in the set, ascending; two or more
    splits: tuple[str, ...]  # those they are in, in the order of `mien.learn.data.datasets.SPLITS`
    labels: tuple[str, ...]  # the emotions they carry, in the order of `mien.labels.EMOTIONS`


@dataclass(frozen=True)
class NearCopy:
    """Two faces that are nearly the same image."""

    row: int  # of the first face in the set
    other: int  # of the second, which comes later
    kind: Kind  # "mirrored" if one is the other in a mirror
    detail: float  # correlation of their detail, from `DETAIL` to 1


@dataclass(frozen=True)
class Check:
    """What `check` found; what is of near duplicates is None if they were not looked for."""

    n: int  # faces in the set
    n_unique: int  # different images, counting exact duplicates once
    n_distinct: int | None  # different images, counting near and mirrored duplicates once, too
    splits: dict[str, int]  # faces of each split
    # Split -> other split -> faces of the first whose exact copy is in the second.
    exact_across: dict[str, dict[str, int]]
    near_across: dict[str, dict[str, int]] | None  # likewise, with near and mirrored duplicates
    exact: tuple[Group, ...]  # groups of exact duplicates, by their first row
    conflicts: int  # how many of these groups carry different labels
    near: tuple[NearCopy, ...] | None  # pairs of near duplicates that are not exact ones
    near_conflicts: int | None  # how many of these pairs carry different labels
    constant: tuple[int, ...]  # rows of images of a single gray level
    not_faces: tuple[int, ...] | None  # rows that most FER+ votes call so; None without votes

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; rows count from 0 in the order of the set."""
        return asdict(self)


def duplicates_of(faces: FaceSet, of: str = "train") -> NDArray[np.bool_]:
    """Which faces are exact duplicates of a face in a split.

    Args:
        faces: a whole data set.
        of: the split; likewise several, `train+val`.
    Returns:
        (N,) bool. A face of that split itself counts if the split has it more than once, all but
        its first row: the set without the marked rows has each face of the split once.
    Raises:
        OptionError: `of` is not a split.
        DataError: the set has no face in it.
    """
    faces.split(of)  # raises
    in_split = np.isin(faces.splits, of.split("+"))
    group = _groups_of(faces.images)
    first = np.full(group.max() + 1, len(faces), np.int64)
    np.minimum.at(first, group[in_split], np.flatnonzero(in_split))
    is_first = first[group] == np.arange(len(faces))
    return np.asarray((first[group] < len(faces)) & ~is_first)


def without_duplicates(faces: FaceSet, *, near: bool = False) -> FaceSet:
    """The same set, with each image once in train and none in train that val or test have.

    Val and test stay whole, so that scores remain comparable with those of others.

    Args:
        faces: a whole data set.
        near: near and mirrored duplicates as well as exact ones.
    """
    group = groups_of_duplicates(faces.images, near=near)
    in_train = faces.splits == "train"
    held_out = np.isin(group, group[~in_train])
    _, first = np.unique(np.where(in_train, group, -1), return_index=True)
    is_first = np.zeros(len(faces), np.bool_)
    is_first[first] = True
    return faces.take(~in_train | (is_first & ~held_out))


def groups_of_duplicates(
    images: NDArray[np.uint8], *, near: bool = True, report: Report | None = None
) -> NDArray[np.int64]:
    """A number for each face, the same for all that are duplicates of one image.

    Args:
        images: (N, 48, 48) uint8.
        near: near and mirrored duplicates as well as exact ones. Duplicates of duplicates count,
            so that a group may hold faces that are no duplicates of each other.
        report: called now and then with the share that is done, 0 to 1.
    Returns:
        (N,) int64, 0 or more.
    """
    group = _groups_of(images)
    return _joined(group, near_duplicates(images, report=report)) if near else group


def check(faces: FaceSet, *, near: bool = True, report: Report | None = None) -> Check:
    """Look for duplicates, conflicting labels, constant images and what is not a face.

    Args:
        faces: a whole data set.
        near: look for near and mirrored duplicates, too. Each face is compared with each other
            one, so four times as many faces take sixteen times as long.
        report: called now and then with the share that is done, 0 to 1.
    """
    group = _groups_of(faces.images)
    exact = _groups(faces, group)
    pairs = near_across = n_distinct = near_conflicts = None
    if near:
        pairs = near_duplicates(faces.images, report=report)
        n_distinct = len(np.unique(_joined(group, pairs)))
        near_across = _across(faces, group, pairs)
        near_conflicts = sum(faces.targets[p.row] != faces.targets[p.other] for p in pairs)
    not_faces = None
    if faces.votes is not None:
        mostly = 2 * faces.votes[:, FERPLUS.index("NF")] > faces.votes.sum(axis=1)
        not_faces = tuple(np.flatnonzero(mostly).tolist())
    return Check(
        n=len(faces),
        n_unique=int(group.max(initial=-1)) + 1,
        n_distinct=n_distinct,
        splits={s: int((faces.splits == s).sum()) for s in SPLITS if (faces.splits == s).any()},
        exact_across=_across(faces, group, ()),
        near_across=near_across,
        exact=exact,
        conflicts=sum(len(copies.labels) > 1 for copies in exact),
        near=pairs,
        near_conflicts=near_conflicts,
        constant=tuple(np.flatnonzero(is_constant(faces.images)).tolist()),
        not_faces=not_faces,
    )


def is_constant(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,) bool: which images of (N, 48, 48) uint8 have a single gray level."""
    return np.asarray(images.min(axis=(1, 2)) == images.max(axis=(1, 2)))


def write_pairs(found: Check, faces: FaceSet, path: Path) -> None:
    """Write a CSV file with a row for each pair of duplicates.

    A group of exact duplicates gives a pair of its first row with each other one. `row` counts
    from 0 in the order of the set; `source` is the file, and the row of a table, that it came from.

    Raises:
        OutputError: it cannot be written.
    """
    pairs: list[tuple[str, int, int, str]] = [
        ("exact", group.rows[0], row, "1") for group in found.exact for row in group.rows[1:]
    ]
    pairs += [(p.kind, p.row, p.other, f"{p.detail:.4f}") for p in found.near or ()]
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PAIR_COLUMNS)
        for kind, row, other, detail in pairs:
            cells: list[object] = [kind, detail]
            for i in (row, other):
                source = "" if faces.sources is None else faces.sources[i]
                cells += [i, faces.splits[i], EMOTIONS[faces.targets[i]], source]
            writer.writerow(cells)


def near_duplicates(
    images: NDArray[np.uint8], *, report: Report | None = None
) -> tuple[NearCopy, ...]:
    """Pairs of faces that are nearly, but not exactly, the same image.

    A pair that is both near and mirrored, as of a symmetric face, is named once, as what it
    resembles more. Images of a single gray level are passed over, and of exact duplicates only the
    first is compared.

    Args:
        images: (N, 48, 48) uint8.
        report: called now and then with the share that is done, 0 to 1.
    Returns:
        By row, then other.
    """
    group = _groups_of(images)
    _, rows = np.unique(group, return_index=True)
    rows = np.sort(rows[~is_constant(images[rows])])
    if len(rows) < 2:
        return ()
    faces = images[rows]
    shapes, mirrored_shapes = _shapes(faces)
    by_kind: dict[Kind, NDArray[np.float32]] = {"near": shapes, "mirrored": mirrored_shapes}

    @lru_cache(maxsize=4 * _BLOCK)
    def detail_of(row: int) -> NDArray[np.float32]:
        face = faces[row].astype(np.float32)
        return np.asarray(face - cv2.GaussianBlur(face, (0, 0), _BLUR_PX))

    best: dict[tuple[int, int], NearCopy] = {}
    starts = range(0, len(rows), _BLOCK)
    done, blocks = 0, len(starts) * (len(starts) + 1) // 2
    for start in starts:
        for start_of_others in starts[start // _BLOCK :]:
            for kind, others in by_kind.items():
                met = others[start_of_others : start_of_others + _BLOCK]
                block = shapes[start : start + _BLOCK] @ met.T
                found = np.argwhere(block > SHAPE) + np.array([start, start_of_others])
                for i, j in found[found[:, 0] < found[:, 1]].tolist():
                    detail = _detail_correlation(detail_of(i), detail_of(j), kind)
                    pair = (int(rows[i]), int(rows[j]))
                    if detail >= DETAIL[kind] and (pair not in best or best[pair].detail < detail):
                        best[pair] = NearCopy(*pair, kind, detail)
            done += 1
            if report is not None:
                report(done / blocks)
    return tuple(best[pair] for pair in sorted(best))


def _groups_of(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(N,) int64: a number for each face, the same for exact duplicates, from 0 on without gaps."""
    numbers: dict[bytes, int] = {}
    digests = (hashlib.sha256(image.tobytes()).digest() for image in images)
    return np.array([numbers.setdefault(d, len(numbers)) for d in digests], dtype=np.int64)


def _joined(group: NDArray[np.int64], pairs: Iterable[NearCopy]) -> NDArray[np.int64]:
    """`group` after the groups of each pair have become one, under the lowest of their numbers."""
    numbers = np.arange(group.max(initial=-1) + 1)
    ends = group[np.array([(pair.row, pair.other) for pair in pairs], np.int64).reshape(-1, 2)]
    # The number of each end, not the end alone, gets the lower one, and then that one's own: else a
    # chain, as the frames of a video are, would take a turn for each of its links.
    while ((now := numbers[ends])[:, 0] != now[:, 1]).any():
        np.minimum.at(numbers, now, now.min(axis=1, keepdims=True))
        numbers = numbers[numbers]
    return numbers[group]


def _groups(faces: FaceSet, group: NDArray[np.int64]) -> tuple[Group, ...]:
    """The groups of two and more, by their first row."""
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(group.tolist()):
        rows_of.setdefault(number, []).append(row)
    return tuple(
        Group(
            rows=tuple(rows),
            splits=tuple(s for s in SPLITS if (faces.splits[rows] == s).any()),
            labels=tuple(EMOTIONS[target] for target in np.unique(faces.targets[rows])),
        )
        for rows in rows_of.values()
        if len(rows) > 1
    )


def _across(
    faces: FaceSet, group: NDArray[np.int64], pairs: Iterable[NearCopy]
) -> dict[str, dict[str, int]]:
    """Split -> other split -> faces of the first that the second has, too."""
    there = [split for split in SPLITS if (faces.splits == split).any()]
    count = np.zeros((group.max(initial=-1) + 1, len(there)), np.int64)
    for column, split in enumerate(there):
        np.add.at(count[:, column], group[faces.splits == split], 1)
    alike = count.copy()  # faces of each split that are duplicates of a group's image
    for pair in pairs:
        one, two = group[pair.row], group[pair.other]
        alike[one] += count[two]
        alike[two] += count[one]
    return {
        split: {
            other: int(np.sum(alike[group[faces.splits == split], column] > (split == other)))
            for column, other in enumerate(there)
        }
        for split in there
    }


def _shapes(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 144) float32 each, rows of unit length: shrunken faces without the mean, and mirrored."""
    size = (_SMALL_PX, _SMALL_PX)
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
    rows = _unit(small.reshape(len(images), -1).astype(np.float32))
    mirrored = rows.reshape(-1, *size)[:, :, ::-1].reshape(rows.shape)
    # The mean of a few faces is too near to each of them; without it more pairs meet in detail. A
    # mirrored face has to lose the same mean as the face that it is compared with.
    mean = rows.mean(axis=0) if len(rows) >= _ENOUGH_FOR_A_MEAN else np.float32(0)
    return _unit(rows - mean, center=False), _unit(mirrored - mean, center=False)


def _unit(rows: NDArray[np.float32], *, center: bool = True) -> NDArray[np.float32]:
    if center:
        rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), dtype=np.float32)


def _detail_correlation(one: NDArray[np.float32], other: NDArray[np.float32], kind: Kind) -> float:
    """The highest correlation of the middle of one face with the other face under it, -1 to 1."""
    middle = one[_SHIFT_PX:-_SHIFT_PX, _SHIFT_PX:-_SHIFT_PX]
    if float(middle.std()) < 0.5:  # gray levels: nothing in it to compare
        return 0.0
    if kind == "mirrored":
        other = np.ascontiguousarray(other[:, ::-1])
    return float(np.nan_to_num(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED)).max())
