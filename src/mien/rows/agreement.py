"""How well two labellings of one video agree: mien's and a human coder's, or two coders'.

Measures are counted over equal units of time. Neighboring units are alike, so what counts for an
interval is not how many they are: intervals draw blocks of them again.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.rows.coding import MISSING, Coding

DRAWS: Final = 2000
"""Of the bootstrap."""

MAX_UNITS: Final = 2_000_000
"""Over eighteen hours at 30 frames a second."""

_CLASSES: Final = len(EMOTIONS)
_FAR_S: Final = 2.0  # by which the lengths of one video may differ, or by
_FAR_SHARE: Final = 0.05  # this share of it
_NEAR: Final = 5  # lags that must tell nothing: K of Politis and White, for all N below 10**25
_MIN_DEFINED: Final = 0.9  # of the draws, in which a measure must be defined


@dataclass(frozen=True)
class Estimate:
    """A measure with its 95 % interval.

    Attributes:
        value: None where it is not defined: Cohen's kappa of two who only ever say the same one
            word, the precision of a label that was never given.
        low: of the interval; None where drawing again tells none, as of perfect agreement.
        high: likewise.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class EmotionAgreement:
    """How one emotion is agreed on: it against all others."""

    first: int  # units that the first labels so
    second: int  # units that the second, who is held for the truth, labels so
    precision: Estimate  # of the first's units, the share that the second labels so, too
    recall: Estimate  # of the second's units, the share that the first labels so, too
    f1: Estimate  # the harmonic mean of both; the same whoever is held for the truth
    kappa: Estimate  # Cohen's, of the emotion against all others


@dataclass(frozen=True)
class Difference:
    """A stretch of time in which the two give two labels."""

    start_s: float
    end_s: float
    first: str
    second: str


@dataclass(frozen=True, eq=False)
class Agreement:
    """How two labellings of one video agree; U units of time."""

    names: tuple[str, str]  # of the two; the second is held for the truth
    sources: tuple[str, str]  # their files
    every_s: float | None  # length of a unit; None where units are the frames of a video
    edges_s: NDArray[np.float64]  # (U + 1,) float64: unit i reaches from edge i to the next
    # (2, U) int64: which of `mien.EMOTIONS` each of the two gives; -1 where none
    targets: NDArray[np.int64]
    # (7, 7) int64: units by the second's label (rows) and the first's (columns)
    confusion: NDArray[np.int64]
    block: int  # units that are drawn together
    agreement: Estimate  # share of the units labelled by both that have the same label
    kappa: Estimate  # Cohen's
    alpha: Estimate  # Krippendorff's, nominal
    emotions: Mapping[str, EmotionAgreement]  # by label, those that neither gives included
    differences: tuple[Difference, ...]  # in the order of time

    @property
    def units(self) -> int:
        """Those that both label."""
        return int(self.confusion.sum())

    @property
    def missing(self) -> tuple[int, int]:
        """Units that the first does not label, and that the second does not."""
        first, second = (self.targets == MISSING).sum(axis=1).tolist()
        return first, second

    @property
    def unlabelled(self) -> tuple[float, float]:
        """The share of the time that the first does not label, and that the second does not."""
        first, second = (self.targets == MISSING) @ np.diff(self.edges_s)
        length_s = self.edges_s[-1] - self.edges_s[0]
        return float(first / length_s), float(second / length_s)

    @property
    def block_s(self) -> float:
        """How long the blocks are that are drawn."""
        return self.block * float(np.diff(self.edges_s).mean())

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "first": {"name": self.names[0], "file": self.sources[0]},
            "second": {"name": self.names[1], "file": self.sources[1]},
            "every_s": self.every_s,
            "from_s": float(self.edges_s[0]),
            "to_s": float(self.edges_s[-1]),
            "units": self.units,
            "missing_in_first": self.missing[0],
            "missing_in_second": self.missing[1],
            "block_s": self.block_s,
            **{name: asdict(getattr(self, name)) for name in ("agreement", "kappa", "alpha")},
            "emotions": {label: asdict(found) for label, found in self.emotions.items()},
            "labels": list(EMOTIONS),
            "confusion": self.confusion.tolist(),
            "differences": [asdict(difference) for difference in self.differences],
        }


def compare(
    first: Coding,
    second: Coding,
    *,
    every_s: float | None = 1.0,
    from_s: float | None = None,
    to_s: float | None = None,
    seed: int = 0,
) -> Agreement:
    """How well two labellings of one video agree.

    Args:
        first: such as mien's rows.
        second: such as a human coder, who is held for the truth.
        every_s: length of a unit of time, whose label is the one that fills the most of it; None
            takes the frames of the one that has some.
        from_s: the part of the video that is compared begins there.
        to_s: and ends there.
        seed: of the draws.
    Raises:
        DataError: the two are of videos of other lengths, and no end was named; no unit is labelled
            by both; frames are asked for, and none of them has some.
        OptionError: a time is out of range.
    """
    if to_s is None:
        _check_lengths(first, second)
    edges_s = _edges(first, second, every_s, from_s, to_s)
    targets = np.stack([first.targets_in(edges_s), second.targets_in(edges_s)])
    both = (targets != MISSING).all(axis=0)
    if not both.any():
        spans = ", ".join(
            f"{_source(one)} from {one.starts_s[0]:g} to {one.ends_s[-1]:g} s"
            for one in (first, second)
        )
        raise DataError(f"expected moments that both label; {spans}")
    # Units that one does not label are taken out: of a part that was coded, blocks are of the part.
    pairs = targets[1, both] * _CLASSES + targets[0, both]
    confusion = np.bincount(pairs, minlength=_CLASSES**2).reshape(_CLASSES, _CLASSES)
    block = block_of(pairs, confusion, np.diff(edges_s)[both])
    drawn = draw_confusions(pairs, block, DRAWS, np.random.default_rng(seed))
    overall, by_emotion = _estimates(confusion, drawn)
    labelled = confusion.sum(axis=0).tolist(), confusion.sum(axis=1).tolist()
    return Agreement(
        names=_names(first, second),
        sources=(first.source, second.source),
        every_s=every_s,
        edges_s=edges_s,
        targets=targets,
        confusion=confusion,
        block=block,
        **overall,
        emotions={
            label: EmotionAgreement(n, others, **{name: e[i] for name, e in by_emotion.items()})
            for i, (label, n, others) in enumerate(zip(EMOTIONS, *labelled, strict=True))
        },
        differences=tuple(_differences(targets, edges_s)),
    )


def cohen_kappa(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """Cohen's kappa: the agreement beyond what two with these habits would have by chance.

    J. Cohen 1960, "A coefficient of agreement for nominal scales", Educational and Psychological
    Measurement 20(1), equation 1.

    Args:
        confusion: (..., C, C): units by the one's label (rows) and the other's (columns).
    Returns:
        (...) float64, at most 1; NaN where both only ever give the same one label.
    """
    total = confusion.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = np.trace(confusion, axis1=-2, axis2=-1) / total
        each = total[..., None]
        chance = (confusion.sum(-1) / each * confusion.sum(-2) / each).sum(-1)
        return np.asarray((observed - chance) / (1 - chance), np.float64)


def krippendorff_alpha(labels: NDArray[np.integer[Any]]) -> float | None:
    """Krippendorff's alpha for nominal data: any number of coders, some of whom may say nothing.

    K. Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.

    Args:
        labels: (R, U) of R coders and U units: a number from 0 for each label; -1 where a coder has
            none.
    Returns:
        At most 1; None where all coders only ever give one label, or no unit has two of them.
    """
    classes = int(labels.max(initial=0)) + 1
    counts = np.stack([(labels == label).sum(axis=0) for label in range(classes)], axis=1)
    counts = counts[counts.sum(axis=1) > 1].astype(np.float64)  # (U, C) of units with a pair
    weights = 1 / np.maximum(counts.sum(axis=1) - 1, 1)
    coincidences = (counts * weights[:, None]).T @ counts - np.diag(weights @ counts)
    alpha = float(_alpha(coincidences))
    return None if math.isnan(alpha) else alpha


def _alpha(coincidences: NDArray[Any]) -> NDArray[np.float64]:
    """(...) of (..., C, C): how often two labels come together in a unit."""
    of_label = coincidences.sum(axis=-1)
    total = of_label.sum(axis=-1)
    same = np.trace(coincidences, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = total**2 - (of_label**2).sum(axis=-1)
        return np.asarray(1 - (total - 1) * (total - same) / expected, np.float64)


def block_length(series: NDArray[np.float64]) -> float:
    """How many neighbors a circular block bootstrap of the mean should draw together.

    D. Politis and H. White 2004, "Automatic block-length selection for the dependent bootstrap",
    Econometric Reviews 23(1), section 3.2, with the correction of A. Patton, D. Politis and
    H. White 2009, Econometric Reviews 28(4).

    Args:
        series: (N,) float64.
    Returns:
        From 1 to min(3 sqrt(N), N / 3), rounded up; 1 of a series that does not change.
    """
    n = len(series)
    apart = series - series.mean()
    if n < 2 or not apart.any():
        return 1.0
    most = min(math.ceil(math.sqrt(n)) + _NEAR, n - 1)
    covariances = np.array([apart[lag:] @ apart[: n - lag] / n for lag in range(most + 1)])
    small = np.abs(covariances[1:] / covariances[0]) < 2 * math.sqrt(math.log10(n) / n)
    # The first lag after which the next ones all tell nothing.
    runs = [lag for lag in range(len(small) - _NEAR + 1) if small[lag : lag + _NEAR].all()]
    lags = min(2 * max(runs[0], 1), most) if runs else most
    k = np.arange(1, lags + 1)
    weighed = 2 * np.minimum(1, 2 * (1 - k / lags)) * covariances[1 : lags + 1]
    spread = covariances[0] + weighed.sum()
    if spread <= 0:
        return 1.0
    length = (1.5 * (weighed @ k / spread) ** 2 * n) ** (1 / 3)
    return float(min(max(length, 1.0), math.ceil(min(3 * math.sqrt(n), n / 3))))


def block_of(
    pairs: NDArray[np.int64], confusion: NDArray[np.int64], widths_s: NDArray[np.float64]
) -> int:
    """How many units are drawn together, so that Cohen's kappa has the interval it should have.

    The rule is for a mean; kappa is to first order the mean of what each unit adds to it. Where
    units are shorter than a second it is asked of their means over seconds: what people show lasts
    as long, however often it is looked at, and the rule looks at the square root of N neighbors.

    Args:
        pairs: (U,) int64: 7 times the second's target plus the first's, where both label.
        confusion: (7, 7) of them.
        widths_s: (U,) float64, of the units.
    """
    adds = _influence(confusion).ravel()[pairs]
    each = max(1, round(1 / float(widths_s.mean())))
    whole = len(adds) // each * each
    if each > 1 and whole:
        adds = adds[:whole].reshape(-1, each).mean(axis=1)
    return max(1, min(math.ceil(block_length(adds) * each), len(pairs)))


def _influence(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """(7, 7): what a unit of each pair of labels adds to kappa, or to the agreement without one."""
    shares = confusion / confusion.sum()
    ones, others = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = np.trace(shares), ones @ others
    same = np.eye(len(shares)) - observed
    if chance >= 1:
        return np.asarray(same)
    by_chance = others[:, None] + ones[None] - 2 * chance
    return np.asarray(same / (1 - chance) - (1 - observed) / (1 - chance) ** 2 * by_chance)


def draw_confusions(
    pairs: NDArray[np.int64], block: int, draws: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """The confusions of series that are put together from blocks of this one.

    The circular block bootstrap: D. Politis and J. Romano 1992, "A circular block-resampling
    procedure for stationary data", in LePage and Billard, Exploring the Limits of Bootstrap.

    Args:
        pairs: (U,) int64, as `block_of` has them.
        block: units in each block, 1 to U.
        draws: how many series.
        random: for where the blocks begin.
    Returns:
        (draws, 7, 7) int64.
    """
    kinds, which = np.unique(pairs, return_inverse=True)
    one_hot = np.eye(len(kinds), dtype=np.int32)[which]
    sums = np.concatenate((np.zeros_like(one_hot[:1]), one_hot, one_hot[:block])).cumsum(axis=0)
    full, rest = divmod(len(pairs), block)
    starts = np.arange(len(pairs))
    whole, part = sums[starts + block] - sums[starts], sums[starts + rest] - sums[starts]
    drawn = np.zeros((draws, _CLASSES**2), np.int64)
    for i in range(draws):
        counts = whole[random.integers(len(pairs), size=full)].sum(axis=0)
        drawn[i, kinds] = counts + part[random.integers(len(pairs))]
    return drawn.reshape(draws, _CLASSES, _CLASSES)


def _estimates(
    confusion: NDArray[np.int64], drawn: NDArray[np.int64]
) -> tuple[dict[str, Estimate], dict[str, list[Estimate]]]:
    """The measures of all labels, and those of each, with intervals from the draws."""
    every = np.concatenate((confusion[None], drawn))
    total = every.sum(axis=(1, 2))
    first, second = every.sum(axis=1), every.sum(axis=2)  # (1 + draws, 7): units of each label
    same = np.diagonal(every, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        overall = {
            "agreement": same.sum(axis=1) / total,
            "kappa": cohen_kappa(every),
            "alpha": _alpha(every + every.transpose(0, 2, 1)),
        }
        others = total[:, None] - first - second + same
        apart = np.stack([same, second - same, first - same, others], axis=-1)
        by_emotion = {
            "precision": same / first,
            "recall": same / second,
            "f1": 2 * same / (first + second),
            "kappa": cohen_kappa(apart.reshape(*same.shape, 2, 2)),
        }
    return (
        {name: _estimate(values) for name, values in overall.items()},
        {name: [_estimate(v) for v in values.T] for name, values in by_emotion.items()},
    )


def _estimate(values: NDArray[np.float64]) -> Estimate:
    """The first value, and the middle 95 % of the others."""
    value, defined = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not math.isfinite(value):
        return Estimate(None, None, None)
    if len(defined) < _MIN_DEFINED * (len(values) - 1) or np.ptp(defined) == 0:
        return Estimate(value, None, None)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _check_lengths(first: Coding, second: Coding) -> None:
    """Raise where what one file labels cannot be of the other's video."""
    for one, other in ((first, second), (second, first)):
        if other.length_s is None:
            continue
        known, end_s = one.length_s is not None, one.end_s
        far_s = end_s - other.length_s
        if abs(far_s) > max(_FAR_S, _FAR_SHARE * other.length_s) and (known or far_s > 0):
            raise DataError(
                f"{_source(one)} {'is of' if known else 'reaches to'} {_seconds(end_s)}, but "
                f"{_source(other)} is of {_seconds(other.length_s)}: of another video? "
                "--to compares them up to a time"
            )


def _edges(
    first: Coding,
    second: Coding,
    every_s: float | None,
    from_s: float | None,
    to_s: float | None,
) -> NDArray[np.float64]:
    """(U + 1,) float64: where the units of time begin and end."""
    start_s = 0.0 if from_s is None else from_s
    end_s = max(first.end_s, second.end_s) if to_s is None else to_s
    if not 0 <= start_s < end_s:
        raise OptionError(f"expected a part of the video; got one from {start_s:g} to {end_s:g} s")
    if every_s is None:
        frames_s = first.frames_s if first.frames_s is not None else second.frames_s
        if frames_s is None:
            raise DataError("expected rows of a video to compare by frame; got two coders' files")
        return frames_s[(frames_s >= start_s) & (frames_s <= end_s)]
    if not 0 < every_s <= end_s - start_s:
        raise OptionError(
            f"expected above 0, to {end_s - start_s:g} s; got {every_s:g}", argument="every"
        )
    count = round((end_s - start_s) / every_s)  # a rest of less than half a unit is left out
    if count > MAX_UNITS:
        raise OptionError(
            f"expected at most {MAX_UNITS:,} units of time; got {count:,}", argument="every"
        )
    return start_s + every_s * np.arange(count + 1, dtype=np.float64)


def _names(first: Coding, second: Coding) -> tuple[str, str]:
    """What tells the two apart: who they are, else their files, else their places."""
    files = Path(first.source).stem, Path(second.source).stem
    people = first.name or files[0], second.name or files[1]
    return next((pair for pair in (people, files) if pair[0] != pair[1]), ("first", "second"))


def _source(coding: Coding) -> str:
    return f"{coding.source} ({coding.name})" if coding.name else coding.source


def _seconds(time_s: float) -> str:
    return f"{time_s:.1f} s" if time_s < 1e6 else f"{time_s:g} s"


def _differences(targets: NDArray[np.int64], edges_s: NDArray[np.float64]) -> Iterator[Difference]:
    """The stretches in which the two give two labels, in the order of time."""
    apart = (targets != MISSING).all(axis=0) & (targets[0] != targets[1])
    changes = np.flatnonzero((np.diff(targets, axis=1) != 0).any(axis=0)) + 1
    for start, end in pairwise([0, *changes.tolist(), targets.shape[1]]):
        if apart[start]:
            first, second = (EMOTIONS[target] for target in targets[:, start])
            yield Difference(float(edges_s[start]), float(edges_s[end]), first, second)
