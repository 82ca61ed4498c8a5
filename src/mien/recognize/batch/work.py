"""The work on one shard, the same in every engine: read its images, write its part."""

import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from mien.errors import ErrorKind, ImageError, MienError, OutputError
from mien.labels import EMOTIONS
from mien.output import records
from mien.output.files import json_text
from mien.output.records import BATCH_TABLE, MOVES
from mien.readings import Face, Image, Reading
from mien.recognize.batch.listing import Kind
from mien.recognize.batch.plan import Shard
from mien.recognize.batch.reading import Item, items
from mien.recognize.batch.records import DONE, FAILED, MOST_EXAMPLES, ShardRecord, Tally
from mien.recognize.batch.settings import Job
from mien.recognize.batch.storage import Folder, reason
from mien.recognize.faces import Detector, Framing, YuNetDetector
from mien.recognize.images import load_with_notes
from mien.recognize.recognizer import Recognizer
from mien.recognize.sources import LeftOut

PARTS: Final = "rows"
"""Folder of a data set with its parts: what reads Parquet data sets can be pointed at it."""

RECORD_KEY: Final = b"mien_shard"
"""In the metadata of a part: JSON that says which shard of which data set it is, with its counts.
"""

_BATCH_PIXELS: Final = 16_000_000  # decoded at a time: large images come in smaller batches
_FLUSH_ROWS: Final = 4096  # rows that wait until they are written as a row group

OnProgress = Callable[[int, int], None]
"""Is called with the images and errors of the shard so far."""


def _untold(images: int, errors: int) -> None:
    """Tell nobody."""


class ShardWorker:
    """Reads shards and writes their parts; opens the model once.

    Raises:
        ModelError: the model cannot be opened, or is not the one with which the work began.
        OptionError: a setting is out of its range.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        with tempfile.TemporaryDirectory(prefix="mien-") as scratch:
            files = [model.opened_as(Path(scratch)) for model in job.models]
            self._recognizer = job.settings.open(model_files=files)
        self._detector = _TimedDetector(self._recognizer.detector)
        self._recognizer.detector = self._detector

    def __call__(self, shard: Shard, progress: OnProgress = _untold) -> ShardRecord:
        """Read one shard and write its part, whole or not at all.

        `progress` is called after each image. An error that nobody foresaw fails this shard, not
        the others. An OutputError is raised where the part cannot be written.
        """
        if isinstance(detector := self._detector.detector, YuNetDetector):
            # A video has many frames without a face, and searching each in all turns costs time.
            detector.second_looks = shard.kind is not Kind.VIDEO
        begun = time.monotonic()
        try:
            with _part(self._job, shard, progress) as writer:
                for batch in self._batches(shard, writer.tally):
                    self._read(batch, writer)
                    batch.clear()  # its images, before the next ones are decoded
                return writer.finish(DONE, time.monotonic() - begun)
        except MienError:
            raise
        except Exception as error:
            return failed_part(self._job, shard, _line(error), time.monotonic() - begun)

    def _batches(self, shard: Shard, tally: Tally) -> Iterator[list["_Decoded"]]:
        """Decoded images, some at a time; one that cannot be decoded is the last of its batch."""
        batch: list[_Decoded] = []
        pixels = 0
        left_out = LeftOut()
        found = items(shard, self._job.settings.every_s, left_out)
        while True:
            with _timed(tally, "waiting"):
                item = next(found, None)
            if item is None:
                break
            with _timed(tally, "decoding"):
                image = _decoded(item, tally.notes)
            batch.append((replace(item, content=b""), image))
            # After an error the batch is full: its row stands in its place.
            pixels += _BATCH_PIXELS if isinstance(image, MienError) else image[:, :, 0].size
            if len(batch) == Recognizer.BATCH_IMAGES or pixels >= _BATCH_PIXELS:
                yield batch
                batch, pixels = [], 0
        tally.left_out = dict(left_out)
        if batch:
            yield batch

    def _read(self, batch: "list[_Decoded]", writer: "_PartWriter") -> None:
        searched, seconds = self._detector.seconds, writer.tally.seconds
        good = [(item, image) for item, image in batch if not isinstance(image, MienError)]
        with _timed(writer.tally, "classification"):
            readings = iter(self._readings(good))
        searched = self._detector.seconds - searched
        seconds["detection"] += searched
        seconds["classification"] -= searched
        for item, image in batch:
            if isinstance(image, MienError):
                writer.add(item, image)
            else:
                writer.add(item, next(readings), image)

    def _readings(
        self, images: Sequence[tuple[Item, Image]]
    ) -> "Sequence[list[Reading] | ImageError]":
        try:
            return list(self._recognizer.read_images([image for _, image in images]))
        # One image that OpenCV or the network stumbles over must not take others with it.
        except Exception as error:
            if len(images) == 1:
                text = f"the image cannot be read; {_line(error)}"
                return [
                    ImageError(text, source=images[0][0].where, kind="file that cannot be read")
                ]
            return [found for one in images for found in self._readings([one])]


_Decoded: TypeAlias = tuple[Item, Image | MienError]


def _decoded(item: Item, notes: dict[str, int]) -> Image | MienError:
    """The image, or why there is none; `notes` counts what had to be decided to read it."""
    if isinstance(item.content, MienError):
        return item.content
    try:
        loaded = load_with_notes(item.content)
    except ImageError as error:
        return error.with_source(item.where)  # the bytes had a name before they were read
    except MemoryError:
        text = "expected an image that fits into memory; it does not"
        return ImageError(text, source=item.where)
    for note in loaded.notes:
        notes[note] = notes.get(note, 0) + 1
    return loaded.image


@contextmanager
def _timed(tally: Tally, stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    tally.seconds[stage] += time.perf_counter() - begun


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def failed_part(
    job: Job, shard: Shard, why: str, seconds: float, kind: ErrorKind = "other"
) -> ShardRecord:
    """Write the part of a shard that nobody could read: one row with the error."""
    with _part(job, shard, _untold) as writer:
        error = MienError(why, source=str(shard), kind=kind)
        writer.add(Item(shard.files[0], b""), error)
        return writer.finish(FAILED, seconds)


@contextmanager
def _part(job: Job, shard: Shard, progress: OnProgress) -> "Iterator[_PartWriter]":
    """The part of a shard, open for rows; it has its name once the body has ended well."""
    import pyarrow.parquet

    folder, name = Folder(job.out), f"{PARTS}/{shard.file_name}"
    with folder.new_file(name) as path:
        try:
            about = {"mien": json.dumps({"format": 1, "emotions": EMOTIONS})}
            columns = (*BATCH_TABLE, *(MOVES if job.settings.movements else ()))
            schema = records.schema(columns, about)
            with (
                path.open("wb") as file,
                pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as parquet,
            ):
                yield _PartWriter(job, shard, parquet, progress)
        except (OSError, pyarrow.ArrowException) as error:  # those of reading are MienErrors by now
            raise OutputError(f"{folder.path(name)}: cannot be written; {reason(error)}") from error


class _PartWriter:
    """Counts the images of a shard and writes their rows, with the shard's record at the end."""

    def __init__(self, job: Job, shard: Shard, parquet: Any, progress: OnProgress) -> None:
        self._job, self._shard, self._parquet, self._progress = job, shard, parquet, progress
        self.tally = Tally()
        self._examples: list[str] = []
        self._rows = 0
        self._lines: list[str] = []  # rows that wait, as JSON

    def add(self, item: Item, found: list[Reading] | MienError, image: Image | None = None) -> None:
        """Add the readings of an image; or the error of one, or of the rest of a source."""
        place = {name: cell for name, cell in vars(item).items() if name != "content"}
        if isinstance(found, MienError):
            text = str(found)
            self.tally.add_error(found)
            if len(self._examples) < MOST_EXAMPLES:
                self._examples.append(text)
            rows = [{**place, "error": text}]
        else:
            self.tally.add_readings(found)
            size = {} if image is None else {"width": image.shape[1], "height": image.shape[0]}
            rows = records.rows(place | size, found)
        for row in rows:  # JSON has no NaN, which a broken model may give
            values = {k: None if v != v else v for k, v in {**row, **self._job.reader}.items()}
            self._lines.append(json_text(values))
        if len(self._lines) >= _FLUSH_ROWS:
            self._flush()
        self._progress(self.tally.images, self.tally.failed)

    def finish(self, state: str, seconds: float) -> ShardRecord:
        """Write what waits, and the record, with a state and the seconds that the shard took."""
        self._flush()
        record = ShardRecord(
            shard=self._shard.number,
            dataset=self._job.dataset,
            state=state,
            first=self._shard.files[0],
            files=len(self._shard.files),
            rows=self._rows,
            seconds=seconds,
            ended=time.time(),
            tally=self.tally,
            examples=self._examples,
        )
        self._parquet.add_key_value_metadata({RECORD_KEY: json_text(record.to_dict()).encode()})
        return record

    def _flush(self) -> None:
        # To make an array of a list, pyarrow would load pandas where that is installed, to see
        # whether it is one of its own: .7 s and 60 MB of every worker. Its JSON reader does not.
        import pyarrow.json

        if not self._lines:
            return
        with _timed(self.tally, "writing"):
            content = "\n".join(self._lines).encode()
            table = pyarrow.json.read_json(
                io.BytesIO(content),
                pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
                pyarrow.json.ParseOptions(
                    explicit_schema=self._parquet.schema, unexpected_field_behavior="error"
                ),
            )
            self._parquet.write_table(table)
        self._rows += len(self._lines)
        self._lines.clear()


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
