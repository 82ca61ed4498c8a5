"""Many pictures: finding them on the disk, and reading them without one stopping the rest."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mien.errors import ImageError
from mien.images import SUFFIXES, Image, load_image
from mien.recognizer import Reading, Recognizer


@dataclass(frozen=True)
class PictureFile:
    """A picture on the disk.

    Attributes:
        path: where it is.
        relative: how to call it below an output folder: its path within the folder that was
            searched, or its name.
    """

    path: Path
    relative: Path


@dataclass(frozen=True)
class PictureResult:
    """What came of one picture: its readings, or why there are none.

    Attributes:
        file: the picture.
        image: (H, W, 3) uint8 RGB, or None if it could not be read.
        readings: one for each face; empty without a face, and on an error.
        error: what was wrong with the file, or None.
    """

    file: PictureFile
    image: Image | None
    readings: tuple[Reading, ...]
    error: ImageError | None = None


def find_pictures(paths: Iterable[str | Path]) -> list[PictureFile]:
    """The pictures that paths, folders and patterns name, each once, in a steady order.

    Args:
        paths: files; folders, which are searched with all folders in them for names that end in
            one of `mien.images.SUFFIXES`; patterns such as `holiday/*.jpg`.
    Raises:
        ImageError: a path does not exist, or a folder or a pattern yields no picture.
    """
    found: dict[Path, PictureFile] = {}
    for given in paths:
        try:
            for file in _expand(str(given)):
                found.setdefault(file.path.resolve(), file)
        except OSError as error:  # a name too long, a folder that may not be listed
            raise ImageError(f"{given}: cannot be read; {error.strerror or error}") from error
    return list(found.values())


def _expand(given: str) -> list[PictureFile]:
    path = Path(given)
    if not given:
        raise ImageError("expected a file, a folder or a pattern; got an empty name")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not files:
            raise ImageError(
                f"{path}: expected pictures in this folder; there is no file that ends in "
                f"{', '.join(sorted(SUFFIXES))}"
            )
        return [PictureFile(file, file.relative_to(path)) for file in files]
    if path.exists():
        return [PictureFile(path, Path(path.name))]
    if glob.has_magic(given):
        # Path.glob refuses absolute patterns.
        matches = sorted(Path(p) for p in glob.glob(given, recursive=True))  # noqa: PTH207
        files = [p for p in matches if p.is_file()]
        if not files:
            raise ImageError(f"no file matches {given}")
        return [PictureFile(file, Path(file.name)) for file in files]
    raise ImageError(f"no such file or folder: {path}")


def read_pictures(recognizer: Recognizer, files: Sequence[PictureFile]) -> Iterator[PictureResult]:
    """Read pictures in order, a batch at a time; one that cannot be read is reported, not raised.

    Args:
        recognizer: what reads them.
        files: of `find_pictures`.
    Yields:
        One result for each file, in order.
    """
    remaining = iter(files)
    # A few pictures at a time: enough to fill a batch of faces, few enough to hold in memory.
    while batch := list(islice(remaining, recognizer.BATCH_IMAGES)):
        loaded: list[Image | ImageError] = [_load(file) for file in batch]
        images = [image for image in loaded if not isinstance(image, ImageError)]
        readings = iter(recognizer.read_images(images))
        for file, content in zip(batch, loaded, strict=True):
            if isinstance(content, ImageError):
                yield PictureResult(file, None, (), content)
            else:
                yield PictureResult(file, content, tuple(next(readings)))


def _load(file: PictureFile) -> Image | ImageError:
    try:
        return load_image(file.path)
    except ImageError as error:
        return error
