"""What `typer scripts/cli_app.py utils docs` writes docs/cli.md from: see `make cli-reference`."""

from mien.cli.app import build_app

app = build_app()
