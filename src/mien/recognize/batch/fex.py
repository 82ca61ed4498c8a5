"""The rows of a data set as one file for py-feat."""

from collections.abc import Iterator

from mien.recognize.batch.dataset import FEX, Dataset
from mien.recognize.batch.storage import open_file
from mien.recognize.batch.work import PARTS
from mien.rows.formats.fex import write_image_fex
from mien.rows.images import ImageFaces, image_rows_of_parquet


def write_fex(dataset: Dataset) -> str:
    """Write the file into a data set whose parts are all there, and give its full name.

    Raises:
        DataError: a part cannot be read.
        OutputError: the file cannot be written.
    """
    with dataset.folder.new_file(FEX) as path:
        write_image_fex(_images(dataset), path)
    return dataset.folder.path(FEX)


def _images(dataset: Dataset) -> Iterator[ImageFaces]:
    for number in sorted(dataset.records):
        name = dataset.folder.path(f"{PARTS}/part-{number:06}.parquet")
        with open_file(name, in_a_row=False) as file:
            yield from image_rows_of_parquet(file, name)
