"""docs/cli.md from the commands themselves, so that the two cannot drift apart.

python scripts/cli_reference.py            # writes docs/cli.md
python scripts/cli_reference.py --check    # exit status 1 if docs/cli.md is not what it writes
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from mien.cli import PANELS, build_app

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "cli.md"

HEAD: Final = """\
<!-- Written by scripts/cli_reference.py from the commands; `make cli-reference` writes it anew. -->

# The command line

Results go to standard output, everything else to standard error. The exit status is 0 when all went
well, 2 after an error, which is one line on standard error, and 130 after Ctrl-C; what a command
means by another status stands with it. `mien --version` says which mien this is, and
`mien COMMAND --help` what stands here.
"""

EXAMPLE: Final = "Example:"

_OPTION: Final = re.compile(r"(?<![\w`-])--[a-z][a-z0-9-]*")
_CODE_SPAN: Final = re.compile(r"(`[^`]*`)")


def reference() -> str:
    """The whole page, as Markdown."""
    command: Any = get_command(build_app())
    with command.make_context("mien", [], resilient_parsing=True) as context:
        sections = list(_sections(command, context))
    return HEAD + "\n" + _overview(command).rstrip("\n") + "\n" + "".join(sections)


def _overview(group: Any) -> str:
    text = ""
    for panel, names in PANELS.items():
        shown = [leaf for leaf in _leaves(group, "") if leaf[0].split()[0] in names]
        shown.sort(key=lambda leaf: names.index(leaf[0].split()[0]))
        rows = "".join(f"| {_link(name, command)} |\n" for name, command in shown)
        text += f"| {panel.lower()} | what it does |\n|---|---|\n{rows}\n"
    return text


def _link(name: str, command: Any) -> str:
    first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
    return f"[`mien {name}`](#mien-{name.replace(' ', '-')}) | {_cell(_markdown(first))}"


def _leaves(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _sections(group: Any, parent: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        with command.make_context(name, [], parent=parent, resilient_parsing=True) as context:
            if hasattr(command, "commands"):
                yield from _sections(command, context)
            else:
                yield _section(command, context)


def _section(command: Any, context: Any) -> str:
    """One command: what it does, examples, usage, and a row for each argument and option."""
    prose, examples = [], []
    for paragraph in (command.help or "").strip().split("\n\n"):
        text = " ".join(paragraph.split())
        if text.startswith(EXAMPLE):
            examples += [part.strip() for part in text.split(EXAMPLE) if part.strip()]
        else:
            prose.append(text)
    lines = [f"\n## {context.command_path}\n"]
    lines += [f"{_markdown(text)}\n" for text in prose]
    if examples:
        lines.append("```console\n" + "\n".join(examples) + "\n```\n")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines.append(f"Usage: `{usage}`\n")
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [record for record in records if record and record[0] != "--help"]
    if rows:
        lines.append("| | |\n|---|---|")
        lines += [f"| `{_cell(left)}` | {_cell(_markdown(right))} |" for left, right in rows]
        lines.append("")
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Help, which is plain text with a few code spans, as Markdown that reads the same."""
    parts = _CODE_SPAN.split(text)
    for i in range(0, len(parts), 2):  # between the code spans
        parts[i] = re.sub(r"([*_<\[\]])", r"\\\1", parts[i])
        parts[i] = _OPTION.sub(r"`\g<0>`", parts[i])
    return "".join(parts)


def _cell(text: str) -> str:
    """Text that a cell of a table can hold."""
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say whether it is what would be written; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write docs/cli.md from the commands.")
    parser.add_argument("--check", action="store_true", help="Write nothing; 1 if it is stale.")
    parser.add_argument("--page", type=Path, default=PAGE, help="The page, docs/cli.md.")
    options = parser.parse_args(arguments)
    text = reference()
    if not options.check:
        options.page.write_text(text, encoding="utf-8")
        return 0
    if options.page.is_file() and options.page.read_text(encoding="utf-8") == text:
        return 0
    print(f"{options.page} is stale: run `make cli-reference`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
