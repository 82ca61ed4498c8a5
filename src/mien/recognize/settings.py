"""What a recognizer is opened with, in plain values that can be stored and sent elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from mien.recognize.classifier import DEFAULT_MODEL

if TYPE_CHECKING:
    from mien.recognize.recognizer import Recognizer


@dataclass(frozen=True, kw_only=True)
class RecognizerSettings:
    """The arguments of `mien.Recognizer` that decide about what it reads."""

    model: str = DEFAULT_MODEL  # as `mien.Classifier` takes it; several with commas
    detector: str = "yunet"  # "yunet", "haar", or "none": each image is a face, cut out already
    min_face_px: float = 0.0  # smaller faces are left out
    full_size: bool = False  # search large images at their full size
    threshold: float = 0.0  # 0 to 1; readings below it are `unsure`
    movements: bool = False  # also read what each face does

    def open(self, *, threads: int = 1, model_files: Sequence[str | Path] = ()) -> "Recognizer":
        """A recognizer with these settings.

        Args:
            threads: processor threads for the network; 0 takes every core.
            model_files: where what `model` names lies on this machine, if elsewhere.
        Raises:
            ModelError: the model is missing, broken, or of another kind.
            OptionError: a value is out of its range.
        """
        from mien.recognize.recognizer import Recognizer

        values = {field.name: getattr(self, field.name) for field in fields(RecognizerSettings)}
        return Recognizer(**values | {"model": model_files or self.model}, threads=threads)
