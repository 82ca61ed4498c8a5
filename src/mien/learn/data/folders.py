"""Folders and lists of images as people make them.

In a folder, the name of each image's folder, or of one that this lies in, says the emotion, and
another may say the split: `train/happy/1.png`, `images/train/happy/1.png`, `happy/subject 3/1.png`.
A list is a CSV file with a column of images and one of emotions; a split may have its own.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mien.errors import DataError
from mien.labels import EMOTIONS, target_of
from mien.learn.data.formats import NOT_AMONG_THE_SEVEN, RAF_DB, Listing
from mien.learn.data.tables import csv_header, csv_rows
from mien.recognize.images import is_image_name
from mien.recognize.sources import ending_hint

SPLIT_NAMES: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "public_test", "publictest"), "val"),
    **dict.fromkeys(("test", "testing", "private_test", "privatetest"), "test"),
}
"""What people call the splits, in lower case; `train_set` and `Validation-Data` are known, too."""

# Calm stands beside neutral where lists have it (RAVDESS), so it is not the same.
_OTHER_WORDS: Final = NOT_AMONG_THE_SEVEN | {"calm", "unknown", "nf", "not a face"}
_NUMBERED: Final = re.compile(r"\d+[\s._-]+(?=\D)")  # 0_angry, 3. Happy
_SET_WORDS: Final = re.compile(r"[\s_-]*(set|data|images)$")
_OF_SYSTEMS: Final = frozenset({"thumbs.db", "desktop.ini"})
_IMAGE_COLUMNS: Final = (
    *("image", "imagename", "imagepath", "picture"),
    *("file", "filename", "filepath", "path", "pth"),
)
_LABEL_COLUMNS: Final = ("emotion", "label", "expression", "class")
_SPLIT_COLUMNS: Final = ("split", "usage", "set", "subset")

# Of folders that are called 0, 1, 2, ...: the set whose order it is, as names of its files tell.
_ORDERS: Final = (
    (re.compile(r"(train|test)_\d+_aligned"), "RAF-DB", RAF_DB),
    (re.compile(r"(Training|PublicTest|PrivateTest)_\d+"), "FER2013", dict(enumerate(EMOTIONS))),
)


def split_of(name: str) -> str | None:
    """The split that a folder, a file or a cell is called after; None if it is none."""
    key = name.strip().lower()
    return SPLIT_NAMES.get(key) or SPLIT_NAMES.get(_SET_WORDS.sub("", key))


def label_of(name: str) -> str | None:
    """The emotion that a word stands for, or the word if it is another known label, or None."""
    key = _NUMBERED.sub("", name.strip().lower(), count=1).replace("_", " ").replace("-", " ")
    target = target_of(key)
    if target is not None:
        return EMOTIONS[target]
    return key if key in _OTHER_WORDS else None


def has_named_folders(root: Path, *, numbers: bool) -> bool:
    """Whether a folder anywhere below is called after an emotion, or with `numbers` by one."""
    return any(
        label_of(folder.name) is not None or (numbers and folder.name.isdecimal())
        for folder, _ in _folders_below(root)
        if folder != root
    )


class _Folder:
    """One folder: what its files are, and what its name and those it lies in say of them."""

    def __init__(self, root: Path, path: Path, names: list[str]) -> None:
        self.path = path
        self.parts = path.relative_to(root).parts
        self.images = [name for name in names if is_image_name(name)]
        self.others = [name for name in names if not is_image_name(name)]
        # An emotion or another known label, and which of `parts` says so.
        self.label, self.level = _label_of_parts(self.parts, path)
        self.number = next((part for part in self.parts if part.isdecimal()), None)
        self.split = _split_of_parts(self.parts, path)


def read_folders(root: Path) -> Listing:
    """The images of folders that are called after emotions, wherever they lie below `root`.

    Images that lie loose, beside the folders of emotions, and files that are no images are left
    out and counted. Folders that are called by numbers are read where the names of their files say
    whose numbers they are.

    Raises:
        DataError: a folder of images is called otherwise, or by a number of unknown meaning; some
            have a split and some have none; or there is no folder.
    """
    folders = [_Folder(root, path, names) for path, names in _folders_below(root)]
    named = [folder for folder in folders if folder.label in EMOTIONS]
    _check_splits(root, named)
    found = Listing(root.resolve().name)
    numbered: list[_Folder] = []
    above = {root, *(parent for f in folders if f.label for parent in f.path.parents)}
    for folder in folders:
        if folder.label or folder.number:
            found.left_out.update(map(_no_image, folder.others))
        if folder.label is not None:
            for name in folder.images:
                # Kaggle's folders keep PublicTest and PrivateTest together in test.
                public = folder.split == "test" and name.startswith("PublicTest")
                split = "val" if public else folder.split or "train"
                found.add(folder.path / name, folder.label, split)
        elif folder.images:
            if folder.path in above:
                found.left_out["in no folder of an emotion"] += len(folder.images)
            elif folder.number is None:
                raise DataError(_unknown(folder.path))
            if folder.number is not None:
                numbered.append(folder)
    if numbered and named:
        raise DataError(_unknown(numbered[0].path))
    if numbered:
        return _read_numbered(numbered, found.left_out)
    if not any(folder.label for folder in folders):
        raise DataError(
            f"{root}: expected a folder for each emotion; it has no folders that are named after "
            f"one of {', '.join(EMOTIONS)}, and no CSV file with the columns image and emotion"
        )
    return found


def _check_splits(root: Path, named: Sequence[_Folder]) -> None:
    """Raise if some of the folders lie in one of a split, and others do not."""
    places = [(f.split, root.joinpath(*f.parts[: max(f.level, 1)])) for f in named]
    in_split = [place for split, place in places if split is not None]
    in_none = [place for split, place in places if split is None]
    if in_split and in_none:
        raise DataError(
            f"{in_none[0]}: expected a folder named after a split ({', '.join(SPLIT_NAMES)}), as "
            f"{in_split[0].name} beside it is"
        )


def _no_image(name: str) -> str:
    ending = Path(name).suffix.lower() or name
    hint = ending_hint(name)
    return f"no image ({ending}{f': {hint}' if hint else ''})"


def is_list(table: Path) -> bool:
    """Whether a CSV file has a column of images and one of emotions."""
    return None not in _columns(table)[:2]


def read_list(table: Path, *, split: str = "train") -> Listing:
    """The images that a CSV file names, with their emotions in words.

    Images lie where the file says, seen from its own folder, or from one folder in this. A column
    split is read, and else folders that are called after splits.

    Args:
        table: the file.
        split: of images of which neither says it.
    Raises:
        DataError: an emotion is no known word, none of the images is there, or the file is
            broken; the message names the row.
    """
    image, label, split_column = _columns(table)
    assert image is not None  # `is_list` says so
    assert label is not None
    optional = () if split_column is None else (split_column,)
    rows = list(csv_rows(table, (image, label), optional=optional))
    files = [Path(row[image].strip().replace("\\", "/")) for _, row in rows]  # Windows' too
    places = [table.parent, *(f for f in sorted(table.parent.iterdir()) if f.is_dir())]
    base = next((p for p in places if any((p / file).is_file() for file in files)), None)
    if rows and base is None:
        raise DataError(
            f"{rows[0][0]}: expected an image below {table.parent}; there is no "
            f"{rows[0][1][image]!r}"
        )
    found = Listing(table.resolve().parent.name)
    for (where, row), file in zip(rows, files, strict=True):
        word = label_of(row[label])
        if word is None:
            raise DataError(f"{where}: {word_expected(row[label])}")
        if file.is_absolute() or ".." in file.parts:
            raise DataError(f"{where}: expected an image below {table.parent}; got {str(file)!r}")
        assert base is not None  # there are rows
        if word not in EMOTIONS or not (base / file).is_file():
            found.left_out[word if word not in EMOTIONS else "named in the list and not there"] += 1
            continue
        if split_column is not None and row[split_column].strip():
            named = split_of(row[split_column])
            if named is None:
                raise DataError(
                    f"{where}: expected a split among {', '.join(SPLIT_NAMES)}; "
                    f"got {row[split_column]!r}"
                )
        else:
            folders = (base / file).relative_to(table.parent).parts[:-1]
            named = _split_of_parts(folders, base / file)
        found.add(base / file, word, named or split)
    return found


def read_split_lists(root: Path, splits: Sequence[str]) -> Listing | None:
    """The images that the lists in the folders of splits name: `train/metadata.csv`.

    Args:
        root: the folder of the set.
        splits: names of the folders in it, each called after a split.
    Returns:
        None if no folder has a list.
    Raises:
        DataError: as `read_list`, or some folder has none or several.
    """
    lists = [
        [table for table in sorted((root / name).glob("[!.]*.csv")) if is_list(table)]
        for name in splits
    ]
    if not any(lists):
        return None
    found = Listing(root.resolve().name)
    for name, tables in zip(splits, lists, strict=True):
        if len(tables) != 1:
            raise DataError(
                f"{root / name}: expected one CSV file with the columns image and emotion, as "
                f"the folders beside it have; got {', '.join(t.name for t in tables) or 'none'}"
            )
        part = read_list(tables[0], split=split_of(name) or "train")
        found.images += part.images
        found.left_out += part.left_out
    return found


def word_expected(got: str) -> str:
    """What a message says where an emotion is no known word."""
    orders = (
        ": numbers have many orders, FER2013's begins with 0 angry, AffectNet's with 0 neutral, "
        "RAF-DB's with 1 surprise; write the words"
    )
    wanted = f"expected an emotion in words among {', '.join(EMOTIONS)}; got {got!r}"
    return wanted + (orders if got.strip().replace(".", "").isdecimal() else "")


def _unknown(folder: Path) -> str:
    if split_of(folder.name) is not None:
        if lists := [table.name for table in folder.glob("[!.]*.csv") if is_list(table)]:
            return (
                f"{folder}: expected {lists[0]} alone to say the emotions: give {folder.parent} as "
                "the data set, without folders that are called after emotions"
            )
        return (
            f"{folder}: expected a folder in it for each of {', '.join(EMOTIONS)}, or a CSV file "
            "with the columns image and emotion; its images lie loose"
        )
    return (
        f"{folder}: expected a folder named after one of {', '.join(EMOTIONS)}, or in one; "
        f"got {folder.name!r}: rename it, or move it out of the data set"
    )


def _read_numbered(folders: Sequence[_Folder], left_out: Counter[str]) -> Listing:
    """Images of folders that are called 0, 1, 2, ..., where it is clear what that means."""
    stems = [Path(name).stem for folder in folders for name in folder.images]
    numbers = {int(folder.number or 0) for folder in folders}
    for pattern, name, order in _ORDERS:
        if numbers <= set(order) and all(map(pattern.fullmatch, stems)):
            told = ", ".join(f"{number} {label}" for number, label in order.items())
            note = f"folders called by numbers are read in the order of {name}: {told}"
            found = Listing(name, left_out=left_out, notes=(note,))
            for folder in folders:
                for file in folder.images:
                    split = split_of(file.partition("_")[0]) or "train"
                    found.add(folder.path / file, order[int(folder.number or 0)], split)
            return found
    raise DataError(f"{folders[0].path}: {word_expected(folders[0].number or '')}")


def _label_of_parts(parts: Sequence[str], where: Path) -> tuple[str | None, int]:
    """The emotion that one of the folders is called after, or another known label, and its place.

    Another label counts where no folder is called after an emotion: `happy/unknown/1.png`.
    """
    found = {label: at for at, part in enumerate(parts) if (label := label_of(part)) is not None}
    emotions = {label: at for label, at in found.items() if label in EMOTIONS}
    if len(emotions) > 1:
        raise DataError(f"{where}: expected one emotion; got {' and '.join(sorted(emotions))}")
    return next(iter((emotions or found).items()), (None, 0))


def _split_of_parts(parts: Sequence[str], where: Path) -> str | None:
    splits = {split for part in parts if (split := split_of(part)) is not None}
    if len(splits) > 1:
        raise DataError(f"{where}: expected one split; got {' and '.join(sorted(splits))}")
    return next(iter(splits), None)


def _columns(table: Path) -> list[str | None]:
    """Those of images, emotions and splits, where there are any; `file_name` is `filename`, too."""
    plain = {re.sub(r"[\s_]", "", name): name for name in csv_header(table)}
    wanted = (_IMAGE_COLUMNS, _LABEL_COLUMNS, _SPLIT_COLUMNS)
    return [next((plain[name] for name in names if name in plain), None) for names in wanted]


def _folders_below(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder with the names of its files, in order; links to folders are followed."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read; {error.strerror}") from error

    for place, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        here = Path(place)
        shown = [name for name in sorted(folders) if name[0] != "." and name != "__MACOSX"]
        folders[:] = [name for name in shown if not _leads_back(here / name)]
        own = (name for name in files if name[0] != "." and name.lower() not in _OF_SYSTEMS)
        yield here, sorted(own)


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
