"""Many images: finding them on the disk, and reading them without one stopping the rest."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from mien.errors import ImageError
from mien.readings import ImageFile, ImageResult
from mien.recognize.images import SUFFIXES, LoadedImage, is_image_name, load_with_notes
from mien.recognize.recognizer import Recognizer
from mien.recognize.sources import NO_NAME, LeftOut, address_hint, check_several, files_below


def find_images(
    paths: Iterable[str | Path],
    *,
    not_in: str | Path | None = None,
    left_out: LeftOut | None = None,
) -> list[ImageFile]:
    """The images that paths, folders and patterns name, each once, in a steady order.

    Args:
        paths: files; folders, which are searched with all folders in them for names that end in
            one of `mien.recognize.images.SUFFIXES`; patterns such as `holiday/*.jpg`. Two links to
            one file are two images.
        not_in: a folder that is left out of patterns, and of every search of a folder that it
            lies in: that of annotated copies.
        left_out: is told of each file that was come by and is no image.
    Raises:
        ImageError: a path does not exist, or a folder or a pattern yields no image.
        OptionError: `paths` is one path, not several.
    """
    check_several("paths", paths)
    found: dict[str, ImageFile] = {}
    others = LeftOut() if left_out is None else left_out
    apart = "" if not_in is None else os.path.abspath(not_in)  # noqa: PTH100  # follows no link
    for given in paths:
        try:
            for file in _expand(str(given), apart, others):
                found.setdefault(os.path.abspath(file.path), file)  # noqa: PTH100
        except OSError as error:  # a name too long, a folder that may not be listed
            raise ImageError(f"{given}: cannot be read; {error.strerror or error}") from error
    return list(found.values())


def _expand(given: str, apart: str, left_out: LeftOut) -> list[ImageFile]:
    path = Path(given)
    if not given:
        raise ImageError(NO_NAME)
    if path.is_dir():
        others = LeftOut()
        files = _in_folder(path, apart, others)
        left_out.update(others)
        if files:
            return files
        raise ImageError(
            f"{path}: expected images in this folder; there is no file that ends in "
            f"{', '.join(sorted(SUFFIXES))}" + (f". {others}" if others else "")
        )
    if _exists(path):
        return [ImageFile(path, Path(path.name))]
    if glob.has_magic(given):
        # Path.glob refuses absolute patterns.
        matches = sorted(Path(p) for p in glob.glob(given, recursive=True))  # noqa: PTH207
        files = []
        for match in matches:
            absolute = os.path.abspath(match)  # noqa: PTH100
            if match.is_file():
                found = [ImageFile(match, Path(match.name))]
            elif "**" in given:  # which names what is in it one by one, too
                continue
            else:
                found = _in_folder(match, apart, left_out)
                found = [ImageFile(f.path, match.name / f.relative) for f in found]
            if absolute == apart or _is_below(absolute, apart):
                left_out[f"in {apart}"] += len(found)
            else:
                files += found
        if not files:
            raise ImageError(f"no file matches {given}")
        return files
    hint = address_hint(given)
    raise ImageError(f"no such file or folder: {given}" + (f"; {hint}" if hint else ""))


def _in_folder(folder: Path, apart: str, left_out: LeftOut) -> list[ImageFile]:
    files = []
    if not _is_below(apart, os.path.abspath(folder)):  # noqa: PTH100
        apart = ""  # it is the folder that was named, or elsewhere
    for entry in files_below(str(folder)):
        if not is_image_name(entry.name) or not entry.is_file():
            left_out.add_entry(entry)
        elif _is_below(os.path.abspath(entry.path), apart):  # noqa: PTH100
            left_out[f"in {apart}"] += 1
        else:
            path = Path(entry.path)
            files.append(ImageFile(path, path.relative_to(folder)))
    return files


def _is_below(path: str, folder: str) -> bool:
    return bool(folder) and path.startswith(folder.rstrip(os.sep) + os.sep)


def _exists(path: Path) -> bool:
    """Whether there is such a file; raises OSError where the system has another reason than that.

    `Path.exists` says no for every reason since Python 3.14.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null byte
        return False
    return True


def read_images(recognizer: Recognizer, files: Sequence[ImageFile]) -> Iterator[ImageResult]:
    """Read images in order, a batch at a time; one that cannot be read is reported, not raised.

    Args:
        recognizer: what reads them.
        files: of `find_images`.
    Yields:
        One result for each file, in order.
    """
    remaining = iter(files)
    # A few images at a time: enough to fill a batch of faces, few enough to hold in memory.
    while batch := list(islice(remaining, recognizer.BATCH_IMAGES)):
        loaded: list[LoadedImage | ImageError] = [_load(file) for file in batch]
        images = [one.image for one in loaded if not isinstance(one, ImageError)]
        readings = iter(recognizer.read_images(images))
        for file, content in zip(batch, loaded, strict=True):
            if isinstance(content, ImageError):
                yield ImageResult(file, None, (), content)
            else:
                found = tuple(next(readings))
                yield ImageResult(file, content.image, found, notes=content.notes)


def _load(file: ImageFile) -> LoadedImage | ImageError:
    try:
        return load_with_notes(file.path)
    except ImageError as error:
        return error
