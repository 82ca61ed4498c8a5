"""Options of the commands that write the rows of a video, and what is made of them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from mien.cli.shared import OverwriteOption, UsableOnlyOption

if TYPE_CHECKING:
    from mien.recognize.video.outputs import Outputs


class FormatName(StrEnum):
    """Names in `mien.rows.formats.FORMATS`."""

    eaf = "eaf"
    textgrid = "textgrid"
    boris = "boris"
    bids = "bids"
    fex = "fex"
    openface = "openface"


class ImageFormatName(StrEnum):
    """Those that rows of images become."""

    fex = "fex"


EventsOption = Annotated[Path | None, "Onset, peak and end of each expression: .csv or .json."]
StatisticsOption = Annotated[
    Path | None, "How often and how long each person shows each emotion: likewise."
]
DyadsOption = Annotated[Path | None, "How each two people show each emotion together: likewise."]


@dataclass(frozen=True)
class RowOutputOptions:
    """What is written of rows, as a video is read or later, and what becomes of earlier files."""

    csv: Annotated[Path | None, "Rows as CSV, one for each face and frame."] = None
    jsonl: Annotated[Path | None, "The same as JSON lines."] = None
    parquet: Annotated[Path | None, "The same as Parquet."] = None
    summary: Annotated[Path | None, "What each person shows over the video: .json or .csv."] = None
    plot: Annotated[Path | None, "Probabilities over time: .png, .svg, or no ending for both."] = (
        None
    )
    report: Annotated[Path | None, "A page of HTML with all of it and thumbnails."] = None
    events: EventsOption = None
    statistics: StatisticsOption = None
    dyads: DyadsOption = None
    formats: Annotated[
        list[FormatName] | None,
        Option(
            "--format",
            case_sensitive=False,
            help="A file for another tool, beside the first of the other outputs and called like "
            "it; may be given several times.",
        ),
    ] = None
    usable_only: UsableOnlyOption = False
    overwrite: OverwriteOption = False

    def outputs(self) -> "Outputs":
        """What the library takes."""
        from mien.recognize.video.outputs import Outputs

        paths: dict[str, Any] = {n: one for n, one in vars(self).items() if isinstance(one, Path)}
        return Outputs(**paths)
