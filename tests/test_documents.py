"""What the documents tell people to type: every command, option and import in them exists."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from typer.main import get_command

from command_line import in_python
from mien.cli.app import build_app

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "cli.md"),
]

FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(mien [^`]+)`")
ENDS = ("|", ";", "&&", "&", ">", "2>")  # of a command, in a shell


def blocks(markdown: str, *languages: str) -> list[str]:
    """The fenced code of some languages."""
    return [text for language, text in FENCE.findall(markdown) if language in languages]


def commands(markdown: str) -> Iterator[list[str]]:
    """The words of each `mien` command in a document, up to a pipe or a comment."""
    console = "".join(blocks(markdown, "console")).replace("\\\n", " ")
    lines = [line for line in console.splitlines() if not line.lstrip().startswith(("#", "pip "))]
    for line in lines + [" ".join(span.split()) for span in SPAN.findall(markdown)]:
        found = re.search(r"(?:^|[\s/])(mien [a-z].*)$", line)
        if found is None:
            continue
        words = shlex.split(re.sub(r"\s+#.*$", "", found[1]))
        end = next((i for i, word in enumerate(words) if word in ENDS), len(words))
        yield words[:end]


@cache
def app() -> Any:
    return get_command(build_app())


def options_of(words: list[str]) -> tuple[str, set[str]] | None:
    """The command that words begin with, and its options; None where mien has none such."""
    command, name = app(), "mien"
    for word in words[1:]:
        if not hasattr(command, "commands"):
            break
        if word not in command.commands:
            return None
        command, name = command.commands[word], f"{name} {word}"
    known = {"--help"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    return name, known


def complaints(markdown: str) -> list[str]:
    """The commands and options of a document that do not exist."""
    found = []
    for words in commands(markdown):
        command = options_of(words)
        if command is None:
            found.append(f"{' '.join(words)}: there is no such command")
            continue
        name, known = command
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        found += [f"{name} has no {option}" for option in options if option not in known]
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist_with_their_options(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


def test_what_does_not_exist_is_found() -> None:
    markdown = """
```console
mien detect a.jpg --out seen --jsn | jq '.[].faces'   # --not-looked-at
MIEN_TOKEN=x .venv/bin/mien serve --host 0.0.0.0 \\
    --nobrowser
mien data inform FER2013
```
Then `mien train --data FER2013 --epoch
3`, and `mien COMMAND --help`.
"""
    assert complaints(markdown) == [
        "mien detect has no --jsn",
        "mien serve has no --nobrowser",
        "mien data inform FER2013: there is no such command",
        "mien train has no --epoch",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_in_documents_parses_and_its_imports_exist(path: Path) -> None:
    for text in blocks(path.read_text(encoding="utf-8"), "python"):
        for node in ast.walk(ast.parse(dedent(text))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mien"):
                module = importlib.import_module(node.module)
                missing = [name.name for name in node.names if not hasattr(module, name.name)]
                assert missing == [], f"{node.module} has no {missing}"


PRINTS = re.compile(
    r"^```python\n(.*?)^```\n\nprints\n\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def test_code_in_documents_prints_what_they_say() -> None:
    found = [pair for path in DOCUMENTS for pair in PRINTS.findall(path.read_text("utf-8"))]
    assert found
    for code, printed in found:
        done = in_python("-c", code, cwd=ROOT)
        assert done.stdout == printed, done.stderr


def test_the_layout_in_contributing_names_what_is_there_once() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    layout = text.split("```\nsrc/mien/\n")[1].split("\ntests/")[0]
    rooms: list[Path] = [ROOT / "src" / "mien"]
    found: list[Path] = []
    for indent, names in re.findall(r"^( {2}| {4})(\w.*?)(?: {2,}.*)?$", layout, re.MULTILINE):
        folder = rooms[-1] if len(indent) == 4 else rooms[0]
        for name in names.rstrip(",").split(", "):
            path = folder / name
            assert path.is_dir() or path.with_suffix(".py").is_file(), path
            found.append(path)
        if len(indent) == 2 and names.endswith("/"):
            rooms[1:] = [folder / names]
    assert len(found) == len(set(found)) > 30
