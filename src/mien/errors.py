"""Every error that mien raises on purpose.

    MienError
    |-- ImageError         a picture that cannot be read, or an array that is not a picture
    |-- VideoError         a video, stream or camera that cannot be read
    |-- ModelError         a model file that is missing, broken, or not a classifier of faces
    |-- DataError          a data set that is missing, broken or incomplete; names file and row
    |-- OptionError        an argument outside its range
    |-- OutputError        a file or folder that cannot be written
    |-- TrainingError      a training run that cannot start, go on or be resumed
    |   |-- DivergedError  its loss is no longer a finite number
    |   `-- OutOfMemoryError  a step of it does not fit into memory; names a batch size that does
    `-- MissingExtraError  a part of mien that was not installed; names the command that installs it

The message says what was expected and what came. On the command line each of them is one line on
standard error and exit status 2. All of them travel between processes.
"""


class MienError(Exception):
    """Base of all errors below: `except MienError` catches every one of them."""


class ImageError(MienError):
    """A picture that cannot be read, or an array that is not a picture."""


class VideoError(MienError):
    """A video, stream or camera that cannot be read."""


class ModelError(MienError):
    """A model file that is missing, broken, or not a classifier of faces."""


class DataError(MienError):
    """A data set that is missing, broken or incomplete; names the file and the row."""


class OptionError(MienError, ValueError):
    """An argument outside its range."""


class OutputError(MienError):
    """A file or folder that cannot be written."""


class TrainingError(MienError):
    """A training run that cannot start, go on or be resumed."""


class DivergedError(TrainingError):
    """The loss of a run is no longer a finite number; its best weights so far are kept."""


class OutOfMemoryError(TrainingError, RuntimeError):
    """A training step does not fit into the device's memory; what was trained so far is kept.

    The message names a batch size that fits. A RuntimeError too, as torch's own, for which it
    stands.
    """


class MissingExtraError(MienError, ImportError):
    """A part of mien that was not installed; the message names the command that installs it."""

    def __init__(self, purpose: str, extra: str, cause: ImportError) -> None:
        super().__init__(
            f"{purpose} needs the extra '{extra}' ({cause}). "
            f"Install it with: pip install 'mien[{extra}]'"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).__new__, (type(self), *self.args)  # without the constructor
