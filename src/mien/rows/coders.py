"""What human coders wrote: ELAN's .eaf, Praat's .TextGrid, tables, and BORIS's events.

Each is read by the little of its format that tells who was labelled how and when.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, NoReturn
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError, counted
from mien.labels import EMOTIONS, target_of
from mien.output.records import VIDEO_TABLE
from mien.rows.coding import MISSING, Coding
from mien.rows.others import is_other
from mien.rows.text_table import TextTable, delimiter_of, encoding_of, header_of

CODER_ENDINGS: Final = (".eaf", ".TextGrid", ".csv", ".tsv", ".txt")
"""What names of coders' files end in."""

LEFT_OUT: Final = "none"
"""What a label is mapped to that says of no emotion, and what gaps mean that are left out."""

UNITS: Final = {"s": 1.0, "ms": 0.001}
"""Of times in a table -> seconds."""

_TOUCH_S: Final = 0.001  # by which neighbors may overlap: what rounding to milliseconds makes
_HEADER_LINES: Final = 200  # of a table, in which its header is looked for

_COLUMNS: Final = {
    "start": ("start", "onset", "begin", "from", "tmin", "xmin", "start time", "begin time"),
    "end": ("end", "stop", "offset", "to", "tmax", "xmax", "end time", "stop time"),
    "duration": ("duration",),
    "time": ("time",),
    "label": ("label", "emotion", "behavior", "behaviour", "code", "trial type", "text", "value"),
    "person": ("person", "subject", "tier", "participant", "coder", "rater", "track"),
    "status": ("behavior type", "status"),
    "length": ("media duration", "total length"),
    "observation": ("observation id",),
}
"""What is in a column -> what tables call it; the first that is there counts."""

_UNIT: Final = re.compile(
    r"[ _\[(]+(?:(s|sec|secs|seconds)|(ms|msec|msecs|milliseconds))[\])]?$", re.IGNORECASE
)


class _Stretch(NamedTuple):
    tier: str
    start_s: float
    end_s: float
    label: str


class CoderFile(NamedTuple):
    """What is in a file: tiers with a label or without, and the stretches of all."""

    tiers: Sequence[str]  # or persons; a table need not name any, and has one without a name then
    stretches: list[_Stretch]
    length_s: float | None = None  # of the video, where the file tells it
    source: str = ""  # the file, as text


def read_coding(
    path: str | Path,
    *,
    tier: str | None = None,
    labels: Mapping[str, str] | None = None,
    unit: str | None = None,
    gaps: str = LEFT_OUT,
) -> Coding:
    """What a human coder wrote of one person.

    Args:
        path: an ELAN file (.eaf), a Praat TextGrid, long or short, or a table (.csv, .tsv, .txt):
            a row for each stretch with its start, end or duration, and label, and the person where
            there are several; or BORIS's events, tabular or aggregated.
        tier: the tier, or the person of a table; None is the only one.
        labels: words of the file, whatever their case -> an emotion, or "none" to leave them out.
            The seven and their common synonyms are known.
        unit: of a table's times, "s" or "ms", where its header does not tell; seconds if None.
        gaps: the emotion that stretches without a label stand for; "none" leaves them out.
    Raises:
        DataError: the file is missing, of another kind, damaged or empty; it has other tiers or
            unknown labels, or stretches that overlap or have no length.
        OptionError: `labels` or `gaps` names no emotion, `unit` no unit.
    """
    return coding_of_file(read_coder_file(path, unit=unit), tier=tier, labels=labels, gaps=gaps)


def read_coder_file(path: str | Path, *, unit: str | None = None) -> CoderFile:
    """What is in a coder's file, of which `coding_of_file` takes one tier.

    Arguments and errors are those of `read_coding`.
    """
    if unit is not None and unit not in UNITS:
        raise OptionError(f"expected {' or '.join(UNITS)}; got {unit!r}", argument="unit")
    try:
        return _parse(Path(path), unit)._replace(source=str(path))
    except DataError as error:
        raise DataError(error.problem, source=str(path)) from error


def coding_of_file(
    file: CoderFile,
    *,
    tier: str | None = None,
    labels: Mapping[str, str] | None = None,
    gaps: str = LEFT_OUT,
) -> Coding:
    """What a file says of one person; arguments and errors are those of `read_coding`."""
    meanings = {
        word.strip().lower(): _target(label, f"{word}: ") for word, label in (labels or {}).items()
    }
    gap = _target(gaps, argument="gaps")
    try:
        name = _chosen(file, tier)
        known = _known([stretch for stretch in file.stretches if stretch.tier == name], meanings)
        starts_s, ends_s = _times(known)
    except DataError as error:
        raise DataError(error.problem, source=file.source) from error
    return Coding(
        source=file.source,
        name=name,
        starts_s=starts_s,
        ends_s=ends_s,
        targets=np.array([target for _, target in known], np.int64),
        length_s=file.length_s,
        gap=gap,
    )


def is_rows(path: Path) -> bool:
    """Whether a file has rows of a video; the others are those of human coders."""
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() in (".jsonl", ".parquet")
    return {*VIDEO_TABLE[:3]} <= {*header_of(path)} or is_other(path)


def _parse(path: Path, unit: str | None) -> CoderFile:
    ending = path.suffix.lower()
    if ending not in [known.lower() for known in CODER_ENDINGS]:
        named = ", ".join(CODER_ENDINGS)
        raise DataError(f"expected a file that ends in {named}; got {ending or 'no ending'}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    if not content.strip():
        raise DataError("expected labelled stretches; the file is empty")
    if ending == ".eaf":
        return _read_eaf(content)
    return _read_textgrid(_text(content)) if ending == ".textgrid" else _read_table(content, unit)


def _target(label: str, word: str = "", argument: str | None = None) -> int:
    """The target of an emotion, `MISSING` of "none"; an error begins with the word or argument."""
    target = MISSING if label.strip().lower() == LEFT_OUT else target_of(label)
    if target is None:
        expected = f"{', '.join(EMOTIONS)} or {LEFT_OUT}"
        raise OptionError(f"{word}expected {expected}; got {label!r}", argument=argument)
    return target


def _chosen(file: CoderFile, tier: str | None) -> str:
    """The name of the tier that is asked for, or of the only one that has labels."""
    counts = Counter(stretch.tier for stretch in file.stretches if stretch.label)
    listed = ", ".join(
        f"{name or 'no name'} ({counted(counts[name], 'label')})" for name in file.tiers
    )
    if tier is not None:
        if tier not in file.tiers:
            raise DataError(f"expected one of the tiers {listed or '(it has none)'}; got {tier!r}")
        if not counts[tier]:
            raise DataError(f"expected labelled stretches; tier {tier!r} has none of {listed}")
        return tier
    if not counts:
        raise DataError("expected labelled stretches; it has none")
    if len(counts) > 1:
        raise DataError(f"expected one tier; name it with --tier: {listed}")
    return next(iter(counts))


def _known(
    stretches: Iterable[_Stretch], meanings: Mapping[str, int]
) -> list[tuple[_Stretch, int]]:
    """The stretches that say of an emotion, with its target, by time."""
    known: list[tuple[_Stretch, int]] = []
    unknown: Counter[str] = Counter()
    for stretch in stretches:
        if not stretch.label:
            continue
        target = meanings.get(stretch.label.lower(), target_of(stretch.label))
        if target is None:
            unknown[stretch.label] += 1
        elif target != MISSING:
            known.append((stretch, target))
    if unknown:
        listed = ", ".join(f"{label!r} ({count})" for label, count in unknown.most_common(10))
        first = unknown.most_common(1)[0][0]
        raise DataError(
            f"expected labels among {', '.join(EMOTIONS)}; got {listed}"
            f"{', ...' if len(unknown) > 10 else ''}. Say what each means with --map "
            f"'{first}={EMOTIONS[3]}', or --map '{first}={LEFT_OUT}' to leave it out"
        )
    if not known:
        raise DataError("expected labelled stretches; none is left")
    return sorted(known, key=lambda pair: pair[0].start_s)


def _times(
    known: Sequence[tuple[_Stretch, int]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Starts and ends of stretches, by time, that follow one another."""
    for stretch, _ in known:
        if not 0 <= stretch.start_s < stretch.end_s < math.inf:
            raise DataError(
                f"expected stretches that end after they start, from 0 s on; got {_words(stretch)}"
            )
    for (stretch, _), (following, _) in pairwise(known):
        if stretch.end_s - following.start_s > _TOUCH_S:
            raise DataError(
                f"expected one label at a time; got {_words(stretch)} and {_words(following)}"
            )
    starts_s = np.array([stretch.start_s for stretch, _ in known], np.float64)
    ends_s = np.array([stretch.end_s for stretch, _ in known], np.float64)
    return starts_s, np.minimum(ends_s, np.append(starts_s[1:], math.inf))


def _words(stretch: _Stretch) -> str:
    return f"{stretch.label} from {stretch.start_s:g} to {stretch.end_s:g} s"


def _text(content: bytes) -> str:
    """The text; of what is none, something that no parser takes for its own."""
    try:
        encoding = encoding_of([content])
    except UnicodeDecodeError:
        encoding = "latin-1"
    return content.decode(encoding, errors="replace")


# ELAN


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Refuses what declares entities: no program for annotation writes it."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        """Called by the parser."""
        raise DataError("expected an ELAN file; got XML with a document type")


def _read_eaf(content: bytes) -> CoderFile:
    """The tiers of an ELAN annotation document (EAF 2.0 to 3.0).

    Times count from the point of the first media file that `TIME_ORIGIN` tells; here from the start
    of that file. Annotations that refer to others have their times.
    """
    try:
        root = ElementTree.fromstring(content, ElementTree.XMLParser(target=_WithoutDoctype()))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"expected an ELAN file; {error}") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"expected an ELAN file; got XML of {root.tag}")
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise DataError(f"expected times in milliseconds; got {units}")
    try:
        media = root.find("HEADER/MEDIA_DESCRIPTOR")
        origin_ms = 0 if media is None else int(media.get("TIME_ORIGIN", 0))
        slots_ms = {
            slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"])
            for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
            if "TIME_VALUE" in slot.attrib
        }
        return _eaf_tiers(root, slots_ms, origin_ms)
    except (KeyError, ValueError) as error:
        raise DataError(f"expected an ELAN file; {error!r}") from error


def _eaf_tiers(root: ElementTree.Element, slots_ms: Mapping[str, int], origin_ms: int) -> CoderFile:
    annotations = {
        element.attrib["ANNOTATION_ID"]: element for element in root.iterfind("TIER/ANNOTATION/*")
    }
    tiers, stretches = [], []
    for tier in root.iterfind("TIER"):
        name = tier.attrib["TIER_ID"]
        tiers.append(name)
        for element in tier.iterfind("ANNOTATION/*"):
            timed, steps = element, 0
            while timed.tag == "REF_ANNOTATION":
                timed, steps = annotations[timed.attrib["ANNOTATION_REF"]], steps + 1
                if steps > len(annotations):
                    raise DataError("expected an ELAN file; an annotation refers to itself")
            label = " ".join((element.findtext("ANNOTATION_VALUE") or "").split())
            ends = [timed.attrib[f"TIME_SLOT_REF{end}"] for end in (1, 2)]
            if label and not slots_ms.keys() >= set(ends):
                raise DataError(
                    f"expected annotations with times; {label!r} of tier {name!r} has none: "
                    "give it some in ELAN"
                )
            if label:
                start_s, end_s = ((slots_ms[slot] + origin_ms) / 1000 for slot in ends)
                stretches.append(_Stretch(name, start_s, end_s, label))
    return CoderFile(tiers, stretches)


# Praat

_TOKEN: Final = re.compile(
    r'"((?:[^"]|"")*+)"|!.*|<(exists|absent)>|(?<!\S)([-+]?\d++(?:\.\d*+)?(?:[eE][-+]?\d++)?)(?!\S)'
)
"""What counts in a text file of Praat, long or short: texts, flags and numbers that stand alone."""


def _read_textgrid(text: str) -> CoderFile:
    """The tiers of intervals of a TextGrid; tiers of points are named and have no stretches.

    Of both text formats Praat itself reads only texts, flags and numbers that stand alone; the rest
    are comments to it (its manual, "TextGrid file formats").
    """
    if text.startswith("ooBinaryFile"):
        raise DataError("expected a TextGrid in text; got a binary one: save it as a text file")
    values = (
        match[1].replace('""', '"') if match[1] is not None else match[2] or match[3]
        for match in _TOKEN.finditer(text)
        if match[1] is not None or match[2] or match[3]
    )
    try:
        kinds = next(values), next(values)
        if not kinds[0].startswith("ooTextFile") or kinds[1] != "TextGrid":
            raise DataError(f"expected a TextGrid; got a file of {kinds[0]!r} and {kinds[1]!r}")
        _, length_s = float(next(values)), float(next(values))
        tiers: list[str] = []
        stretches: list[_Stretch] = []
        count = int(next(values)) if next(values) == "exists" else 0
        for _ in range(count):
            kind, name, _, _ = (next(values) for _ in range(4))
            tiers.append(name)
            for _ in range(int(next(values))):
                start_s = float(next(values))
                end_s = float(next(values)) if kind == "IntervalTier" else start_s
                label = " ".join(next(values).split())
                if label and kind == "IntervalTier":
                    stretches.append(_Stretch(name, start_s, end_s, label))
    except (StopIteration, RuntimeError, ValueError) as error:
        raise DataError("expected a TextGrid, as Praat saves it as text; it is cut off") from error
    return CoderFile(tiers, stretches, length_s)


# Tables


def _read_table(content: bytes, unit: str | None) -> CoderFile:
    """A row for each stretch, or BORIS's rows for its start and for its stop."""
    lines = re.split(r"\r\n|\r|\n", _text(content))
    try:
        number, names, factors = _header(lines)
        rows = list(TextTable(lines[number - 1 :], first_line=number).rows())
    except csv.Error as error:
        raise DataError(str(error)) from error
    cells = [
        {what: row[place].strip() if place < len(row) else "" for what, place in names.items()}
        | {"line": str(line)}
        for line, row in rows
    ]
    observations = {cell["observation"] for cell in cells} if "observation" in names else set()
    if len(observations) > 1:
        listed = ", ".join(sorted(observations)[:5])
        raise DataError(f"expected one observation in a file; got {len(observations)}: {listed}")
    scale = {
        what: UNITS[unit] if unit else factors.get(what, 1.0)
        for what in ("start", "end", "duration", "time")
    }
    length_s = _length(cells)
    people = list(dict.fromkeys(cell.get("person", "") for cell in cells))
    if "start" in names:
        return CoderFile(people, _of_rows(cells, scale), length_s)
    return CoderFile(people, _of_events(cells, scale, length_s), length_s)


def _header(lines: Sequence[str]) -> tuple[int, dict[str, int], dict[str, float]]:
    """The number of the header's line from 1, its columns, and their units.

    BORIS may write lines about the observation before it.
    """
    for number, line in enumerate(lines[:_HEADER_LINES], 1):
        names, factors = _columns(next(csv.reader([line], delimiter=delimiter_of(line)), []))
        if not {"end", "duration"} & names.keys():
            names.pop("start", None)  # of something else
        if "label" in names and ("start" in names or {"time", "status"} <= names.keys()):
            return number, names, factors
    raise DataError(
        "expected a table with columns for start, end or duration, and label, such as "
        f"start,end,label; it begins with {lines[0][:100]!r}"
    )


def _columns(header: Sequence[str]) -> tuple[dict[str, int], dict[str, float]]:
    """Which column has what, and what its unit is in seconds where its name tells."""
    plain, told = [], []
    for name in header:
        match = _UNIT.search(name)
        told.append(None if match is None else UNITS["s" if match[1] else "ms"])
        plain.append(re.sub(r"[\s_]+", " ", _UNIT.sub("", name)).strip().lower())
    places: dict[str, int] = {}
    for what, words in _COLUMNS.items():
        for word in words:
            if word in plain:
                places.setdefault(what, plain.index(word))
    factors = {what: told[place] for what, place in places.items()}
    return places, {what: factor for what, factor in factors.items() if factor is not None}


def _seconds(row: Mapping[str, str], what: str, factor: float) -> float:
    """Seconds of a number, with a point or a comma, or of a clock's hours, minutes and seconds."""
    *sixties, seconds = row[what].replace(",", ".").split(":")
    minutes = 0
    try:
        # A fourth part would be the frames of a time code, or milliseconds.
        if len(sixties) > 2 or (sixties and max(map(float, (*sixties[1:], seconds))) >= 60):
            raise ValueError
        for part in sixties:
            minutes = 60 * minutes + int(part)
        return 60 * minutes + float(seconds) if sixties else float(seconds) * factor
    except ValueError:
        raise DataError(f"line {row['line']}: expected a time; got {row[what]!r}") from None


def _length(cells: Sequence[Mapping[str, str]]) -> float | None:
    """Of the video, where all rows tell the same one in seconds."""
    told = {row.get("length", "") for row in cells}
    try:
        return float(told.pop()) if len(told) == 1 else None
    except ValueError:
        return None


def _of_rows(cells: Iterable[Mapping[str, str]], scale: Mapping[str, float]) -> list[_Stretch]:
    stretches = []
    for row in cells:
        if not row["label"]:
            continue
        start_s = _seconds(row, "start", scale["start"])
        if "end" in row:
            end_s = _seconds(row, "end", scale["end"])
        else:
            end_s = start_s + _seconds(row, "duration", scale["duration"])
        stretches.append(_Stretch(row.get("person", ""), start_s, end_s, row["label"]))
    return stretches


def _of_events(
    cells: Iterable[Mapping[str, str]], scale: Mapping[str, float], length_s: float | None
) -> list[_Stretch]:
    """Stretches of BORIS's rows START and STOP; a point has no length."""
    stretches: list[_Stretch] = []
    begun: dict[tuple[str, str], float] = {}
    for row in cells:
        event = row.get("person", ""), row["label"]
        time_s, status = _seconds(row, "time", scale["time"]), row["status"].upper()
        if status == "START" and event not in begun:
            begun[event] = time_s
        elif status == "STOP" and event in begun:
            stretches.append(_Stretch(event[0], begun.pop(event), time_s, event[1]))
        elif status == "POINT":
            stretches.append(_Stretch(event[0], time_s, time_s, event[1]))
        else:
            raise DataError(
                "expected START and STOP of each behavior in turn; got "
                f"{row['status']!r} of {row['label']} at {time_s:g} s"
            )
    for (person, label), start_s in begun.items():
        if length_s is None:
            raise DataError(f"expected a STOP of {label}, which starts at {start_s:g} s")
        stretches.append(_Stretch(person, start_s, length_s, label))
    return stretches
