import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from command_line import Mien, assert_refused
from mien.cli.app import COMMANDS, DATA_COMMANDS
from mien.cli.options import bundled
from mien.errors import OptionError


@dataclass(frozen=True)
class Listening:
    port: Annotated[int, typer.Option("--port")]
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1"


def run(*words: str) -> tuple[int, str]:
    def serve(
        context: typer.Context,
        paths: list[str],
        *,
        listening: Listening,
        loud: Annotated[bool, typer.Option()] = False,
    ) -> None:
        """Say what was given."""
        source = context.get_parameter_source("host")
        assert source is not None
        print(paths, listening, loud, source.name)

    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(bundled(serve))
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


def test_a_dataclass_is_an_option_for_each_field() -> None:
    status, output = run("a", "b", "--port", "80", "--host", "::", "--loud")
    assert status == 0
    assert output == "['a', 'b'] Listening(port=80, host='::') True COMMANDLINE\n"
    assert run("a", "--port", "80")[1].endswith("host='127.0.0.1') False DEFAULT\n")
    status, output = run("a")
    assert status == 2
    assert "Missing option '--port'" in output


@pytest.mark.parametrize(
    ("argument", "problem", "shown"),
    [
        ("from_s", "expected seconds; got -1", "--from: expected seconds; got -1"),
        ("end_s", "expected above 2 ({other}); got 1", "--end: expected above 2 (--fps); got 1"),
        ("half_life_s", "expected 0 or more", "--half-life: expected 0 or more"),
        ("allow_hosts", "expected a host", "--allow-host: expected a host"),
        ("sequence_fps", "expected above 0", "--fps: expected above 0"),
        ("as_json", "expected no end_s", "--json: expected no end_s"),
        ("paths", "expected several", "paths: expected several"),
        ("min_score", "expected 0 to 1", "min_score: expected 0 to 1"),
        (None, "rows.csv: expected end: or so", "rows.csv: expected end: or so"),
    ],
)
def test_errors_of_arguments_name_the_option_that_was_typed(
    argument: str | None, problem: str, shown: str
) -> None:
    def cut(
        paths: Annotated[list[str], typer.Argument(help="Videos.")],
        *,
        from_s: Annotated[float, typer.Option("--from", help="Second.")] = 0.0,
        end: Annotated[float, "Second."] = 0.0,
        half_life: Annotated[float, "Seconds."] = 0.0,
        allow_host: Annotated[str, "Name."] = "",
        fps: Annotated[float, "Frames."] = 0.0,
        as_json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    ) -> None:
        raise OptionError(problem, argument=argument, other="sequence_fps", kind="missing file")

    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(bundled(cut))
    error = CliRunner().invoke(app, ["a.mp4"]).exception
    assert isinstance(error, OptionError)
    assert (str(error), error.kind) == (shown, "missing file")


@pytest.mark.parametrize(
    ("module", "name"),
    [(home, name) for name, home in COMMANDS.items()]
    + [(home, f"data_{name}") for name, home in DATA_COMMANDS.items()],
)
def test_no_command_has_more_than_ten_parameters_of_its_own(module: str, name: str) -> None:
    command = getattr(import_module(f"mien.cli.{module}"), name)
    assert len(inspect.signature(command).parameters) <= 10


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data", "info", ""], "path"),
        (["evaluate", "--data", "faces.csv", "--votes", ""], "--votes"),
        (["train", "--data", "", "--out", "run"], "--data"),
        (["card", "mien", "--data", "faces.csv", "--out", "card.md", "--out", ""], "--out"),
        (["detect", "--csv", "", "face.png"], "--csv"),
    ],
)
def test_an_empty_name_is_not_the_folder_that_one_is_in(
    words: list[str], named: str, mien: Mien
) -> None:
    said = f"mien: {named}: expected a file or a folder; got an empty name\n"
    assert_refused(mien(*words), said)


def test_an_empty_name_of_a_run_or_a_data_set_is_not_either(mien: Mien) -> None:
    assert_refused(mien("export", "", "--out", "x.onnx"), "training run; got an empty name")
    assert_refused(mien("batch", "face.png", "--out", ""), "write into; got an empty name")
