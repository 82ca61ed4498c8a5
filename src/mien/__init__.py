"""mien finds the faces in an image and reads which of seven emotions each shows.

    from mien import Recognizer

    for reading in Recognizer()("family.jpg"):
        print(reading.emotion, reading.probability, reading.box)

Videos: `Recognizer().stream("video.mp4")` frame by frame, `analyze_video("video.mp4")` as a whole.

Importing it opens no file and loads neither torch nor matplotlib; what trains networks is in
`mien.learn` and comes with the extra `train`.
"""

__version__ = "0.1.0"

from typing import TYPE_CHECKING, Any

try:
    import cv2 as _cv2  # noqa: F401
except ImportError as error:  # of a library that opencv-python needs, and servers do not have
    from mien.environment import broken_opencv

    raise ImportError(broken_opencv(str(error))) from error

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
from mien.recognize.classifier import DEFAULT_MODEL, Classifier, shipped_models
from mien.recognize.crops import crop_faces
from mien.recognize.faces import Detector, Framing, HaarDetector, YuNetDetector
from mien.recognize.image_folders import find_images, read_images
from mien.recognize.images import load_image
from mien.recognize.recognizer import Recognizer
from mien.spec import ModelSpec, Score

if TYPE_CHECKING:
    from mien.output.overlay import annotate
    from mien.recognize.analysis import analyze_video
    from mien.recognize.explain import explain_crop
    from mien.rows.table import VideoResult
else:
    _LATER = {
        "VideoResult": "mien.rows.table",
        "analyze_video": "mien.recognize.analysis",
        "explain_crop": "mien.recognize.explain",
        "annotate": "mien.output.overlay",
    }

    def __getattr__(name: str) -> Any:
        """What readings do without is loaded when it is asked for: videos, explanations,
        drawing.
        """
        from importlib import import_module

        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_LATER[name]), name)


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
