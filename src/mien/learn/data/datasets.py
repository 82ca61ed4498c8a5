"""Data sets as people have them on their disks, read into one checked set of arrays."""

import hashlib
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from mien.crops import SIZE_PX
from mien.errors import DataError, MissingExtraError, OptionError
from mien.images import is_picture_name
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_EMOTIONS, target_of
from mien.learn.data.layouts import Listing, Picture, read_layout, read_multi_pie
from mien.learn.data.pictures import read_faces, whole_face
from mien.learn.data.tables import csv_rows
from mien.sources import LeftOut

SPLITS: Final = ("train", "val", "test")
"""Training, PublicTest and PrivateTest of FER2013, in this order."""

_MOST_VOTES: Final = 1_000_000  # on a face, for one label; FER+ has ten in all
_USAGES: Final = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
_SPLIT_NAMES: Final = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "public_test": "val",
    "publictest": "val",
    "test": "test",
    "testing": "test",
    "private_test": "test",
    "privatetest": "test",
}


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces; row i of every array belongs to face i.

    Attributes:
        images: (N, 48, 48) uint8, gray.
        targets: (N,) int64, indices into `mien.labels.EMOTIONS`.
        splits: (N,) of str, each one of `SPLITS`.
        votes: (N, 10) int64, FER+ counts in the order of `mien.labels.FERPLUS`, or None. A row of
            zeros is a face on which FER+ has no votes.
        name: what people call the set, for reports.
        sources: where each face comes from: its file, and the row of a table; or None.
        left_out: how many faces of the set were left out, by reason.
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    votes: NDArray[np.int64] | None = None
    name: str = "faces"
    sources: tuple[str, ...] | None = None
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.targets)
        expected = {"images": (count, SIZE_PX, SIZE_PX), "targets": (count,), "splits": (count,)}
        for array, shape in expected.items():
            if (got := getattr(self, array).shape) != shape:
                raise DataError(f"{array}: expected shape {shape}; got {got}")
        if self.sources is not None and len(self.sources) != count:
            raise DataError(f"sources: expected {count}; got {len(self.sources)}")
        if self.images.dtype != np.uint8:
            raise DataError(f"images: expected uint8; got {self.images.dtype}")
        if self.votes is not None and self.votes.shape != (count, len(FERPLUS)):
            raise DataError(
                f"votes: expected shape {(count, len(FERPLUS))}; got {self.votes.shape}"
            )
        if self.votes is not None and self.votes.min(initial=0) < 0:
            raise DataError(f"votes: expected 0 or more; got {self.votes.min()}")
        if self.targets.dtype != np.int64:
            raise DataError(f"targets: expected int64; got {self.targets.dtype}")
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
                raise DataError(
                    f"{self.name} has no faces in split {name!r}; it has {', '.join(there)}"
                )
        return self.take(np.isin(self.splits, wanted))

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
        return cast(
            NDArray[np.float32], counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        )

    def hold_out(self, share: float, *, seed: int = 0) -> "FaceSet":
        """The same set with a share of each class of `train` moved to `val`.

        Raises:
            OptionError: `share` is not between 0 and 1.
        """
        if not 0.0 < share < 1.0:
            raise OptionError(f"share to hold out: expected between 0 and 1; got {share}")
        generator = np.random.default_rng(seed)
        splits = self.splits.copy()
        for target in range(len(EMOTIONS)):
            rows = np.flatnonzero((self.splits == "train") & (self.targets == target))
            moved = round(share * len(rows))
            splits[generator.permutation(rows)[:moved]] = "val"
        return replace(self, splits=splits)

    def limit_train(self, count: int, *, seed: int = 0) -> "FaceSet":
        """The same set with at most `count` faces of `train`, each class by its share.

        Raises:
            OptionError: `count` is below 1.
        """
        if count < 1:
            raise OptionError(f"limit: expected 1 or more; got {count}")
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
            digest.update(np.ascontiguousarray(array).tobytes())
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
    path: str | Path, *, votes: str | Path | None = None, find_faces: bool = False
) -> FaceSet:
    """Read a data set, whatever its form.

    - `fer2013.csv` or `icml_face_data.csv`: columns emotion, pixels, Usage;
    - a folder of Parquet files, one a split, or one such file: columns image (encoded bytes),
      emotion, and where there are any ferplus_votes;
    - a folder of splits that hold a folder of pictures for each emotion (`train/angry/1.png`), or
      of emotions alone, which is then all `train`. Pictures are faces, already cut out; in a `test`
      folder, names that begin with PublicTest or PrivateTest tell val from test;
    - CK+, RAF-DB, AffectNet and Multi-PIE as they are handed out: see `mien.learn.data.layouts`.

    Args:
        path: the file or folder.
        votes: `fer2013new.csv` of FER+, whose rows stand in the order of `fer2013.csv`.
        find_faces: pictures in folders are photos, not faces cut out of them: take the largest
            face that YuNet finds in each, and leave out those without one.
    Raises:
        DataError: it is missing, broken or incomplete; the message names the file and the row.
        OptionError: `find_faces` of a table.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"no such file or folder: {path}")
    listing = _listing(path) if path.is_dir() else None
    if listing is not None:
        faces = _read_pictures(listing, find_faces=find_faces)
    elif find_faces:
        raise OptionError(f"find_faces: expected a folder of pictures; {path} is a table of faces")
    elif path.is_dir():
        if parquet := sorted(path.glob("*.parquet")):
            faces = _read_parquet(parquet, name=path.name)
        else:
            tables = sorted(path.glob("*.csv"))
            named = [t for t in tables if t.name in ("fer2013.csv", "icml_face_data.csv")]
            faces = _read_csv((named or tables)[0])
    elif path.suffix.lower() == ".parquet":
        faces = _read_parquet([path], name=path.stem)
    elif path.suffix.lower() == ".csv":
        faces = _read_csv(path)
    else:
        raise DataError(f"{path}: expected a .csv or .parquet file or a folder")
    if not len(faces):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in faces.left_out.items())
        raise DataError(f"{path}: no faces in it" + (f"; left out: {reasons}" if reasons else ""))
    if votes is not None:
        faces = _with_votes(faces, Path(votes))
    return faces


def _read_csv(path: Path) -> FaceSet:
    images: list[NDArray[np.uint8]] = []
    targets: list[int] = []
    splits: list[str] = []
    sources: list[str] = []
    for where, row in csv_rows(path, ("emotion", "pixels", "Usage")):
        targets.append(_target(row["emotion"], where))
        images.append(_pixels(row["pixels"], where))
        usage = row["Usage"].strip()
        if usage not in _USAGES:
            raise DataError(f"{where}: expected Usage among {', '.join(_USAGES)}; got {usage!r}")
        splits.append(_USAGES[usage])
        sources.append(where)
    return _face_set(images, targets, splits, sources, name=path.stem)


def _target(text: str, where: str) -> int:
    try:
        target = int(text)
    except ValueError:
        named = target_of(text)
        if named is None:
            raise DataError(f"{where}: expected an emotion 0 to 6; got {text!r}") from None
        return named
    if not 0 <= target < len(EMOTIONS):
        raise DataError(f"{where}: expected an emotion 0 to 6; got {target}")
    return target


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
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("reading Parquet files", "train", error) from error

    images: list[NDArray[np.uint8]] = []
    targets: list[int] = []
    splits: list[str] = []
    sources: list[str] = []
    votes: list[list[int]] = []
    voteless = ""  # the first row that has none
    by_split: dict[str, Path] = {}
    for path in paths:
        split = _SPLIT_NAMES.get(path.stem.lower())
        if split is None:
            raise DataError(
                f"{path}: expected a file named after its split ({', '.join(_SPLIT_NAMES)})"
            )
        if split in by_split:
            raise DataError(
                f"{path}: expected one file for each split; {by_split[split].name} is {split} too"
            )
        by_split[split] = path
    for split in (s for s in SPLITS if s in by_split):
        path = by_split[split]
        try:
            # A few bytes can say a thousand million times that a cell is empty.
            if (count := pq.read_metadata(path).num_rows) > (size := path.stat().st_size):
                raise DataError(f"{path}: expected pictures; got {count:,} rows in {size:,} bytes")
            table = pq.read_table(path)
            columns = table.column_names
            wanted = ("image", "emotion", "ferplus_votes")
            rows = table.select([name for name in wanted if name in columns]).to_pylist()
        # UnicodeDecodeError, OverflowError: names and values that Python does not have.
        except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
            raise DataError(f"{path}: expected a Parquet file; {error}") from error
        for column in ("image", "emotion"):
            if column not in columns:
                raise DataError(
                    f"{path}: expected columns image and emotion; {column} is missing, "
                    f"there are {', '.join(columns)}"
                )
        for number, row in enumerate(rows):
            where = f"{path}, row {number}"
            content = row["image"]
            if isinstance(content, dict):  # as Hugging Face writes it
                content = content.get("bytes")
            if not isinstance(content, bytes):
                raise DataError(
                    f"{where}: expected an encoded picture as bytes; got {type(content).__name__}"
                )
            images.append(whole_face(content, where))
            targets.append(_target(str(row["emotion"]), where))
            splits.append(split)
            sources.append(where)
            if (counts := row.get("ferplus_votes")) is not None:
                votes.append(_votes(counts, where))
            else:
                voteless = voteless or where
    if votes and voteless:
        raise DataError(
            f"{voteless}: expected ferplus_votes on every row or on none; "
            f"{len(votes)} of {len(targets)} have them"
        )
    return _face_set(images, targets, splits, sources, name=name, votes=votes)


def _votes(counts: Any, where: str) -> list[int]:
    if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
        raise DataError(f"{where}: expected a list of whole numbers of votes; got {counts!r}")
    if len(counts) != len(FERPLUS):
        raise DataError(f"{where}: expected {len(FERPLUS)} votes; got {len(counts)}")
    if not -_MOST_VOTES <= min(counts) <= max(counts) <= _MOST_VOTES:
        raise DataError(f"{where}: expected at most {_MOST_VOTES:,} votes; got {counts}")
    return counts


def _listing(root: Path) -> Listing | None:
    """The pictures in a folder, however they are laid out; None if it is a folder of tables."""
    if (listing := read_layout(root)) is not None:
        return listing
    if any(root.glob("*.parquet")) or any(root.glob("*.csv")):
        return None
    top = _folders_in(root)
    if top and all(d.name.lower() in _SPLIT_NAMES or target_of(d.name) is not None for d in top):
        return _list_folders(root)
    return read_multi_pie(root) or _list_folders(root)


def _folders_in(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and child.name[0] != ".")


def _list_folders(root: Path) -> Listing:
    """The pictures of a folder of splits, or of emotions."""
    pictures: list[Picture] = []
    top = _folders_in(root)
    in_splits = [(_SPLIT_NAMES[d.name.lower()], d) for d in top if d.name.lower() in _SPLIT_NAMES]
    if in_splits and len(in_splits) < len(top):
        other = next(d for d in top if d.name.lower() not in _SPLIT_NAMES)
        raise DataError(
            f"{other}: expected a folder named after a split ({', '.join(_SPLIT_NAMES)}), as "
            f"{in_splits[0][1].name} beside it is"
        )
    others = LeftOut()
    for split, folder in in_splits or [("train", root)]:
        children = _folders_in(folder)
        if not children:
            raise DataError(f"{folder}: expected a folder for each emotion; it has no folders")
        for child in children:
            target = target_of(child.name)
            if target is None:
                raise DataError(
                    f"{child}: expected a folder named after one of {', '.join(EMOTIONS)}; "
                    f"got {child.name!r}"
                )
            for file in sorted(child.iterdir()):
                if not is_picture_name(file.name) or file.name[0] == ".":
                    others.add(file.name)
                    continue
                # Kaggle's folders keep PublicTest and PrivateTest together in test.
                public = split == "test" and file.name.startswith("PublicTest")
                pictures.append(Picture(file, target, "val" if public else split))
    return Listing(root.name, tuple(pictures), others.reasons())


def _read_pictures(listing: Listing, *, find_faces: bool) -> FaceSet:
    crops = read_faces(listing.pictures, find_faces=find_faces)
    there = [
        (crop, picture)
        for crop, picture in zip(crops, listing.pictures, strict=True)
        if crop is not None
    ]
    left_out = dict(listing.left_out)
    if faceless := len(crops) - len(there):
        left_out["no face found"] = faceless
    faces = _face_set(
        [crop for crop, _ in there],
        [picture.target for _, picture in there],
        [picture.split for _, picture in there],
        [str(picture.file) for _, picture in there],
        name=listing.name,
    )
    return replace(faces, left_out=left_out)


def _face_set(
    images: list[NDArray[np.uint8]],
    targets: list[int],
    splits: list[str],
    sources: list[str],
    *,
    name: str,
    votes: list[list[int]] | None = None,
) -> FaceSet:
    return FaceSet(
        images=np.stack(images) if images else np.empty((0, SIZE_PX, SIZE_PX), np.uint8),
        targets=np.array(targets, dtype=np.int64),
        splits=np.array(splits, dtype="U5"),
        votes=np.array(votes, dtype=np.int64) if votes else None,
        name=name,
        sources=tuple(sources),
    )


def _with_votes(faces: FaceSet, path: Path) -> FaceSet:
    votes: list[list[int]] = []
    splits: list[str] = []
    last = ""
    for where, row in csv_rows(path, ("Usage", *FERPLUS)):
        # fer0000000.png and so on; empty where FER+ left a face out.
        name = row.get("Image name", "").strip()
        if name and name <= last:
            raise DataError(
                f"{where}: expected rows in the order of fer2013.csv; {name} comes after {last}"
            )
        last = name or last
        try:
            votes.append(_votes([int(row[column]) for column in FERPLUS], where))
        except ValueError as error:
            raise DataError(f"{where}: expected whole numbers of votes; {error}") from error
        splits.append(_USAGES.get(row["Usage"].strip(), row["Usage"]))
    if splits != list(faces.splits):
        raise DataError(
            f"{path}: expected one row for each face in the order of fer2013.csv; "
            f"got {len(splits)} rows for {len(faces)} faces, or in another order"
        )
    return replace(faces, votes=np.array(votes, dtype=np.int64))
