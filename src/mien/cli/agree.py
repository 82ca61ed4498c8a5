"""`mien agree`."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from typer import Argument, Option

from mien import __version__
from mien.cli.shared import FpsOption, JsonOption, OverwriteOption, print_json, print_table, say
from mien.errors import OptionError

if TYPE_CHECKING:
    from mien.rows.agreement import Agreement, Estimate
    from mien.rows.coding import Coding

SHOWN = 10  # stretches that the table lists

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class CoderOptions:
    """How files of human coders are read."""

    tier: Annotated[
        list[str] | None,
        "The tier of a coder's file, or the person of a table; twice for two such files.",
    ] = None
    label_map: Annotated[
        list[str] | None,
        Option("--map", help="What a coder's word means: amused=happy; talks=none leaves it out."),
    ] = None
    gaps: Annotated[
        str,
        "What a coder means where there is no label: an emotion such as neutral; none leaves such "
        "moments out.",
    ] = "none"
    unit: Annotated[str | None, "Of the times in a table: s or ms, where it does not tell."] = None


@dataclass(frozen=True)
class PartOptions:
    """Which part of a video is compared."""

    from_s: Annotated[
        float | None, Option("--from", help="Compare from this second of the video on.")
    ] = None
    to_s: Annotated[
        float | None, Option("--to", help="Compare up to this second of the video.")
    ] = None


@dataclass(frozen=True)
class PictureOptions:
    """What is drawn and written."""

    plot: Annotated[Path | None, "Draw both over time, as .png or .svg."] = None
    report: Annotated[Path | None, "Write a page of HTML that has it all."] = None
    overwrite: OverwriteOption = False

    def check(self, read: "Sequence[Path]") -> None:
        """Refuse to replace what is there, and what is read."""
        from mien.output.figures import figure_files
        from mien.output.files import check_apart, check_free

        paths = [] if self.plot is None else figure_files(self.plot)
        paths += [] if self.report is None else [self.report]
        check_apart(paths)
        for path in paths:
            check_free(path, overwrite=self.overwrite, read=read)


def agree(
    first: Annotated[
        Path,
        Argument(
            help="Rows of mien video or of another tool (docs/coming-from.md), or a coder's file."
        ),
    ],
    second: Annotated[
        Path,
        Argument(
            help="A coder's file: ELAN's .eaf, Praat's .TextGrid, a table (.csv, .tsv, .txt) with "
            "start, end and label, or BORIS's events; or rows. It is held for the truth."
        ),
    ],
    *,
    track: Annotated[
        list[str] | None, "The person in rows, by number or name; twice for two such files."
    ] = None,
    coder: CoderOptions,
    part: PartOptions,
    fps: FpsOption = None,
    every: Annotated[str, "Units that are compared: seconds, or frame."] = "1",
    as_json: JsonOption = False,
    pictures: PictureOptions,
) -> None:
    """Say how well rows and a human coder, or two coders, agree.

    Example: mien agree rows.csv coder.csv --gaps neutral

    Cohen's kappa and Krippendorff's alpha over units of time, each emotion, and where the two
    differ; 95 % intervals allow for neighbors in time, which are alike.
    """
    from mien.rows.agreement import compare
    from mien.rows.timeline import clock

    files = (first, second)
    pictures.check(files)
    codings = _read(files, track or [], coder, fps)
    found = compare(*codings, every_s=_every(every), from_s=part.from_s, to_s=part.to_s)
    if part.to_s is None and coder.gaps != "none" and all(c.length_s is None for c in codings):
        end_s = max(coding.end_s for coding in codings)
        say(
            "neither file tells how long the video is: compared up to the end of the last label, "
            f"at {clock(end_s, fine=True)}; --to names the end of what was coded"
        )
    for name, share in zip(found.names, found.unlabelled, strict=True):
        if share > 0.2:
            say(f"{name} has no label in {share:.0%} of the time, which counts nowhere")
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    if pictures.plot is not None:
        from mien.rows.agreement_page import plot_agreement

        for path in plot_agreement(found, pictures.plot, title=" and ".join(found.names)):
            print(f"wrote {path}", file=sys.stderr)
    if pictures.report is not None:
        from mien.rows.agreement_page import write_agreement_page

        write_agreement_page(pictures.report, found, made=_made(found, coder))
        print(f"wrote {pictures.report}", file=sys.stderr)


def _read(
    files: "tuple[Path, Path]", tracks: list[str], coder: CoderOptions, fps: float | None
) -> "tuple[Coding, Coding]":
    """Both labellings; options that are given twice belong to the files in order."""
    from mien.rows.coders import coding_of_file, is_rows, read_coder_file
    from mien.rows.others import takes_fps

    labels: dict[str, str] = {}
    for pair in coder.label_map or []:
        word, equals, label = pair.rpartition("=")
        if not equals or not word.strip():
            raise OptionError(f"--map: expected WORD=EMOTION; got {pair!r}")
        labels[word] = label
    rows = [is_rows(path) for path in files]
    if fps is not None and not any(map(takes_fps, files)):
        raise OptionError("--fps: expected rows of another tool without times; there are none")
    own_tracks = _each("--track", tracks, rows.count(True))
    coded = [
        None if of_rows else read_coder_file(path, unit=coder.unit)
        for path, of_rows in zip(files, rows, strict=True)
    ]
    tiered = sum(file is not None and any(file.tiers) for file in coded)
    own_tiers = _each("--tier", coder.tier or [], tiered)
    first, second = (
        _of_rows(path, next(own_tracks), fps if takes_fps(path) else None)
        if file is None
        else coding_of_file(
            file,
            tier=next(own_tiers) if any(file.tiers) else None,
            labels=labels,
            gaps=coder.gaps,
        )
        for path, file in zip(files, coded, strict=True)
    )
    return first, second


def _of_rows(path: Path, track: str | None, fps: float | None) -> "Coding":
    """What rows say of one person; rows of another tool are called like their file."""
    from mien.rows.coding import coding_of_rows
    from mien.rows.others import is_other
    from mien.rows.table import RowFile

    rows = RowFile(path, fps=fps, tell=say)
    return coding_of_rows(rows, track, name=path.stem if is_other(path) else "mien")


def _each(option: str, values: Sequence[_Value], files: int) -> Iterator[_Value | None]:
    """The value for each file that the option is for; one is for all of them."""
    if len(values) > files:
        raise OptionError(f"{option}: {files} of the files take one; got {len(values)}")
    return iter([*values, *([values[0] if values else None] * (files - len(values)))])


def _every(text: str) -> float | None:
    if text.strip().lower() in ("frame", "frames"):
        return None
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"--every: expected seconds, or frame; got {text!r}") from None


def _print(found: "Agreement") -> None:
    from mien.rows.agreement_page import interval_in_words, longest, unit_in_words
    from mien.rows.timeline import clock

    names = found.names
    print(
        f"{names[0]} and {names[1]}: {found.units:,} of {found.targets.shape[1]:,} "
        f"{unit_in_words(found)} labelled by both\n"
    )
    overall = {
        "Cohen's kappa": found.kappa,
        "Krippendorff's alpha": found.alpha,
        "same label": found.agreement,
    }
    rows = [[name, _number(e), interval_in_words(e).strip(" ()")] for name, e in overall.items()]
    print_table(["", "", "95 % interval"], rows, left=(0, 2))
    print()
    rows = [
        [label, f"{one.first:,}", f"{one.second:,}"]
        + [_number(e) for e in (one.precision, one.recall, one.f1, one.kappa)]
        for label, one in found.emotions.items()
    ]
    print_table(
        ["emotion", *names, "precision", "recall", "F1", "kappa"], rows, left=(0,), fits=True
    )
    shown = longest(found, SHOWN)
    if not shown:
        return
    more = f", the {len(shown)} longest of {len(found.differences)}"
    print(f"\nwhere they differ{more if len(found.differences) > len(shown) else ''}")
    rows = [
        [clock(d.start_s, fine=True), clock(d.end_s, fine=True), d.first, d.second] for d in shown
    ]
    print_table(["from", "to", *names], rows, left=(2, 3), fits=True)


def _number(estimate: "Estimate") -> str:
    return "-" if estimate.value is None else f"{estimate.value:.3f}"


def _made(found: "Agreement", coder: CoderOptions) -> dict[str, str]:
    """How a page was made, by name."""
    from mien.rows.agreement import DRAWS

    return {
        found.names[0]: found.sources[0],
        found.names[1]: f"{found.sources[1]}, held for the truth",
        "units": "frames" if found.every_s is None else f"{found.every_s:g} s",
        "words of coders": ", ".join(coder.label_map or []) or "as they are",
        "moments without a coder's label": "left out" if coder.gaps == "none" else coder.gaps,
        "intervals": f"{DRAWS:,} draws of blocks of {found.block_s:.3g} s",
        "mien": __version__,
    }
