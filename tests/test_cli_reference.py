from pathlib import Path

from typer.main import get_command

from command_line import Mien, in_python
from mien.cli.app import COMMANDS, DATA_COMMANDS, PANELS, build_app

ROOT = Path(__file__).resolve().parent.parent


def test_the_committed_reference_is_what_the_commands_say(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    app = ("-m", "typer", "scripts/cli_app.py", "utils", "docs")
    names = ("--name", "mien", "--title", "The command line")
    in_python(*app, *names, "--output", page, cwd=ROOT, check=True)
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == page.read_text(
        encoding="utf-8"
    ), "docs/cli.md is stale: run `make cli-reference`"


def test_every_command_and_option_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"\n## `mien {name}`\n" in text
    for name in DATA_COMMANDS:
        assert f"\n### `mien data {name}`\n" in text
    detect = get_command(build_app()).commands["detect"]  # type: ignore[attr-defined]
    section = text.split("\n## `mien detect`\n")[1].split("\n## ")[0]
    for parameter in detect.params:
        for option in parameter.opts:
            assert f"`{option}" in section


def test_help_shows_every_command_once_by_what_it_is_for(mien: Mien) -> None:
    shown = [name for names in PANELS.values() for name in names]
    assert sorted(shown) == sorted([*COMMANDS, "data"])
    help_text = mien("--help").stdout
    places = [help_text.index(f"\n{panel}:\n") for panel in PANELS]
    assert places == sorted(places)
    assert help_text.index("\n  detect ") < help_text.index("\nLearn:\n")
    assert "..." not in help_text.split("Recognize:")[1]  # no sentence is cut
