"""What a batch is asked to do, as its worker processes are told it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mien.errors import ModelError, OptionError
from mien.recognize.classifier import model_paths, shipped_models
from mien.recognize.settings import RecognizerSettings


@dataclass(frozen=True, kw_only=True)
class BatchSettings(RecognizerSettings):
    """What decides about the rows of a data set: all of it must be the same to go on with one.

    Attributes:
        column: of Parquet files, that holds the images; None finds it.
        every_s: of videos: read only the first frame at or after each multiple of it; None reads
            every frame.
        shard_images: images that are read and written together; None chooses by their number.
    Raises:
        OptionError: a number is out of its range.
    """

    column: str | None = None
    every_s: float | None = None
    shard_images: int | None = None

    def __post_init__(self) -> None:
        if self.shard_images is not None and self.shard_images < 1:
            raise OptionError(f"shard_images: expected 1 or more; got {self.shard_images}")
        if self.every_s is not None and not self.every_s > 0:
            raise OptionError(f"every_s: expected seconds above 0; got {self.every_s}")


@dataclass(frozen=True)
class ModelFile:
    """One model file, as a process on another machine can find it.

    Attributes:
        name: of one in the package, or the path.
        sha256: of the file, in hexadecimal digits.
        content: the file itself, for machines that do not have it; None where it need not travel.
    """

    name: str
    sha256: str
    content: bytes | None = None


@dataclass(frozen=True)
class Job:
    """All that a worker process needs to know, beside the shard.

    Attributes:
        settings: of the batch.
        models: the files behind `settings.model`.
        model_name: what they call themselves.
        out: the data set's folder.
        dataset: its id: rows of another are not taken for this one's.
        mien_version: of the process that began.
    """

    settings: BatchSettings
    models: tuple[ModelFile, ...]
    model_name: str
    out: str
    dataset: str
    mien_version: str

    @property
    def model_sha256(self) -> str:
        """Of the model's file; of several, with commas."""
        return ",".join(model.sha256 for model in self.models)


def model_files(model: str, *, with_content: bool) -> tuple[ModelFile, ...]:
    """The files of a model, with their hashes.

    Args:
        model: as `mien.Classifier` takes it.
        with_content: also what is in those that are not in the package.
    Raises:
        ModelError: a file is missing or cannot be read.
    """
    shipped = {path: name for name, path in shipped_models().items()}
    files = []
    for path in model_paths(model):
        content = _read(path)
        name = shipped.get(path, str(path.absolute()))
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(
            ModelFile(name, sha256, content if with_content and path not in shipped else None)
        )
    return tuple(files)


def local_model(file: ModelFile, scratch: Path) -> str:
    """What to open a model by on this machine: its name or path, or that of a copy.

    Args:
        file: the model.
        scratch: folder for a copy, where the file itself is not here.
    Raises:
        ModelError: the file is missing, or another than it was where the work began.
    """
    shipped = shipped_models()
    path = shipped.get(file.name, Path(file.name))
    if file.content is not None and not (path.is_file() and _sha256(path) == file.sha256):
        path = scratch / f"{file.sha256[:12]}-{path.name}"
        path.write_bytes(file.content)
    elif (found := _sha256(path)) != file.sha256:
        raise ModelError(
            f"{file.name}: expected the model with which the work began, sha256 "
            f"{file.sha256[:12]}...; this machine has another, {found[:12]}.... Every machine "
            "needs the same version of mien"
        )
    return file.name if file.name in shipped else str(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read; {error.strerror or error}") from error
