"""A run that a benchmark compares with others: trained, or gone on with where it was left."""

from pathlib import Path

from mien.learn.data.datasets import FaceSet
from mien.learn.training.loop import TrainingResult, train
from mien.learn.training.recipes import Recipe


def trained(faces: FaceSet, recipe: Recipe, folder: Path, *, seed: int) -> TrainingResult:
    """The finished run in `folder`; Ctrl-C saves it and ends the process."""
    result = train(faces, recipe, folder, seed=seed, resume=(folder / "config.json").exists())
    if not result.finished:
        raise SystemExit("interrupted and saved; the same command goes on")
    return result
