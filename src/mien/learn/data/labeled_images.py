"""The images of a data set -> (48, 48) gray faces, framed as faces are in use."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, ImageError
from mien.learn.data.formats import FRAME, LabeledImage
from mien.learn.data.tables import Report
from mien.readings import Face, Image
from mien.recognize.crops import crop_faces, whole_image_crop
from mien.recognize.faces import Detector, YuNetDetector
from mien.recognize.images import load_image


def read_faces(
    images: Sequence[LabeledImage], *, find_faces: bool = False, report: Report | None = None
) -> list[NDArray[np.uint8] | None]:
    """The face of each image, (48, 48) uint8, or None where one had to be found and none was.

    Args:
        images: where the faces are; files are read on as many threads as Python sees fit.
        find_faces: take the largest face that YuNet finds, wherever the face is said to be.
        report: told what share of them is read.
    Raises:
        DataError: a file is missing or is not an image; the message names it.
    """
    detector = YuNetDetector()
    with ThreadPoolExecutor() as pool:
        done = pool.map(lambda listed: _read_face(listed, detector, find_faces), images)
        faces = []
        try:
            for face in done:
                faces.append(face)
                if report is not None and len(faces) % 100 == 0:
                    report(len(faces) / len(images))
            return faces
        except BaseException:
            pool.shutdown(cancel_futures=True)  # one broken file of a million, or Ctrl-C
            raise


def largest_face(image: Image, detector: Detector) -> Face | None:
    """Of the faces that a detector finds, the one whose box has the longest side."""
    return max(detector.detect(image), key=lambda face: face.size_px, default=None)


def whole_face(source: bytes | Path, where: str) -> NDArray[np.uint8]:
    """An image that is one framed face, (48, 48) uint8.

    Raises:
        DataError: it is missing or is not an image; the message names it, as `where` says.
    """
    return whole_image_crop(_load(source, where))


def _read_face(
    listed: LabeledImage, detector: YuNetDetector, find_faces: bool
) -> NDArray[np.uint8] | None:
    image = _load(listed.file, str(listed.file))
    if listed.face == "whole" and not find_faces:
        return whole_image_crop(image)
    if isinstance(listed.face, Face) and not find_faces:
        return np.asarray(crop_faces(image, [listed.face], FRAME)[0])
    face = largest_face(image, detector)
    return None if face is None else np.asarray(crop_faces(image, [face], detector.framing)[0])


def _load(source: bytes | Path, where: str) -> Image:
    try:
        return load_image(source, min_side_px=1)
    except ImageError as error:
        raise DataError(str(error) if where in str(error) else f"{where}: {error}") from error
