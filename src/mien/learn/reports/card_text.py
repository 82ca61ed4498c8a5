"""A model card in Markdown: what a model file is, and what it must not be used for.

After Mitchell et al. 2019 (arXiv:1810.03993).
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from mien import __version__
from mien.labels import EMOTIONS, FERPLUS_EMOTIONS
from mien.learn.evaluation.measures import Measures
from mien.learn.evaluation.robustness import Measurement, Robustness
from mien.learn.fairness.comparison import stand_out
from mien.learn.fairness.gaps import ACCURACY, GroupingScore, percent_of
from mien.learn.fairness.slices import SLICES
from mien.learn.reports.cards import DISTURBED, Card
from mien.spec import ModelSpec

_WIDTH: Final = 100  # of the lines


def card_text(card: Card) -> str:
    """A card in Markdown."""
    sections = [
        _head(card),
        _use(),
        _file(card),
        _data(card),
        _scores(card),
        _sureness(card),
        _disturbed(card),
        _slices(card),
        _limits(card),
        _again(card),
    ]
    return "\n\n".join(block for section in sections for block in section) + "\n"


def _head(card: Card) -> list[str]:
    spec = card.spec
    words = (
        "Reads which of seven emotions the expression of a face looks like: "
        f"{', '.join(EMOTIONS[:-1])} or {EMOTIONS[-1]}. A network with {spec.parameters:,} "
        f"parameters. Of {_data_name(card)}'s "
    )
    labelled = card.labelled.get("test", card.test)
    low, high = _bounds(labelled, "accuracy")
    of_labels = (
        f"**{_percent(labelled.evaluation.accuracy)}** as they are labelled (95 % interval "
        f"{low} to {high})."
    )
    if not card.test.by_taggers:
        words += f"{card.test.evaluation.n:,} test images it reads {of_labels}"
    else:
        test = card.test.evaluation
        low, high = _bounds(card.test, "accuracy")
        words += (
            f"test images {test.n:,} have an emotion that most people saw who were asked. It reads "
            f"**{_percent(test.accuracy)}** of these as they did (95 % interval {low} to {high}). "
            f"Of all {labelled.evaluation.n:,} a second output names {of_labels}"
        )
    return [
        f"# Model card: {spec.name}",
        _paragraph(words),
        _paragraph(
            f"Written by mien {__version__} with the command at the end, which measured every "
            "figure of the network on the file itself, one view of each image."
        ),
    ]


def _use() -> list[str]:
    return [
        "## What it is for, and what not",
        _paragraph(
            "For research and teaching, for comparing methods, and for programs that people use "
            "knowingly on their own pictures: sorting photos by expression, art, games. A face "
            "shows an expression, not a feeling: people scowl when they are not angry, and are "
            "angry without a scowl (Barrett et al. 2019, doi:10.1177/1529100619832930). Read its "
            'answer as "looks sad", never as "is sad".'
        ),
        "It must not be used",
        _bullets(
            "to tell what people feel, think or intend, whether they lie, or whether they are ill;",
            "to judge or rank people, or to decide about them: in hiring and at work, in schools "
            "and examinations, by police and at borders, for insurance, credit or treatment;",
            "on people who do not know of it, or have not agreed to it.",
        ),
        _paragraph(
            "In the European Union the AI Act (Regulation (EU) 2024/1689) forbids inferring the "
            "emotions of people at work and in education but for medical or safety reasons "
            "(article 5(1)(f), since 2 February 2025). Other emotion recognition is high-risk "
            "(Annex III, point 1(c)), and people who are exposed to it must be told (article "
            "50(3))."
        ),
    ]


def _file(card: Card) -> list[str]:
    spec = card.spec
    frame = "a face framed as in FER2013, in a square of the longer side of YuNet's box"
    if spec.crop_margin:
        frame += f" and {_percent(spec.crop_margin, 0)} more on each side"
    size = spec.input_size_px
    rows = [
        ["file", f"`{card.file_name}`, {card.size_bytes / 1e6:.1f} MB"],
        ["sha256", f"`{card.sha256}`"],
        [
            "network",
            f"`{spec.network}`: {spec.parameters:,} parameters, "
            f"{spec.multiply_adds / 1e6:.1f} M multiply-adds a face",
        ],
        ["in", f"(N, {size}, {size}) uint8, gray: {frame}"],
        *_outputs(spec),
        [
            "inside",
            f"scaling of the pixels, {_softmax_of(spec)}; weights stored as {spec.store}",
        ],
        [
            "made by",
            f"recipe `{spec.recipe}`, seed {spec.seed}, epoch {spec.epoch}, "
            f"mien {spec.mien_version or 'unknown'}",
        ],
        ["licence", spec.license],
    ]
    return [
        "## The file",
        _table(["", ""], rows, left=(0, 1)),
        _paragraph(
            "It sees what a detector found and `mien.crop_faces` cut out; a face that the detector "
            "misses is not read. `mien models` tells how fast it is on your machine."
        ),
    ]


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


def _data(card: Card) -> list[str]:
    spec = card.spec
    flattered = " Scores on val are a little flattered by that." if " val" in spec.chosen_on else ""
    untouched = "" if spec.chosen_on == "unknown" else " Nothing was chosen on test."
    names = " Val is its PublicTest, test its PrivateTest." if card.is_fer2013 else ""
    about = []
    if card.is_fer2013:
        about.append(
            "FER2013 (Goodfellow et al. 2013, arXiv:1307.0414) is 35,887 gray faces of 48 x 48 "
            "pixels, found by a web search for words of emotion."
        )
    if card.clean is not None:
        about.append(
            f"Of the {card.test.evaluation.n:,} images of test {card.copies:,} are, pixel for "
            f"pixel, training images too; the other {card.clean.evaluation.n:,} are called clean "
            "test below."
        )
    if card.label_agreement is not None:
        about.append(
            "The labels are noisy: on "
            f"{card.label_agreement.n:,} images of test FER+'s taggers (Barsoum et al. 2016, "
            "arXiv:1608.01041) have a favourite among the seven emotions, and "
            f"{_percent(card.label_agreement.accuracy, 1)} of these are labelled so."
        )
    return [
        "## Data and protocol",
        _bullets(
            f"Trained on: {spec.trained_on}.",
            f"Epoch and settings chosen on: {spec.chosen_on}.{flattered}",
            f"Measured on: {_data_name(card)}.{names}{untouched}",
            "The intervals, by 1,000 bootstrap draws, tell how far other images would move a "
            f"score. Seed {spec.seed} is one training run; another would move it too.",
        ),
        *([_paragraph(" ".join(about))] if about else []),
    ]


def _scores(card: Card) -> list[str]:
    named = card.measures
    header = ["images", "n", "accuracy", "macro F1", "mean class recall"]
    tables = [_table(header, [[name, *_score_cells(found)] for name, found in named.items()])]
    if card.labelled:
        rows = [[name, *_score_cells(found)] for name, found in card.labelled.items()]
        against = (
            "What people would say, held against the emotion that most of FER+'s taggers chose, "
            "about ten a face (Barsoum et al. 2016, arXiv:1608.01041)"
            if card.test.by_taggers
            else "What people would say, held against the labels"
        )
        tables = [
            _paragraph(f"{against}:"),
            *tables,
            "What it says of the label, held against the labels, as papers report:",
            _table(header, rows),
        ]
    about = [
        "In brackets the 95 % interval. To answer always with the commonest label would be right "
        f"for {_percent(card.robustness.majority, 1)} of test."
    ]
    for name, measures in named.items():
        if absent := measures.evaluation.absent:
            about.append(
                f"{name[0].upper()}{name[1:]} has no image of {', '.join(absent)}: macro F1 and "
                f"mean class recall are of the other {len(EMOTIONS) - len(absent)} emotions."
            )
    if card.is_fer2013:
        about.append("People reach about 65 ± 5 % (Goodfellow et al. 2013).")
    if card.test.agreement is not None and not card.test.by_taggers:
        about.append(
            f"It reads the favourite of FER+'s taggers on {_percent(card.test.agreement.accuracy)} "
            f"of the {card.test.agreement.n:,} images of test that have one."
        )
    if (votes := card.test.votes) is not None:
        about.append(
            f"Of the {len(FERPLUS_EMOTIONS)} expressions of FER+ its output `votes` names the one "
            f"with the most votes on {_percent(votes.accuracy)} of {votes.n:,} images of test."
        )
    return [
        "## How good it is",
        *tables,
        _paragraph(" ".join(about)),
        "Test, emotion by emotion:",
        _class_table(card.test),
    ]


def _score_cells(measures: Measures) -> list[str]:
    found, macro_f1 = measures.evaluation, measures.intervals["macro_f1"]
    cells = [f"{found.n:,}"]
    for name in ("accuracy", "macro_f1", "mean_class_recall"):
        if name == "macro_f1":
            cells.append(f"{found.macro_f1:.4f} ({macro_f1.low:.3f} to {macro_f1.high:.3f})")
        else:
            low, high = _bounds(measures, name)
            cells.append(f"{_percent(getattr(found, name))} ({low} to {high})")
    return cells


def _class_table(measures: Measures) -> str:
    test, rows = measures.evaluation, []
    for label, counts in zip(EMOTIONS, test.confusion, strict=True):
        score = test.per_class[label]
        if not score.support:
            rows.append([label, "0", *["-"] * 4])
            continue
        others = {other: n for other, n in zip(EMOTIONS, counts, strict=True) if other != label}
        most = max(others, key=lambda other: others[other])
        share = _percent(others[most] / max(score.support, 1), 0)
        cells = [f"{score.support:,}", _percent(score.recall, 1), _percent(score.precision, 1)]
        missed = f"{most}, {share}" if others[most] else "-"
        rows.append([label, *cells, f"{score.f1:.3f}", missed])
    truth = "most taggers" if measures.by_taggers else "labelled"
    header = [truth, "n", "recall", "precision", "F1", "otherwise most often read as"]
    return _table(header, rows, left=(0, 5))


def _sureness(card: Card) -> list[str]:
    spec = card.spec
    faces = sum(band.n for band in card.bands)
    says = sum(band.n * band.confidence for band in card.bands if band.n) / faces
    band_rows = [
        [
            f"{100 * band.low:.0f} to {_percent(band.high, 0)}",
            f"{band.n:,}",
            _percent(band.confidence, 1),
            _percent(band.accuracy, 1),
        ]
        for band in card.bands
        if band.n
    ]
    threshold_rows = [
        [f"{found.threshold:g}", _percent(found.coverage, 1), _percent(found.accuracy, 1)]
        for found in card.test.risk_coverage.at_threshold
        if found.accuracy is not None
    ]
    error = card.test.reliability.expected_calibration_error
    is_so = sum(band.n * band.accuracy for band in card.bands if band.n) / faces
    of_people = card.test.by_taggers
    right = "is said by a random one of FER+'s taggers" if of_people else "is right"
    return [
        "## How sure it is",
        _paragraph(
            f"On test what it reads has a probability of {_percent(says, 1)} on average, and "
            f"{right} in {_percent(is_so, 1)}: {_balance(says - is_so)}. The two differ by "
            f"{100 * error:.1f} points on average over 15 bins (expected calibration error; Guo "
            "et al. 2017, arXiv:1706.04599)"
            + ("." if of_people else f", with a {_softmax_of(spec)}, {_fitted(spec)}.")
        ),
        _table(
            ["probability", "faces", "mean probability", "say so" if of_people else "right"],
            band_rows,
        ),
        _paragraph(
            "`mien detect --threshold P`, in Python `Recognizer(threshold=P)`, calls a face unsure "
            "when no emotion has the probability P. How much of test is then still read, and how "
            "much of that is right (Geifman and El-Yaniv 2017, arXiv:1705.08500):"
        ),
        _table(["P", "read", "of those right"], threshold_rows),
        _paragraph("On pictures of another kind both tables may look worse."),
    ]


def _balance(excess: float) -> str:
    if abs(excess) < 0.01:
        return "it is about as sure as it should be"
    return "it is too sure" if excess > 0 else "it is too modest"


def _softmax_of(spec: ModelSpec) -> str:
    words = f"softmax at temperature {spec.temperature:g}"
    if spec.label_smoothing_undone:
        words += f" after undoing the label smoothing of {spec.label_smoothing_undone:g}"
    return words


def _fitted(spec: ModelSpec) -> str:
    if not spec.temperature_fitted_on:
        return "which was not fitted"
    return f"fitted on {spec.temperature_fitted_on}"


def _disturbed(card: Card) -> list[str]:
    found = card.robustness
    start = found.undisturbed(found.models[0]).accuracy
    rows = [["none", "", _percent(start, 1), ""]]
    for name, level, said in DISTURBED:
        m = _measurement(found, name, level)
        change = f"{100 * (m.accuracy - start):+.1f}"
        rows.append([name, said.format(level), _percent(m.accuracy, 1), change])
    return [
        "## Disturbed faces",
        _paragraph(
            f"The {found.n:,} images of test again, each disturbed in one way (after Hendrycks and "
            "Dietterich 2019, arXiv:1903.12261). `mien robustness` measures more levels."
        ),
        _table(["disturbance", "level", "accuracy", "points"], rows, left=(0, 1)),
    ]


def _measurement(found: Robustness, name: str, level: float) -> Measurement:
    return next(m for m in found.measurements if (m.disturbance, m.level) == (name, level))


def _slices(card: Card) -> list[str]:
    found = card.fairness
    compared = [grouping for grouping in found.groupings if len(grouping.groups) > 1]
    header = ["by", "faces", "n", "right", "same mix", "gap", "Holm's p"]
    rows = [row for grouping in compared for row in _slice_rows(grouping)]
    outstanding = stand_out(found)
    annotated = any(grouping.name not in SLICES for grouping in compared)
    return [
        "## In which pictures it is weaker",
        _paragraph(
            f"The {found.n:,} images of test, divided by what can be measured on a face"
            + (", and by what annotators saw" if annotated else "")
            + ". No cut point was chosen on test, and nothing else by the figures below. What "
            "makes a picture dark is the light and the skin, which brightness does not tell apart."
        ),
        _bullets(*(f"{g.name}: {SLICES[g.name].about}" for g in compared if g.name in SLICES)),
        _table(header, rows, left=(0, 1)),
        _paragraph(
            "Same mix: the accuracy that a group would have if its emotions were as common as in "
            "all of test. Gap: in points, the largest difference between two groups, with an "
            "interval that holds for all pairs at once. p: how often dealing out the groups by "
            f"chance, {found.permutations:,} times, leaves a gap as large, corrected for all "
            f"{len(compared)} by Holm's method. No rate is told of fewer than {found.min_n} faces. "
            "`mien fairness` tells more, and compares people where groups are annotated."
        ),
        *(
            [
                "Gaps in accuracy and in the recall of single emotions that chance alone would "
                "seldom leave:",
                _bullets(*outstanding),
            ]
            if outstanding
            else ["No gap has a Holm's p below 0.05, which is no proof that there are none."]
        ),
    ]


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


def _limits(card: Card) -> list[str]:
    per_class = card.test.evaluation.per_class.items()
    recall = {label: score.recall for label, score in per_class if score.support}
    worst = min(recall, key=lambda label: recall[label])
    found = card.robustness
    hardest = min(DISTURBED, key=lambda d: _measurement(found, d[0], d[1]).accuracy)
    who = (
        "FER2013 says nothing of the people in it: no age, no sex, no skin colour, no origin"
        if card.is_fer2013
        else "The data say nothing of the people in them"
    )
    posed = [
        "FER2013's pictures come from the web, and many are posed or acted: its scores say little "
        "of people who talk, listen or wait. `mien evaluate --find-faces` measures your own photos."
    ]
    return [
        "## Limits",
        _bullets(
            "It answers with one of its seven words whatever it is shown: contempt, pain, two "
            "emotions at once, or a picture without a face.",
            f"{who}. So it could not be measured for whom it errs more often than for others; "
            "expect that it does. Where a set says more of its people, `mien fairness --groups` "
            "measures it.",
            *(posed if card.is_fer2013 else []),
            f"It is weakest at {worst}: {_percent(recall[worst], 1)} of these faces are read so. "
            f"Of the disturbances above this costs most: {hardest[0]}, {hardest[2]}.",
            "Its scores take the labels for the truth. Only exact copies were left out of clean "
            "test; `mien data check` also finds pictures that are nearly the same.",
        ),
    ]


def _again(card: Card) -> list[str]:
    shipped = card.file_name == f"{card.spec.name}.onnx"
    model = card.spec.name if shipped else card.file_name
    data = "FER2013" if card.is_fer2013 else "DATA"
    return [
        "## Licence, and this card again",
        _paragraph(
            f"The file's licence is {card.spec.license}, as far as that is its maker's to say. The "
            "pictures that it was trained on are not in it"
            + (
                ": [provenance](../provenance.md) says where those of FER2013 come from, and what "
                "is unresolved."
                if card.is_fer2013
                else "; ask their publishers what they may be used for."
            )
        ),
        f"```console\nmien card {model} --data {data} --out {card.spec.name}.md\n```",
    ]


def _data_name(card: Card) -> str:
    return "FER2013" if card.is_fer2013 else card.data


def _bounds(measures: Measures, score: str) -> tuple[str, str]:
    """A 95 % interval in percent, without the sign."""
    interval = measures.intervals[score]
    return f"{100 * interval.low:.1f}", f"{100 * interval.high:.1f}"


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def _paragraph(text: str, indent: str = "") -> str:
    """Text in lines of a readable length, those after the first indented."""
    whole = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)  # stays on its line
    filled = textwrap.fill(
        whole,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\0", " ")


def _bullets(*items: str) -> str:
    return "\n".join(_paragraph(f"- {item}", indent="  ") for item in items)


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: tuple[int, ...] = (0,)
) -> str:
    """A table in Markdown; columns of numbers, all but those in `left`, are set right."""
    ruler = ["---" if i in left else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ruler, *rows])
