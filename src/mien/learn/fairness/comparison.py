"""For whom a model works: groups of faces compared, and gaps that chance alone seldom leaves.

- Intervals are 95 % bootstrap intervals (Efron 1979): the faces are drawn again with replacement.
  That of a gap holds for all pairs of groups at once, for the largest difference is chosen after
  the fact, and drawing faces makes it larger.
- p is that of a permutation test: how often a gap as large comes about when the groups are dealt
  out again by chance. The p of all tests of one kind are corrected together (Holm 1979).
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien.errors import DataError, OptionError, check_count, counted
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.fairness.gaps import (
    KINDS,
    Comparison,
    GroupingScore,
    Rate,
    holm,
)
from mien.learn.fairness.groups import Grouping, crossed, raf_db_groups, read_groups
from mien.learn.fairness.slices import reference_faces, slice_faces, slices_of
from mien.recognize.classifier import Classifier

MIN_N: Final = 30
"""A rate of fewer faces is not told: one face more or less would move it by over three points."""


@dataclass(frozen=True)
class Fairness:
    """What a model makes of the groups of labelled faces.

    Attributes:
        model: its name; likewise `data` and `split` of the faces.
        data: see `model`.
        split: see `model`.
        n: faces.
        accuracy: on all of them.
        min_n: a group of fewer faces is not compared, and a recall of fewer not told.
        resamples: draws of the bootstrap.
        permutations: draws of the tests.
        seed: of both.
        groupings: in the order in which they were given.
    """

    model: str
    data: str
    split: str
    n: int
    accuracy: Rate
    min_n: int
    resamples: int
    permutations: int
    seed: int
    groupings: tuple[GroupingScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return asdict(self)


def find_groupings(
    faces: FaceSet,
    split: str,
    *,
    groups: str | Path | None = None,
    columns: Sequence[str] = (),
    cross: Sequence[str] = (),
    slices: Sequence[str] | None = None,
    cuts: Mapping[str, Sequence[float]] | None = None,
    seed: int = 0,
    report: Callable[[str], object] = lambda _: None,
) -> tuple[Grouping, ...]:
    """All the groupings of a split that are asked for: annotated, crossed, measured.

    Args:
        faces: the whole data set.
        split: as `FaceSet.split` takes it.
        groups: path of a CSV file, see `read_groups`; RAF-DB's own are read without one.
        columns: of it, or of RAF-DB's; all by default.
        cross: names of annotated groupings whose intersections are wanted, too.
        slices: names of `mien.learn.fairness.slices.SLICES`; None takes all that the data set
            allows.
        cuts: cut points by the name of a slice, in place of thirds of train or val.
        seed: of the faces that the thirds are chosen on.
        report: called with the name of each step as it begins.
    Raises:
        DataError: the table is broken, or there is nothing to divide the faces by.
        OptionError: a slice, column or cut point is not as above.
    """
    rows = np.isin(faces.splits, split.split("+"))
    part = faces.split(split)  # raises where there is none
    if groups is None:
        annotated = raf_db_groups(faces)
    else:
        needed = dict.fromkeys([*columns, *cross]) if columns else ()
        annotated = read_groups(groups, faces, columns=tuple(needed))
    by_name = {grouping.name: grouping for grouping in annotated}
    for name in [*columns, *cross]:
        if name not in by_name:
            known = ", ".join(by_name) or "none, as there is no table of them (--groups)"
            raise OptionError(f"expected annotated groups among {known}; got {name!r}")
    wanted = [by_name[name] for name in dict.fromkeys(columns or by_name)]
    if cross:
        wanted.append(crossed([by_name[name] for name in dict.fromkeys(cross)]))
    wanted = [grouping.take(rows) for grouping in wanted]
    names = slices_of(faces) if slices is None else tuple(dict.fromkeys(slices))
    if taken := [grouping.name for grouping in wanted if grouping.name in names]:
        raise OptionError(
            f"expected annotated groups under other names than the slices'; {taken[0]!r} is both: "
            "leave one out"
        )
    if names:
        reference = reference_faces(faces, seed=seed)
        wanted += slice_faces(part, names, reference=reference, cuts=cuts, report=report)
    if not wanted:
        either = "groups (--groups) or slices (--slices) to compare"
        raise DataError(f"{faces.name}: expected {either}; there are none")
    return tuple(wanted)


def measure_fairness(
    classifier: Classifier,
    faces: FaceSet,
    split: str,
    groupings: Sequence[Grouping],
    *,
    min_n: int = MIN_N,
    resamples: int = 2000,
    permutations: int = 9999,
    seed: int = 0,
) -> Fairness:
    """Read the faces of a split, one view each, and compare the groups.

    The null hypotheses of the tests, by kind of gap:

    - accuracy: which faces are read right has nothing to do with the group. Every way to deal out
      the groups, with their sizes, among the faces that were compared is equally likely.
    - same mix: among the faces of one emotion it has nothing to do with the group. Every way to
      deal out the groups among the faces of each emotion, with the sizes that they have in it, is
      equally likely.
    - recall: the same, of the faces of that emotion alone.

    p = (1 + draws with a gap at least as large) / (1 + draws) (Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585). To deal out groups changes how many of each group are read right
    and nothing else, so these numbers are drawn: they are multivariate hypergeometric.

    Args:
        classifier: what reads them.
        faces: the whole data set.
        split: as `FaceSet.split` takes it.
        groupings: of the faces of the split, in their order, as `find_groupings` gives them.
        min_n: fewer faces make no group to compare, and no recall; at least 2.
        resamples: draws of the bootstrap, at least 100.
        permutations: draws of the tests, at least 99.
        seed: of both.
    Raises:
        DataError: the set has no such split, or no faces in it.
        OptionError: a number is too small, or a grouping is of other faces.
        MissingExtraError: the extra `audit` is not installed.
    """
    check_draws(min_n, resamples, permutations)
    part = faces.split(split)
    for grouping in groupings:
        if len(grouping.members) != len(part):
            raise OptionError(
                f"{grouping.name}: expected groups of {counted(len(part), 'face')}; "
                f"got {len(grouping.members)}"
            )
    probabilities, targets = classifier(part.images), part.targets
    shares = np.bincount(targets, minlength=len(EMOTIONS)) / len(targets)

    def scored(grouping: Grouping, least: int) -> GroupingScore:
        # Each has its own chance: its figures do not change with what else is compared.
        random = np.random.default_rng([seed, zlib.crc32(grouping.name.encode())])
        comparison = Comparison(probabilities, targets, grouping, least)
        return comparison.score(
            shares, resamples=resamples, permutations=permutations, random=random
        )

    whole = Grouping("all", "", ("all",), np.zeros(len(targets), np.int64))
    return Fairness(
        model=classifier.spec.name,
        data=faces.name,
        split=split,
        n=len(targets),
        accuracy=scored(whole, 1).groups[0].accuracy,
        min_n=min_n,
        resamples=resamples,
        permutations=permutations,
        seed=seed,
        groupings=_corrected([scored(grouping, min_n) for grouping in groupings]),
    )


def check_draws(min_n: int, resamples: int, permutations: int) -> None:
    """Raise what `measure_fairness` would, before anything else takes time.

    Raises:
        OptionError: a number is too small; the message says which, and what was expected.
    """
    check_count("min_n", min_n, 2)
    check_count("resamples", resamples, 100)
    check_count("permutations", permutations, 99)


def stand_out(result: Fairness, *, level: float = 0.05) -> list[str]:
    """The gaps that chance alone would seldom leave, each in a sentence, accuracy before recall.

    Args:
        result: all that was compared.
        level: those are told whose Holm's p is below it.
    """
    found = [
        (grouping, gap)
        for grouping in result.groupings
        for gap in grouping.gaps.values()
        if gap.holm < level
    ]
    # The model as a whole comes before its parts, and large gaps before small ones.
    found.sort(key=lambda pair: (KINDS.index(pair[1].kind), -pair[1].difference))
    lines = []
    for grouping, gap in found:
        measure = f"recall of {gap.measure}" if gap.kind == "recall" else gap.measure
        low, high = 100 * gap.interval.low, 100 * gap.interval.high
        lines.append(
            f'{grouping.name}: {measure} {100 * gap.lowest:.1f} % in "{gap.worst}", '
            f'{100 * gap.highest:.1f} % in "{gap.best}"; a gap of {100 * gap.difference:.1f} '
            f"points ({low:.1f} to {high:.1f}), Holm's p {gap.holm:.4f}."
        )
    return lines


def _corrected(scores: Sequence[GroupingScore]) -> tuple[GroupingScore, ...]:
    """The same with Holm's p, over all the gaps of a kind."""
    corrected: dict[tuple[int, str], float] = {}
    for kind in KINDS:
        ps = {
            (i, gap.measure): gap.p
            for i, score in enumerate(scores)
            for gap in score.gaps.values()
            if gap.kind == kind
        }
        corrected |= zip(ps, holm([*ps.values()]), strict=True)
    return tuple(
        replace(
            score,
            gaps={name: replace(gap, holm=corrected[i, name]) for name, gap in score.gaps.items()},
        )
        for i, score in enumerate(scores)
    )
