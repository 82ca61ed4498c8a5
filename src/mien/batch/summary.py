"""What a data set holds, on one page of HTML that needs no other file."""

import html
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mien.batch.records import PROBABILITY_BINS, STAGES, Tally
from mien.html_page import html_page
from mien.labels import COLORS, EMOTIONS

if TYPE_CHECKING:
    from mien.batch.dataset import Dataset
    from mien.batch.run import BatchResult

MOST_EXAMPLES: Final = 20
"""Errors that the page quotes."""

CAUTION: Final = (
    "A face shows an expression, not what a person feels (Barrett et al. 2019, "
    "doi:10.1177/1529100619832930), and the network that read these faces is often wrong: counts "
    "over many pictures do not make it right, since its errors do not cancel out. Do not judge "
    "people by them. In the European Union, inferring emotions at work and in schools is forbidden "
    "but for medical and safety reasons (AI Act, article 5(1)(f)), and elsewhere people must be "
    "told that it is done to them (article 50(3))."
)

_STYLE: Final = """
body { max-width: 66rem; }
table { font-size: inherit; } th, td { padding: .25rem .7rem; } td.wide { overflow-wrap: anywhere; }
.numbers { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
.numbers div { background: #f5f6f8; border-radius: .4rem; padding: .6rem .9rem; }
.numbers b { display: block; font-size: 1.5rem; line-height: 1.3; }
.track { width: 16rem; height: .9rem; max-width: 40vw; background: #f0f1f4; border-radius: .2rem; }
.track span { display: block; height: .9rem; border-radius: .2rem; min-width: 2px;
  background: #6b7f99; }
.columns { display: flex; align-items: flex-end; gap: 2px; height: 9rem; max-width: 40rem;
  border-bottom: 1px solid #9aa0a8; }
.columns span { flex: 1; background: #6b7f99; border-radius: .15rem .15rem 0 0; }
.axis { display: flex; justify-content: space-between; max-width: 40rem; font-size: .85rem; }
@media (prefers-color-scheme: dark) { .numbers div, .track { background: #23262c; } }
"""


def write_summary(dataset: "Dataset", name: str, result: "BatchResult") -> None:
    """Write the page into a data set.

    Args:
        dataset: what it is about.
        name: of the page's file.
        result: of the run that has ended.
    Raises:
        OutputError: it cannot be written.
    """
    dataset.folder.write(name, summary_page(dataset, result).encode("utf-8", "backslashreplace"))


def summary_page(dataset: "Dataset", result: "BatchResult") -> str:
    """The page: counts, emotions, faces of a picture, probabilities, errors, time, settings."""
    tally = result.tally
    title = dataset.folder.name.rstrip("/").rsplit("/", 1)[-1] or "readings"
    sources = html.escape(", ".join(dataset.about["sources"]))
    state = "complete" if result.complete else "incomplete: the same command goes on with it"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="dim">{sources}<br>{result.shards_done:,} of {result.shards:,} shards, {state}'
        "</p>",
        f'<p class="caution">{html.escape(CAUTION)}</p>',
        _numbers(tally),
        f"<h2>Emotions</h2>\n{_emotions(tally)}",
        f"<h2>Faces of a picture</h2>\n{_faces(tally)}",
        f"<h2>How probable</h2>\n{_probabilities(tally)}",
        f"<h2>Errors</h2>\n{_errors(dataset, result)}",
        f"<h2>Time</h2>\n{_time(result)}",
        f"<h2>How it was made</h2>\n{_made(dataset.about)}",
    ]
    body = "\n".join(parts)
    return html_page(title, body, style=_STYLE)


def _numbers(tally: Tally) -> str:
    shown = {
        "pictures read": tally.images,
        "faces": tally.faces,
        "pictures without a face": tally.without_face,
        "unsure faces": tally.unsure,
        "errors": tally.failed,
    }
    cells = "".join(f"<div><b>{value:,}</b>{name}</div>" for name, value in shown.items())
    return f'<div class="numbers">{cells}</div>'


def _emotions(tally: Tally) -> str:
    if not tally.faces:
        return "<p>No face was found.</p>"
    rows = []
    for label in EMOTIONS:
        count = tally.emotions[label]
        red, green, blue = COLORS[label]
        bar = _bar(count / tally.faces, f"rgb({red},{green},{blue})")
        rows.append([label, f"{count:,}", f"{count / tally.faces:.1%}", bar])
    note = '<p class="dim">The likeliest emotion of each face, of unsure ones, too.</p>'
    return note + _table(["emotion", "faces", "share", ""], rows, left=(0, 3))


def _faces(tally: Tally) -> str:
    last = len(tally.faces_per_image) - 1
    while last > 1 and not tally.faces_per_image[last]:
        last -= 1
    rows = []
    for number, count in enumerate(tally.faces_per_image[: last + 1]):
        share = count / max(tally.images, 1)
        name = f"{number} or more" if number == len(tally.faces_per_image) - 1 else str(number)
        rows.append([name, f"{count:,}", f"{share:.1%}", _bar(share)])
    return _table(["faces", "pictures", "share", ""], rows, left=(3,))


def _probabilities(tally: Tally) -> str:
    if not tally.faces:
        return "<p>No face was found.</p>"
    most = max(tally.probabilities)
    width = 1 / PROBABILITY_BINS
    bars = "".join(
        f'<span style="height:{count / most:.1%}" '
        f'title="{i * width:.2f} to {(i + 1) * width:.2f}: {count:,} faces"></span>'
        for i, count in enumerate(tally.probabilities)
    )
    ticks = "".join(f"<span>{tick / 4:g}</span>" for tick in range(5))
    below = sum(tally.probabilities[: PROBABILITY_BINS // 2]) / tally.faces
    return (
        '<p class="dim">Faces by the probability of their emotion. '
        f"{below:.0%} have less than 0.5: the network does not know what they show.</p>"
        f'<div class="columns" role="img" aria-label="histogram, 0 to 1">{bars}</div>'
        f'<div class="axis dim">{ticks}</div>'
    )


def _errors(dataset: "Dataset", result: "BatchResult") -> str:
    tally = result.tally
    told = [f"{count:,} x {note}" for note, count in tally.notes.items()]
    told += [str(result.left_out)] if result.left_out else []
    aside = "".join(f'<p class="dim">{html.escape(line)}.</p>' for line in told)
    if not tally.failed:
        return f"<p>None.</p>{aside}"
    kinds = sorted(tally.errors.items(), key=lambda item: (-item[1], item[0]))
    table = _table(["kind", "count"], [[kind, f"{count:,}"] for kind, count in kinds], left=(0,))
    examples = [text for _, r in sorted(dataset.records.items()) for text in r.examples]
    listed = "".join(f"<li>{html.escape(text)}</li>" for text in examples[:MOST_EXAMPLES])
    more = tally.failed - min(len(examples), MOST_EXAMPLES)
    rest = f"<p class='dim'>and {more:,} more: rows whose error is not null.</p>" if more else ""
    return f"{table}<ul>{listed}</ul>{rest}{aside}"


def _time(result: "BatchResult") -> str:
    total = sum(result.tally.seconds.values())
    rows = [
        [stage, f"{result.tally.seconds[stage]:,.1f}", f"{share:.0%}", _bar(share)]
        for stage in STAGES
        for share in [result.tally.seconds[stage] / total if total else 0.0]
    ]
    by = {
        "processes": f"{result.workers} processes" if result.workers > 1 else "one process",
        "ray": "Ray" + (f", {result.workers} actors at most" if result.workers else ""),
    }[result.engine]
    rate = (
        f"<p>The last run read {result.images:,} pictures in {result.seconds:,.1f} s with {by}: "
        f"{result.images_per_s:,.1f} pictures a second, start and end included.</p>"
    )
    note = '<p class="dim">What the time of all workers went to, in all runs:</p>'
    return rate + note + _table(["stage", "seconds", "share", ""], rows, left=(0, 3))


def _made(about: Mapping[str, object]) -> str:
    settings = about["settings"]
    values = {k: v for k, v in about.items() if k not in ("sources", "settings")}
    if isinstance(settings, dict):
        values |= {name: value for name, value in settings.items() if value not in (None, False)}
    values["Python"] = platform.python_version()
    rows = [[html.escape(str(k)), html.escape(str(v))] for k, v in values.items()]
    return _table(["", ""], rows, left=(0, 1), head=False)


def _bar(share: float, color: str = "") -> str:
    if not share:
        return '<div class="track"></div>'
    style = f"width:{share:.2%}" + (f";background:{color}" if color else "")
    return f'<div class="track"><span style="{style}"></span></div>'


def _table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: tuple[int, ...],
    head: bool = True,
) -> str:
    def cell(tag: str, column: int, text: str) -> str:
        return (
            f'<{tag} class="left wide">{text}</{tag}>'
            if column in left
            else f"<{tag}>{text}</{tag}>"
        )

    lines = [header, *rows] if head else list(rows)
    shown = "\n".join(
        "<tr>"
        + "".join(cell("th" if head and i == 0 else "td", j, text) for j, text in enumerate(line))
        + "</tr>"
        for i, line in enumerate(lines)
    )
    return f'<div class="scroll"><table>\n{shown}\n</table></div>'
