"""docs/licences.md names whatever comes with mien that is no package of Python."""

import importlib.metadata
import re
from pathlib import Path, PurePosixPath

import pytest

from command_line import in_python

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)

LIBRARY = re.compile(r"^(lib.+?)(?:-[0-9a-f]{8}.*|-[0-9].*|\.so.*|p-r0-.*)$")


def listed(path: str) -> bool:
    return any(PurePosixPath(path).match(row) for row in ROWS)


def test_every_file_of_the_package_is_code_or_has_its_licence() -> None:
    files = [path for folder in ("src", "examples") for path in (ROOT / folder).rglob("*")]
    names = [path.relative_to(ROOT) for path in files if path.is_file()]
    others = [name for name in names if name.suffix not in (".py", ".pyc")]
    assert [str(name) for name in others if not listed(name.as_posix())] == []
    assert not listed("src/mien/assets/letters.ttf")


def test_every_library_inside_a_wheel_has_its_licence() -> None:
    carried = {
        (match[1], distribution.name)
        for distribution in importlib.metadata.distributions()
        for file in distribution.files or []
        if file.parts[0].endswith(".libs") and (match := LIBRARY.match(file.name))
    }
    assert sorted(one for one in carried if one[0] not in ROWS) == []


def test_all_that_is_installed_may_be() -> None:
    done = in_python("-m", "piplicenses", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "| numpy " in done.stdout
