"""Who or what is on an image: groups of faces from a table, or as RAF-DB's publishers annotated.

A grouping puts each face into at most one of its groups. Faces that nobody put into one are left
out of it, and counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError
from mien.learn.data.datasets import FaceSet
from mien.learn.data.tables import csv_rows
from mien.output.records import NA

MAX_GROUPS: Final = 24
"""More different values in a column are no groups: ages in years, say, or names."""

RAF_DB_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""What RAF-DB's annotators saw, in the order of the lines of a file; its words, not measurements
(Li, Deng and Du 2017; `Annotation/manual/*_manu_attri.txt`)."""

_LANDMARK_LINES: Final = 5  # x and y of eyes, nose and mouth, before the attributes


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way to divide faces into groups.

    Attributes:
        name: what the groups differ in.
        about: where they come from, in a sentence without its full stop.
        groups: their names, in the order in which they are told.
        members: (N,) int64, the index into `groups` of each face; -1 for a face in none of them.
    """

    name: str
    about: str
    groups: tuple[str, ...]
    members: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(set(self.groups)) != len(self.groups):
            raise OptionError(f"{self.name}: expected groups of different names; {self.groups}")
        if self.members.size and not -1 <= self.members.min() <= self.members.max() < len(
            self.groups
        ):
            raise OptionError(
                f"{self.name}: expected members -1 to {len(self.groups) - 1}; "
                f"got {self.members.min()} to {self.members.max()}"
            )

    @classmethod
    def of(cls, name: str, about: str, values: Sequence[str]) -> Self:
        """Groups by the word that stands for each face; an empty one is no group.

        They stand in the order of their names. Equal words but for case and spaces around them are
        one group, under the commonest of these.

        Raises:
            DataError: there are none, or more than `MAX_GROUPS`.
        """
        spellings: dict[str, Counter[str]] = {}
        for value in values:
            if word := value.strip():
                spellings.setdefault(word.casefold(), Counter())[word] += 1
        if not spellings:
            raise DataError(f"{name}: expected a group for some of the faces; none has one")
        if len(spellings) > MAX_GROUPS:
            some = ", ".join(sorted(spellings)[:3])
            raise DataError(
                f"{name}: expected at most {MAX_GROUPS} groups; got {len(spellings)} different "
                f"values ({some}, ...): give ranges in place of numbers"
            )
        number = {key: i for i, key in enumerate(sorted(spellings))}
        names = [spellings[key].most_common(1)[0][0] for key in number]
        members = [number.get(value.strip().casefold(), -1) for value in values]
        return cls(name, about, tuple(names), np.array(members, dtype=np.int64))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Grouping":
        """The same for the faces of those rows: a mask, or indices."""
        return Grouping(self.name, self.about, self.groups, self.members[rows])


def read_groups(
    path: str | Path, faces: FaceSet, *, columns: Sequence[str] = ()
) -> tuple[Grouping, ...]:
    """Groups of faces from a CSV file: a row for each image, a column for each grouping.

    The first column names the image, as `FaceSet.sources` does or by the end of that name, from
    the start of a folder's or file's own: `1.png`, `happy/1.png`, or `"test.parquet, row 12"` for a
    image that is a row of a table. An empty cell, or "NA", says that the image is in no group. Rows
    of images that the data set does not have are passed over.

    Args:
        path: the file, in UTF-8, with a header.
        faces: the whole data set, of any splits.
        columns: the groupings that are wanted; by default all columns but the first.
    Returns:
        One grouping for each column; row i of `members` belongs to face i of `faces`.
    Raises:
        DataError: the file cannot be read, names an image twice or by a name that several have,
            names none of the faces, or a column has no groups; the message names it, and the row.
        OptionError: there is no such column.
    """
    path = Path(path)
    if faces.sources is None:
        raise DataError(
            f"{path}: expected faces that know their files, as those of folders of images do; "
            f"those of {faces.name} do not"
        )
    by_end: dict[str, list[int]] = {}
    for i, source in enumerate(faces.sources):
        by_end.setdefault(PurePosixPath(source).name, []).append(i)
    cells: dict[str, list[str]] = {}
    named: dict[int, str] = {}
    first = ""
    for where, row in csv_rows(path, ()):
        if not cells:
            first, *found = row
            if not found:
                raise DataError(
                    f"{path}: expected a column that names the image, then one or more of "
                    f"groups; there is {first!r} alone"
                )
            for column in columns:
                if column not in found:
                    raise OptionError(
                        f"expected a column among {', '.join(found)} of {path}; got {column!r}"
                    )
            cells = {column: [""] * len(faces) for column in columns or found}
        place = _row_of(row[first], where, faces.sources, by_end)
        if place is None:
            continue
        if place in named:
            raise DataError(
                f"{where}: expected each image once; {named[place]} names "
                f"{faces.sources[place]} too"
            )
        named[place] = where
        for column, values in cells.items():
            values[place] = "" if row[column].strip() == NA else row[column]
    if not named:
        example = faces.sources[0] if faces.sources else "none"
        raise DataError(
            f"{path}: expected the names of images of {faces.name}, such as {example!r}; "
            "it has none of them"
        )
    about = f"column of {path.name}"
    return tuple(Grouping.of(column, about, values) for column, values in cells.items())


def raf_db_groups(faces: FaceSet) -> tuple[Grouping, ...]:
    """Gender, race and age as RAF-DB's annotators saw them, from the files beside its images.

    Args:
        faces: read from RAF-DB as it is handed out, with the folder `Annotation/manual` in it.
    Returns:
        A grouping for each of `RAF_DB_ATTRIBUTES`; empty if this is not RAF-DB, or came without
        these files.
    Raises:
        DataError: a file is missing or broken; the message names it.
    """
    if faces.name != "RAF-DB" or not faces.sources:
        return ()
    folder = Path(faces.sources[0]).parents[2] / "Annotation" / "manual"
    if not folder.is_dir():
        return ()
    seen = []
    for source in faces.sources:
        stem = Path(source).stem.removesuffix("_aligned")
        seen.append(_raf_db_attributes(folder / f"{stem}_manu_attri.txt"))
    members = np.array(seen, dtype=np.int64).reshape(len(faces), len(RAF_DB_ATTRIBUTES))
    return tuple(
        Grouping(name, "as RAF-DB's annotators saw it", groups, members[:, i])
        for i, (name, groups) in enumerate(RAF_DB_ATTRIBUTES.items())
    )


def crossed(groupings: Sequence[Grouping]) -> Grouping:
    """The groups in which faces are by several groupings at once: "female, Asian".

    A model can serve two groups alike and their intersection badly (Buolamwini and Gebru 2018).

    Args:
        groupings: two or more, of the same faces. A face that one of them leaves out is left out.
    Raises:
        OptionError: there are fewer.
    """
    if len(groupings) < 2:
        raise OptionError("expected two groupings or more to cross")
    there = np.all([grouping.members >= 0 for grouping in groupings], axis=0)
    shape = tuple(len(grouping.groups) for grouping in groupings)
    columns = [np.maximum(grouping.members, 0) for grouping in groupings]
    flat = np.ravel_multi_index(columns, shape)
    kinds = np.unique(flat[there])
    names = [
        ", ".join(
            grouping.groups[int(i)]
            for grouping, i in zip(groupings, np.unravel_index(kind, shape), strict=True)
        )
        for kind in kinds
    ]
    members = np.where(there, np.searchsorted(kinds, flat), -1)
    name = " and ".join(grouping.name for grouping in groupings)
    about = "; ".join(dict.fromkeys(grouping.about for grouping in groupings))
    return Grouping(name, about, tuple(names), members.astype(np.int64))


def _row_of(
    name: str, where: str, sources: Sequence[str], by_end: dict[str, list[int]]
) -> int | None:
    """The face whose source is `name` or ends in it; None if there is none."""
    wanted = PurePosixPath(name.strip().replace("\\", "/"))
    if not wanted.name:
        raise DataError(f"{where}: expected the name of an image; got {name!r}")
    parts = wanted.parts
    rows = [
        row
        for row in by_end.get(wanted.name, [])
        if PurePosixPath(sources[row]).parts[-len(parts) :] == parts
    ]
    if len(rows) > 1:
        raise DataError(
            f"{where}: expected a name that one image has; {name!r} is both {sources[rows[0]]} "
            f"and {sources[rows[1]]}: put its folders before it"
        )
    return rows[0] if rows else None


def _raf_db_attributes(path: Path) -> list[int]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected RAF-DB's annotation; {error}") from error
    found = []
    for i, (name, groups) in enumerate(RAF_DB_ATTRIBUTES.items(), start=_LANDMARK_LINES):
        text = lines[i].strip() if i < len(lines) else ""
        if not text.isdecimal() or len(text) > 9 or int(text) >= len(groups):
            raise DataError(
                f"{path}, row {i + 1}: expected the {name}, 0 to {len(groups) - 1}, after "
                f"{_LANDMARK_LINES} rows of landmarks; got {text[:20]!r}"
            )
        found.append(int(text))
    return found
