"""Training labels that are probably wrong: confident learning on what unseeing networks say.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068) takes probabilities that a
network gives to faces it was not trained on, and counts, for each pair of a given and another
label, the faces that are read as the other one at least as surely as that one's own faces are on
average. From these counts it says how many labels are wrong, and which. The computing is
cleanlab's, whose authors are the paper's.

What comes first is a label to look at, not a label that is wrong: a face that shows two emotions at
once is in doubt, too, and so is one that the networks read badly.
"""

import csv
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, OptionError, needs_extra
from mien.labels import EMOTIONS, FERPLUS
from mien.learn.data.datasets import FaceSet
from mien.learn.data.tables import csv_rows
from mien.learn.evaluation.scores import ferplus_targets
from mien.learn.training.recipes import Recipe
from mien.output.files import atomic_text

if TYPE_CHECKING:
    from mien.learn.audit.folds import OutOfFold
    from mien.learn.training.loop import Progress

LABEL_COLUMNS: Final = (
    "rank",  # from 1, the most doubtful first
    "row",  # in the order of the data set, from 0
    "source",
    "image",  # the first 16 digits of the SHA-256 of the pixels
    "label",
    "read_as",  # the likeliest emotion, by the network that has not seen the face
    "in_doubt",  # true or false: what confident learning holds to be wrong
    "quality",  # of the label, 0 to 1; by it those in doubt are ranked, then the others
    *EMOTIONS,  # probabilities
    "fold",  # from 1
    "duplicate_labels",  # labels of exact duplicates in train, if others, joined by +
)
"""Of the file that `write_labels` writes; where there are FER+ votes, `VOTE_COLUMNS` follow."""

VOTE_COLUMNS: Final = ("ferplus", *(f"votes_{name}" for name in FERPLUS))
"""The emotion that most FER+ taggers saw, empty where there is none, and all ten counts."""

WORST: Final = 0.05
"""Share of all faces, the most doubtful first, of which `LabelDoubt` tells how many it has."""

_DIGITS: Final = 16


@dataclass(frozen=True)
class LabelDoubt:
    """What an audit finds of the faces that carry one label.

    Attributes:
        n: faces that carry it.
        in_doubt: how many of them confident learning holds to be wrong.
        read_as: the emotion that most of those are read as; empty if there are none.
        in_worst: how many of the n are among the `WORST` share of all faces.
        ferplus_differs: of the n whose FER+ majority is an emotion, the share where it is another
            one; None where there are none.
    """

    n: int
    in_doubt: int
    read_as: str
    in_worst: int
    ferplus_differs: float | None


@dataclass(frozen=True, eq=False)
class Audit:
    """Training faces, and how doubtful their labels are.

    Attributes:
        faces: the N training faces.
        rows: (N,) int64, where each stands in the whole set.
        read: what the networks say of them.
        in_doubt: (N,) bool, the labels that confident learning holds to be wrong.
        quality: (N,) float64, 0 to 1: p(label) as a share of it and the highest p of another
            emotion; below .5 where the face is read as another.
        order: (N,) int64, the faces from the most to the least doubtful: first those in doubt, then
            the others, each by `quality`.
        joint: (7, 7) float64, sums to 1: the share of faces that carry label i and show, as
            confident learning estimates it, emotion j.
    """

    faces: FaceSet
    rows: NDArray[np.int64]
    read: "OutOfFold"
    in_doubt: NDArray[np.bool_]
    quality: NDArray[np.float64]
    order: NDArray[np.int64]
    joint: NDArray[np.float64]

    @property
    def read_as(self) -> NDArray[np.int64]:
        """(N,) int64: the likeliest emotion of each face."""
        return np.asarray(self.read.probabilities.argmax(axis=1), np.int64)

    @property
    def accuracy(self) -> float:
        """The share of faces that is read as it is labelled."""
        return float((self.read_as == self.faces.targets).mean())

    @property
    def chance(self) -> float:
        """The share of faces that carry the commonest label: an accuracy that takes no network.

        Where `accuracy` is not above it, the networks know nothing, and nor does the ranking.
        """
        return float(self.faces.class_counts().max() / len(self.faces))

    def duplicate_labels(self) -> dict[int, tuple[str, ...]]:
        """Face -> other labels that its exact duplicates carry; faces without such duplicates are
        left out.

        Such a label is wrong, or the other one is: no network needs to say so.
        """
        targets_of: dict[bytes, set[int]] = {}
        keys = [image.tobytes() for image in self.faces.images]
        for key, target in zip(keys, self.faces.targets.tolist(), strict=True):
            targets_of.setdefault(key, set()).add(target)
        return {
            i: tuple(EMOTIONS[other] for other in sorted(targets_of[key] - {target}))
            for i, (key, target) in enumerate(zip(keys, self.faces.targets.tolist(), strict=True))
            if len(targets_of[key]) > 1
        }

    def by_label(self) -> dict[str, LabelDoubt]:
        """Label -> what is found of the faces that carry it; labels without faces are left out."""
        targets, read_as = self.faces.targets, self.read_as
        majority = None if self.faces.votes is None else ferplus_targets(self.faces)
        worst = np.zeros(len(targets), np.bool_)
        worst[self.order[: round(WORST * len(targets))]] = True
        found = {}
        for target, label in enumerate(EMOTIONS):
            own = targets == target
            if not own.any():
                continue
            doubted = own & self.in_doubt
            counts = np.bincount(read_as[doubted], minlength=len(EMOTIONS))
            differs = None
            if majority is not None and (known := own & (majority >= 0)).any():
                differs = float((majority[known] != target).mean())
            found[label] = LabelDoubt(
                n=int(own.sum()),
                in_doubt=int(doubted.sum()),
                read_as=EMOTIONS[counts.argmax()] if doubted.any() else "",
                in_worst=int((own & worst).sum()),
                ferplus_differs=differs,
            )
        return found

    def rows_by_label(self) -> list[list[str]]:
        """The same in words: label, n, in doubt, that share, read as, share in the worst, votes."""
        rows = []
        for label, found in self.by_label().items():
            row = [label, f"{found.n:,}", f"{found.in_doubt:,}", f"{found.in_doubt / found.n:.1%}"]
            row += [found.read_as, f"{found.in_worst / found.n:.1%}"]
            if self.faces.votes is not None:
                share = found.ferplus_differs
                row.append("" if share is None else f"{share:.1%}")
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The counts as plain values, ready for JSON; the faces are in `write_labels`'s file."""
        config = self.read.config
        return {
            "name": self.faces.name,
            "n": len(self.faces),
            "recipe": config.recipe.name,
            "epochs": config.recipe.epochs,
            "folds": config.folds,
            "seed": config.seed,
            "fold_accuracies": self.read.accuracies,
            "accuracy": self.accuracy,
            "chance": self.chance,
            "in_doubt": int(self.in_doubt.sum()),
            "by_label": {label: asdict(found) for label, found in self.by_label().items()},
            "joint": self.joint.tolist(),
        }


def audit_labels(
    faces: FaceSet,
    recipe: Recipe,
    folder: str | Path,
    *,
    folds: int = 5,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    report: "Callable[[int, Progress], None] | None" = None,
    report_duplicates: Callable[[float], None] | None = None,
) -> Audit | None:
    """Rank the training faces of a set by how doubtful their labels are.

    An interrupt (Ctrl-C) finishes the step under way, saves and returns; with `resume` the same
    call goes on from there, as it does where the process was killed.

    Args:
        faces: a whole data set. Its val, if it has one, chooses the epoch; test is not looked at.
        recipe: the settings of each run; FER+ votes in it are left out, see `audit_recipe`.
        folder: a folder that does not exist or is empty; with `resume`, that of the earlier call.
        folds: how many networks are trained.
        seed: of the folds, and of each run.
        device: "auto", "cpu", "cuda" or "mps".
        resume: go on with the audit in `folder`.
        report: called with the number of a fold, from 1, and where its run is.
        report_duplicates: called with the share of the search for duplicates that is done, 0 to 1.
    Returns:
        None if it was interrupted.
    Raises:
        MissingExtraError: the package `cleanlab` is not installed.
        DataError: train is missing or an emotion in it has too few images.
        OptionError: `folds` is out of range, or the recipe learns from teachers.
        OutputError: `folder` holds something, another audit is at work in it, or it cannot be
            written.
        TrainingError: the audit in `folder` is another or damaged; and what training raises.
    """
    _need_cleanlab()  # before hours of training
    from mien.learn.audit.folds import read_out_of_fold

    read = read_out_of_fold(
        faces,
        recipe,
        folder,
        folds=folds,
        seed=seed,
        device=device,
        resume=resume,
        report=report,
        report_duplicates=report_duplicates,
    )
    return None if read is None else rank_labels(faces, read)


def rank_labels(faces: FaceSet, read: "OutOfFold") -> Audit:
    """Rank the training faces by what networks say that have not seen them.

    Confident learning chooses those in doubt by its rule "prune by noise rate": of each pair of a
    given and another label as many as it counts, by the largest margin of the other one over the
    given one. They are ranked by `Audit.quality`, the odds between these two, in place of their
    difference, as cleanlab would: a face read as happy at .6 and as its label at .01 then stands
    before one with .8 and .15. Against the FER+ votes that puts more wrong labels among the first
    hundreds, which people look at, and a few less among the first tenth (docs/audit.md).

    Args:
        faces: a whole data set.
        read: of its training faces.
    Raises:
        MissingExtraError: the package `cleanlab` is not installed.
        DataError: `read` is of another number of faces.
    """
    _need_cleanlab()
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    part = faces.split("train")
    if len(part) != len(read.probabilities):
        raise DataError(
            f"{faces.name}: expected probabilities of its {len(part):,} training faces; there are "
            f"{len(read.probabilities):,}"
        )
    # Of the emotions that there are: cleanlab warns of those without faces.
    there, labels = np.unique(part.targets, return_inverse=True)
    probabilities = read.probabilities[:, there].astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    counts = compute_confident_joint(labels, probabilities)
    in_doubt = find_label_issues(
        labels,
        probabilities,
        confident_joint=counts,
        filter_by="prune_by_noise_rate",
        n_jobs=1,  # others would be forked, which torch's threads do not outlive
    )
    given = get_label_quality_scores(labels, probabilities, method="self_confidence")
    margin = 2 * get_label_quality_scores(labels, probabilities, method="normalized_margin") - 1
    quality = given / np.maximum(2 * given - margin, np.finfo(np.float64).tiny)
    joint = np.zeros((len(EMOTIONS), len(EMOTIONS)))
    joint[np.ix_(there, there)] = estimate_joint(labels, probabilities, confident_joint=counts)
    return Audit(
        faces=part,
        rows=np.flatnonzero(faces.splits == "train"),
        read=read,
        in_doubt=np.asarray(in_doubt, np.bool_),
        quality=quality,
        order=np.lexsort((quality, ~in_doubt)),
        joint=joint,
    )


def _need_cleanlab() -> None:
    with needs_extra("audit", "auditing labels"):
        import cleanlab  # noqa: F401


def write_labels(audit: Audit, path: Path) -> None:
    """Write a CSV file with a row for each training face, the most doubtful first.

    Raises:
        OutputError: it cannot be written.
    """
    faces, read, read_as = audit.faces, audit.read, audit.read_as
    digests, duplicate_labels = _digests(faces), audit.duplicate_labels()
    votes, majority = faces.votes, None
    if votes is not None:
        majority = [EMOTIONS[i] if i >= 0 else "" for i in ferplus_targets(faces)]
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LABEL_COLUMNS + (() if votes is None else VOTE_COLUMNS))
        for rank, i in enumerate(audit.order, start=1):
            cells = [
                rank,
                audit.rows[i],
                faces.sources[i] if faces.sources is not None else "",
                digests[i],
                EMOTIONS[faces.targets[i]],
                EMOTIONS[read_as[i]],
                "true" if audit.in_doubt[i] else "false",
                f"{audit.quality[i]:.5f}",
                *(f"{p:.5f}" for p in read.probabilities[i]),
                read.fold[i] + 1,
                "+".join(duplicate_labels.get(i, ())),
            ]
            if votes is not None and majority is not None:
                cells += [majority[i], *votes[i]]
            writer.writerow(cells)


def without_doubtful(
    faces: FaceSet, path: str | Path, share: float, *, per_label: bool = False
) -> FaceSet:
    """The same set without the training faces whose labels are the most doubtful.

    Faces are known again by their pixels and label, so that the set may come in another form or
    order than the one that was audited, and lack some of its faces. Val and test stay whole.

    Args:
        faces: a whole data set.
        path: the file that `write_labels` wrote.
        share: of the faces in that file, 0 to 1, from the most doubtful on.
        per_label: that share of each label, so that the rare ones, which are in doubt more often,
            stay as rare as they are.
    Returns:
        The set, with a line in `left_out`.
    Raises:
        OptionError: `share` is not between 0 and 1.
        DataError: the file cannot be read, is no such file, or has no row for a training face.
    """
    if not 0.0 < share < 1.0:
        raise OptionError(f"expected between 0 and 1; got {share}", argument="drop")
    ranked: list[tuple[str, str]] = []
    for where, row in csv_rows(Path(path), ("rank", "image", "label")):
        if row["rank"] != str(len(ranked) + 1):
            raise DataError(
                f"{where}: expected the rank {len(ranked) + 1}, since rows stand by rank from 1; "
                f"got {row['rank']!r}"
            )
        ranked.append((row["image"], row["label"]))
    known = set(ranked)
    parts = [[key for key in ranked if key[1] == label] for label in EMOTIONS]
    dropped = {
        key
        for part in (parts if per_label else [ranked])
        for key in part[: round(share * len(part))]
    }
    drop = np.zeros(len(faces), np.bool_)
    in_train = np.flatnonzero(faces.splits == "train")
    for i, image in zip(in_train, _digests(faces.take(in_train)), strict=True):
        key = image, EMOTIONS[faces.targets[i]]
        if key not in known:
            source = f" ({faces.sources[i]})" if faces.sources is not None else ""
            raise DataError(
                f"{path}: expected a row for each training face of {faces.name}; there is none for "
                f"face {i}{source}, labelled {key[1]}. Was it written for other data?"
            )
        drop[i] = key in dropped
    left_out = {**faces.left_out, "label in doubt": int(drop.sum())}
    return replace(faces.take(~drop), left_out=left_out)


def _digests(faces: FaceSet) -> list[str]:
    return [hashlib.sha256(image.tobytes()).hexdigest()[:_DIGITS] for image in faces.images]
