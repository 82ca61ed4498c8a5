"""The faces whose labels are in doubt, on one page of HTML that needs no other file."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import OptionError
from mien.figures import EMOTION_COLORS
from mien.html_page import data_uri, html_page
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_TO_EMOTION
from mien.learn.audit.check import PLAIN, RankingScore, Score, VotesCheck
from mien.learn.audit.doubts import WORST, Audit, write_labels
from mien.learn.evaluation.scores import ferplus_targets
from mien.learn.plots.audit import plot_precision
from mien.records import open_whole

MOST_FACES: Final = 5000
"""On one page, which then has about 14 MB."""

CAUTION: Final = (
    "A label that stands here is one to look at, not one that is wrong: a face may show two "
    "emotions at once or none clearly, and the network errs, most of all on what it has seen "
    "little of. Who deletes all that it doubts, deletes the rare and the difficult. A face shows "
    "an expression, not what a person feels (Barrett et al. 2019, doi:10.1177/1529100619832930). "
    "The page holds pictures of people: treat it as you treat the data set."
)

_OTHER_COLORS: Final = {"contempt": "#c7a27c", "unknown": "#c9cdd3", "NF": "#e4e6ea"}
_OTHER_NAMES: Final = {"NF": "not a face"}

_STYLE: Final = """
body { max-width: 80rem; }
p { max-width: 62rem; }
caption { text-align: left; padding: .3rem 0; color: #6b7079; }
td small { white-space: nowrap; }
.side { display: flex; flex-wrap: wrap; gap: 1rem 3rem; align-items: flex-start; }
.figure { width: 100%; max-width: 46rem; height: auto; background: white; border-radius: .4rem; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; align-items: center;
  position: sticky; top: 0; background: white; padding: .6rem 0; z-index: 1; }
.controls select { font: inherit; padding: .15rem .3rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .88rem; padding: 0; }
.faces { display: grid; gap: .8rem; list-style: none; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(14.5rem, 1fr)); }
.faces li { display: grid; grid-template-columns: 96px 1fr; gap: .1rem .7rem; font-size: .84rem;
  line-height: 1.35; border: 1px solid #e4e6ea; border-radius: .5rem; padding: .5rem; }
.faces li[hidden] { display: none; }
.faces img { width: 96px; height: 96px; border-radius: .3rem; display: block; }
.faces b { white-space: nowrap; }
.rank { color: #6b7079; font-size: .78rem; }
.bars { grid-column: 1 / 3; display: grid; grid-template-columns: 2.9rem 1fr; gap: .2rem .4rem;
  align-items: center; font-size: .74rem; color: #6b7079; margin-top: .35rem; }
.bar { display: flex; height: .75rem; border-radius: .2rem; overflow: hidden;
  background: #eef0f3; }
.verdict { grid-column: 1 / 3; font-size: .78rem; color: #6b7079; }
@media (prefers-color-scheme: dark) {
  .controls { background: #16181c; } .faces li { border-color: #373b43; }
  .bar { background: #2c3038; } caption, .rank, .bars, .verdict { color: #a3a9b3; }
  .controls select { background: #23262c; color: inherit; border: 1px solid #4a4f59; }
}
@media print { .controls { display: none; } .faces li { break-inside: avoid; } }
"""

_SCRIPT: Final = """
const faces = [...document.querySelectorAll(".faces li")];
const wanted = [...document.querySelectorAll(".controls select")];
const shown = document.getElementById("shown");
function choose() {
  let count = 0;
  for (const face of faces) {
    face.hidden = wanted.some((w) => w.value && face.dataset[w.name] !== w.value);
    count += !face.hidden;
  }
  shown.textContent = `${count} of ${faces.length} shown`;
}
for (const select of wanted) select.addEventListener("change", choose);
choose();
document.querySelector(".controls").hidden = false;
"""


def write_audit(
    audit: Audit, checks: Sequence[VotesCheck], folder: Path, *, count: int = 500
) -> list[Path]:
    """Write index.html, labels.csv, summary.json and, with votes, precision.png and .svg.

    Args:
        audit: what to tell.
        checks: of it against the FER+ votes; none without votes.
        folder: which exists.
        count: faces on the page, the most doubtful first, 1 to 5,000.
    Returns:
        The files.
    Raises:
        OptionError: `count` is out of range.
        OutputError: a file cannot be written.
    """
    page, labels, summary = (folder / n for n in ("index.html", "labels.csv", "summary.json"))
    figures = plot_precision(checks[0], folder / "precision") if checks else []
    text = to_page(audit, checks, count=count, figure=figures[0] if figures else None)
    write_labels(audit, labels)
    with open_whole(summary) as file:
        told = {**audit.to_dict(), "ferplus": [check.to_dict() for check in checks]}
        json.dump(told, file, indent=2)
        file.write("\n")
    with open_whole(page) as file:
        file.write(text)
    return [page, labels, summary, *figures]


def check_count(count: int) -> None:
    """Raise OptionError where a page cannot have so many faces: before hours of training."""
    if not 1 <= count <= MOST_FACES:
        raise OptionError(f"faces on the page: expected 1 to {MOST_FACES}; got {count}")


def to_page(
    audit: Audit,
    checks: Sequence[VotesCheck] = (),
    *,
    count: int = 500,
    figure: Path | None = None,
) -> str:
    """An audit as one HTML file: its pictures are inside it, and it asks nothing of a network.

    Args:
        audit: what to tell.
        checks: of it against the FER+ votes; none without votes.
        count: faces on the page, the most doubtful first, 1 to 5,000.
        figure: a PNG file of the first check.
    Raises:
        OptionError: `count` is out of range.
    """
    check_count(count)
    title = f"Doubtful labels in {audit.faces.name}"
    n, doubted = len(audit.faces), int(audit.in_doubt.sum())
    config = audit.read.config
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="dim">{n:,} training faces, {config.folds} folds of the recipe '
        f"{html.escape(config.recipe.name)} with {config.recipe.epochs} epochs, without FER+ "
        f"votes, seed {config.seed}; mien {html.escape(config.mien_version)}</p>",
        f"<p>Each face was read by a network that had not seen it, nor a copy of it. "
        f"{audit.accuracy:.1%} are read as they are labelled. Confident learning (Northcutt, Jiang "
        f"and Chuang 2021, arXiv:1911.00068) doubts <b>{doubted:,} labels ({doubted / n:.1%})</b>."
        "</p>",
        f'<p class="caution">{_warning(audit)}{CAUTION}</p>',
        f"<p>On this page: {', '.join(_links(bool(checks)))}.</p>",
        '<h2 id="labels">By label</h2>',
        f'<div class="side">{_by_label(audit)}{_joint(audit.joint)}</div>',
    ]
    if checks:
        parts += [
            '<h2 id="check">Is the ranking right?</h2>',
            _about_checks(),
            *map(_check, checks),
        ]
    if figure is not None:
        said = "The share of wrong labels from the top of the ranking down to each rank"
        parts.append(f'<img class="figure" alt="{said}" src="{data_uri(figure.read_bytes())}">')
    parts += [
        f'<h2 id="faces">The {min(count, n):,} most doubtful</h2>',
        _controls(audit),
        _key(audit.faces.votes is not None),
        _faces(audit, audit.order[:count]),
    ]
    body = "\n".join(parts)
    return html_page(title, body, style=_STYLE, script=_SCRIPT)


def _warning(audit: Audit) -> str:
    if audit.accuracy > audit.chance:
        return ""
    return (
        f"<b>The networks have learned nothing: always saying the commonest label would be right "
        f"for {audit.chance:.1%}. This ranking says nothing; train longer.</b> "
    )


def _links(checked: bool) -> list[str]:
    links = {"labels": "by label", "check": "is the ranking right?", "faces": "the faces"}
    if not checked:
        del links["check"]
    return [f'<a href="#{name}">{said}</a>' for name, said in links.items()]


def _by_label(audit: Audit) -> str:
    voted = audit.faces.votes is not None
    head = ["label", "faces", "in doubt", "share", "mostly read as", f"in the worst {WORST:.0%}"]
    head += ["FER+ majority differs"] * voted
    rows = []
    for label, found in audit.by_label().items():
        cells = [
            f"<td>{_name(label)}</td><td>{found.n:,}</td><td>{found.in_doubt:,}</td>"
            f"<td>{found.in_doubt / found.n:.1%}</td>"
            f'<td class="left">{_name(found.read_as) if found.read_as else ""}</td>'
            f"<td>{found.in_worst / found.n:.1%}</td>"
        ]
        if voted:
            share = found.ferplus_differs
            cells.append(f"<td>{'' if share is None else f'{share:.1%}'}</td>")
        rows.append("".join(cells))
    return _table(head, rows, left=(0, 4))


def _joint(joint: NDArray[np.float64]) -> str:
    """Row i: of the faces labelled i, the shares that show each emotion by the estimate."""
    rows = []
    for label, shares in zip(EMOTIONS, joint, strict=True):
        if not shares.sum():
            continue
        shares = shares / shares.sum()
        cells = "".join(
            f'<td style="background:rgba(52,120,205,{share:.3f});'
            f'{"color:white" if share > 0.55 else ""}">{share:.0%}</td>'
            for share in shares
        )
        rows.append(f"<td>{label}</td>{cells}")
    caption = "What faces of each label show, as confident learning estimates it"
    return _table(["labelled", *EMOTIONS], rows, caption=caption)


def _about_checks() -> str:
    return (
        "<p>The networks have not seen the votes of FER+, in which ten people labelled each face "
        "anew (Barsoum et al. 2016, arXiv:1608.01041). Here the votes say which labels are wrong; "
        "in brackets 95&nbsp;% intervals. Average precision is the mean share of wrong labels from "
        "the top of the ranking down to each wrong one, AUROC how often a wrong label stands "
        "before a right one. The audit ranks by doubt, then odds: first the labels that confident "
        "learning doubts, then the others, each by the odds of the label against the other emotion "
        "that is likeliest.</p>"
    )


def _check(check: VotesCheck) -> str:
    first = next(iter(check.rankings.values()))
    head = ["ranking", "average precision", "AUROC"]
    head += [
        f"wrong of the first {depth:,} ({depth / check.n:.1%})" for depth in first.precision_at
    ]
    chance = "".join(f"<td>{check.prevalence:.1%}</td>" for _ in first.precision_at)
    rows = [f"<td>in any order</td><td>{check.prevalence:.3f}</td><td>0.500</td>{chance}"]
    rows += [f"<td>{name}</td>{_ranking(score)}" for name, score in check.rankings.items()]
    gain = check.gain
    said = [
        f"The average precision of the audit's ranking less that of {PLAIN} is {gain.value:+.3f} "
        f"({gain.interval.low:+.3f} to {gain.interval.high:+.3f})."
    ]
    if check.doubted_precision is not None and check.doubted_recall is not None:
        said.append(
            f"Of the {check.doubted_n:,} labels in doubt {check.doubted_precision:.1%} are wrong, "
            f"which is {check.doubted_recall:.1%} of the wrong ones."
        )
    caption = f"A label is wrong if {check.wrong_if}: {check.prevalence:.1%} of {check.n:,} faces"
    return f'<div class="scroll">{_table(head, rows, caption=caption)}</div><p>{" ".join(said)}</p>'


def _ranking(score: RankingScore) -> str:
    values = [score.average_precision, score.auroc]
    cells = [f"<td>{s.value:.3f}<small>{_bounds(s, '.3f')}</small></td>" for s in values]
    cells += [
        f"<td>{s.value:.1%}<small>{_bounds(s, '.1%')}</small></td>"
        for s in score.precision_at.values()
    ]
    return "".join(cells)


def _bounds(score: Score, form: str) -> str:
    return f"({score.interval.low:{form}} to {score.interval.high:{form}})"


def _table(
    head: Sequence[str], rows: Sequence[str], *, left: tuple[int, ...] = (0,), caption: str = ""
) -> str:
    at_left = ' class="left"'
    cells = "".join(f"<th{at_left if i in left else ''}>{name}</th>" for i, name in enumerate(head))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    said = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="scroll"><table>{said}<tr>{cells}</tr>{body}</table></div>'


def _name(emotion: str) -> str:
    color = EMOTION_COLORS[EMOTIONS.index(emotion)]
    return f'<span class="swatch" style="background:{color}"></span>{emotion}'


def _controls(audit: Audit) -> str:
    """Choices that narrow the faces down; they show themselves once the script runs."""
    emotions = {emotion: emotion for emotion in EMOTIONS}
    choices = {"label": ("labelled", emotions), "read": ("read as", emotions)}
    if audit.faces.votes is not None:
        choices["votes"] = ("FER+ majority", _VERDICTS)
    selects = "".join(
        f'<label>{said} <select name="{name}"><option value="">any</option>'
        + "".join(f'<option value="{value}">{text}</option>' for value, text in options.items())
        + "</select></label>"
        for name, (said, options) in choices.items()
    )
    return f'<div class="controls" hidden>{selects}<span id="shown" class="dim"></span></div>'


_VERDICTS: Final = {
    "read": "as the network",
    "label": "as the label",
    "third": "another emotion",
    "other": "no emotion, or a tie",
}
"""What the FER+ majority says, as the page tells it."""


def _key(voted: bool) -> str:
    names = [_name(emotion) for emotion in EMOTIONS]
    if voted:
        names += [
            f'<span class="swatch" style="background:{color}"></span>{_OTHER_NAMES.get(name, name)}'
            for name, color in _OTHER_COLORS.items()
        ]
    return f'<p class="key">{"".join(f"<span>{name}</span>" for name in names)}</p>'


def _faces(audit: Audit, chosen: NDArray[np.int64]) -> str:
    read_as = audit.read_as
    majority = None if audit.faces.votes is None else ferplus_targets(audit.faces)
    copy_labels = audit.copy_labels()
    items = []
    for rank, i in enumerate(chosen.tolist(), start=1):
        label, read = int(audit.faces.targets[i]), int(read_as[i])
        probabilities = audit.read.probabilities[i]
        data = f'data-label="{EMOTIONS[label]}" data-read="{EMOTIONS[read]}"'
        bars = _probability_bar(probabilities)
        said = ""
        if i in copy_labels:
            said = f'<div class="verdict">a copy is labelled {", ".join(copy_labels[i])}</div>'
        if majority is not None and audit.faces.votes is not None:
            verdict = _verdict(int(majority[i]), label, read)
            data += f' data-votes="{verdict}"'
            bars += _votes_bar(audit.faces.votes[i])
            said += f'<div class="verdict">{_votes_in_words(audit.faces.votes[i])}</div>'
        source = "" if audit.faces.sources is None else audit.faces.sources[i]
        items.append(
            f'<li {data} title="{html.escape(source)}">'
            f'<img alt="A face labelled {EMOTIONS[label]}" src="{_png(audit.faces.images[i])}">'
            f'<div><span class="rank">{rank} &middot; row {audit.rows[i]}</span><br>'
            f"labelled<br><b>{_name(EMOTIONS[label])}</b> {probabilities[label]:.0%}<br>"
            f"read as<br><b>{_name(EMOTIONS[read])}</b> {probabilities[read]:.0%}</div>"
            f'<div class="bars">{bars}</div>{said}</li>'
        )
    return f'<ol class="faces">{"".join(items)}</ol>'


def _verdict(majority: int, label: int, read: int) -> str:
    if majority < 0:
        return "other"
    if majority == label:
        return "label"
    return "read" if majority == read else "third"


def _probability_bar(probabilities: NDArray[np.float32]) -> str:
    shares = zip(EMOTIONS, EMOTION_COLORS, probabilities, strict=True)
    return f"<span>network</span>{_bar([(n, c, float(p), f'{p:.0%}') for n, c, p in shares])}"


def _votes_bar(votes: NDArray[np.int64]) -> str:
    total = max(int(votes.sum()), 1)
    parts = []
    for name, count in zip(FERPLUS, votes.tolist(), strict=True):
        emotion = FERPLUS_TO_EMOTION.get(name)
        color = _OTHER_COLORS[name] if emotion is None else EMOTION_COLORS[EMOTIONS.index(emotion)]
        parts.append((emotion or _OTHER_NAMES.get(name, name), color, count / total, str(count)))
    # In the order of the emotions, as the bar above it.
    order = {name: i for i, name in enumerate(EMOTIONS)}
    parts.sort(key=lambda part: order.get(part[0], len(order)))
    return f"<span>FER+</span>{_bar(parts)}"


def _bar(parts: Sequence[tuple[str, str, float, str]]) -> str:
    pieces = "".join(
        f'<span style="width:{share:.1%};background:{color}" title="{name} {text}"></span>'
        for name, color, share, text in parts
        if share >= 0.005
    )
    return f'<span class="bar">{pieces}</span>'


def _votes_in_words(votes: NDArray[np.int64]) -> str:
    counts = sorted(zip(votes.tolist(), FERPLUS, strict=True), key=lambda pair: -pair[0])
    named = [
        f"{FERPLUS_TO_EMOTION.get(name, _OTHER_NAMES.get(name, name))} {count}"
        for count, name in counts
        if count
    ]
    return f"FER+: {', '.join(named)}" if named else "FER+ has no votes"


def _png(image: NDArray[np.uint8]) -> str:
    _, content = cv2.imencode(".png", image)
    return data_uri(content.tobytes())
