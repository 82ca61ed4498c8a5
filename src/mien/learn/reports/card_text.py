"""A model card in Markdown: what a model file is, and what it must not be used for.

After Mitchell et al. 2019 (arXiv:1810.03993).
"""

from mien import __version__
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.evaluation.measures import Measures
from mien.learn.evaluation.robustness import Measurement, Robustness
from mien.learn.fairness.comparison import stand_out
from mien.learn.fairness.gaps import ACCURACY, GroupingScore, percent_of
from mien.learn.fairness.slices import SLICES
from mien.learn.reports.cards import DISTURBED, Card
from mien.output.pages import Table, percent, render
from mien.spec import ModelSpec


def card_text(card: Card) -> str:
    """A card in Markdown."""
    return render(
        "card.md",
        version=__version__,
        emotions=EMOTIONS,
        data="FER2013" if card.is_fer2013 else card.data,
        is_fer2013=card.is_fer2013,
        by_taggers=card.test.by_taggers,
        **_of_file(card),
        **_of_scores(card),
        **_of_sureness(card),
        **_of_disturbances(card),
        **_of_slices(card),
    )


def _of_file(card: Card) -> dict[str, object]:
    spec = card.spec
    return {
        "name": spec.name,
        "model": spec.name if card.file_name == f"{spec.name}.onnx" else card.file_name,
        "parameters": spec.parameters,
        "license": spec.license,
        "trained_on": spec.trained_on,
        "chosen_on": spec.chosen_on,
        "seed": spec.seed,
        "softmax": _softmax(spec),
        "fitted_on": spec.temperature_fitted_on,
        "file": _file_table(card),
    }


def _file_table(card: Card) -> Table:
    spec, size = card.spec, card.spec.input_size_px
    frame = "a face framed as in FER2013, in a square of the longer side of YuNet's box"
    if spec.crop_margin:
        frame += f" and {percent(spec.crop_margin, 0)} more on each side"
    network = (
        f"`{spec.network}`: {spec.parameters:,} parameters, "
        f"{spec.multiply_adds / 1e6:.1f} M multiply-adds a face"
    )
    inside = f"scaling of the pixels, {_softmax(spec)}; weights stored as {spec.store}"
    made_by = (
        f"recipe `{spec.recipe}`, seed {spec.seed}, epoch {spec.epoch}, "
        f"mien {spec.mien_version or 'unknown'}"
    )
    rows = [
        ["file", f"`{card.file_name}`, {card.size_bytes / 1e6:.1f} MB"],
        ["sha256", f"`{card.sha256}`"],
        ["network", network],
        ["in", f"(N, {size}, {size}) uint8, gray: {frame}"],
        *_outputs(spec),
        ["inside", inside],
        ["made by", made_by],
        ["licence", spec.license],
    ]
    return Table(rows, head=["", ""], left=(0, 1))


def _outputs(spec: ModelSpec) -> list[list[str]]:
    names = ", ".join(spec.labels)
    rows = [["out", f"`probabilities`, (N, {len(spec.labels)}) float32: {names}"]]
    if "people" in spec.heads:
        share, temperature = spec.votes_share, spec.people_temperature
        offsets = zip(spec.labels, spec.people_offsets, strict=False)
        more = ", ".join(f"{offset:g} for {label}" for label, offset in offsets if offset)
        rows[0][1] += (
            f". What people would say: softmax of ({1 - share:g} log label + {share:g} log votes"
            f"{f' + {more}' if more else ''}) / {temperature:g}, contempt left out"
        )
        rows.append(["out, too", "`label_probabilities`, likewise: what FER2013's label would be"])
    if spec.votes_labels:
        votes = ", ".join(spec.votes_labels)
        rows.append(["out, too", f"`votes`, (N, 8) float32, shares of FER+'s: {votes}"])
    return rows


def _softmax(spec: ModelSpec) -> str:
    words = f"softmax at temperature {spec.temperature:g}"
    if spec.label_smoothing_undone:
        words += f" after undoing the label smoothing of {spec.label_smoothing_undone:g}"
    return words


def _of_scores(card: Card) -> dict[str, object]:
    per_class = card.test.evaluation.per_class.items()
    recall = {label: score.recall for label, score in per_class if score.support}
    weakest = min(recall, key=lambda label: recall[label])
    absent = {name: found.evaluation.absent for name, found in card.measures.items()}
    return {
        "test": _headline(card.test),
        "labelled": _headline(card.labelled.get("test", card.test)),
        "copies": card.copies,
        "clean_n": card.clean and card.clean.evaluation.n,
        "label_agreement": card.label_agreement,
        "agreement": card.test.agreement,
        "votes": card.test.votes,
        "expressions": len(FERPLUS_EMOTIONS),
        "scores": _scores(card.measures),
        "scores_of_label": card.labelled and _scores(card.labelled),
        "absent": {name: labels for name, labels in absent.items() if labels},
        "majority": card.robustness.majority,
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
        evaluation, macro_f1 = found.evaluation, found.intervals["macro_f1"]
        accuracy, recall = (
            f"{percent(getattr(evaluation, score))} ({_bounds(found, score)})"
            for score in ("accuracy", "mean_class_recall")
        )
        f1 = f"{evaluation.macro_f1:.4f} ({macro_f1.low:.3f} to {macro_f1.high:.3f})"
        rows.append([name, f"{evaluation.n:,}", accuracy, f1, recall])
    return Table(rows, head=["images", "n", "accuracy", "macro F1", "mean class recall"])


def _bounds(measures: Measures, score: str) -> str:
    """A 95 % interval in percent, without the sign."""
    interval = measures.intervals[score]
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
        "calibration_error": card.test.reliability.expected_calibration_error,
        "bands": Table(band_rows, head=["probability", "faces", "mean probability", right]),
        "thresholds": Table(threshold_rows, head=["P", "read", "of those right"]),
    }


def _of_disturbances(card: Card) -> dict[str, object]:
    found = card.robustness
    start = found.undisturbed(found.models[0]).accuracy
    rows = [["none", "", percent(start, 1), ""]]
    for name, level, said in DISTURBED:
        accuracy = _measurement(found, name, level).accuracy
        change = f"{100 * (accuracy - start):+.1f}"
        rows.append([name, said, percent(accuracy, 1), change])
    hardest = min(DISTURBED, key=lambda d: _measurement(found, d[0], d[1]).accuracy)
    head = ["disturbance", "level", "accuracy", "points"]
    return {
        "disturbed_n": found.n,
        "disturbed": Table(rows, head=head, left=(0, 1)),
        "hardest": f"{hardest[0]}, {hardest[2]}",
    }


def _measurement(found: Robustness, name: str, level: float) -> Measurement:
    return next(m for m in found.measurements if (m.disturbance, m.level) == (name, level))


def _of_slices(card: Card) -> dict[str, object]:
    found = card.fairness
    compared = [grouping for grouping in found.groupings if len(grouping.groups) > 1]
    head = ["by", "faces", "n", "right", "same mix", "gap", "Holm's p"]
    rows = [row for grouping in compared for row in _slice_rows(grouping)]
    return {
        "compared_n": found.n,
        "annotated": any(grouping.name not in SLICES for grouping in compared),
        "slices": {g.name: SLICES[g.name].about for g in compared if g.name in SLICES},
        "groups": Table(rows, head=head, left=(0, 1)),
        "groupings": len(compared),
        "permutations": found.permutations,
        "min_n": found.min_n,
        "outstanding": stand_out(found),
    }


def _slice_rows(grouping: GroupingScore) -> list[list[str]]:
    gap = grouping.gaps.get(ACCURACY)
    rows = []
    for place, group in enumerate(grouping.groups):
        mix = "-" if group.same_mix.value is None else percent_of(group.same_mix)
        cells = ["", group.name, f"{group.n:,}", percent_of(group.accuracy, interval=True), mix]
        if place:
            rows.append([*cells, "", ""])
            continue
        cells[0] = grouping.name
        if gap is None:
            rows.append([*cells, "-", "-"])
            continue
        low, high = 100 * gap.interval.low, 100 * gap.interval.high
        difference = f"{100 * gap.difference:.1f} ({low:.1f} to {high:.1f})"
        rows.append([*cells, difference, f"{gap.holm:.4f}"])
    return rows
