"""Which pixels of a face its reading rests on: parts are covered, and the classifier asked again.

    explanation = Recognizer().explain("portrait.jpg")
    explanation.heat  # (48, 48): how much of the probability rests on each pixel

The method is occlusion (Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2), both ways: a patch
of the face is covered, and then it alone is shown. Covering alone says little of faces that are
read surely, as a broad smile can miss any part of its own. The Shapley value (1953; Lundberg and
Lee 2017, arXiv:1705.07874) averages what a part adds to each set of the others; this is the mean of
the largest of these sets and the empty one. It takes nothing but the classifier's answers, no
gradient, so it works for every model, and for ensembles. Patches and fill were
chosen on PublicTest by deletion and insertion (Petsiuk, Das and Saenko 2018, arXiv:1806.07421,
section 4.1): benchmarks/explain.py.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import ImageError, ModelError, OptionError, check_count, counted
from mien.labels import EMOTIONS
from mien.readings import CoveredPart, Expectation, Explanation, Face, Probabilities
from mien.recognize.crops import SIZE_PX, Crops, crop_faces
from mien.recognize.faces import what_may_help
from mien.recognize.images import ImageSource, load_image

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer

PATCH_PX: Final = 12
"""Side of a patch, in pixels of the crop."""

STRIDE_PX: Final = 6
"""From one patch to the next."""

BLUR_PX: Final = 8.0
"""Standard deviation of the blur that stands in for what is covered: a patch of one gray level
would have edges, which are what networks look for."""

_PARTS: Final = {
    "forehead": (0, 12),
    "eyes": (12, 24),
    "nose": (24, 31),
    "mouth": (31, 42),
    "chin": (42, 48),
}
"""Rows of a crop, first and end: in FER2013's framing the eyes of a mean face lie in row 18, the
tip of its nose in 29 and the corners of its mouth in 36. The eyes have their brows with them."""


def explain(
    recognizer: "Recognizer", source: ImageSource, *, face: int = 0, emotion: str | None = None
) -> Explanation:
    """Find the pixels that the reading of one face of an image rests on.

    Args:
        recognizer: finds and reads the faces.
        source: as `Recognizer` takes it.
        face: which, from 0, in the order of the recognizer's readings: the surest face first.
        emotion: as for `explain_crop`.
    Raises:
        ImageError: it is not an image, or there is no face in it.
        ModelError: the classifier's answers are no numbers.
        OptionError: there is no such face or emotion.
    """
    _target(emotion)  # before the image takes time
    check_count("face", face, 0)
    image = load_image(source)
    readings = recognizer(image)
    if not readings:
        name = str(source) if isinstance(source, str | Path) else "the image"
        hint = what_may_help(recognizer.detector, (image.shape[1], image.shape[0]), ())
        found = "found none" + (f"; {hint}" if hint else "")
        raise ImageError(f"{name}: expected a face to explain; {found}")
    if face >= len(readings):
        count = ("is " if len(readings) == 1 else "are ") + counted(len(readings), "face")
        raise OptionError(
            f"expected one that was found; there {count} in the image", argument="face"
        )
    reading = readings[face]
    crop = crop_faces(
        image,
        [Face(reading.box, reading.score, reading.landmarks)],
        recognizer.detector.framing,
        margin=recognizer.classifier.spec.crop_margin,
    )[0]
    return replace(explain_crop(recognizer.classifier, crop, emotion), reading=reading)


def explain_crop(
    classifier: Callable[[Crops], Probabilities],
    crop: NDArray[np.uint8],
    emotion: str | None = None,
) -> Explanation:
    """Find the pixels that the reading of one framed face rests on.

    Asks the classifier about 169 crops, in one call: a tenth of a second with the model in the box.

    Args:
        classifier: a `mien.Classifier`, or any function of crops that gives probabilities.
        crop: (48, 48) uint8, gray, as `mien.crop_faces` cuts it.
        emotion: whose probability to explain, one of `mien.EMOTIONS` or a common synonym; by
            default the likeliest.
    Raises:
        ModelError: the classifier's answers are no numbers.
        OptionError: there is no such emotion, or `crop` has another shape or dtype.
    """
    target = _target(emotion)
    if not isinstance(crop, np.ndarray) or crop.dtype != np.uint8:
        got = crop.dtype if isinstance(crop, np.ndarray) else type(crop).__name__
        raise OptionError(f"expected a uint8 array; got {got}", argument="crop")
    if crop.shape != (SIZE_PX, SIZE_PX):
        raise OptionError(
            f"expected shape ({SIZE_PX}, {SIZE_PX}); got {crop.shape}", argument="crop"
        )
    patches, bands = _patches(), _bands()
    nothing, everything = np.zeros_like(patches[:1]), np.ones_like(patches[:1])
    masks = np.concatenate([nothing, everything, patches, 1.0 - patches, bands])
    answers = classifier(_cover(crop, masks))
    if not np.isfinite(answers).all():
        raise ModelError("expected probabilities of the face; the model gives what is no number")
    count = len(patches)
    ends, covered, shown, banded = np.split(answers, [2, 2 + count, 2 + 2 * count])
    if target is None:
        target = int(ends[0].argmax())
    whole, blank = ends[:, target]
    lost = _share(whole - covered[:, target], whole, covered[:, target])
    won = _share(shown[:, target] - blank, np.maximum(whole, blank), shown[:, target])
    return Explanation(
        emotion=EMOTIONS[target],
        probability=float(whole),
        crop=crop.copy(),
        heat=np.tensordot((lost + won) / 2, patches, 1) / patches.sum(0),
        parts=tuple(
            CoveredPart(name, float(row[target]), EMOTIONS[int(row.argmax())])
            for name, row in zip(_PARTS, banded, strict=True)
        ),
    )


def _target(emotion: str | None) -> int | None:
    return None if emotion is None else EMOTIONS.index(Expectation.of(emotion).emotion)


def _share(
    change: NDArray[np.float32], whole: np.float32, other: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Changes, (M,), as shares of the larger of two probabilities: -1 to 1."""
    larger = np.maximum(np.maximum(whole, other), np.finfo(np.float32).tiny)
    return np.asarray(change / larger, dtype=np.float32)


@cache
def _patches() -> NDArray[np.float32]:
    """(M, 48, 48) float32: 1 where the patch is, 0 elsewhere; every pixel is under four of them."""
    firsts = np.arange(STRIDE_PX - PATCH_PX, SIZE_PX, STRIDE_PX)[:, None]
    lines = np.arange(SIZE_PX)
    inside = (firsts <= lines) & (lines < firsts + PATCH_PX)
    patches = inside[:, None, :, None] & inside[None, :, None, :]
    return patches.reshape(-1, SIZE_PX, SIZE_PX).astype(np.float32)


@cache
def _bands() -> NDArray[np.float32]:
    """What covers each part of the face: (P, 48, 48) float32, 1 or 0."""
    bands = np.zeros((len(_PARTS), SIZE_PX, SIZE_PX), np.float32)
    for band, (first, end) in zip(bands, _PARTS.values(), strict=True):
        band[first:end] = 1.0
    return bands


def _cover(crop: NDArray[np.uint8], masks: NDArray[np.float32]) -> Crops:
    """(M, 48, 48) uint8: the crop, with its blurred copy wherever a mask is 1."""
    levels = crop.astype(np.float32)
    blurred = cv2.GaussianBlur(levels, (0, 0), BLUR_PX, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.round(levels + masks * (blurred - levels)), dtype=np.uint8)
