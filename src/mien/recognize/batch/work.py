"""The work on one shard, the same in every engine: read its images, write its part."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import ImageError, MienError, OutputError
from mien.readings import Face, Image, Reading
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.reading import Item, items
from mien.recognize.batch.records import DONE, FAILED, MOST_EXAMPLES, GivenUp, ShardRecord, Tally
from mien.recognize.batch.rows import RECORD_KEY, RowBuffer, as_text, schema
from mien.recognize.batch.settings import Job, local_model
from mien.recognize.batch.storage import Folder, reason
from mien.recognize.faces import Detector, Framing, YuNetDetector
from mien.recognize.images import LoadedImage, load_with_notes
from mien.recognize.recognizer import Recognizer
from mien.recognize.sources import LeftOut

if TYPE_CHECKING:
    from mien.recognize.batch.plan import Shard

PARTS: Final = "rows"
"""Folder of a data set with its parts: what reads Parquet data sets can be pointed at it."""

_UNREADABLE: Final = "file that cannot be read"
_BATCH_PIXELS: Final = 16_000_000  # decoded at a time: large images come in smaller batches
_FLUSH_ROWS: Final = 4096  # rows that wait until they are written as a row group

OnProgress = Callable[[int, int], None]
"""Is called with the images and errors of the shard so far."""


class ShardWorker:
    """Reads shards and writes their parts; opens the model once.

    Args:
        job: what is to be done with every shard.
    Raises:
        ModelError: the model cannot be opened, or is not the one with which the work began.
        OptionError: a setting is out of its range.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = Folder(job.out)
        self._recognizer, self._detector = _open(job)

    def __call__(
        self, shard: "Shard", progress: OnProgress = lambda images, errors: None
    ) -> ShardRecord:
        """Read one shard and write its part, whole or not at all.

        Args:
            shard: of the plan.
            progress: is called after each image.
        Raises:
            OutputError: the part cannot be written.
        """
        if isinstance(detector := self._detector.detector, YuNetDetector):
            # A video has many frames without a face, and searching each in all turns costs time.
            detector.second_looks = shard.kind is not Kind.VIDEO
        with _part(self._job, self._folder, shard, progress) as writer:
            for batch in self._batches(shard, writer):
                self._read(batch, writer)
                batch.clear()  # its images, before the next ones are decoded
            return writer.finish(DONE)

    def _batches(self, shard: "Shard", writer: "_PartWriter") -> Iterator[list[tuple[Item, Image]]]:
        """Decoded images, some at a time; the errors go to the writer, in their place."""
        batch: list[tuple[Item, Image]] = []
        pixels = 0
        seconds = writer.tally.seconds
        waited_from = time.perf_counter()
        left_out = LeftOut()
        for item in items(shard, self._job.settings.every_s, left_out):
            begun = time.perf_counter()
            seconds["waiting"] += begun - waited_from
            loaded = _decoded(item)
            seconds["decoding"] += time.perf_counter() - begun
            if isinstance(loaded, MienError):
                if batch:
                    yield batch
                    batch, pixels = [], 0
                writer.add_error(item, loaded)
            else:
                batch.append((replace(item, content=b""), loaded.image))
                pixels += loaded.image.shape[0] * loaded.image.shape[1]
                for note in loaded.notes:
                    writer.tally.notes[note] = writer.tally.notes.get(note, 0) + 1
                if len(batch) == Recognizer.BATCH_IMAGES or pixels >= _BATCH_PIXELS:
                    yield batch
                    batch, pixels = [], 0
            waited_from = time.perf_counter()
        writer.tally.left_out = dict(left_out)
        if batch:
            yield batch

    def _read(self, batch: list[tuple[Item, Image]], writer: "_PartWriter") -> None:
        begun, searched = time.perf_counter(), self._detector.seconds
        readings = self._readings([image for _, image in batch])
        detection = self._detector.seconds - searched
        seconds = writer.tally.seconds
        seconds["detection"] += detection
        seconds["classification"] += time.perf_counter() - begun - detection
        for (item, image), found in zip(batch, readings, strict=True):
            if isinstance(found, MienError):
                found.source = item.where
                writer.add_error(item, found)
            else:
                writer.add_readings(item, (image.shape[1], image.shape[0]), found)

    def _readings(self, images: Sequence[Image]) -> list[list[Reading] | ImageError]:
        try:
            return list(self._recognizer.read_images(images))
        # One image that OpenCV or the network stumbles over must not take others with it.
        except Exception as error:
            if len(images) == 1:
                text = f"{type(error).__name__}: {' '.join(str(error).split())}"
                return [ImageError(f"the image cannot be read; {text}", kind=_UNREADABLE)]
            return [found for image in images for found in self._readings([image])]


def failed_part(job: Job, shard: "Shard", given_up: GivenUp) -> ShardRecord:
    """Write the part of a shard that nobody could read: one row with the error.

    Args:
        job: what was to be done.
        shard: that failed.
        given_up: why.
    Raises:
        OutputError: the part cannot be written.
    """
    with _part(job, Folder(job.out), shard, lambda images, errors: None) as writer:
        error = MienError(given_up.reason, source=str(shard), kind=given_up.kind)
        writer.add_error(Item(shard.files[0], b""), error)
        return writer.finish(FAILED, given_up.seconds)


def read_record(content: Any) -> ShardRecord | None:
    """The record in the metadata of a part; None where there is none, or it is damaged.

    Args:
        content: path or open file of a part.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(content).metadata or {}
        return ShardRecord.from_dict(json.loads(metadata[RECORD_KEY]))
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _part(
    job: Job, folder: Folder, shard: "Shard", progress: OnProgress
) -> "Iterator[_PartWriter]":
    """The part of a shard, open for rows; it has its name once the body has ended well."""
    import pyarrow.parquet

    name = f"{PARTS}/{shard.file_name}"
    with folder.new_file(name) as path:
        try:
            columns = schema(movements=job.settings.movements)
            with (
                path.open("wb") as file,
                pyarrow.parquet.ParquetWriter(file, columns, compression="zstd") as parquet,
            ):
                yield _PartWriter(job, shard, parquet, progress)
        except (OSError, pyarrow.ArrowException) as error:  # those of reading are MienErrors by now
            raise OutputError(f"{folder.path(name)}: cannot be written; {reason(error)}") from error


class _PartWriter:
    """Counts the images of a shard and writes their rows, with the shard's record at the end."""

    def __init__(self, job: Job, shard: "Shard", parquet: Any, progress: OnProgress) -> None:
        self._job, self._shard, self._parquet, self._progress = job, shard, parquet, progress
        self.tally = Tally()
        self._examples: list[str] = []
        self._rows = 0
        self._buffer = RowBuffer(
            {
                "model": job.model_name,
                "model_sha256": job.model_sha256,
                "mien_version": job.mien_version,
            },
            movements=job.settings.movements,
        )
        self._begun = time.monotonic()

    def add_readings(self, item: Item, size: tuple[int, int], readings: list[Reading]) -> None:
        """Add an image; `size` is its width and height in pixels."""
        self._buffer.add_readings(item, size, readings)
        self.tally.add_readings(readings)
        self._added()

    def add_error(self, item: Item, error: MienError) -> None:
        """Add an image, or the rest of a source, that cannot be read."""
        self._buffer.add_error(item, str(error))
        self.tally.add_error(error)
        if len(self._examples) < MOST_EXAMPLES:
            self._examples.append(as_text(str(error)))
        self._added()

    def finish(self, state: str, seconds: float | None = None) -> ShardRecord:
        """Write what waits, and the record.

        Args:
            state: of the record.
            seconds: that the shard took; None counts from the begin.
        """
        self._flush()
        record = ShardRecord(
            shard=self._shard.number,
            dataset=self._job.dataset,
            state=state,
            first=as_text(self._shard.files[0]),
            files=len(self._shard.files),
            rows=self._rows,
            seconds=time.monotonic() - self._begun if seconds is None else seconds,
            ended=time.time(),
            tally=self.tally,
            examples=tuple(self._examples),
        )
        self._parquet.add_key_value_metadata({RECORD_KEY: json.dumps(record.to_dict()).encode()})
        return record

    def _added(self) -> None:
        if len(self._buffer) >= _FLUSH_ROWS:
            self._flush()
        self._progress(self.tally.images, self.tally.failed)

    def _flush(self) -> None:
        begun = time.perf_counter()
        if len(self._buffer):
            self._rows += len(self._buffer)
            self._parquet.write_table(self._buffer.take())
        self.tally.seconds["writing"] += time.perf_counter() - begun


class _TimedDetector:
    """A detector that counts the seconds it takes."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.seconds = 0.0

    @property
    def framing(self) -> Framing:
        return self.detector.framing

    def detect(self, image: Image) -> list[Face]:
        begun = time.perf_counter()
        faces = self.detector.detect(image)
        self.seconds += time.perf_counter() - begun
        return faces


def _open(job: Job) -> tuple[Recognizer, _TimedDetector]:
    with tempfile.TemporaryDirectory(prefix="mien-") as scratch:
        files = [local_model(model, Path(scratch)) for model in job.models]
        recognizer = job.settings.open(model_files=files)
    timed = _TimedDetector(recognizer.detector)
    recognizer.detector = timed
    return recognizer, timed


def _decoded(item: Item) -> LoadedImage | MienError:
    if isinstance(item.content, MienError):
        return item.content
    try:
        return load_with_notes(item.content)
    except ImageError as error:
        return error.with_source(item.where)  # the bytes had a name before they were read
    except MemoryError:
        text = "expected an image that fits into memory; it does not"
        return ImageError(text, source=item.where)
