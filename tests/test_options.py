import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mien.cli.app import COMMANDS, DATA_COMMANDS
from mien.cli.options import bundled


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


def test_help_says_what_each_is_for() -> None:
    _, output = run("--help")
    assert "Say what was given." in output
    assert all(option in output for option in ("--port", "--host", "--loud"))
    assert "--listening" not in output
    assert "--no-loud" not in output


@pytest.mark.parametrize(
    ("module", "name"),
    [(home, name) for name, home in COMMANDS.items()]
    + [(home, f"data_{name}") for name, home in DATA_COMMANDS.items()],
)
def test_no_command_has_more_than_ten_parameters_of_its_own(module: str, name: str) -> None:
    command = getattr(import_module(f"mien.cli.{module}"), name)
    assert len(inspect.signature(command).parameters) <= 10
