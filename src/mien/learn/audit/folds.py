"""What a network says of faces that it was not trained on: k folds, each a training run.

Train is cut into folds; for each of them a network learns from the others and reads it. The faces
that the network is chosen on are those of val, or a share of the other folds, never those it reads.

    DIR/config.json      what the audit is: recipe, folds, seed, data, versions
    DIR/folds.npy        (N,) uint8, the fold of each training face, from 0
    DIR/fold-1/          the training run that fold 1 takes no part in, as `mien train` leaves it
    DIR/fold-1.npy       (n, 7) float32, what its network says of the n faces of fold 1

An image stands in FER2013 up to several times, under different labels now and then. All duplicates
of one, exact, near or mirrored, lie in the same fold: a network that has seen the copy would repeat
the label that it was told, and no label would look wrong.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from mien import __version__
from mien.errors import DataError, OptionError, TrainingError, check_count
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.data.duplicates import groups_of_duplicates
from mien.learn.networks import Network
from mien.learn.training.batches import Batches
from mien.learn.training.loop import EVALUATION_BATCH, Progress, train
from mien.learn.training.recipes import Recipe, recipe_of
from mien.learn.training.runs import (
    check_same,
    different_settings,
    load_best,
    make_folder,
    reading_config,
    write_config,
)
from mien.output.files import alone, atomic_write
from mien.readings import Probabilities

VAL_SHARE: Final = 0.1
"""Of the other folds' faces, held out to choose the epoch on where the set has no val."""

_MOST_FOLDS: Final = 100
_FIRST_FILES: Final = ("folds.npy", "folds.part.npy", "config.part.json")
"""What a process leaves that is killed before config.json is there."""


@dataclass(frozen=True)
class AuditConfig:
    """What an audit is: enough to repeat it with the same data."""

    recipe: Recipe
    folds: int
    seed: int
    data_name: str
    data_fingerprint: str  # of train and val
    train_count: int
    mien_version: str


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What networks say of the training faces that they have not seen."""

    # (N, 7) float32, row i of training face i; mean of it and its mirror image.
    probabilities: Probabilities
    fold: NDArray[np.int64]  # (N,) int64, from 0
    # For each fold, the share that its network reads as it is labelled.
    accuracies: tuple[float, ...]
    config: AuditConfig  # what the audit is


def audit_recipe(recipe: Recipe) -> Recipe:
    """The recipe without FER+ votes: they are what the audit is measured against.

    Raises:
        OptionError: the recipe learns from teachers, which have seen every face.
    """
    if recipe.distill_weight:
        raise OptionError(
            f"expected one without teachers, who have seen every face and its label; "
            f"{recipe.name} has a distill_weight of {recipe.distill_weight}",
            argument="recipe",
        )
    return replace(recipe, votes_weight=0.0)


def assign_folds(
    faces: FaceSet,
    folds: int,
    *,
    seed: int = 0,
    report: Callable[[float], None] | None = None,
) -> NDArray[np.int64]:
    """Deal faces out to folds: each emotion evenly, and duplicates of an image into the same one.

    Args:
        faces: the training faces.
        folds: how many, 2 to 100.
        seed: of the order in which images are dealt out.
        report: called now and then with the share of the search for duplicates that is done, 0 to
            1.
    Returns:
        (N,) int64, from 0.
    Raises:
        OptionError: `folds` is out of range.
        DataError: an emotion has fewer different images than there are folds.
    """
    check_count("folds", folds, 2, _MOST_FOLDS)
    groups = groups_of_duplicates(faces.images, report=report)
    for target, label in enumerate(EMOTIONS):
        images = len(np.unique(groups[faces.targets == target]))
        if 0 < images < folds:
            raise DataError(
                f"{faces.name}: expected {folds} different images of each emotion, one for each "
                f"fold; there are {images} of {label}"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.zeros(len(faces), np.int64)
    parts = splitter.split(np.zeros(len(faces)), faces.targets, groups)
    for number, (_, held_out) in enumerate(parts):
        fold[held_out] = number
    return fold


def read_out_of_fold(
    faces: FaceSet,
    recipe: Recipe,
    folder: str | Path,
    *,
    folds: int = 5,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    report: Callable[[int, Progress], None] | None = None,
    report_duplicates: Callable[[float], None] | None = None,
) -> OutOfFold | None:
    """Train a network for each fold on the others, and read the fold with it.

    All else is as of `mien.learn.audit.label_errors.audit_labels`.
    """
    check_count("folds", folds, 2, _MOST_FOLDS)
    folder = Path(folder)
    known = faces.split("train+val") if (faces.splits == "val").any() else faces.split("train")
    in_train = known.splits == "train"
    config = AuditConfig(
        recipe=audit_recipe(recipe),
        folds=folds,
        seed=seed,
        data_name=faces.name,
        data_fingerprint=known.fingerprint(),
        train_count=int(in_train.sum()),
        mien_version=__version__,
    )
    if resume:
        _check_same_audit(read_audit_config(folder), config, folder)
    with alone(folder, "mien data audit"):
        if resume:
            fold = _read_array(folder / "folds.npy", (config.train_count,)).astype(np.int64)
        else:
            make_folder(folder, "audit", left=_FIRST_FILES)
            fold = assign_folds(known.take(in_train), folds, seed=seed, report=report_duplicates)
            _save(folder / "folds.npy", fold.astype(np.uint8))
            # Last: where it stands, the folds do.
            write_config(folder, asdict(config))

        probabilities = np.empty((config.train_count, len(EMOTIONS)), np.float32)
        accuracies: list[float] = []
        for number in range(1, folds + 1):
            held_out = fold == number - 1
            path = folder / f"fold-{number}.npy"
            if not path.exists():
                if not _train_fold(number, known, held_out, config, folder, device, report):
                    return None
                unseen = known.take(in_train).take(held_out)
                _save(path, read_by_run(folder / f"fold-{number}", unseen, device=device))
            probabilities[held_out] = _read_array(path, (int(held_out.sum()), len(EMOTIONS)))
            right = probabilities[held_out].argmax(axis=1) == known.targets[in_train][held_out]
            accuracies.append(float(right.mean()))
        return OutOfFold(probabilities, fold, tuple(accuracies), config)


def _train_fold(
    number: int,
    known: FaceSet,
    held_out: NDArray[np.bool_],
    config: AuditConfig,
    folder: Path,
    device: str,
    report: Callable[[int, Progress], None] | None,
) -> bool:
    """Train the network that fold `number` takes no part in; False if it was interrupted."""
    used = np.ones(len(known), np.bool_)
    used[np.flatnonzero(known.splits == "train")[held_out]] = False
    faces = known.take(used)
    if not (faces.splits == "val").any():
        faces = faces.hold_out(VAL_SHARE, seed=config.seed)
    run_dir = folder / f"fold-{number}"
    result = train(
        faces,
        config.recipe,
        run_dir,
        seed=config.seed,
        device=device,
        resume=(run_dir / "config.json").exists(),
        report=None if report is None else lambda progress: report(number, progress),
    )
    return result.finished and not result.interrupted


@torch.no_grad()
def read_by_run(run_dir: Path, faces: FaceSet, *, device: str = "auto") -> Probabilities:
    """What the best weights of a training run say of faces, as they are and in a mirror.

    Returns:
        (N, 7) float32, the mean of both views.
    Raises:
        TrainingError: there is no run, it has no finished epoch, or its files are damaged.
    """
    network: Network
    network, _, _ = load_best(run_dir)
    where = Fabric(accelerator=device, devices=1).device
    network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = []
    for batch in Batches(faces, device=where).in_order(EVALUATION_BATCH):
        views = (batch.pixels, batch.pixels.flip(3))
        both = torch.stack([network(view)[0].softmax(dim=1) for view in views])
        parts.append(both.mean(dim=0).cpu())
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def read_audit_config(folder: Path) -> AuditConfig:
    """What the audit in a folder is.

    Raises:
        TrainingError: there is none, or its config.json is damaged.
    """
    with reading_config(folder, "an audit", "Start it anew, without resuming") as values:
        return AuditConfig(recipe=recipe_of(values.pop("recipe")), **values)


def _check_same_audit(stored: AuditConfig, now: AuditConfig, folder: Path) -> None:
    def data(of: AuditConfig) -> str:
        return f"{of.train_count:,} training faces ({of.data_fingerprint[:8]})"

    begun: dict[str, tuple[object, object]] = {
        "folds": (stored.folds, now.folds),
        "seed": (stored.seed, now.seed),
        "recipe settings": different_settings(stored.recipe, now.recipe),
        "data": (data(stored), data(now)),
    }
    check_same(folder, begun, "Resume with the same, or audit into another folder")


def _save(path: Path, array: NDArray[Any]) -> None:
    with atomic_write(path, durable=True) as part:
        np.save(part, array, allow_pickle=False)


def _read_array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(f"{path}: expected an array of this audit; {error}") from error
    if array.shape != shape:
        raise TrainingError(f"{path}: expected an array of shape {shape}; got {array.shape}")
    return array
