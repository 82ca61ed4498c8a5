"""Archives that tests make for themselves: the portrait in folders, tars and Parquet files."""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as PILImage

from mien.recognize.images import load_image

PORTRAIT = Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg"


@cache
def jpeg(seed: int = 0, *, size_px: int = 96, face: bool = True) -> bytes:
    """A small JPEG with one face, or with none; each seed gives another image."""
    image = np.full((size_px, size_px, 3), 96, np.uint8)
    if face:
        cut = load_image(PORTRAIT)[0:256, 96:352]
        image = np.asarray(
            cv2.resize(cut, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8
        )
    image = np.clip(image.astype(int) + seed % 40, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    PILImage.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_folder(folder: Path, count: int, *, faces: bool = True) -> Path:
    """So many images, in two folders."""
    for number in range(count):
        path = folder / ("a" if number % 2 else "b") / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number, face=faces))
    return folder


def write_tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> Path:
    """A tar archive, as WebDataset writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def samples(count: int) -> dict[str, bytes]:
    """Members of a WebDataset archive: an image and a label for each sample."""
    members: dict[str, bytes] = {}
    for number in range(count):
        members[f"{number:06}.jpg"] = jpeg(number)
        members[f"{number:06}.cls"] = b"3"
    return members


def write_parquet(
    path: Path,
    images: Sequence[bytes | None],
    *,
    column: str = "image",
    as_struct: bool = False,
    row_group_size: int = 1000,
    **others: Iterable[Any],
) -> Path:
    """Images as bytes, or as structs of bytes and path, as Hugging Face's datasets write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values: pa.Array
    if as_struct:
        rows = [{"bytes": p, "path": f"{i}.jpg"} for i, p in enumerate(images)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        values = pa.array(rows, kind)
    else:
        values = pa.array(images, pa.binary())
    table = pa.table({column: values, **{name: list(v) for name, v in others.items()}})
    pq.write_table(table, path, row_group_size=row_group_size)
    return path


def rows_of(out: str | Path) -> list[dict[str, Any]]:
    """All rows of a data set, in a steady order."""
    rows = pq.read_table(f"{out}/rows").to_pylist()
    names = ("source", "row", "frame", "face")
    return sorted(rows, key=lambda r: [(r[n] is not None, r[n]) for n in names])
