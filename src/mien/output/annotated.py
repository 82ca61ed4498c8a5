"""Annotated copies of images, written into a folder."""

from collections.abc import Iterable
from pathlib import Path

from mien.errors import OutputError
from mien.output.files import JPEG_SUFFIXES, check_apart, untaken, write_image
from mien.output.overlay import annotate
from mien.readings import ImageFile, ImageResult


class AnnotatedWriter:
    """Writes an annotated copy of each image below a folder, as JPEG or PNG.

    The copies are laid out as the images were found: `cats/1.png` of a folder that was searched
    becomes `OUT/cats/1.png`. JPEG stays JPEG and everything else becomes PNG. A second image of
    the same name gets a number.

    Args:
        folder: is made when the first copy is written.
        images: all that will be read; a copy never replaces one of them.
        beside: another output, which neither the folder nor a copy may be.
    Raises:
        OutputError: `folder` is a file or `beside`, or no folder can have that name.
    """

    def __init__(
        self, folder: Path, images: Iterable[ImageFile] = (), *, beside: Path | None = None
    ) -> None:
        self._beside = [] if beside is None else [beside]
        check_apart([*self._beside, folder])
        try:
            if folder.exists() and not folder.is_dir():
                raise OutputError(f"{folder}: expected a folder for the copies; it is a file")
        except OSError as error:  # a name too long
            raise OutputError(f"{folder}: cannot be used; {error.strerror or error}") from error
        self.folder = folder
        self._originals = {image.path.resolve() for image in images}
        self._written: set[str] = set()  # of `untaken`

    def write(self, result: ImageResult) -> None:
        """Write the copy of one image; nothing for one that could not be read.

        Raises:
            OutputError: it cannot be written, or would replace an image that was given or `beside`.
        """
        if result.image is None:
            return
        path = self._path_for(result.file.relative)
        if path.resolve() in self._originals | {result.file.path.resolve()}:
            raise OutputError(f"{path}: the annotated copy would replace an image that was given")
        check_apart([*self._beside, path])
        write_image(path, annotate(result.image, result.readings))

    def _path_for(self, relative: Path) -> Path:
        suffix = relative.suffix if relative.suffix.lower() in JPEG_SUFFIXES else ".png"
        return untaken(self.folder / relative.with_suffix(""), self._written, suffix)
