"""What the programs of this folder share: their options, tables in Markdown, words and files."""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mien.output.files import atomic_text

PORTRAIT: Final = Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg"
INTERRUPTED: Final = 130  # the exit status after Ctrl-C


def options_of(
    doc: str | None, *, model: str | None = None, data: bool = True
) -> argparse.ArgumentParser:
    """A parser with the options that most programs take.

    Its description is the first line of `doc`; `--model` is an option where it has a default.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    if data:
        parser.add_argument("--data", required=True, help="FER2013, as mien train takes it")
    if model is not None:
        parser.add_argument("--model", default=model, help="the name of one, or a file")
    return parser


def print_head(*names: str, left: int = 1) -> None:
    """The head of a table; so many of its columns start at the left."""
    print(table(names, [], left=left), flush=True)


def print_row(*cells: str) -> None:
    """A row of a table, seen at once."""
    print("| " + " | ".join(cells) + " |", flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table as text."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    lines.insert(1, "|---" * left + "|---:" * (len(head) - left) + "|")
    return "\n".join(lines)


def say(program: str, message: str) -> None:
    """One line on standard error."""
    print(f"{program}: {message}", file=sys.stderr, flush=True)


def processor() -> str:
    """The name of the processor, or of its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def write_json(path: Path, content: Any) -> None:
    """Write a file whole, or not at all."""
    with atomic_text(path) as file:
        file.write(json.dumps(content, indent=2) + "\n")
