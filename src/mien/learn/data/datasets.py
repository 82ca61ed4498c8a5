"""Data sets as people have them on their disks, read into one checked set of arrays."""

import hashlib
import json
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError, check_count, counted, needs_extra
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_EMOTIONS
from mien.learn.data.folders import (
    SPLIT_NAMES,
    has_named_folders,
    is_list,
    label_of,
    read_folders,
    read_list,
    read_split_lists,
    split_of,
    word_expected,
)
from mien.learn.data.formats import LabeledImage, Listing, read_dataset_format, read_multi_pie
from mien.learn.data.labeled_images import read_faces, whole_face
from mien.learn.data.tables import Report, csv_header, csv_rows
from mien.recognize.crops import SIZE_PX
from mien.recognize.images import is_image_name

SPLITS: Final = ("train", "val", "test")
"""Training, PublicTest and PrivateTest of FER2013, in this order."""

_MOST_VOTES: Final = 1_000_000  # on a face, for one label; FER+ has ten in all
_OUT_OF_ORDER: Final = 0.01  # most of the names in FER+'s file; four of the real 35,714 are
# As Hugging Face calls the files of a split: train-00000-of-00002, and a hash in some.
_PART: Final = re.compile(r"(?P<split>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})(-[0-9a-f]+)?")
_USAGES: Final = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Labeled faces; row i of every array belongs to face i.

    Attributes:
        images: (N, 48, 48) uint8, gray.
        targets: (N,) int64, indices into `mien.labels.EMOTIONS`.
        splits: (N,) of str, each one of `SPLITS`.
        votes: (N, 10) int64, FER+ counts in the order of `mien.labels.FERPLUS`, or None. A row of
            zeros is a face on which FER+ has no votes.
        name: what people call the set, for reports.
        sources: where each face comes from: its file, and the row of a table; or None.
        left_out: how many faces of the set were left out, by reason.
        notes: what had to be decided to read the set, in sentences.
        val_share: of train that `hold_out` has moved to val.
        faceless: the photos in which a face had to be found and none was; they are not among the N,
            and their number stands in `left_out`, too.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    votes: NDArray[np.int64] | None = None
    name: str = "faces"
    sources: tuple[str, ...] | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    val_share: float = 0.0
    faceless: tuple[LabeledImage, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.targets)
        expected = {"images": (count, SIZE_PX, SIZE_PX), "targets": (count,), "splits": (count,)}
        if self.votes is not None:
            expected["votes"] = (count, len(FERPLUS))
        for array, shape in expected.items():
            if (got := getattr(self, array).shape) != shape:
                raise DataError(f"{array}: expected shape {shape}; got {got}")
        if self.sources is not None and len(self.sources) != count:
            raise DataError(f"sources: expected {count}; got {len(self.sources)}")
        for array, kind in (("images", "uint8"), ("targets", "int64")):
            if (dtype := getattr(self, array).dtype) != kind:
                raise DataError(f"{array}: expected {kind}; got {dtype}")
        if self.votes is not None and self.votes.min(initial=0) < 0:
            raise DataError(f"votes: expected 0 or more; got {self.votes.min()}")
        if unknown := sorted(set(self.splits.tolist()) - set(SPLITS)):
            raise DataError(f"splits: expected {', '.join(SPLITS)}; got {unknown[0]!r}")
        if count and not (self.targets.min() >= 0 and self.targets.max() < len(EMOTIONS)):
            raise DataError(
                f"targets: expected 0 to {len(EMOTIONS) - 1}; "
                f"got {self.targets.min()} to {self.targets.max()}"
            )

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "FaceSet":
        """The faces of those rows: a mask, or indices."""
        indices = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return replace(
            self,
            images=self.images[rows],
            targets=self.targets[rows],
            splits=self.splits[rows],
            votes=None if self.votes is None else self.votes[rows],
            sources=None if self.sources is None else tuple(self.sources[i] for i in indices),
        )

    def split(self, names: str) -> "FaceSet":
        """The faces of one split, or of several joined by a plus sign: `val+test`.

        Raises:
            OptionError: a name is not one of `SPLITS`.
            DataError: the set has no face in one of them.
        """
        wanted = names.split("+")
        for name in wanted:
            if name not in SPLITS:
                raise OptionError(
                    f"expected a split among {', '.join(SPLITS)}, or several joined by '+'; "
                    f"got {names!r}"
                )
            if not (self.splits == name).any():
                there = [s for s in SPLITS if (self.splits == s).any()]
                held_out = "; commands with --val-share hold out a share of train as val"
                raise DataError(
                    f"{self.name} has no faces in split {name!r}; it has {', '.join(there)}"
                    + (held_out if name == "val" and "train" in there else "")
                )
        faceless = tuple(image for image in self.faceless if image.split in wanted)
        return replace(self.take(np.isin(self.splits, wanted)), faceless=faceless)

    def class_counts(self) -> NDArray[np.int64]:
        """(7,) int64: faces of each emotion."""
        return np.bincount(self.targets, minlength=len(EMOTIONS)).astype(np.int64)

    @property
    def absent(self) -> tuple[str, ...]:
        """The emotions that no face carries."""
        counts = self.class_counts()
        return tuple(label for label, n in zip(EMOTIONS, counts, strict=True) if not n)

    def vote_shares(self) -> NDArray[np.float32]:
        """(N, 8) float32: shares of the votes for the eight FER+ expressions.

        Votes for unknown and "not a face" do not count. Rows sum to 1, or to 0 without a vote.

        Raises:
            DataError: the set has no FER+ votes.
        """
        if self.votes is None:
            raise DataError(
                f"{self.name} has no FER+ votes; give fer2013new.csv as votes, "
                "or train with votes_weight 0"
            )
        counts = self.votes[:, : len(FERPLUS_EMOTIONS)].astype(np.float32)
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0), np.float32)

    def hold_out(self, share: float, *, seed: int = 0) -> "FaceSet":
        """The same set with a share of each class of `train` moved to `val`.

        Raises:
            OptionError: `share` is not between 0 and 1.
            DataError: of so few faces it takes none, or all.
        """
        if not 0.0 < share < 1.0:
            raise OptionError(f"expected between 0 and 1; got {share}", argument="val_share")
        generator, splits = np.random.default_rng(seed), self.splits.copy()
        for target in range(len(EMOTIONS)):
            rows = np.flatnonzero((self.splits == "train") & (self.targets == target))
            splits[generator.permutation(rows)[: round(share * len(rows))]] = "val"
        before, left = (int((of == "train").sum()) for of in (self.splits, splits))
        if before and left in (0, before):
            raise DataError(
                f"{self.name}: expected a share of train that leaves faces in train and in val; "
                f"{share:g} of each emotion's, rounded, is {before - left} of {before}"
            )
        return replace(self, splits=splits, val_share=share)

    def limit_train(self, count: int, *, seed: int = 0) -> "FaceSet":
        """The same set with at most `count` faces of `train`, each class by its share.

        Raises:
            OptionError: `count` is below 1.
        """
        check_count("limit", count, 1)
        train = np.flatnonzero(self.splits == "train")
        kept = self.splits != "train"
        kept[train[draw_stratified(self.targets[train], count, seed=seed)]] = True
        return self.take(kept)

    def fingerprint(self) -> str:
        """Sha256 over all arrays: tells whether a run goes on with the data it began with."""
        digest = hashlib.sha256()
        arrays: list[NDArray[Any]] = [self.images, self.targets, self.splits.astype("U5")]
        if self.votes is not None:
            arrays.append(self.votes)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)  # not copied
        return digest.hexdigest()


def draw_stratified(targets: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """So many rows, of each class its share, and one of each class before a second of any.

    A smaller draw with the same seed is part of a larger one.

    Returns:
        (min(count, N),) int64, rising.
    """
    generator = np.random.default_rng(seed)
    place = np.empty(len(targets))  # of a face within its class, as a share of the class
    for target in np.unique(targets):
        rows = generator.permutation(np.flatnonzero(targets == target))
        place[rows] = np.arange(len(rows)) / len(rows)
    return np.sort(np.argsort(place, kind="stable")[:count])


def load_faces(
    path: str | Path,
    *,
    votes: str | Path | None = None,
    find_faces: bool = False,
    report: Report | None = None,
) -> FaceSet:
    """Read a data set, whatever its form.

    - `fer2013.csv` or `icml_face_data.csv`: columns emotion and pixels, and Usage where there is
      one; without it all faces are of the split that the file is called after, or of train;
    - a folder of Parquet files, one a split, or one such file: columns image (encoded bytes),
      emotion, and where there are any ferplus_votes; with a column Usage or split, which says it of
      each row, one file alone may have any name; those that Hugging Face writes, too, with the
      words that they have for the numbers of emotion or label;
    - a folder of splits that hold a folder of images for each emotion (`train/angry/1.png`), or
      of emotions alone, which is then all `train`: see `mien.learn.data.folders`. Images are
      faces, already cut out; in a `test` folder, names that begin with PublicTest or PrivateTest
      tell val from test;
    - a CSV file that names images and emotions, or a folder with one, or of splits that have one;
    - CK+, RAF-DB, AffectNet and Multi-PIE as they are handed out: see `mien.learn.data.formats`.

    Args:
        path: the file or folder.
        votes: `fer2013new.csv` of FER+, whose rows stand in the order of `fer2013.csv`.
        find_faces: images in folders are photos, not faces cut out of them: take the largest
            face that YuNet finds in each, and leave out those without one, see `faceless`.
        report: told from time to time what share is read.
    Raises:
        DataError: it is missing, broken or incomplete; the message names the file and the row.
        OptionError: `find_faces` of a table, or `votes` for images.
    """
    if not str(path):
        raise DataError("expected a file or folder with faces; got an empty name")
    path = Path(path)
    source = _source(path)
    if isinstance(source, Listing):
        if votes is not None:
            raise OptionError(
                "expected fer2013.csv, whose rows those of fer2013new.csv are; "
                f"{path} names images",
                argument="votes",
            )
        faces = _read_images(source, find_faces=find_faces, report=report)
    elif find_faces:
        raise OptionError(
            f"expected a folder of images; {path} is a table of faces", argument="find_faces"
        )
    elif source[0].suffix.lower() == ".parquet":
        name = path.resolve().name if path.is_dir() else path.stem
        faces = _read_parquet(source, name=name)
    else:
        name = path.resolve().name if len(source) > 1 else source[0].stem
        faces = _read_csv(source, name=name, report=report)
    if not len(faces):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in faces.left_out.items())
        raise DataError(f"{path}: no faces in it" + (f"; left out: {reasons}" if reasons else ""))
    return faces if votes is None else _with_votes(faces, Path(votes))


def list_images(path: str | Path) -> Listing:
    """The images of a data set that is read from images; none of them is opened yet.

    Args:
        path: as `load_faces` takes it.
    Raises:
        DataError: it is missing or broken, or a table of faces.
    """
    path = Path(path)
    source = _source(path)
    if not isinstance(source, Listing):
        raise DataError(f"{path}: expected images; it is a table of faces")
    return source


def _source(path: Path) -> Listing | list[Path]:
    """The images, or the tables of faces, that a data set is read from."""
    if not path.exists():
        raise DataError(f"no such file or folder: {path}")
    if path.is_dir():
        return _in_folder(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise DataError(
            f"{path}: expected a .csv or .parquet file or a folder; unpack an archive first"
        )
    return read_list(path) if path.suffix.lower() == ".csv" and is_list(path) else [path]


def _in_folder(root: Path) -> Listing | list[Path]:
    """The images in a folder, however they are laid out, or the tables of faces in it."""
    if (listing := read_dataset_format(root)) is not None:
        return listing
    files = sorted(file for file in root.iterdir() if file.is_file() and file.name[0] != ".")
    if parquet := [file for file in files if file.suffix.lower() == ".parquet"]:
        return parquet
    tables = [file for file in files if file.suffix.lower() == ".csv"]
    if faces := [table for table in tables if "pixels" in csv_header(table)]:
        return _chosen(faces)
    lists = [table for table in tables if is_list(table)]
    top = [d.name for d in sorted(root.iterdir()) if d.is_dir() and d.name[0] != "."]
    # Beside one list, folders of splits may hold images that it alone says the emotions of.
    own = len(lists) != 1 or has_named_folders(root, numbers=True)
    in_splits = bool(top) and all(split_of(name) for name in top)
    if in_splits and not lists and not has_named_folders(root, numbers=True):
        listing = read_split_lists(root, top)
        if listing is not None:
            return listing
    if own and top and all(split_of(name) or label_of(name) for name in top):
        return _beside(lists, read_folders(root))
    images = any(is_image_name(file.name) for file in files)
    if not (tables or images) and len(top) == 1 and _has_tables(root / top[0]):  # as they unpack
        return _in_folder(root / top[0])
    if (listing := read_multi_pie(root)) is not None:
        return listing
    if len(lists) == 1 and not has_named_folders(root, numbers=False):
        return read_list(lists[0])
    if tables and not has_named_folders(root, numbers=True):
        return tables[:1]  # what it lacks will be said
    return _beside(lists, read_folders(root))


def _has_tables(folder: Path) -> bool:
    """Whether tables lie in a folder, or in those of splits in it."""
    of_splits = (part for part in folder.glob("[!.]*") if part.is_dir() and split_of(part.name))
    files = (file for part in (folder, *of_splits) for file in part.glob("[!.]*"))
    return any(file.suffix.lower() in (".csv", ".parquet") and file.is_file() for file in files)


def _beside(lists: list[Path], listing: Listing) -> Listing:
    """The listing of folders, with a word on lists of images that may say otherwise."""
    passed = tuple(f"{table}: not read, the folders say the emotions" for table in lists)
    return replace(listing, notes=(*listing.notes, *passed))


def _chosen(tables: list[Path]) -> list[Path]:
    """Of the tables of pixels in a folder, the one that has all splits, or one for each split."""
    for name in ("fer2013.csv", "icml_face_data.csv"):
        if whole := [table for table in tables if table.name == name]:
            return whole
    labelled = [table for table in tables if "emotion" in csv_header(table)]
    if len(labelled) > 1 and not all(split_of(table.stem) is not None for table in labelled):
        raise DataError(
            f"{tables[0].parent}: expected one table of faces, or one for each split and named "
            f"after it; got {', '.join(table.name for table in labelled)}. Give one of them"
        )
    return [*labelled, *(t for t in tables if t not in labelled)] if labelled else tables[:1]


class _Faces:
    """The faces of a set, that come one by one, and what is left out of it."""

    def __init__(self) -> None:
        self._pixels = bytearray()  # grows in place, where a list would be copied whole at last
        self._targets: list[int] = []
        self._splits: list[str] = []
        self._sources: list[str] = []
        self.votes: list[list[int]] = []
        self.left_out: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._targets)

    def add(self, face: NDArray[np.uint8], target: int, split: str, source: str) -> None:
        self._pixels += face.tobytes()
        self._targets.append(target)
        self._splits.append(split)
        self._sources.append(source)

    def target(self, text: str, where: str) -> int | None:
        """What a cell says; None for a known word that is none of the seven, which is counted."""
        try:
            target = int(text.removesuffix(".0"))  # as pandas writes it where others are missing
        except ValueError:
            word = label_of(text)
            if word is None:
                raise DataError(f"{where}: expected an emotion 0 to 6; got {text!r}") from None
            if word in EMOTIONS:
                return EMOTIONS.index(word)
            self.left_out[word] += 1
            return None
        if not 0 <= target < len(EMOTIONS):
            raise DataError(f"{where}: expected an emotion 0 to 6; got {target}")
        return target

    def as_set(self, name: str, **more: Any) -> FaceSet:
        return FaceSet(
            np.frombuffer(self._pixels, np.uint8).reshape(-1, SIZE_PX, SIZE_PX),
            np.array(self._targets, np.int64),
            np.array(self._splits, "U5"),
            np.array(self.votes, np.int64) if self.votes else None,
            name,
            tuple(self._sources),
            dict(+self.left_out),
            **more,
        )


def _read_csv(tables: list[Path], *, name: str, report: Report | None) -> FaceSet:
    """Tables with columns emotion, pixels and mostly Usage; the larger part of the time is pixels.

    A table without Usage is of the split that it is named after, or of train.
    """
    faces = _Faces()
    notes: list[str] = []
    for table in tables:
        header = csv_header(table)
        if "pixels" in header and "emotion" not in header:
            told = (
                f"{table}: no column emotion; the test.csv of Kaggle's challenge has no labels, "
                "and its faces stand with labels in icml_face_data.csv and fer2013.csv"
            )
            if len(tables) == 1:
                raise DataError(told)
            notes.append(f"{told}: left out")
            continue
        split = split_of(table.stem) or "train"
        if "emotion" in header and "usage" not in header:
            notes.append(f"{table}: no column Usage; all its faces are {split}")
        rows = csv_rows(table, ("emotion", "pixels"), optional=("Usage",), report=report)
        for where, row in rows:
            if (target := faces.target(row["emotion"], where)) is not None:
                pixels = _pixels(row["pixels"], where)
                own = _usage(row["Usage"], where) if "Usage" in row else split
                faces.add(pixels, target, own, where)
    return faces.as_set(name, notes=tuple(notes))


def _usage(text: str, where: str, column: str = "Usage") -> str:
    split = _USAGES.get(text.strip()) or split_of(text)
    if split is None:
        known = ", ".join((*_USAGES, *SPLITS))
        raise DataError(f"{where}: expected {column} among {known}; got {text.strip()!r}")
    return split


def _pixels(text: str, where: str) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            values = np.fromstring(text, dtype=np.int64, sep=" ")
    except (DeprecationWarning, ValueError) as error:
        raise DataError(f"{where}: expected pixels as whole numbers; {error}") from error
    if len(values) != SIZE_PX * SIZE_PX:
        raise DataError(
            f"{where}: expected {SIZE_PX * SIZE_PX} pixels ({SIZE_PX} x {SIZE_PX}); "
            f"got {len(values)}"
        )
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"{where}: expected pixels 0 to 255; got {values.min()} to {values.max()}")
    return values.astype(np.uint8).reshape(SIZE_PX, SIZE_PX)


def _read_parquet(paths: list[Path], *, name: str) -> FaceSet:
    with needs_extra("train", "reading Parquet files"):
        import pyarrow as pa
        import pyarrow.parquet as pq

    faces = _Faces()
    voteless = ""  # the first row that has none
    files, notes = _parquet_files(paths)
    for split, path in files:
        try:
            # A few bytes can say a thousand million times that a cell is empty.
            metadata = pq.read_metadata(path)
            if (count := metadata.num_rows) > (size := path.stat().st_size):
                raise DataError(f"{path}: expected images; got {count:,} rows in {size:,} bytes")
            schema = metadata.schema.to_arrow_schema()
            columns = schema.names
            label = "emotion" if "emotion" in columns else "label"
            usage = next((name for name in columns if name.lower() in ("usage", "split")), "")
            for column in ("image", label):
                if column not in columns:
                    raise DataError(
                        f"{path}: expected columns image and emotion, or label; "
                        f"{'emotion' if column == label else column} is missing, "
                        f"there are {', '.join(columns)}"
                    )
            if not (split or usage):
                raise _unnamed(path)
            wanted = ("image", label, "ferplus_votes", usage)
            table = pq.read_table(path, columns=[name for name in wanted if name in columns])
            rows = table.to_pylist()
        # UnicodeDecodeError, OverflowError: names and values that Python does not have.
        except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
            raise DataError(f"{path}: expected a Parquet file; {error}") from error
        words = _words_of_numbers(schema.metadata or {}, label)
        for number, row in enumerate(rows):
            where = f"{path}, row {number}"
            content = row["image"]
            if isinstance(content, dict):  # as Hugging Face writes it
                content = content.get("bytes")
            if not isinstance(content, bytes):
                raise DataError(
                    f"{where}: expected an encoded image as bytes; got {type(content).__name__}"
                )
            text = _emotion_of(row[label], words, label, where)
            if (target := faces.target(text, where)) is None:
                continue
            own = _usage(str(row[usage]), where, usage) if usage else split
            faces.add(whole_face(content, where), target, own, where)
            if (counts := row.get("ferplus_votes")) is not None:
                faces.votes.append(_votes(counts, where))
            else:
                voteless = voteless or where
    if faces.votes and voteless:
        raise DataError(
            f"{voteless}: expected ferplus_votes on every row or on none; "
            f"{len(faces.votes)} of {len(faces)} have them"
        )
    return faces.as_set(name, notes=notes)


def _parquet_files(paths: list[Path]) -> tuple[list[tuple[str, Path]], tuple[str, ...]]:
    """Each file with its split, train first, and of which split some parts are not there.

    One file alone may be named after none (""): its rows may say theirs.
    """
    # Split -> what its files are called and of how many parts, and those that are there.
    found: dict[str, tuple[tuple[str, int], dict[str, Path]]] = {}
    for path in paths:
        part = _PART.fullmatch(path.stem)
        named = part["split"] if part else path.stem
        split = split_of(named)
        if split is None and len(paths) > 1:
            raise _unnamed(path)
        of, number = (named, int(part["parts"]) if part else 0), part["part"] if part else ""
        first, files = found.setdefault(split or "", (of, {}))
        if of != first or number in files:
            other = files.get(number, next(iter(files.values())))
            what = "one file for each split" if of != first else "each part of a split once"
            raise DataError(f"{path}: expected {what}; {other.name} is {split} too")
        files[number] = path
    notes = tuple(
        f"{split or named}: read {len(files)} of its {counted(parts, 'file')}"
        for split, ((named, parts), files) in found.items()
        if len(files) < parts
    )
    order = sorted(found, key=("", *SPLITS).index)
    return [(split, path) for split in order for path in found[split][1].values()], notes


def _unnamed(path: Path) -> DataError:
    return DataError(
        f"{path}: expected a file named after its split ({', '.join(SPLIT_NAMES)}), or alone with "
        "a column Usage"
    )


def _words_of_numbers(metadata: dict[bytes, bytes], column: str) -> dict[str, str]:
    """What the numbers of a column stand for, where the file says so as Hugging Face does."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][column]
        return {str(number): str(name) for number, name in enumerate(feature["names"])}
    except (LookupError, TypeError, ValueError, RecursionError):
        return {}


def _emotion_of(cell: Any, words: dict[str, str], column: str, where: str) -> str:
    """What a cell of emotions says, in the file's own words for its numbers if it has some."""
    text = "" if cell is None else str(cell).removesuffix(".0")  # of pandas, where some are missing
    if words and text.isdecimal():
        if text not in words:
            raise DataError(
                f"{where}: expected {column} from 0 to {len(words) - 1}, for which the file has "
                f"words; got {text}"
            )
        text = words[text]
    if column == "label" and text.isdecimal():
        raise DataError(f"{where}: {word_expected(text)}, or call the column emotion")
    return text


def _votes(counts: Any, where: str) -> list[int]:
    if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
        raise DataError(f"{where}: expected a list of whole numbers of votes; got {counts!r}")
    if len(counts) != len(FERPLUS):
        raise DataError(f"{where}: expected {len(FERPLUS)} votes; got {len(counts)}")
    if not -_MOST_VOTES <= min(counts) <= max(counts) <= _MOST_VOTES:
        raise DataError(f"{where}: expected at most {_MOST_VOTES:,} votes; got {counts}")
    return counts


def _read_images(listing: Listing, *, find_faces: bool, report: Report | None) -> FaceSet:
    faces, faceless = _Faces(), []
    faces.left_out.update(listing.left_out)
    crops = read_faces(listing.images, find_faces=find_faces, report=report)
    for crop, image in zip(crops, listing.images, strict=True):
        if crop is None:
            faceless.append(image)
            faces.left_out["no face found"] += 1
        else:
            faces.add(crop, image.target, image.split, str(image.file))
    return faces.as_set(listing.name, notes=listing.notes, faceless=tuple(faceless))


def _with_votes(faces: FaceSet, path: Path) -> FaceSet:
    """The faces with the votes of FER+'s file, row by row.

    The number in an image's name is not its row, four names stand twice and out of order, and those
    of faces that FER+ left out are empty; so names tell a file in another order, and no more.
    """
    votes: list[list[int]] = []
    last, named = "", 0
    out_of_order: list[str] = []
    for where, row in csv_rows(path, ("Usage", *FERPLUS), optional=("Image name",)):
        try:
            votes.append(_votes([int(row[column]) for column in FERPLUS], where))
        except ValueError as error:
            raise DataError(f"{where}: expected whole numbers of votes; {error}") from error
        if len(votes) <= len(faces) and _usage(row["Usage"], where) != faces.splits[len(votes) - 1]:
            raise DataError(
                f"{where}: expected one row for each face in the order of fer2013.csv; Usage is "
                f"{row['Usage']}, and face {len(votes)} is of {faces.splits[len(votes) - 1]}"
            )
        if name := row.get("Image name", "").strip():
            named += 1
            if name <= last:
                out_of_order.append(where)
            last = name
    if len(votes) != len(faces):
        raise DataError(
            f"{path}: expected one row for each face in the order of fer2013.csv; "
            f"got {counted(len(votes), 'row')} for {counted(len(faces), 'face')}"
        )
    if len(out_of_order) > _OUT_OF_ORDER * named:
        raise DataError(
            f"{out_of_order[0]}: expected rows in the order of fer2013.csv; the names of images go "
            f"back here and in {len(out_of_order) - 1:,} other rows of {named:,}"
        )
    return replace(faces, votes=np.array(votes, dtype=np.int64))
