"""Options that go together: a dataclass in a command's signature is an option for each field."""

import inspect
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import typer
from typer import Option
from typer.models import OptionInfo

from mien.cli.shared import ModelOption
from mien.errors import MienError, OptionError
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.faces import WHOLE_IMAGE
from mien.recognize.settings import RecognizerSettings


def bundled(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer takes it: with an option for each field of its dataclasses.

        @dataclass(frozen=True)
        class Listening:
            host: Annotated[str, "Address to listen on."] = "127.0.0.1"
            port: Annotated[int, Option("--port")] = 8642

        def serve(listening: Listening, browser: BrowserOption = True) -> None: ...

    takes `--host`, `--port` and `--browser`. Names of fields must not come twice in a command.
    What is annotated with a text alone is an option with that help. A flag has an opposite,
    `--no-browser`, only where its names are told.
    """
    hints = get_type_hints(command, include_extras=True)
    bundles: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if (kind := bundles.get(parameter.name)) is None:
            own = _parameter(parameter.name, hints[parameter.name], parameter.default)
            parameters.append(own)
            continue
        annotations = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            parameters.append(_parameter(field.name, annotations[field.name], default))

    @wraps(command)
    def call(**given: Any) -> None:
        for name, kind in bundles.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        try:
            command(**given)
        except OptionError as error:
            error.argument = _as_typed(error.argument, parameters)
            error.other = _as_typed(error.other, parameters)
            raise

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


_CALLED: Final = {
    "sequence_fps": "fps",
    "image_bytes": "max_image_mb",
    "video_bytes": "max_video_mb",
    "video_s": "max_video_minutes",
    "videos": "max_videos",
    "live_clients": "max_live",
}
"""Arguments of the library that options call otherwise, not only without a unit or a plural."""


def _as_typed(name: str | None, parameters: Iterable[inspect.Parameter]) -> str | None:
    """What people type for an argument of the library, --start for start_s; else its name."""
    if name is None:
        return None
    options = {p.name: found for p in parameters if (found := _option(p.name, p.annotation))}
    names = (name, _CALLED.get(name), name.removesuffix("_s"), name.removesuffix("s"))
    return next((options[one] for one in names if one in options), name)


def _option(name: str, annotation: Any) -> str:
    """What people type for a parameter; empty for an argument without a name."""
    given = get_args(annotation)
    option = next((one for one in given if isinstance(one, OptionInfo)), None)
    if option is None:
        return ""
    first = option.default if isinstance(option.default, str) else ""  # see `_parameter`
    return first.partition("/")[0] or f"--{name.replace('_', '-')}"


def _path_of(named: str) -> Callable[[str | Path], Path]:
    """What makes a path of what is given for an argument or option of that name."""

    def path(text: str | Path) -> Path:  # its name stands in the help
        if text == "":  # which pathlib takes for the current folder
            # No OptionError, for that is a ValueError, of which click makes its own message.
            raise MienError(f"{named}: expected a file or a folder; got an empty name")
        return Path(text)

    return path


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    if get_origin(annotation) is Annotated:
        kind, option, *_ = get_args(annotation)
        option = Option(help=option) if isinstance(option, str) else copy(option)
        # Typer takes the first name for a default until it knows better.
        if kind is bool and isinstance(option, OptionInfo) and option.default is ...:
            option.default = f"--{name.replace('_', '-')}"
        annotation = Annotated[kind, option]
        if Path in (kind, *get_args(kind)):
            option.parser = _path_of(_option(name, annotation) or name)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=annotation)


class DetectorName(StrEnum):
    """Names in `mien.recognize.faces.DETECTORS`."""

    yunet = "yunet"
    haar = "haar"


@dataclass(frozen=True)
class RecognizerOptions:
    """What every command that recognizes takes."""

    model: ModelOption = DEFAULT_MODEL
    detector: Annotated[DetectorName, "What finds the faces."] = DetectorName.yunet
    min_face_px: Annotated[float, "Leave out faces smaller than this."] = 0.0
    full_size: Annotated[bool, "Search large images whole, for small faces."] = False
    threshold: Annotated[
        float, "A face is unsure where no emotion has this probability, 0 to 1."
    ] = 0.0

    def settings(
        self,
        context: typer.Context | None = None,
        *,
        cropped: bool = False,
        movements: bool = False,
    ) -> RecognizerSettings:
        """What the library takes.

        A command with `--cropped` gives its context, too.

        Raises:
            OptionError: `cropped` comes with an option of the search that it stands for.
        """
        if context is not None and cropped:
            for name in ("detector", "min_face_px", "full_size"):
                source = context.get_parameter_source(name)
                if source is not None and source.name == "COMMANDLINE":
                    option = "--" + name.replace("_", "-")
                    raise OptionError(
                        f"--cropped: nothing is searched for faces; leave out {option}"
                    )
        name = WHOLE_IMAGE if cropped else self.detector.value
        return RecognizerSettings(**{**asdict(self), "detector": name}, movements=movements)
