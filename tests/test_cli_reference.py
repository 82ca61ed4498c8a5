import sys
from pathlib import Path

import pytest
from typer.main import get_command

from mien.cli import COMMANDS, DATA_COMMANDS, PANELS, build_app

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import cli_reference  # noqa: E402
from command_line import Mien  # noqa: E402


def test_the_committed_reference_is_what_the_commands_say() -> None:
    assert cli_reference.PAGE.read_text(encoding="utf-8") == cli_reference.reference(), (
        "docs/cli.md is stale: run `make cli-reference`"
    )


def test_every_command_and_option_is_in_the_reference() -> None:
    text = cli_reference.reference()
    for name in COMMANDS:
        assert f"\n## mien {name}\n" in text
    for name in DATA_COMMANDS:
        assert f"\n## mien data {name}\n" in text
    detect = get_command(build_app()).commands["detect"]  # type: ignore[attr-defined]
    section = text.split("\n## mien detect\n")[1].split("\n## ")[0]
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


def test_a_stale_page_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "cli.md"
    assert cli_reference.main(["--page", str(page)]) == 0
    assert cli_reference.main(["--page", str(page), "--check"]) == 0
    page.write_text(page.read_text().replace("## mien detect", "## mien find"))
    assert cli_reference.main(["--page", str(page), "--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert "## mien find" in page.read_text()


def test_help_reads_the_same_as_markdown() -> None:
    markdown = cli_reference._markdown("shot_%04d.png or scans/*.png; see --labels and `a_b --c`")
    assert markdown == r"shot\_%04d.png or scans/\*.png; see `--labels` and `a_b --c`"
