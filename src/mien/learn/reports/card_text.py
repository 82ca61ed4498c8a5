"""A model card in Markdown: what a model file is, and what it must not be used for.

After Mitchell et al. 2019 (arXiv:1810.03993).
"""

from mien import __version__
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.evaluation.measures import Measures
from mien.learn.fairness.comparison import stand_out
from mien.learn.fairness.gaps import ACCURACY, GroupingScore, percent_of
from mien.learn.fairness.slices import SLICES
from mien.learn.reports.cards import CORRUPTED, Card
from mien.output.pages import Table, percent, render


def card_text(card: Card) -> str:
    """A card in Markdown."""
    spec = card.spec
    offsets = zip(spec.labels, spec.people_offsets, strict=False)
    return render(
        "card.md",
        version=__version__,
        emotions=EMOTIONS,
        card=card,
        of_people="people" in spec.heads,
        offsets=[f"{offset:g} for {label}" for label, offset in offsets if offset],
        data="FER2013" if card.is_fer2013 else card.data,
        **_of_scores(card),
        **_of_sureness(card),
        **_of_corruptions(card),
        **_of_slices(card),
    )


def _of_scores(card: Card) -> dict[str, object]:
    per_class = card.test.evaluation.per_class.items()
    recall = {label: score.recall for label, score in per_class if score.support}
    weakest = min(recall, key=lambda label: recall[label])
    absent = {name: found.evaluation.absent for name, found in card.measures.items()}
    return {
        "test": _headline(card.test),
        "labelled": _headline(card.labelled.get("test", card.test)),
        "expressions": len(FERPLUS_EMOTIONS),
        "scores": _scores(card.measures),
        "scores_of_label": card.labelled and _scores(card.labelled),
        "absent": {name: labels for name, labels in absent.items() if labels},
        "classes": _classes(card.test),
        "weakest": weakest,
        "weakest_recall": recall[weakest],
    }


def _headline(measures: Measures) -> dict[str, object]:
    test = measures.evaluation
    return {"n": test.n, "accuracy": test.accuracy, "interval": _bounds(measures, "accuracy")}


def _scores(named: dict[str, Measures]) -> Table:
    rows = []
    for name, found in named.items():
        told = found.evaluation
        scores = {
            "accuracy": percent(told.accuracy),
            "macro_f1": f"{told.macro_f1:.4f}",
            "mean_class_recall": percent(told.mean_class_recall),
        }
        cells = [
            f"{score} ({_bounds(found, of)})" if of in found.intervals else score
            for of, score in scores.items()
        ]
        rows.append([name, f"{told.n:,}", *cells])
    return Table(rows, head=["images", "n", "accuracy", "macro F1", "mean class recall"])


def _bounds(measures: Measures, score: str) -> str:
    """A 95 % interval in percent, without the sign; that of macro F1 as it is."""
    interval = measures.intervals[score]
    if score == "macro_f1":
        return f"{interval.low:.3f} to {interval.high:.3f}"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"


def _classes(measures: Measures) -> Table:
    test, rows = measures.evaluation, []
    for label, counts in zip(EMOTIONS, test.confusion, strict=True):
        score = test.per_class[label]
        if not score.support:
            rows.append([label, "0", *["-"] * 4])
            continue
        others = {other: n for other, n in zip(EMOTIONS, counts, strict=True) if other != label}
        most = max(others, key=lambda other: others[other])
        share = percent(others[most] / max(score.support, 1), 0)
        cells = [f"{score.support:,}", percent(score.recall, 1), percent(score.precision, 1)]
        missed = f"{most}, {share}" if others[most] else "-"
        rows.append([label, *cells, f"{score.f1:.3f}", missed])
    truth = "most taggers" if measures.by_taggers else "labelled"
    header = [truth, "n", "recall", "precision", "F1", "otherwise most often read as"]
    return Table(rows, head=header, left=(0, 5))


def _of_sureness(card: Card) -> dict[str, object]:
    bands = [band for band in card.bands if band.n]
    faces = sum(band.n for band in bands)
    band_rows = []
    for band in bands:
        between = f"{100 * band.low:.0f} to {percent(band.high, 0)}"
        shares = (percent(band.confidence, 1), percent(band.accuracy, 1))
        band_rows.append([between, f"{band.n:,}", *shares])
    threshold_rows = [
        [f"{found.threshold:g}", percent(found.coverage, 1), percent(found.accuracy, 1)]
        for found in card.test.risk_coverage.at_threshold
        if found.accuracy is not None
    ]
    right = "say so" if card.test.by_taggers else "right"
    return {
        "says": sum(band.n * band.confidence for band in bands) / faces,
        "is_so": sum(band.n * band.accuracy for band in bands) / faces,
        "bands": Table(band_rows, head=["probability", "faces", "mean probability", right]),
        "thresholds": Table(threshold_rows, head=["P", "read", "of those right"]),
    }


def _of_corruptions(card: Card) -> dict[str, object]:
    found = card.robustness
    start = found.clean(found.models[0]).accuracy
    accuracies = {(m.corruption, m.severity): m.accuracy for m in found.measurements}
    told = [(name, said, accuracies[name, level]) for name, level, said in CORRUPTED]
    rows = [["none", "", percent(start, 1), ""]]
    rows += [
        [name, said, percent(accuracy, 1), f"{100 * (accuracy - start):+.1f}"]
        for name, said, accuracy in told
    ]
    hardest = min(told, key=lambda corruption: corruption[2])
    head = ["corruption", "severity", "accuracy", "points"]
    return {
        "corrupted": Table(rows, head=head, left=(0, 1)),
        "hardest": f"{hardest[0]}, {hardest[1]}",
    }


def _of_slices(card: Card) -> dict[str, object]:
    found = card.fairness
    compared = [grouping for grouping in found.groupings if len(grouping.groups) > 1]
    head = ["by", "faces", "n", "right", "same mix", "gap", "Holm's p"]
    rows = [row for grouping in compared for row in _slice_rows(grouping)]
    return {
        "annotated": any(grouping.name not in SLICES for grouping in compared),
        "slices": {g.name: SLICES[g.name].about for g in compared if g.name in SLICES},
        "groups": Table(rows, head=head, left=(0, 1)),
        "groupings": len(compared),
        "outstanding": stand_out(found),
    }


def _slice_rows(grouping: GroupingScore) -> list[list[str]]:
    """A row for each group; the first one also names the grouping and tells its gap."""
    name, told = grouping.name, ["-", "-"]
    if (gap := grouping.gaps.get(ACCURACY)) is not None:
        low, high = 100 * gap.interval.low, 100 * gap.interval.high
        told = [f"{100 * gap.difference:.1f} ({low:.1f} to {high:.1f})", f"{gap.holm:.4f}"]
    rows = []
    for group in grouping.groups:
        mix = "-" if group.same_mix.value is None else percent_of(group.same_mix)
        right = percent_of(group.accuracy, interval=True)
        rows.append([name, group.name, f"{group.n:,}", right, mix, *told])
        name, told = "", ["", ""]
    return rows
