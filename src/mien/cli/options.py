"""Options that go together: a dataclass in a command's signature is an option for each field."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

import typer

from mien.cli.shared import (
    DetectorName,
    DetectorOption,
    FullSizeOption,
    MinFaceOption,
    ModelOption,
    ThresholdOption,
    detector_name,
)
from mien.recognize.classifier import DEFAULT_MODEL
from mien.recognize.settings import RecognizerSettings


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
