"""The answers, as OpenAPI describes them.

`Reading` describes what `mien.Reading.to_dict` gives; routes make the others.
"""

from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from mien import __version__
from mien.labels import EMOTIONS
from mien.web.settings import Limits

Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Emotion: TypeAlias = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
Box: TypeAlias = Annotated[list[float], Field(min_length=4, max_length=4)]
Point: TypeAlias = Annotated[list[float], Field(min_length=2, max_length=2)]

_READING: Final[dict[str, Any]] = {
    "box": [179.9, 62.1, 270.3, 172.6],
    "score": 0.93,
    "landmarks": [[204.1, 105.5], [246.4, 108.2], [225.6, 128.9], [207.8, 146.2], [242.1, 148.6]],
    "emotion": "happy",
    "probability": 0.95,
    "unsure": False,
    "probabilities": dict(
        zip(EMOTIONS, (0.004, 0.001, 0.006, 0.95, 0.009, 0.008, 0.022), strict=True)
    ),
    "quality": {
        "yaw": -3.4,
        "pitch": 1.2,
        "roll": 3.7,
        "size_px": 110.5,
        "blur": 0.31,
        "light": 131.0,
        "contrast": 52.8,
        "inside": 1.0,
        "unusable": "",
        "pose_method": "points",
        "usable": True,
    },
}

_IMAGE: Final[dict[str, Any]] = {
    "name": "a.jpg",
    "width": 512,
    "height": 512,
    "ms": 8.1,
    "error": None,
    "faces": [_READING],
}

_SCORE: Final = {
    "split": "test",
    "n": 3589,
    "accuracy": 0.7122,
    "macro_f1": 0.6916,
    "expected_calibration_error": 0.023,
}

_MODEL: Final[dict[str, Any]] = {
    "name": "mien",
    "in_use": True,
    "network": "mien",
    "parameters": 2242813,
    "size_bytes": 2400000,
    "labels": list(EMOTIONS),
    "scores": [_SCORE],
    "trained_on": "FER2013 train, 28,709 images",
    "licence": "MIT",
}


def _about(description: str) -> Any:
    return Field(description=description)


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


@dataclass(frozen=True, kw_only=True)
class ErrorDetail:
    """What went wrong."""

    code: Annotated[str, _about("For programs; it stays the same.")]
    message: Annotated[str, _about("For people: what was expected, and what came.")]


@dataclass(frozen=True, kw_only=True)
class Error:
    """A request that was not served."""

    __pydantic_config__ = _example(
        error={"code": "too_large", "message": "the image: expected at most 20 MB; got 31 MB"}
    )
    error: ErrorDetail


@dataclass(frozen=True, kw_only=True)
class BoundsOf:
    """What the server takes; more is refused."""

    image_bytes: int
    image_pixels: int
    images: int
    request_bytes: Annotated[int, _about("All images of one request together.")]
    video_bytes: int
    video_s: float
    frame_bytes: Annotated[int, _about("Of one message of a live client.")]

    @classmethod
    def of(cls, limits: Limits) -> "BoundsOf":
        """Those of a server."""
        return cls(**{one.name: getattr(limits, one.name) for one in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Health:
    """That the server is there, and what it takes."""

    __pydantic_config__ = _example(
        status="ok",
        version=__version__,
        model="mien",
        uptime_s=12.3,
        live_clients=1,
        camera=False,
        browser=True,
        limits=asdict(BoundsOf.of(Limits())),
    )
    status: Literal["ok"]
    version: str
    model: str
    uptime_s: float
    live_clients: Annotated[int, _about("Of this process.")]
    camera: Annotated[bool, _about("Whether /api/camera shows a camera of the server's.")]
    browser: Annotated[
        bool, _about("Whether the page can read as this server does: with its own model.")
    ]
    limits: BoundsOf


@dataclass(frozen=True, kw_only=True)
class SplitScore:
    """What a model scored on one split of FER2013."""

    split: str
    n: Annotated[int, _about("Images.")]
    accuracy: Probability
    macro_f1: Probability
    expected_calibration_error: Probability | None


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a model file says of itself."""

    __pydantic_config__ = _example(**_MODEL)
    name: str
    in_use: bool
    network: str
    parameters: int
    size_bytes: int
    labels: list[str]
    scores: list[SplitScore]
    trained_on: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class Models:
    """The models in the package, and the one in use."""

    __pydantic_config__ = _example(models=[_MODEL])
    models: list[Model]


@dataclass(frozen=True, kw_only=True)
class ModelWithCard(Model):
    """A model with its card."""

    __pydantic_config__ = _example(**_MODEL, card_html="<h1>Model card: mien</h1>")
    card_html: Annotated[str, _about("HTML without scripts or styles; empty where none is.")]


@dataclass(frozen=True, kw_only=True)
class FaceQuality:
    """What the image of one face was worth."""

    yaw: Annotated[float | None, _about("Degrees, to the right of the picture; null if not known.")]
    pitch: Annotated[float | None, _about("Degrees, upwards.")]
    roll: Annotated[float | None, _about("Degrees, clockwise.")]
    size_px: Annotated[float, _about("The longer side of the box.")]
    blur: Annotated[Probability, _about("From sharp to blurred.")]
    light: Annotated[float, Field(ge=0, le=255, description="Mean gray level of the face.")]
    contrast: Annotated[float, Field(ge=0, description="Their standard deviation.")]
    inside: Annotated[Probability, _about("Share of the box inside the picture.")]
    unusable: Annotated[
        Literal["", "small", "cut off", "turned", "dark", "bright", "flat", "blurred"],
        _about("Why the reading is not to be trusted; empty where it is."),
    ]
    pose_method: Annotated[
        Literal["points", "mesh"] | None,
        _about("What yaw, pitch and roll are told from: the landmarks, or a mesh."),
    ]
    usable: bool


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read off one face."""

    __pydantic_config__ = _example(**_READING)
    box: Annotated[Box, _about("x0, y0, x1, y1 in pixels of the upright image.")]
    score: Annotated[Probability, _about("The detector's, that this is a face.")]
    landmarks: Annotated[
        list[Point] | None,
        _about("Right eye, left eye, tip of the nose, right and left corner of the mouth."),
    ]
    emotion: Annotated[Emotion, _about("The likeliest.")]
    probability: Probability
    unsure: Annotated[bool, _about("`probability` is below the threshold.")]
    probabilities: dict[Emotion, Probability]
    quality: FaceQuality
    compound: Annotated[str | None, _about("Two emotions at once; only where it is asked for.")] = (
        None
    )


@dataclass(frozen=True, kw_only=True)
class Image:
    """One image of a request."""

    name: Annotated[str, _about("As the client gave it.")]
    width: Annotated[int | None, _about("In pixels, upright; null where it cannot be read.")]
    height: int | None
    ms: Annotated[float, _about("Milliseconds to decode and read it.")]
    error: str | None
    faces: Annotated[list[Reading], _about("The surest first.")]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The readings of the images of a request, in their order."""

    __pydantic_config__ = _example(model="mien", threshold=0.0, images=[_IMAGE])
    model: str
    threshold: Probability
    images: list[Image]


@dataclass(frozen=True, kw_only=True)
class CoveredPart:
    """What becomes of a reading when a part of the face is covered."""

    name: str
    probability: Probability
    emotion: Emotion


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the reading of one face rests on."""

    __pydantic_config__ = _example(
        method="occlusion",
        emotion="happy",
        probability=0.95,
        box=_READING["box"],
        heat=[[0.0] * 48] * 2,
        parts=[{"name": "mouth", "probability": 0.31, "emotion": "neutral"}],
        crop_png="data:image/png;base64,iVBORw0KGgo=",
        size_px=48,
    )
    method: str
    emotion: Emotion
    probability: Probability
    box: Box
    heat: Annotated[
        list[list[float]],
        _about(
            "48 rows of 48: how much of the probability rests on each pixel, in "
            "shares of it, -1 to 1; negative where it speaks against the emotion."
        ),
    ]
    parts: Annotated[list[CoveredPart], _about("From the top of the face.")]
    crop_png: Annotated[str, _about("What the network saw: 48 x 48 gray, as a data address.")]
    size_px: int


@dataclass(frozen=True, kw_only=True)
class ObservedEvent:
    """An expression of one person, from onset to end."""

    track: int
    name: str
    emotion: Emotion
    onset_s: float
    peak_s: float
    end_s: float
    duration_s: float
    peak_probability: Probability
    mean_probability: Probability
    frames: int


@dataclass(frozen=True, kw_only=True)
class UnusableSpan:
    """A stretch in which most readings of one person are not to be trusted."""

    track: int
    start_s: float
    end_s: float
    reason: Annotated[str, _about("In a word.")]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the rows of a video tell beside its readings."""

    __pydantic_config__ = _example(
        events=[
            {
                "track": 1,
                "name": "Anna",
                "emotion": "happy",
                "onset_s": 2.0,
                "peak_s": 2.4,
                "end_s": 3.6,
                "duration_s": 1.6,
                "peak_probability": 0.93,
                "mean_probability": 0.81,
                "frames": 40,
            }
        ],
        unusable=[{"track": 1, "start_s": 8.0, "end_s": 9.2, "reason": "turned"}],
    )
    events: list[ObservedEvent]
    unusable: list[UnusableSpan]
