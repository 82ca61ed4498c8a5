"""Runs that a benchmark compares: their options, their training, and columns of their networks."""

import argparse
from pathlib import Path

from mien.learn.data.datasets import FaceSet
from mien.learn.files.export import latency_ms
from mien.learn.networks import build, macs
from mien.learn.training.loop import TrainingResult, train
from mien.learn.training.recipes import Recipe
from program import options_of

COLUMNS = ("parameters", "MACs", "one face")


def runs_of(doc: str | None, *, recipe: str, epochs: int) -> argparse.ArgumentParser:
    """A parser with the options of programs that train, and these defaults."""
    parser = options_of(doc)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--recipe", default=recipe)
    parser.add_argument("--epochs", type=int, default=epochs)
    return parser


def trained(faces: FaceSet, recipe: Recipe, folder: Path, *, seed: int) -> TrainingResult:
    """The finished run in `folder`; Ctrl-C saves it and ends the process."""
    result = train(faces, recipe, folder, seed=seed, resume=(folder / "config.json").exists())
    if not result.finished:
        raise SystemExit("interrupted and saved; the same command goes on")
    return result


def columns_of(name: str) -> tuple[str, str, str]:
    """What `COLUMNS` say of the network of that name."""
    network = build(name).eval()
    return (
        f"{network.parameter_count():,}",
        f"{macs(network) / 1e6:.0f} M",
        f"{latency_ms(network):.2f} ms",
    )
