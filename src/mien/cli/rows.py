"""`mien rows`."""

from pathlib import Path
from typing import Annotated

from typer import Argument

from mien import __version__
from mien.cli.row_options import RowOutputOptions
from mien.cli.shared import (
    PEOPLE_HEADER,
    FpsOption,
    JsonOption,
    people_rows,
    print_json,
    print_table,
    say,
    tell_written,
)
from mien.errors import OptionError


def rows(
    file: Annotated[
        Path,
        Argument(
            help="Rows of `mien video`: .csv, .jsonl or .parquet; or .csv of another tool, see "
            "docs/coming-from.md."
        ),
    ],
    *,
    people: Annotated[
        Path | None,
        "Who the tracks are: a CSV with the columns track, name, exclude and note. Tracks with one "
        "name are one person.",
    ] = None,
    write_people: Annotated[Path | None, "Write such a file to fill in, with all tracks."] = None,
    wanted: RowOutputOptions,
    earlier_report: Annotated[
        Path | None, "A report of the same video, whose images the new one takes; rows have none."
    ] = None,
    fps: FpsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what `mien video` writes anew from its rows, with names for the people.

    Example: mien rows rows.csv --write-people people.csv

    Example: mien rows rows.csv --people people.csv --csv named.csv --summary summary.csv

    The video is not read. The page of `mien video --report` makes a file for --people, too.
    """
    from mien.output.files import check_apart
    from mien.recognize.video.outputs import Outputs
    from mien.recognize.video.report import read_report
    from mien.recognize.video.row_sink import write_rows
    from mien.rows.people import read_people, write_people_template
    from mien.rows.table import RowFile

    if earlier_report is not None and wanted.report is None:
        raise OptionError("--earlier-report: expected --report, too, which takes its images")
    formats = list(dict.fromkeys(wanted.formats or ()))
    outputs = wanted.outputs().with_formats(formats, Path(file.stem))
    outputs.check(file, people, earlier_report, replaces=wanted.overwrite, from_rows=True)
    if write_people is not None:
        Outputs(csv=write_people).check(
            file, people, earlier_report, replaces=wanted.overwrite, from_rows=True
        )
        check_apart([*outputs.paths(), write_people])
    result = RowFile(file, fps=fps, tell=say)
    notes = {f"written anew by mien {__version__} from": file.name}
    if people is not None:
        notes["people"] = people.name
    shown = write_rows(
        result,
        outputs,
        () if people is None else read_people(people),
        usable_only=wanted.usable_only,
        earlier=None if earlier_report is None else read_report(earlier_report),
        notes=notes,
        tell=say,
    )
    tell_written(*outputs.format_paths())
    if write_people is not None:
        # Tracks of one name are one person in what is shown, and stand apart in the table.
        is_told = people is None and not (wanted.usable_only or result.names)
        write_people_template(result, write_people, summary=shown if is_told else None)
    if as_json:
        print_json([person.to_dict() for person in shown])
    else:
        print_table(PEOPLE_HEADER, people_rows(shown), left=(0,), fits=True)
