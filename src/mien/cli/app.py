"""The command line: options, one library call, print. Results go to stdout, the rest to stderr.

Each command is a function in `mien.cli`; the tables here say what people type for it.
"""

import gc
import io
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer import Option
from typer.core import TyperGroup

from mien.cli.options import bundled
from mien.cli.shared import EXIT_INTERRUPTED, fail, messages_to, say
from mien.errors import MienError

EXIT_PIPE = 1  # as Typer has it

HELP: Final = """\
Find the faces in images and read which of seven emotions each shows.

Results go to standard output, everything else to standard error. The exit status is 0 when all went
well, 2 after an error, which is one line on standard error, and 130 after Ctrl-C; what a command
means by another status stands with it. Where a command has --overwrite, a file that it is to write
must not exist without it."""

PANELS: Final = {
    "Recognize": (
        *("detect", "serve", "page", "video", "events", "rows", "agree", "webcam", "explain"),
        *("batch", "models"),
    ),
    "Learn": ("data", "train", "export", "convert", "tune", "networks", "summary"),
    "Measure": ("evaluate", "card", "fairness", "robustness", "reproduce"),
}
"""What `mien --help` shows together, the most used first."""

COMMANDS: Final = {
    name: "networks" if name == "summary" else name
    for names in PANELS.values()
    for name in names
    if name != "data"
}
"""What people type -> the module of `mien.cli` that has the function of that name."""

DATA_COMMANDS: Final = {"info": "data", "check": "data", "download": "data", "audit": "audit"}
"""What people type after `mien data` -> the module that has the function `data_` and that name."""

_DATA_HELP: Final = "Look at a data set, check it, fetch it, find its doubtful labels."


class _Commands(TyperGroup):
    """All commands, by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Called by Typer: what `--help` says after the options."""
        for panel, names in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl([(name, self.commands[name].short_help) for name in names])


def build_app(asked: str | None = None) -> typer.Typer:
    """The command line, with all its commands, or with `asked` alone if that is one of them.

    A command that is not asked for costs its import and Typer's look at its options, at each start.
    """
    app = typer.Typer(
        name="mien",
        cls=_Commands if asked not in COMMANDS else None,
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module = import_module(f"mien.cli.{COMMANDS[name]}")
        _add(app, name, getattr(module, name))
    if asked not in COMMANDS:
        group = typer.Typer(help=_DATA_HELP, no_args_is_help=True, rich_markup_mode=None)
        for name, home in DATA_COMMANDS.items():
            module = import_module(f"mien.cli.{home}")
            _add(group, name, getattr(module, f"data_{name}"))
        app.add_typer(group, name="data", short_help=_DATA_HELP)
    return app


def _add(app: typer.Typer, name: str, function: Callable[..., None]) -> None:
    """Add a command; lists of commands show the first line of its docstring, whole."""
    short_help = (function.__doc__ or "").partition("\n")[0]
    app.command(name, short_help=short_help)(bundled(function))


def main() -> None:
    """Run the command line; every `MienError` becomes one line and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        # File names may hold what the encoding of the output does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app = build_app(sys.argv[1] if len(sys.argv) > 1 else None)
            # `mien.__main__` had Python wait with its search for garbage: what is there by now
            # stays to the end, and is not looked through any more.
            if not gc.isenabled():
                gc.freeze()
                gc.enable()
            app()
        finally:
            sys.stdout.flush()  # here, where a closed pipe can still be caught
    except MienError as error:
        fail(str(error))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.exit(EXIT_PIPE)
    except OSError as error:  # a disk that is full, a name too long
        fail(str(error))


class _Output(io.FileIO):
    """Standard output, whose errors say that it is."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            error.filename = "standard output"
            raise


def _open_streams() -> None:
    """Make standard streams of those that were closed, which Python has none of then.

    Otherwise the next file that is opened takes the number of one, and what libraries print there.
    """
    # Writing to this standard output fails, so that whoever wants results hears of it.
    for name, number, kind in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDONLY if number < 2 else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            stream = open(number, kind, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    out = sys.stdout
    at_once = not isinstance(out, io.TextIOWrapper) or out.line_buffering or out.write_through
    if not at_once:  # a file or a pipe, no terminal
        file = io.BufferedWriter(_Output(out.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(file, out.encoding)
    if not sys.stderr.isatty():
        sys.stderr = messages_to(sys.stderr.fileno(), sys.stderr.encoding)


def run() -> NoReturn:
    """`main` as a process of its own, which it ends.

    Without torch, which may have more to put away, the process is left at once: to free every
    object one by one takes 40 ms, and the system does it anyway.
    """
    status: object = 0
    _open_streams()
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # `main` has said so: what is left goes nowhere, or Python says so, too
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if "torch" in sys.modules or not (status is None or isinstance(status, int)):
        sys.exit(status)  # type: ignore[arg-type]
    os._exit(status or 0)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mien import __version__

        print(f"mien {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    run()
