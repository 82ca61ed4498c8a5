"""ModelSpec: what a model file says of itself, kept in the ONNX metadata as JSON."""

import dataclasses
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mien.errors import ModelError
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS

METADATA_KEY: Final = "mien"
"""The key under which ONNX metadata hold the JSON of a ModelSpec."""

HEADS: Final = ("people", "label")
"""What a model can be asked: what people would say, and what FER2013's label would be."""

VOTES: Final = "votes"
"""The output of the FER+ votes, in `ModelSpec.answers`."""

FORMAT: Final = 1
"""Raised when a reader of an older mien could misread the file."""


@dataclass(frozen=True)
class Score:
    """What a model scored on one split, in one view, with nothing left out."""

    n: int  # images
    accuracy: float  # 0 to 1
    macro_f1: float  # 0 to 1, unweighted mean over the classes that have faces
    expected_calibration_error: float | None = None  # 0 to 1; None in files of before it was taken


@dataclass(frozen=True)
class PeopleScore:
    """How well a model says what people say, on one split: FER+'s taggers, about ten a face."""

    majority_n: int  # images on which most taggers chose one of the seven emotions
    majority_accuracy: float  # 0 to 1: share of those that are read so
    n: int  # images with votes for the seven
    negative_log_likelihood: float  # of one tagger's vote, nats
    expected_calibration_error: float  # 0 to 1, of what a random tagger says


@dataclass(frozen=True)
class ModelSpec:
    """The contract and the record of a model file, or of several whose answers are averaged.

    The file is ONNX: (N, 48, 48) uint8 gray crops in, (N, 7) float32 `probabilities` out;
    normalization, temperature and softmax are inside. Files with the head for the FER+ votes also
    give (N, 8) float32 `votes`, probabilities too, from a softmax without temperature. Where these
    have a weight in the first output, that is what people would say, and what FER2013's label would
    be is an output of its own, (N, 7) float32 `label_probabilities`, between the two.
    """

    name: str
    network: str  # a name in `mien.learn.networks`
    parameters: int  # in the file, all members together
    macs: int  # of one face, in convolutions and matrix products, all members together
    recipe: str
    seed: int
    epoch: int  # the epoch that was chosen
    trained_on: str  # data set and split, with its number of images
    chosen_on: str  # likewise: the split that chose epoch and settings, never `test`
    # split -> measured on this file, of what it says of FER2013's label
    scores: Mapping[str, Score] = field(default_factory=dict)
    # split -> of what it says of people; empty in a file that does not
    people_scores: Mapping[str, PeopleScore] = field(default_factory=dict)
    labels: tuple[str, ...] = EMOTIONS  # of the columns of the output
    input_size_px: int = 48
    crop_margin: float = 0.0  # beyond FER2013's framing, on each side, as a share of the crop
    votes_labels: tuple[str, ...] = ()  # of the columns of `votes`; empty in a file without them
    temperature: float = 1.0  # divides the logits before the softmax
    label_smoothing_undone: float = 0.0  # of the training, taken back before the temperature
    # Of the votes in `probabilities`, from 0, the label's alone, to 1.
    votes_share: float = 0.0
    # Added to the logarithms that are pooled, for each of `labels`; empty in a file without votes.
    people_offsets: tuple[float, ...] = ()
    people_temperature: float = 1.0  # divides the logarithms that are pooled, before the softmax
    temperature_fitted_on: str = ""  # data set and split, with its images; empty where it is not
    store: str = "fp32"  # how the weights are stored: a name in `mien.learn.files.stores.STORES`
    license: str = "MIT"
    mien_version: str = ""  # that wrote the file; empty where one is converted at the moment
    members: tuple["ModelSpec", ...] = ()  # whose probabilities are averaged; empty in a file

    @property
    def heads(self) -> tuple[str, ...]:
        """The questions that the file answers, of `HEADS`; the first is what it reads."""
        told = self.members or (self,)
        return HEADS if all(one.votes_share for one in told) else HEADS[1:]

    @property
    def answers(self) -> dict[str, tuple[str, ...]]:
        """What the file gives, in the order of its outputs -> the labels of its columns."""
        votes = {VOTES: self.votes_labels} if self.votes_labels else {}
        return dict.fromkeys(self.heads, self.labels) | votes

    @classmethod
    def of_members(cls, members: Sequence[Self]) -> Self:
        """What several models say of themselves as one, their probabilities averaged.

        Parameters and MACs add up; texts are joined, each once. What only training can
        tell, seed and epoch, is 0 here and stands in `members`; there are no scores.

        Args:
            members: at least one; their labels and crop margins are the same.
        """
        first = members[0]

        def joined(field: str, mark: str) -> str:
            texts = dict.fromkeys(str(getattr(member, field)) for member in members)
            return mark.join(text for text in texts if text)

        return cls(
            name="+".join(member.name for member in members),
            network=joined("network", "+"),
            parameters=sum(member.parameters for member in members),
            macs=sum(member.macs for member in members),
            recipe=joined("recipe", "+"),
            seed=0,
            epoch=0,
            trained_on=joined("trained_on", "; "),
            chosen_on=joined("chosen_on", "; "),
            labels=first.labels,
            input_size_px=first.input_size_px,
            crop_margin=first.crop_margin,
            votes_labels=FERPLUS_EMOTIONS if all(m.votes_labels for m in members) else (),
            store=joined("store", "+"),
            license=joined("license", ", "),
            mien_version=joined("mien_version", ", "),
            members=tuple(members),
        )

    def to_json(self) -> str:
        """The spec as one line of JSON."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, source: str) -> Self:
        """Read a spec back from a model's metadata.

        Args:
            metadata: the file's custom metadata.
            source: the file's name, for the message.
        Raises:
            ModelError: it has no spec, or one that this mien cannot read.
        """
        text = metadata.get(METADATA_KEY)
        if text is None:
            raise ModelError(
                f"{source}: expected a model made by `mien export`; its metadata have no entry "
                f"{METADATA_KEY!r}. Of other tools' models `mien convert {source} --labels ... "
                "--scaling ... --out ours.onnx` makes one"
            )
        try:
            values: dict[str, Any] = json.loads(text)
            if (found := values.pop("format")) != FORMAT:
                raise ModelError(
                    f"{source}: expected format {FORMAT}; got {found}. A newer mien may read it"
                )
            return cls._of(values)
        # RecursionError: of JSON that is nested deeper than Python goes.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(f"{source}: its description cannot be read; {error!r}") from error

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Self:
        read = dict(values)
        read["labels"] = tuple(read["labels"])
        read["scores"] = {k: Score(**v) for k, v in read["scores"].items()}
        people = read.get("people_scores", {})
        read["people_scores"] = {k: PeopleScore(**v) for k, v in people.items()}
        # Files of before these were added have none of them.
        read["votes_labels"] = tuple(read.get("votes_labels", ()))
        read["people_offsets"] = tuple(read.get("people_offsets", ()))
        read["members"] = tuple(cls._of(member) for member in read.get("members", ()))
        spec = cls(**read)
        _check(spec)
        scores: list[Score | PeopleScore] = [*spec.scores.values(), *spec.people_scores.values()]
        for score in scores:
            _check(score)
        return spec


_KINDS: Final[dict[Any, tuple[str, type | tuple[type, ...]]]] = {
    str: ("a text", str),
    int: ("a whole number of 0 or more", int),
    float: ("a number of 0 or more", (int, float)),
    float | None: ("a number of 0 or more", (int, float, type(None))),
    tuple[str, ...]: ("texts", tuple),
    tuple[float, ...]: ("numbers", tuple),
}
_AT_MOST: Final = dict.fromkeys(
    ("accuracy", "macro_f1", "crop_margin", "majority_accuracy", "votes_share"), 1.0
)


def _check(described: "ModelSpec | Score | PeopleScore") -> None:
    """Raise ValueError where JSON has given a field what its annotation does not allow."""
    for field_ in dataclasses.fields(described):
        if field_.type not in _KINDS:
            continue
        expected, kinds = _KINDS[field_.type]
        value = getattr(described, field_.name)
        most = _AT_MOST.get(field_.name, math.inf)
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        if fits and isinstance(value, int | float):
            # Nor is it NaN, or a whole number that no float holds.
            fits = 0 <= value <= min(most, sys.float_info.max)
        if fits and isinstance(value, tuple):
            kind = (int, float) if expected == "numbers" else str
            fits = all(isinstance(one, kind) for one in value)
            if fits and kind is not str:
                fits = all(abs(one) <= sys.float_info.max for one in value)
        if not fits:
            limit = f", at most {most:g}" if most < math.inf else ""
            raise ValueError(f"{field_.name}: expected {expected}{limit}; got {value!r:.80}")
