"""`python -m mien` is `mien`."""

import gc
import sys
from typing import NoReturn


def run() -> NoReturn:
    """The command line, as a process of its own.

    Its modules are imported here: worker processes import the script that calls this, and need
    none of them. `mien.cli.app` has garbage looked for again once they all are there.
    """
    gc.disable()
    try:
        # First: deep in other imports, its own calls may each cost Python a new piece of its stack.
        import numpy  # noqa: F401

        from mien.cli.app import run
    except KeyboardInterrupt:  # before `mien.cli.app.main` is there to say so
        print("mien: interrupted", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    run()
