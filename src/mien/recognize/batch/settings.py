"""What a batch is asked to do, as its worker processes are told it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mien.errors import ModelError, check_count
from mien.recognize.classifier import model_paths, shipped_models
from mien.recognize.settings import RecognizerSettings
from mien.recognize.video.sampling import check_times


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
        if self.shard_images is not None:
            check_count("shard_images", self.shard_images, 1)
        check_times(self.every_s, None, None)


@dataclass(frozen=True)
class ModelFile:
    """One model file, as a process on another machine can find it."""

    name: str  # of one in the package, or the path
    sha256: str  # of the file, in hexadecimal digits
    content: bytes | None = None  # for machines that do not have it; None where it need not travel

    def opened_as(self, scratch: Path) -> str:
        """Its name or path on this machine, or that of a copy in `scratch` where it is not here.

        Raises:
            ModelError: the file is missing, or another than it was where the work began.
        """
        shipped = shipped_models()
        path = shipped.get(self.name, Path(self.name))
        if self.content is not None and not (path.is_file() and _sha256(path) == self.sha256):
            path = scratch / f"{self.sha256[:12]}-{path.name}"
            path.write_bytes(self.content)
        elif (found := _sha256(path)) != self.sha256:
            raise ModelError(
                f"{self.name}: expected the model with which the work began, sha256 "
                f"{self.sha256[:12]}...; this machine has another, {found[:12]}.... Every machine "
                "needs the same version of mien"
            )
        return self.name if self.name in shipped else str(path)


@dataclass(frozen=True)
class Job:
    """All that a worker process needs to know, beside the shard."""

    settings: BatchSettings
    models: tuple[ModelFile, ...]  # the files behind `settings.model`
    model_name: str  # what they call themselves
    out: str  # the data set's folder
    dataset: str  # its id: rows of another are not taken for this one's
    mien_version: str  # of the process that began

    @property
    def reader(self) -> dict[str, str]:
        """What every row tells of what read it; hashes of several models with commas."""
        sha256 = ",".join(model.sha256 for model in self.models)
        version = {"mien_version": self.mien_version}
        return {"model": self.model_name, "model_sha256": sha256, **version}


def model_files(model: str, *, with_content: bool) -> tuple[ModelFile, ...]:
    """The files of a model; `with_content` those that are not in the package bring it."""
    shipped = {path: name for name, path in shipped_models().items()}
    return tuple(
        ModelFile(
            shipped.get(path, str(path.absolute())),
            _sha256(path),
            _read(path) if with_content and path not in shipped else None,
        )
        for path in model_paths(model)
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read; {error.strerror or error}") from error
