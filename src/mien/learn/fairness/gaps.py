"""One grouping compared: how each group is read, the gaps, and what chance leaves of them.

The measures of the groups and their gaps are fairlearn's (Bird et al. 2020, MetricFrame). Intervals
and tests draw again from the faces that were read, of which nothing counts but how many there are
of each group and emotion, read right and read wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import needs_extra
from mien.labels import EMOTIONS
from mien.learn.evaluation.robustness import wilson_interval
from mien.learn.evaluation.scores import Interval
from mien.learn.fairness.groups import Grouping
from mien.readings import Probabilities

MIN_CELL: Final = 10
"""Faces of one emotion in a group that "same mix" asks for, to weigh them."""

ACCURACY: Final = "accuracy"
SAME_MIX: Final = "same mix"

KINDS: Final = (ACCURACY, SAME_MIX, "recall")
"""Of gaps: the p of all gaps of one kind are corrected together."""


@dataclass(frozen=True)
class Rate:
    """A share of faces, 0 to 1.

    Attributes:
        n: of so many faces.
        value: None where they are too few to tell it.
        interval: 95 %, by the bootstrap; Wilson's where all faces are read right or none, which
            drawing them again cannot move. None where `value` is.
    """

    n: int
    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class GroupScore:
    """How one group is read.

    Attributes:
        name: of the group.
        n: faces in it.
        compared: there are enough of them; otherwise no rate is told and no gap includes them.
        accuracy: share read as they are labelled.
        same_mix: the accuracy that the group would have if its emotions were as common as in all
            faces (direct standardisation): a group with many happy faces is not better for these.
        recall: label -> of the faces that carry it.
        confidence: mean probability of what is read; None where they are too few.
        excess: label -> share of the group read so less the share labelled so, -1 to 1: above 0,
            the group is oftener said to look so than it does. None where they are too few.
    """

    name: str
    n: int
    compared: bool
    accuracy: Rate
    same_mix: Rate
    recall: dict[str, Rate]
    confidence: float | None
    excess: dict[str, float] | None


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups in one measure.

    Attributes:
        measure: "accuracy", "same mix", or the label whose recall it is.
        kind: one of `KINDS`.
        groups: how many were compared.
        worst: the group with the lowest value.
        best: with the highest.
        lowest: the value of `worst`.
        highest: of `best`.
        difference: between them, 0 to 1.
        interval: of the difference, 95 % for all pairs of groups at once.
        ratio: the lowest by the highest value, 0 to 1; None where both are 0.
        ratio_interval: likewise; None where a value is 0.
        p: of the permutation test.
        holm: `p` corrected for all the gaps of this kind.
    """

    measure: str
    kind: str
    groups: int
    worst: str
    best: str
    lowest: float
    highest: float
    difference: float
    interval: Interval
    ratio: float | None
    ratio_interval: Interval | None
    p: float
    holm: float


@dataclass(frozen=True)
class GroupingScore:
    """How the groups of one grouping are read.

    Attributes:
        name: of the grouping.
        about: where its groups come from.
        groups: in their order.
        left_out: faces in none of them.
        mix: the labels that "same mix" weighs: those of which each compared group has `MIN_CELL`.
        gaps: by measure; without those that fewer than two groups have enough faces for.
    """

    name: str
    about: str
    groups: tuple[GroupScore, ...]
    left_out: int
    mix: tuple[str, ...]
    gaps: dict[str, Gap]


def percent_of(rate: Rate, *, interval: bool = False, digits: int = 1) -> str:
    """A rate as people are shown it: "71.2 %", or "too few (n = 12)"."""
    if rate.value is None or rate.interval is None:
        return f"too few (n = {rate.n:,})"
    text = f"{100 * rate.value:.{digits}f} %"
    if interval:
        low, high = (
            f"{100 * bound:.{digits}f}" for bound in (rate.interval.low, rate.interval.high)
        )
        text += f" ({low} to {high})"
    return text


def metric_frame() -> Any:
    """Fairlearn's class; called before anything takes time, it tells that the extra is missing.

    Raises:
        MissingExtraError: the extra `audit` is not installed.
    """
    with needs_extra("audit", "comparing groups"):
        from fairlearn.metrics import MetricFrame

    return MetricFrame


def ratio_of(gap: Gap) -> str:
    """The ratio as people are shown it; "-" where there is none."""
    return "-" if gap.ratio is None else f"{gap.ratio:.3f}"


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests, corrected so that the chance of any false find stays below the level.

    The step-down method of Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    corrected = [0.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = highest
    return corrected


class Comparison:
    """One grouping of faces that were read, counted by group and emotion.

    Args:
        probabilities: (N, 7) float.
        targets: (N,) int.
        grouping: of these faces, G groups.
        min_n: fewer faces make no group to compare, and no recall.

    Attributes:
        n: (G, 7) int64, faces of each group and emotion.
        right: (G, 7) int64, those of them that are read as they are labelled.
    Raises:
        MissingExtraError: the extra `audit` is not installed.
    """

    def __init__(
        self,
        probabilities: Probabilities,
        targets: NDArray[np.int64],
        grouping: Grouping,
        min_n: int,
    ) -> None:
        self._grouping, self._min_n = grouping, min_n
        there = grouping.members >= 0
        self._left_out = int((~there).sum())
        self._members = grouping.members[there]
        self._targets = targets[there]
        self._read = probabilities.argmax(axis=1)[there]
        self._sure = probabilities.max(axis=1)[there].astype(np.float64)
        self.n = np.zeros((len(grouping.groups), len(EMOTIONS)), np.int64)
        self.right = np.zeros_like(self.n)
        np.add.at(self.n, (self._members, self._targets), 1)
        np.add.at(self.right, (self._members, self._targets), self._read == self._targets)
        self._compared = self.n.sum(axis=1) >= min_n

    def draw(
        self, count: int, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(count, G, 7) each: `right` and `n` of the faces drawn again with replacement."""
        cells = np.stack([self.right, self.n - self.right], axis=-1)  # (G, 7, 2)
        total = int(cells.sum())
        if not total:
            empty = np.zeros((count, *self.n.shape), np.int64)
            return empty, empty
        drawn = random.multinomial(total, cells.ravel() / total, size=count)
        drawn = drawn.reshape(count, *cells.shape)
        return drawn[..., 0], drawn.sum(axis=-1)

    def score(
        self,
        shares: NDArray[np.float64],
        *,
        resamples: int,
        permutations: int,
        random: np.random.Generator,
    ) -> GroupingScore:
        """The groups and their gaps; `holm` of these is NaN until all tests are done.

        `shares` (7,) are those of the emotions in all faces, which "same mix" weighs by.
        """
        weights = self._weights(shares)
        frame = self._metric_frame(weights)
        right, n = self.draw(resamples, random)
        recalls = right / np.maximum(n, 1)  # (R, G, 7)
        drawn = {ACCURACY: accuracies(right, n), SAME_MIX: recalls @ weights}
        drawn |= {label: recalls[..., c] for c, label in enumerate(EMOTIONS)}
        scores, gaps = [], {}
        told = {measure: self._told(frame, measure) for measure in drawn}
        for g in range(len(self._grouping.groups)):
            rates = {
                measure: self._rate_of(measure, g, told[measure].get(g), drawn[measure][:, g])
                for measure in drawn
            }
            scores.append(self._group_score(g, rates))
        for measure, values in told.items():
            if len(values) > 1:
                dealt = self._dealt(measure, [*values], weights, permutations, random)
                gaps[measure] = self._gap(measure, values, drawn[measure], dealt)
        return GroupingScore(
            name=self._grouping.name,
            about=self._grouping.about,
            groups=tuple(scores),
            left_out=self._left_out,
            mix=tuple(label for label, w in zip(EMOTIONS, weights, strict=True) if w > 0),
            gaps=gaps,
        )

    def _weights(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """(7,) of the emotions of which all compared groups have enough; 0 for the others."""
        enough = (self.n[self._compared] >= MIN_CELL).all(axis=0) & (shares > 0)
        kept: NDArray[np.float64] = np.where(enough, shares, 0.0)
        return kept / kept.sum() if kept.any() else kept

    def _metric_frame(self, weights: NDArray[np.float64]) -> Any:
        """Fairlearn's measures of the groups that are compared; None if there are none."""
        rows = self._compared[self._members]
        if not rows.any():
            return None
        mixed = np.flatnonzero(weights).tolist()

        def accuracy(targets: Any, read: Any) -> float:
            return float(np.mean(np.asarray(targets) == np.asarray(read)))

        def recall(targets: Any, read: Any, *, c: int, least: int = 1) -> float:
            own = np.asarray(targets) == c
            if own.sum() < least:
                return float("nan")
            return accuracy(np.asarray(targets)[own], np.asarray(read)[own])

        def same_mix(targets: Any, read: Any) -> float:
            if not mixed:
                return float("nan")
            return float(np.dot([recall(targets, read, c=c) for c in mixed], weights[mixed]))

        told = partial(recall, least=self._min_n)
        metrics: dict[str, Callable[..., float]] = {ACCURACY: accuracy, SAME_MIX: same_mix}
        metrics |= {label: partial(told, c=c) for c, label in enumerate(EMOTIONS)}
        return metric_frame()(
            metrics=metrics,
            y_true=self._targets[rows],
            y_pred=self._read[rows],
            sensitive_features=self._members[rows],
        )

    def _told(self, frame: Any, measure: str) -> dict[int, float]:
        """Group -> value, of those that have enough faces for the measure."""
        if frame is None:
            return {}
        values = frame.by_group[measure].items()
        return {int(g): float(value) for g, value in values if not np.isnan(value)}

    def _counts(self, measure: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(G,) each: the faces of the measure that are read right, and all of them."""
        if measure in EMOTIONS:
            c = EMOTIONS.index(measure)
            return self.right[:, c], self.n[:, c]
        return self.right.sum(axis=1), self.n.sum(axis=1)

    def _rate_of(
        self, measure: str, g: int, value: float | None, drawn: NDArray[np.float64]
    ) -> Rate:
        right, n = (int(of[g]) for of in self._counts(measure))
        if value is None:
            return Rate(n, None, None)
        if measure == SAME_MIX:
            return Rate(n, value, Interval.of(drawn))
        return rate(right, n, drawn)

    def _group_score(self, g: int, rates: dict[str, Rate]) -> GroupScore:
        rows = self._members == g
        compared = bool(self._compared[g])
        excess = None
        if compared:
            read = np.bincount(self._read[rows], minlength=len(EMOTIONS))
            excess = dict(zip(EMOTIONS, ((read - self.n[g]) / rows.sum()).tolist(), strict=True))
        return GroupScore(
            name=self._grouping.groups[g],
            n=int(rows.sum()),
            compared=compared,
            accuracy=rates[ACCURACY],
            same_mix=rates[SAME_MIX],
            recall={label: rates[label] for label in EMOTIONS},
            confidence=float(self._sure[rows].mean()) if compared else None,
            excess=excess,
        )

    def _dealt(
        self,
        measure: str,
        there: list[int],
        weights: NDArray[np.float64],
        count: int,
        random: np.random.Generator,
    ) -> NDArray[np.float64]:
        """(count,) gaps between these groups when they are dealt out again by chance."""
        if measure != SAME_MIX:
            right, n = self._counts(measure)
            return _spread(_deal(n[there], right[there], count, random))
        mixed = np.zeros((count, len(there)))
        for c in np.flatnonzero(weights).tolist():
            mixed += weights[c] * _deal(self.n[there, c], self.right[there, c], count, random)
        return _spread(mixed)

    def _gap(
        self,
        measure: str,
        told: dict[int, float],
        drawn: NDArray[np.float64],
        dealt: NDArray[np.float64],
    ) -> Gap:
        again, values = drawn[:, [*told]], np.array([*told.values()])
        worst, best = min(told, key=told.__getitem__), max(told, key=told.__getitem__)
        difference = told[best] - told[worst]
        reach = _reach(again, values)
        ratio = told[worst] / told[best] if told[best] > 0 else None
        ratio_interval = None
        if ratio:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                # A draw in which a group has none right is infinitely far off.
                factor = float(np.exp(_reach(np.log(again), np.log(values))))
            ratio_interval = Interval(ratio / factor, min(ratio * factor, 1.0))
        as_large = int((dealt >= difference - 1e-12).sum())
        return Gap(
            measure=measure,
            kind=measure if measure in KINDS else "recall",
            groups=len(told),
            worst=self._grouping.groups[worst],
            best=self._grouping.groups[best],
            lowest=told[worst],
            highest=told[best],
            difference=difference,
            interval=Interval(max(difference - reach, 0.0), min(difference + reach, 1.0)),
            ratio=ratio,
            ratio_interval=ratio_interval,
            p=(1 + as_large) / (1 + len(dealt)),
            holm=float("nan"),
        )


def rate(right: int, n: int, drawn: NDArray[np.float64]) -> Rate:
    """The share `right` of `n` faces, with the interval of the shares that were drawn."""
    interval = Interval.of(drawn) if 0 < right < n else wilson_interval(right, n)
    return Rate(n, right / n, interval)


def accuracies(right: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R, G) of (R, G, 7) counts; 0 where a draw has none of a group."""
    shares: NDArray[np.float64] = right.sum(axis=-1) / np.maximum(n.sum(axis=-1), 1)
    return shares


def _deal(
    n: NDArray[np.int64], right: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """(count, G): the share of each group that is read right when groups are dealt by chance."""
    total = int(right.sum())
    return random.multivariate_hypergeometric(n, total, size=count, method="marginals") / n


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread: NDArray[np.float64] = values.max(axis=1) - values.min(axis=1)
    return spread


def _reach(drawn: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """How far, in 95 % of the draws, any difference between two groups lies from the true one.

    No difference is further off than the largest deviation less the smallest, so this holds for the
    largest difference, whichever pair that is: the bootstrap form of Tukey's method for all pairs.
    """
    far = _spread(drawn - values)
    return float(np.quantile(np.where(np.isnan(far), np.inf, far), 0.95, method="higher"))
