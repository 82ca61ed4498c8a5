"""`python -m mien` is `mien`."""

from typing import NoReturn


def run() -> NoReturn:
    """The command line, as a process of its own.

    Its modules are imported here: worker processes import the script that calls this, and need
    none of them.
    """
    from mien.cli.app import run

    run()


if __name__ == "__main__":
    run()
