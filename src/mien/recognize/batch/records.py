"""What came of a shard, and of all of them together: counts that add up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

from mien.errors import MienError
from mien.labels import EMOTIONS
from mien.readings import Reading

FACES_BINS: Final = 11
"""Images with 0, 1, ... 9 faces, and with 10 or more."""

PROBABILITY_BINS: Final = 20
"""Of equal width, of the probability of a face's emotion from 0 to 1."""

MOST_EXAMPLES: Final = 3
"""Errors of a shard that its record quotes; the rows have all of them."""

STAGES: Final = ("waiting", "decoding", "detection", "classification", "writing")
"""What the time of a worker goes to: waiting for bytes, decoding images, finding faces, cutting
and reading them, writing rows."""


@dataclass
class Tally:
    """Counts of images and faces, which grow as they are read.

    Attributes:
        images: images and frames that were read.
        faces: on them.
        without_face: images without a face.
        unsure: faces whose emotion is below the threshold.
        errors: kind -> images, archives and videos that could not be read, or not to their end.
        emotions: label -> faces of which it is the likeliest.
        faces_per_image: images with 0, 1, ... faces; see `FACES_BINS`.
        probabilities: faces by the probability of their emotion; see `PROBABILITY_BINS`.
        seconds: stage -> seconds of the workers; see `STAGES`.
        left_out: ending -> files in archives that are no images.
        notes: what had to be decided to read images, see `mien.recognize.images.LoadedImage` ->
            how many.
    """

    images: int = 0
    faces: int = 0
    without_face: int = 0
    unsure: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    emotions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EMOTIONS, 0))
    faces_per_image: list[int] = field(default_factory=lambda: [0] * FACES_BINS)
    probabilities: list[int] = field(default_factory=lambda: [0] * PROBABILITY_BINS)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    left_out: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Errors of all kinds."""
        return sum(self.errors.values())

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """`errors`, the most frequent kind first."""
        return sorted(self.errors.items(), key=lambda item: (-item[1], item[0]))

    def add_readings(self, readings: Sequence[Reading]) -> None:
        """Count one image."""
        self.images += 1
        self.faces += len(readings)
        self.without_face += not readings
        self.faces_per_image[min(len(readings), FACES_BINS - 1)] += 1
        for reading in readings:
            self.unsure += reading.unsure
            self.emotions[reading.emotion] += 1
            bin_ = int(reading.probability * PROBABILITY_BINS)
            self.probabilities[min(max(bin_, 0), PROBABILITY_BINS - 1)] += 1

    def add_error(self, error: MienError) -> None:
        """Count one image or archive that could not be read."""
        self.errors[error.kind] = self.errors.get(error.kind, 0) + 1

    def add(self, other: "Tally") -> None:
        """Count all that another has counted."""
        for name, mine in list(vars(self).items()):
            setattr(self, name, _sum(mine, getattr(other, name)))


DONE: Final = "done"
FAILED: Final = "failed"


@dataclass(frozen=True)
class ShardRecord:
    """What came of one shard: it stands in the metadata of its part, and in the manifest."""

    shard: int  # its number in the plan
    dataset: str  # id of the data set that it belongs to
    state: str  # `DONE`, or `FAILED`: it could not be read as a whole, and a rerun tries it again
    first: str  # name of its first file
    files: int  # how many it has
    rows: int  # in its part
    seconds: float  # that it took a worker
    ended: float  # when it was done, in seconds since 1970
    tally: Tally  # of its images
    examples: Sequence[str] = ()  # the first of its errors

    @property
    def is_done(self) -> bool:
        """Whether a rerun may leave it as it is."""
        return self.state == DONE

    def to_dict(self) -> dict[str, Any]:
        """In plain values, ready for JSON."""
        values = asdict(self)
        tally = values.pop("tally")
        stages = {stage: round(seconds, 4) for stage, seconds in tally.pop("seconds").items()}
        return {**values, **tally, "stages_s": stages}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What `to_dict` gave; a KeyError or TypeError where it is something else."""
        tally = {f.name: values[f.name] for f in fields(Tally) if f.name != "seconds"}
        own = {f.name: values[f.name] for f in fields(cls) if f.name != "tally"}
        return cls(**own, tally=Tally(**tally, seconds=values["stages_s"]))


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, dict):
        return {key: a.get(key, 0) + b.get(key, 0) for key in a | b}
    return [x + y for x, y in zip(a, b, strict=True)] if isinstance(a, list) else a + b
