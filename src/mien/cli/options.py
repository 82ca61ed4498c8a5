"""Options that go together: a dataclass in a command's signature is an option for each field."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from mien.cli.shared import (
    DataOption,
    DetectorName,
    DetectorOption,
    FindFacesOption,
    FullSizeOption,
    MinFaceOption,
    ModelOption,
    OverwriteOption,
    ThresholdOption,
    UsableOnlyOption,
    ValShareOption,
    VotesOption,
    detector_name,
    read_data,
)
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.settings import RecognizerSettings

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet
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


def bundled(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer takes it: with an option for each field of its dataclasses.

        @dataclass(frozen=True)
        class Listening:
            host: Annotated[str, typer.Option("--host")] = "127.0.0.1"
            port: Annotated[int, typer.Option("--port")] = 8642

        def serve(listening: Listening, browser: BrowserOption = True) -> None: ...

    takes `--host`, `--port` and `--browser`. Names of fields must not come twice in a command.
    """
    hints = get_type_hints(command, include_extras=True)
    bundles: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name not in bundles:
            own = parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
            parameters.append(own)
            continue
        kind = bundles[parameter.name]
        annotations = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = parameter.empty if field.default is MISSING else field.default
            annotation = annotations[field.name]
            parameters.append(
                inspect.Parameter(
                    field.name, parameter.KEYWORD_ONLY, default=default, annotation=annotation
                )
            )

    @wraps(command)
    def call(**given: Any) -> None:
        for name, kind in bundles.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


@dataclass(frozen=True)
class RecognizerOptions:
    """What every command that recognizes takes."""

    model: ModelOption = DEFAULT_MODEL
    detector: DetectorOption = DetectorName.yunet
    min_face_px: MinFaceOption = 0.0
    full_size: FullSizeOption = False
    threshold: ThresholdOption = 0.0

    def settings(
        self,
        context: typer.Context | None = None,
        *,
        cropped: bool = False,
        movements: bool = False,
    ) -> RecognizerSettings:
        """What the library takes.

        Args:
            context: of the command, where it has the option `--cropped`.
            cropped: whether that is given: each image is a face.
            movements: whether `--movements` is given.
        Raises:
            OptionError: `cropped` comes with an option of the search that it stands for.
        """
        name = self.detector.value
        if context is not None:
            name = detector_name(context, self.detector, cropped=cropped)
        return RecognizerSettings(**{**asdict(self), "detector": name}, movements=movements)


@dataclass(frozen=True)
class LabeledFaces:
    """Which labelled faces a command measures on, or learns from."""

    data: DataOption
    votes: VotesOption = None
    find_faces: FindFacesOption = False

    def read(self, *, quiet: bool = False) -> "FaceSet":
        """The faces; says what was left out unless it is `quiet`."""
        return read_data(self.data, votes=self.votes, find_faces=self.find_faces, quiet=quiet)


@dataclass(frozen=True)
class TrainingFaces(LabeledFaces):
    """The same where some of train may be held out as val."""

    val_share: ValShareOption = None


@dataclass(frozen=True)
class RowOutputOptions:
    """What is written of rows, as a video is read or later, and what becomes of earlier files."""

    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="Rows as CSV, one for each face and frame."),
    ] = None
    jsonl: Annotated[Path | None, typer.Option("--jsonl", help="The same as JSON lines.")] = None
    parquet: Annotated[Path | None, typer.Option("--parquet", help="The same as Parquet.")] = None
    summary: Annotated[
        Path | None,
        typer.Option("--summary", help="What each person shows over the video: .json or .csv."),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Probabilities over time: .png, .svg, or no ending for both."),
    ] = None
    report: Annotated[
        Path | None, typer.Option("--report", help="A page of HTML with all of it and thumbnails.")
    ] = None
    events: Annotated[
        Path | None,
        typer.Option("--events", help="Onset, peak and end of each expression: .csv or .json."),
    ] = None
    statistics: Annotated[
        Path | None,
        typer.Option(
            "--statistics", help="How often and how long each person shows each emotion: likewise."
        ),
    ] = None
    dyads: Annotated[
        Path | None,
        typer.Option("--dyads", help="How each two people show each emotion together: likewise."),
    ] = None
    formats: Annotated[
        list[FormatName] | None,
        typer.Option(
            "--format",
            help="A file for another tool, beside the first of the other outputs and called like "
            "it; may be given several times.",
        ),
    ] = None
    usable_only: UsableOnlyOption = False
    overwrite: OverwriteOption = False

    def outputs(self) -> "Outputs":
        """What the library takes."""
        from mien.recognize.video.outputs import Outputs

        return Outputs(
            csv=self.csv_file,
            jsonl=self.jsonl,
            parquet=self.parquet,
            summary=self.summary,
            plot=self.plot,
            report=self.report,
            events=self.events,
            statistics=self.statistics,
            dyads=self.dyads,
        )
