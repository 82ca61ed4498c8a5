"""One grouping compared: how each group is read, the gaps, and what chance leaves of them.

The measures of the groups and their gaps are fairlearn's (Bird et al. 2020, MetricFrame). Intervals
and tests draw again from the faces that were read, of which nothing counts but how many there are
of each group and emotion, read right and read wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import needs_extra
from mien.labels import EMOTIONS
from mien.learn.evaluation.scores import Interval
from mien.learn.fairness.groups import Grouping
from mien.readings import Probabilities

MIN_CELL: Final = 10
"""Faces of one emotion in a group that "same mix" asks for, to weigh them."""

ACCURACY: Final = "accuracy"
SAME_MIX: Final = "same mix"

KINDS: Final = (ACCURACY, SAME_MIX, "recall")
"""Of gaps: the p of all gaps of one kind are corrected together."""

_MEASURES: Final = (ACCURACY, SAME_MIX, *EMOTIONS)


@dataclass(frozen=True)
class Rate:
    """A share of faces, 0 to 1."""

    n: int  # of so many faces
    value: float | None  # None where they are too few to tell it
    # 95 %, by the bootstrap; see `Interval.of_share`. None where `value` is.
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
    """How the groups of one grouping are read."""

    name: str  # of the grouping
    about: str  # where its groups come from
    groups: tuple[GroupScore, ...]  # in their order
    left_out: int  # faces in none of them
    # The labels that "same mix" weighs: those of which each compared group has `MIN_CELL`.
    mix: tuple[str, ...]
    # By measure; without those that fewer than two groups have enough faces for.
    gaps: dict[str, Gap]


def percent_of(rate: Rate, *, interval: bool = False) -> str:
    """A rate as people are shown it: "71.2 %", or "too few (n = 12)"."""
    if rate.value is None or rate.interval is None:
        return f"too few (n = {rate.n:,})"
    text = f"{100 * rate.value:.1f} %"
    if interval:
        text += f" ({100 * rate.interval.low:.1f} to {100 * rate.interval.high:.1f})"
    return text


def figures_of(gap: Gap) -> list[str]:
    """A gap in points, its interval, ratio ("-" for none), p and Holm's p, as people read them."""
    low, high = 100 * gap.interval.low, 100 * gap.interval.high
    ratio = "-" if gap.ratio is None else f"{gap.ratio:.3f}"
    gap_points = f"{100 * gap.difference:.1f}"
    return [gap_points, f"{low:.1f} to {high:.1f}", ratio, f"{gap.p:.4f}", f"{gap.holm:.4f}"]


def metric_frame() -> Any:
    """Fairlearn's class; called before anything takes time, it tells that the extra is missing.

    Raises:
        MissingExtraError: the extra `audit` is not installed.
    """
    with needs_extra("audit", "comparing groups"):
        from fairlearn.metrics import MetricFrame

    return MetricFrame


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
        self._members, self._targets = grouping.members[there], targets[there]
        self._read = probabilities.argmax(axis=1)[there]
        self._sure = probabilities.max(axis=1)[there].astype(np.float64)
        # (G, 7): faces of each group and emotion, and those of them that are read right.
        self._n = np.zeros((len(grouping.groups), len(EMOTIONS)), np.int64)
        self._right = np.zeros_like(self._n)
        np.add.at(self._n, (self._members, self._targets), 1)
        np.add.at(self._right, (self._members, self._targets), self._read == self._targets)
        self._compared = self._n.sum(axis=1) >= min_n

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
        # Of the emotions of which all compared groups have enough.
        enough = (self._n[self._compared] >= MIN_CELL).all(axis=0) & (shares > 0)
        weights = np.where(enough, shares, 0.0) / max(shares[enough].sum(), np.finfo(float).tiny)
        values, drawn = self._values(weights), self._drawn(weights, resamples, random)
        gaps = {}
        for m, measure in enumerate(_MEASURES):
            there = np.flatnonzero(~np.isnan(values[:, m]))
            if len(there) > 1:
                dealt = self._dealt(measure, there, weights, permutations, random)
                gaps[measure] = self._gap(
                    measure, there, values[there, m], drawn[:, there, m], dealt
                )
        return GroupingScore(
            name=self._grouping.name,
            about=self._grouping.about,
            groups=tuple(
                self._group_score(g, values[g], drawn[:, g], weights) for g in range(len(self._n))
            ),
            left_out=len(self._grouping.members) - len(self._members),
            mix=tuple(label for label, w in zip(EMOTIONS, weights, strict=True) if w > 0),
            gaps=gaps,
        )

    def _values(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(G, 9) fairlearn's measures of the groups; NaN of those that have too few faces."""
        values = np.full((len(self._n), len(_MEASURES)), np.nan)
        rows = self._compared[self._members]
        if not rows.any():
            return values

        def recall(targets: Any, read: Any, *, c: int) -> float:
            own = np.asarray(targets) == c
            return float((np.asarray(read)[own] == c).mean()) if own.any() else float("nan")

        def accuracy(targets: Any, read: Any) -> float:
            return float((np.asarray(targets) == np.asarray(read)).mean())

        recalls = {label: partial(recall, c=c) for c, label in enumerate(EMOTIONS)}
        by_group = metric_frame()(
            metrics={ACCURACY: accuracy, **recalls},
            y_true=self._targets[rows],
            y_pred=self._read[rows],
            sensitive_features=self._members[rows],
        ).by_group
        mixed = np.flatnonzero(weights)
        for g, (right, *of) in zip(by_group.index, by_group.to_numpy(np.float64), strict=True):
            mix = np.nan
            if self._n[g, mixed].sum() >= self._min_n:
                mix = np.dot(np.array(of)[mixed], weights[mixed])
            values[g] = (right, mix, *np.where(self._n[g] >= self._min_n, of, np.nan))
        return values

    def _drawn(
        self, weights: NDArray[np.float64], count: int, random: np.random.Generator
    ) -> NDArray[np.float64]:
        """(count, G, 9): the same of faces drawn again; 0 where a draw has none."""
        cells = np.stack([self._right, self._n - self._right], axis=-1)  # (G, 7, 2)
        total = int(cells.sum())
        drawn = random.multinomial(total, cells.ravel() / max(total, 1), size=count)
        drawn = drawn.reshape(count, *cells.shape)
        right, n = drawn[..., 0], drawn.sum(axis=-1)
        accuracy = right.sum(axis=-1) / np.maximum(n.sum(axis=-1), 1)
        recalls = right / np.maximum(n, 1)
        return np.concatenate([np.stack([accuracy, recalls @ weights], axis=-1), recalls], axis=-1)

    def _counts(
        self, measure: str, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(G,) each: the faces of the measure that are read right, and all of them."""
        own = np.ones(len(EMOTIONS), bool)
        if measure == SAME_MIX:
            own = weights > 0
        elif measure in EMOTIONS:
            own = np.arange(len(EMOTIONS)) == EMOTIONS.index(measure)
        return self._right[:, own].sum(axis=1), self._n[:, own].sum(axis=1)

    def _group_score(
        self,
        g: int,
        values: NDArray[np.float64],
        drawn: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> GroupScore:
        """Of (9,) measures and (R, 9) draws of them."""
        rates = {}
        for measure, value, again in zip(_MEASURES, values.tolist(), drawn.T, strict=True):
            right, n = (int(of[g]) for of in self._counts(measure, weights))
            if np.isnan(value):
                rates[measure] = Rate(n, None, None)
            else:
                rates[measure] = Rate(n, value, Interval.of_share(right, n, again))
        rows = self._members == g
        n = int(rows.sum())
        compared = bool(self._compared[g])
        excess = None
        if compared:
            read = np.bincount(self._read[rows], minlength=len(EMOTIONS))
            excess = dict(zip(EMOTIONS, ((read - self._n[g]) / n).tolist(), strict=True))
        return GroupScore(
            name=self._grouping.groups[g],
            n=n,
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
        there: NDArray[np.int64],
        weights: NDArray[np.float64],
        count: int,
        random: np.random.Generator,
    ) -> NDArray[np.float64]:
        """(count,) gaps between these groups when they are dealt out again by chance."""
        if measure != SAME_MIX:
            right, n = self._counts(measure, weights)
            return _spread(_deal(n[there], right[there], count, random))
        mixed = np.zeros((count, len(there)))
        for c in np.flatnonzero(weights):
            mixed += weights[c] * _deal(self._n[there, c], self._right[there, c], count, random)
        return _spread(mixed)

    def _gap(
        self,
        measure: str,
        there: NDArray[np.int64],
        values: NDArray[np.float64],
        drawn: NDArray[np.float64],
        dealt: NDArray[np.float64],
    ) -> Gap:
        """Between these groups, of their values and of (R, groups) draws of them."""
        worst, best = int(values.argmin()), int(values.argmax())
        lowest, highest = float(values[worst]), float(values[best])
        difference, reach = highest - lowest, _reach(drawn, values)
        ratio = lowest / highest if highest > 0 else None
        ratio_interval = None
        if ratio:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                # A draw in which a group has none right is infinitely far off.
                factor = float(np.exp(_reach(np.log(drawn), np.log(values))))
            ratio_interval = Interval(ratio / factor, min(ratio * factor, 1.0))
        as_large = int((dealt >= difference - 1e-12).sum())
        return Gap(
            measure=measure,
            kind=measure if measure in KINDS else "recall",
            groups=len(there),
            worst=self._grouping.groups[there[worst]],
            best=self._grouping.groups[there[best]],
            lowest=lowest,
            highest=highest,
            difference=difference,
            interval=Interval(max(difference - reach, 0.0), min(difference + reach, 1.0)),
            ratio=ratio,
            ratio_interval=ratio_interval,
            p=(1 + as_large) / (1 + len(dealt)),
            holm=float("nan"),
        )


def _deal(
    n: NDArray[np.int64], right: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """(count, G): the share of each group that is read right when groups are dealt by chance."""
    total = int(right.sum())
    return random.multivariate_hypergeometric(n, total, size=count, method="marginals") / n


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.max(axis=1) - values.min(axis=1))


def _reach(drawn: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """How far, in 95 % of the draws, any difference between two groups lies from the true one.

    No difference is further off than the largest deviation less the smallest, so this holds for the
    largest difference, whichever pair that is: the bootstrap form of Tukey's method for all pairs.
    """
    far = _spread(drawn - values)
    return float(np.quantile(np.where(np.isnan(far), np.inf, far), 0.95, method="higher"))
