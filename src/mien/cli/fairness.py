"""`mien fairness`."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mien.cli.face_options import LabeledFaces
from mien.cli.shared import (
    HeadOption,
    JsonOption,
    ModelOption,
    SplitOption,
    print_json,
    print_table,
    status,
)
from mien.errors import OptionError, counted
from mien.labels import EMOTIONS
from mien.recognize.classifier import DEFAULT_MODEL, Classifier

if TYPE_CHECKING:
    from mien.learn.fairness.comparison import Fairness
    from mien.learn.fairness.gaps import GroupingScore


@dataclass(frozen=True)
class GroupOptions:
    """Which groups of faces are compared."""

    groups: Annotated[
        Path | None,
        "CSV file: a column that names the image, then one for each grouping. RAF-DB's own "
        "annotations are read without it.",
    ] = None
    by: Annotated[str | None, "Columns to take, with commas; all if not given."] = None
    cross: Annotated[str | None, "Columns whose intersections are groups, too: gender,race."] = None
    slices: Annotated[
        str,
        "What to measure on the faces, with commas: brightness, contrast, blur, resolution, yaw, "
        "roll, size, found, votes; or all, or none.",
    ] = "all"
    cuts: Annotated[
        list[str] | None,
        "Cut points of a slice in place of thirds: brightness=80,160. May be given several times.",
    ] = None


@dataclass(frozen=True)
class DrawOptions:
    """How intervals and tests are drawn."""

    min_n: Annotated[int, "No rate is told of fewer faces than this."] = 30
    resamples: Annotated[int, "Draws of the bootstrap."] = 2000
    permutations: Annotated[int, "Draws of the tests."] = 9999
    seed: Annotated[int, "Of the draws."] = 0


def fairness(
    *,
    faces_from: LabeledFaces,
    model: ModelOption = DEFAULT_MODEL,
    head: HeadOption = None,
    split: SplitOption = "test",
    grouping: GroupOptions,
    drawing: DrawOptions,
    page: Annotated[Path | None, "A page of HTML to write, with all of it."] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare how well a model reads different groups of faces.

    Example: mien fairness --data RAF-DB --slices none --cross gender,race --page fairness.html

    Example: mien fairness --data faces/ --groups groups.csv --by age

    Without annotated groups the faces are divided by what can be measured on them: light, blur, the
    turn of the head. Cut points are the thirds of train (or of val), never of test.

    The gap is the largest difference between two groups; p is that of a permutation test, and
    Holm's p is corrected for all the gaps of its kind.
    """
    from mien.learn.evaluation.scores import truth_of
    from mien.learn.fairness.comparison import check_draws, find_groupings, measure_fairness
    from mien.learn.fairness.gaps import metric_frame
    from mien.learn.reports.fairness_page import fairness_page
    from mien.output.files import atomic_text, check_free

    if page is not None:
        read = [*map(Path, model.split(",")), *faces_from.files(), grouping.groups]
        check_free(page, overwrite=True, read=read)
    chosen = _slices(grouping.slices)
    points = _cuts(grouping.cuts or [])
    check_draws(drawing.min_n, drawing.resamples, drawing.permutations)
    metric_frame()
    classifier = Classifier(model, threads=0, head=head)
    faces = truth_of(classifier.head, faces_from.read(), split)
    # Opened before all is measured, so that a place that cannot be written is said at once.
    with nullcontext() if page is None else atomic_text(page) as file:
        with status("measuring") as report:
            groupings = find_groupings(
                faces,
                split,
                groups=grouping.groups,
                columns=_names(grouping.by),
                cross=_names(grouping.cross),
                slices=chosen,
                cuts=points,
                seed=drawing.seed,
                report=report,
            )
            report("the groups")
            result = measure_fairness(classifier, faces, split, groupings, **asdict(drawing))
        if file is not None:
            file.write(fairness_page(result, groupings, faces.split(split)))
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)


def _names(text: str | None) -> list[str]:
    return [] if text is None else [name.strip() for name in text.split(",")]


def _slices(text: str) -> list[str] | None:
    """The slices that are wanted; None for all that there are."""
    if text == "all":
        return None
    return [] if text == "none" else _names(text)


def _cuts(given: list[str]) -> dict[str, list[float]]:
    cuts = {}
    for text in given:
        name, _, numbers = text.partition("=")
        try:
            cuts[name.strip()] = [float(number) for number in numbers.split(",")]
        except ValueError:
            raise OptionError(
                f"--cuts: expected the name of a slice and cut points, brightness=80,160; "
                f"got {text!r}"
            ) from None
    return cuts


def _print(result: "Fairness") -> None:
    from mien.learn.fairness.comparison import stand_out
    from mien.learn.fairness.gaps import percent_of

    overall = result.accuracy
    print(f"{result.model} on {result.data} {result.split}: {counted(result.n, 'face')}")
    print(f"read right: {percent_of(overall, interval=True)}\n")
    _print_gaps(result)
    for grouping in result.groupings:
        print()
        _print_grouping(grouping)
    print()
    for line in stand_out(result) or ["No gap has a Holm's p below 0.05."]:
        print(line)


def _print_gaps(result: "Fairness") -> None:
    from mien.learn.fairness.gaps import ACCURACY, SAME_MIX, figures_of

    rows = []
    for grouping in result.groupings:
        for measure in (ACCURACY, SAME_MIX):
            gap = grouping.gaps.get(measure)
            name = grouping.name if measure == ACCURACY else ""
            if gap is None:
                rows.append([name, measure, "-", "", "", "", "", "too few faces to compare"])
                continue
            rows.append([name, measure, *figures_of(gap), f"{gap.worst} | {gap.best}"])
    header = ["groups by", "", "gap", "95 %", "ratio", "p", "Holm's p", "lowest | highest"]
    print_table(header, rows, left=(0, 1, 7))


def _print_grouping(grouping: "GroupingScore") -> None:
    from mien.learn.fairness.gaps import percent_of

    without = f"; {counted(grouping.left_out, 'face')} in none" if grouping.left_out else ""
    print(f"{grouping.name}: {grouping.about}{without}")
    rows = []
    for group in grouping.groups:
        sure = "" if group.confidence is None else f"{100 * group.confidence:.1f} %"
        mix = "-" if group.same_mix.value is None else percent_of(group.same_mix)
        right = percent_of(group.accuracy, interval=True)
        recall = [percent_of(group.recall[label]) for label in EMOTIONS]
        rows.append([f"  {group.name}", f"{group.n:,}", right, mix, sure, *recall])
    header = ["  ", "n", "right (95 %)", "same mix", "sure", *EMOTIONS]
    print_table(header, rows, left=(0,))
