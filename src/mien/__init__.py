"""mien finds the faces in an image and reads which of seven emotions each shows.

    from mien import Recognizer

    for reading in Recognizer()("family.jpg"):
        print(reading.emotion, reading.probability, reading.box)

Videos: `Recognizer().stream("video.mp4")` frame by frame, `analyze_video("video.mp4")` as a whole.

Importing it loads nothing: each of its names is loaded when it is asked for first. What trains
networks is in `mien.learn` and comes with the extra `train`.
"""

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.errors import (
        DataError,
        DivergedError,
        ImageError,
        MienError,
        MissingExtraError,
        ModelError,
        OptionError,
        OutOfMemoryError,
        OutputError,
        TrainingError,
        VideoError,
    )
    from mien.labels import EMOTIONS
    from mien.output.overlay import annotate
    from mien.readings import (
        Explanation,
        Face,
        FaceQuality,
        FacialMovements,
        ImageFile,
        ImageResult,
        Reading,
        Verification,
    )
    from mien.recognize.analysis import analyze_video
    from mien.recognize.classifier import DEFAULT_MODEL, Classifier, shipped_models
    from mien.recognize.crops import crop_faces
    from mien.recognize.explain import explain_crop
    from mien.recognize.faces import Detector, Framing, HaarDetector, YuNetDetector
    from mien.recognize.image_folders import find_images, read_images
    from mien.recognize.images import load_image
    from mien.recognize.recognizer import Recognizer
    from mien.rows.table import VideoResult
    from mien.spec import ModelSpec, Score
else:
    _NAMES = {
        "mien.errors": (
            *("DataError", "DivergedError", "ImageError", "MienError", "MissingExtraError"),
            *("ModelError", "OptionError", "OutOfMemoryError", "OutputError", "TrainingError"),
            "VideoError",
        ),
        "mien.labels": ("EMOTIONS",),
        "mien.output.overlay": ("annotate",),
        "mien.readings": (
            *("Explanation", "Face", "FaceQuality", "FacialMovements", "ImageFile"),
            *("ImageResult", "Reading", "Verification"),
        ),
        "mien.recognize.analysis": ("analyze_video",),
        "mien.recognize.classifier": ("DEFAULT_MODEL", "Classifier", "shipped_models"),
        "mien.recognize.crops": ("crop_faces",),
        "mien.recognize.explain": ("explain_crop",),
        "mien.recognize.faces": ("Detector", "Framing", "HaarDetector", "YuNetDetector"),
        "mien.recognize.image_folders": ("find_images", "read_images"),
        "mien.recognize.images": ("load_image",),
        "mien.recognize.recognizer": ("Recognizer",),
        "mien.rows.table": ("VideoResult",),
        "mien.spec": ("ModelSpec", "Score"),
    }
    _HOMES = {name: module for module, names in _NAMES.items() for name in names}

    def __getattr__(name: str) -> Any:
        """What is asked for first is loaded."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "DEFAULT_MODEL",
    "EMOTIONS",
    "Classifier",
    "DataError",
    "Detector",
    "DivergedError",
    "Explanation",
    "Face",
    "FaceQuality",
    "FacialMovements",
    "Framing",
    "HaarDetector",
    "ImageError",
    "ImageFile",
    "ImageResult",
    "MienError",
    "MissingExtraError",
    "ModelError",
    "ModelSpec",
    "OptionError",
    "OutOfMemoryError",
    "OutputError",
    "Reading",
    "Recognizer",
    "Score",
    "TrainingError",
    "Verification",
    "VideoError",
    "VideoResult",
    "YuNetDetector",
    "analyze_video",
    "annotate",
    "crop_faces",
    "explain_crop",
    "find_images",
    "load_image",
    "read_images",
    "shipped_models",
]
