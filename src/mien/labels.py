"""The one order of the emotions, and how other orders map onto it."""

from typing import Final

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven labels in the order of `fer2013.csv`; a target is an index into this tuple."""

FERPLUS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""The columns of `fer2013new.csv` (Barsoum et al. 2016, arXiv:1608.01041); NF: "not a face"."""

FERPLUS_EMOTIONS: Final = FERPLUS[:8]
"""The eight FER+ columns that name an expression: the classes of the published FER+ results."""

FERPLUS_TO_EMOTION: Final = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
}
"""FER+ names to ours; contempt, unknown and NF have no counterpart among the seven."""

FERPLUS_COLUMNS: Final[tuple[int, ...]] = tuple(
    next(i for i, name in enumerate(FERPLUS) if FERPLUS_TO_EMOTION.get(name) == emotion)
    for emotion in EMOTIONS
)
"""Of each of the seven emotions, which column of `FERPLUS` has its votes."""

COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "angry": (222, 66, 54),
    "disgust": (84, 148, 44),
    "fear": (142, 92, 201),
    "happy": (240, 173, 18),
    "sad": (52, 120, 205),
    "surprise": (229, 110, 30),
    "neutral": (128, 134, 142),
}
"""One RGB color for each emotion, 0 to 255; always shown beside the word, never instead of it."""

_SYNONYMS: Final = FERPLUS_TO_EMOTION | {
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "joy": "happy",
    "joyful": "happy",
    "surprised": "surprise",
}


def target_of(name: str) -> int | None:
    """The target of a label as people write it on folders; None if it is not one of the seven.

    Case, surrounding spaces and common synonyms ("Anger", "happiness", "surprised") do not matter.
    """
    key = name.strip().lower()
    key = _SYNONYMS.get(key, key)
    return EMOTIONS.index(key) if key in EMOTIONS else None
