"""What training without the most doubtful labels gives, and without as many drawn by chance.

    python benchmarks/doubtful.py --data FER2013 --labels AUDIT/labels.csv --out DIR
        [--drop 0.02 0.05 0.1] [--per-label 0.1] [--chance 0.1]
        [--seeds 0] [--recipe paper-modern] [--epochs 6]

Trains on all faces, without the worst share of labels.csv of `mien data audit`, without that share
of each label, and without a share drawn by chance; FER+ votes are not learned from. In the place of
the faces that are left out others come twice, so that each run takes the same number of steps.
Prints a table in Markdown of what the best epoch of each run reads on val, of two views:
PublicTest, on which that epoch was chosen, so that only differences mean something. These are told
with a 95 % interval from 1,000 draws of val's faces, the same for both runs; it says nothing of
another seed. Test is not looked at. A run that is there already in DIR is gone on with.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.learn.audit.folds import audit_recipe, read_by_run
from mien.learn.audit.label_errors import without_doubtful
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.evaluation.scores import ferplus_targets
from mien.learn.training.recipes import recipe_named
from program import print_head, print_row
from trained import runs_of, trained

RESAMPLES = 1000


Readings = dict[str, NDArray[np.float64]]
"""Measure -> (N,), of each face: 1 where it is read right, and the label's -log p."""


def main() -> None:
    parser = runs_of(__doc__, recipe="paper-modern", epochs=6)
    parser.add_argument("--labels", type=Path, help="without it nothing is left out but by chance")
    parser.add_argument("--drop", type=float, nargs="*", default=[0.02, 0.05, 0.1])
    parser.add_argument("--per-label", type=float, nargs="*", default=[0.1])
    parser.add_argument("--chance", type=float, nargs="*", default=[0.1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    faces = load_faces(options.data)
    sets = {"none": faces}
    for share in options.chance:
        sets[f"{share:.0%} by chance"] = without_some(faces, share)
    for share in options.drop if options.labels else []:
        sets[f"worst {share:.0%}"] = without_doubtful(faces, options.labels, share)
    for share in options.per_label if options.labels else []:
        part = without_doubtful(faces, options.labels, share, per_label=True)
        sets[f"worst {share:.0%} of each label"] = part
    recipe = audit_recipe(recipe_named(options.recipe, epochs=options.epochs))
    val = faces.split("val")
    full = int((faces.splits == "train").sum())
    print(f"{recipe.name}, {recipe.epochs} epochs; val, n {len(val):,}\n")
    print_head("left out", "seed", "accuracy", "gain", "as FER+ majority", "gain", "loss", "gain")
    for seed in options.seeds:
        first: Readings = {}
        for name, part in sets.items():
            folder = options.out / f"{name.replace(' ', '-').replace('%', '')}-{seed}"
            trained(filled(part, full), recipe, folder, seed=seed)
            readings, cells = read(folder, val), list[str]()
            for measure, values in readings.items():
                gained = gain(values - first[measure]) if first else ""
                cells += [f"{values.mean():.4f}", gained]
            first = first or readings
            print_row(name, str(seed), *cells)


def without_some(faces: FaceSet, share: float) -> FaceSet:
    """The set without a share of its training faces, drawn by chance."""
    rows = np.flatnonzero(faces.splits == "train")
    dropped = np.random.default_rng(0).choice(rows, round(share * len(rows)), replace=False)
    return faces.take(~np.isin(np.arange(len(faces)), dropped))


def filled(faces: FaceSet, count: int) -> FaceSet:
    """The set with so many training faces, of which some come twice."""
    rows = np.flatnonzero(faces.splits == "train")
    again = np.random.default_rng(0).choice(rows, count - len(rows), replace=False)
    return replace(faces.take(np.concatenate([np.arange(len(faces)), again])), left_out={})


def read(folder: Path, val: FaceSet) -> Readings:
    """What the best epoch of a run reads on val; FER+ has a majority for some of its faces."""
    probabilities = read_by_run(folder, val).astype(np.float64)
    likeliest, majority = probabilities.argmax(axis=1), ferplus_targets(val)
    return {
        "accuracy": (likeliest == val.targets).astype(np.float64),
        "as FER+ majority": (likeliest == majority)[majority >= 0].astype(np.float64),
        "loss": -np.log(probabilities[np.arange(len(val)), val.targets]),
    }


def gain(difference: NDArray[np.float64]) -> str:
    """The mean of (N,) differences, and its interval."""
    generator = np.random.default_rng(0)
    draws = [generator.choice(difference, len(difference)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{difference.mean():+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
