import json
import re
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import doubtful
from command_line import Mien, assert_refused, csv_rows
from learn_fixtures import TINY, PowerCut, made_up_faces, write_parquet_folder
from mien.errors import DataError, MissingExtraError, OptionError, OutputError, TrainingError
from mien.labels import EMOTIONS, FERPLUS, FERPLUS_TO_EMOTION
from mien.learn.audit import check, folds
from mien.learn.audit.check import AUDIT, PLAIN, check_with_votes
from mien.learn.audit.folds import OutOfFold, assign_folds, audit_recipe, read_out_of_fold
from mien.learn.audit.label_errors import (
    Audit,
    audit_labels,
    rank_labels,
    without_doubtful,
    write_labels,
)
from mien.learn.data.datasets import FaceSet
from mien.learn.data.duplicates import groups_of_duplicates
from mien.learn.evaluation.scores import Interval
from mien.learn.reports.audit_page import to_page, write_audit
from mien.learn.training.loop import Progress, train
from mien.learn.training.recipes import RECIPES

pytestmark = pytest.mark.usefixtures("tiny")

N = 140  # training faces
WRONG = np.arange(0, N, 9)  # those that carry a wrong label


def mislabelled_faces() -> FaceSet:
    """Made-up faces, of which those in `WRONG` carry another label than ten taggers saw."""
    faces = made_up_faces()
    votes = np.zeros((len(faces), len(FERPLUS)), np.int64)
    columns = {FERPLUS_TO_EMOTION.get(name): i for i, name in enumerate(FERPLUS)}
    for row, target in enumerate(faces.targets):
        votes[row, columns[EMOTIONS[target]]] = 8
        votes[row, FERPLUS.index("unknown")] = 2
    targets = faces.targets.copy()
    targets[WRONG] = (targets[WRONG] + 1 + WRONG % 5) % 7
    sources = tuple(f"faces, row {row}" for row in range(len(faces)))
    return replace(faces, targets=targets, votes=votes, name="made up", sources=sources)


FACES = mislabelled_faces()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audits") / "reference"


@pytest.fixture(scope="module")
def audit(tiny: None, folder: Path) -> Audit:
    """An audit that nothing interrupted."""
    found = audit_labels(FACES, TINY, folder, folds=3, device="cpu")
    assert found is not None
    return found


def ranked(order: list[int], *, votes: bool = True) -> Audit:
    """An audit of the made-up faces with a ranking of one's own; its networks know nothing."""
    faces = FACES.split("train")
    read = OutOfFold(
        probabilities=np.full((N, 7), 1 / 7, np.float32),
        fold=np.zeros(N, np.int64),
        accuracies=(0.5,),
        config=folds.AuditConfig(TINY, 2, 0, "made up", "", N, "0"),
    )
    return Audit(
        faces=faces if votes else replace(faces, votes=None),
        rows=np.arange(N),
        read=read,
        in_doubt=np.isin(np.arange(N), order[:10]),
        quality=np.argsort(order) / N,
        order=np.array(order),
        joint=np.eye(7) / 7,
    )


def perfect() -> Audit:
    return ranked([*WRONG.tolist(), *(i for i in range(N) if i not in WRONG)])


@pytest.fixture(scope="module")
def labels(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that audit; not to be changed."""
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    write_labels(audit, path)
    return path


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[FaceSet]:
    """What the networks of an audit are trained on, fold by fold."""
    seen: list[FaceSet] = []

    def spy(faces: FaceSet, *arguments: Any, **options: Any) -> Any:
        seen.append(faces)
        return train(faces, *arguments, **options)

    monkeypatch.setattr("mien.learn.audit.folds.train", spy)
    return seen


# Folds


def test_each_emotion_is_dealt_evenly_to_the_folds_by_seed() -> None:
    faces = made_up_faces(train=12).split("train")
    fold = assign_folds(faces, 4)

    assert sorted(np.unique(fold)) == [0, 1, 2, 3]
    for target in range(7):
        assert np.bincount(fold[faces.targets == target]).tolist() == [3, 3, 3, 3]
    assert np.array_equal(fold, assign_folds(faces, 4))
    assert not np.array_equal(fold, assign_folds(faces, 4, seed=1))
    with pytest.raises(DataError, match=r"expected 13 different .* there are 12 of angry"):
        assign_folds(faces, 13)
    for number in (1, 0, 101):
        with pytest.raises(OptionError, match=f"folds: expected 2 to 100; got {number}"):
            assign_folds(faces, number)


def test_copies_of_an_image_lie_in_one_fold_whatever_their_labels() -> None:
    faces = made_up_faces(train=9).split("train")
    again = np.arange(0, len(faces), 3)
    images = np.concatenate(
        [
            faces.images,
            faces.images[again],  # exact
            np.clip(faces.images[again].astype(int) + 20, 0, 255).astype(np.uint8),  # brighter
            faces.images[again][:, :, ::-1],  # mirrored
        ]
    )
    other = (faces.targets[again] + 2) % 7
    more = FaceSet(
        images=images,
        targets=np.concatenate([faces.targets, other, faces.targets[again], other]),
        splits=np.full(len(images), "train"),
    )
    fold = assign_folds(more, 3)

    n = len(faces)
    for duplicates in np.split(np.arange(n, len(more)), 3):
        assert np.array_equal(fold[duplicates], fold[again])
    groups = groups_of_duplicates(more.images)
    assert all(len(np.unique(fold[groups == group])) == 1 for group in groups)


# Reading faces that were not seen


@pytest.mark.parametrize("faces", [FACES, FACES.split("train")], ids=["with val", "without"])
def test_no_network_is_trained_on_a_face_that_it_reads(
    faces: FaceSet, tmp_path: Path, trained: list[FaceSet]
) -> None:
    read = read_out_of_fold(faces, replace(TINY, epochs=1), tmp_path, folds=3, device="cpu")

    assert read is not None
    part, val = faces.split("train"), faces.splits == "val"
    for number, known in enumerate(trained):
        own = {image.tobytes() for image in part.images[read.fold == number]}
        assert own.isdisjoint(image.tobytes() for image in known.images)
        assert len(known) == N - len(own) + val.sum()  # no test
        # Without val a part of the other folds chooses the epoch.
        choose = (known.splits == "val").sum()
        assert choose == val.sum() if val.any() else choose > 0


def test_the_votes_that_check_the_ranking_are_not_learned_from_nor_are_teachers(
    tmp_path: Path,
) -> None:
    assert audit_recipe(RECIPES["mien"]).votes_weight == 0

    with pytest.raises(OptionError, match="expected one without teachers, who have seen every"):
        audit_labels(FACES, RECIPES["mien-distilled"], tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


def test_an_interrupted_audit_goes_on_to_the_same_end(
    audit: Audit, folder: Path, tmp_path: Path
) -> None:
    def go_on(fold: int, epoch: int, *, resume: bool = True) -> Audit | None:
        def report(number: int, progress: Progress) -> None:
            if (number, progress.epoch) == (fold, epoch) and progress.row is None:
                signal.raise_signal(signal.SIGINT)

        return audit_labels(
            FACES, TINY, tmp_path, folds=3, device="cpu", resume=resume, report=report
        )

    assert go_on(1, 2, resume=False) is None
    assert go_on(2, 4) is None
    found = go_on(0, 0)

    assert found is not None
    assert np.array_equal(found.read.probabilities, audit.read.probabilities)
    assert np.array_equal(found.order, audit.order)
    assert (tmp_path / "fold-3.npy").read_bytes() == (folder / "fold-3.npy").read_bytes()


@pytest.mark.slow
def test_a_killed_audit_goes_on_to_the_same_end(audit: Audit, tmp_path: Path) -> None:
    def report(number: int, progress: Progress) -> None:
        if (number, progress.epoch) == (2, 3):
            raise PowerCut

    with pytest.raises(PowerCut):
        audit_labels(FACES, TINY, tmp_path, folds=3, device="cpu", report=report)
    found = audit_labels(FACES, TINY, tmp_path, folds=3, device="cpu", resume=True)

    assert found is not None
    assert np.array_equal(found.read.probabilities, audit.read.probabilities)


def test_a_finished_audit_is_told_again_without_training(
    audit: Audit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("mien.learn.audit.folds.train")
    again = audit_labels(FACES, TINY, folder, folds=3, device="cpu", resume=True)

    assert again is not None
    assert np.array_equal(again.order, audit.order)
    with pytest.raises(DataError, match="probabilities of its 63 training faces; there are 140"):
        rank_labels(made_up_faces(train=9), again.read)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"folds": 4}, "was begun with folds 3; this call has 4"),
        ({"seed": 1}, "was begun with seed 0; this call has 1"),
        ({"recipe": replace(TINY, epochs=9)}, "recipe settings epochs 4; this call has epochs 9"),
        ({"faces": made_up_faces(train=9)}, "with data 140 training faces .* this call has 63"),
    ],
)
def test_another_audit_is_not_resumed(
    changed: dict[str, Any], message: str, audit: Audit, folder: Path
) -> None:
    call = {"faces": FACES, "recipe": TINY, "folds": 3, **changed}
    with pytest.raises(TrainingError, match=message):
        audit_labels(folder=folder, device="cpu", resume=True, **call)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks")
def test_two_at_once_do_not_write_into_one_another(tmp_path: Path) -> None:
    refused: list[int] = []

    def another(number: int, progress: Progress) -> None:
        with pytest.raises(OutputError, match="another `mien data audit` is at work in it"):
            read_out_of_fold(FACES, once, tmp_path / "audit", folds=2)
        refused.append(number)

    once = replace(TINY, epochs=1)
    assert read_out_of_fold(FACES, once, tmp_path / "audit", folds=2, device="cpu", report=another)
    assert {1, 2} <= set(refused)
    assert not (tmp_path / "audit" / ".lock").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(OptionError, match="folds: expected 2 to 100; got 1"):
        audit_labels(FACES, TINY, tmp_path / "new", folds=1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(OutputError, match="expected a new or empty folder; it holds files"):
        audit_labels(FACES, TINY, tmp_path, folds=3)
    with pytest.raises(TrainingError, match=r"expected an audit; it has no config\.json"):
        audit_labels(FACES, TINY, tmp_path, folds=3, resume=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{}"),
        ("config.json", b"[" * 20_000),
        ("folds.npy", b"\x93NUMPY cut off"),
        ("fold-2.npy", b""),
    ],
)
def test_a_damaged_audit_is_refused(
    name: str, content: bytes, audit: Audit, folder: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    (damaged / name).write_bytes(content)

    with pytest.raises(TrainingError, match=f"{name}: expected an a"):
        audit_labels(FACES, TINY, damaged, folds=3, resume=True)


# The ranking


def test_wrong_labels_come_first(audit: Audit) -> None:
    assert set(audit.order[: len(WRONG)]) == set(WRONG)
    assert set(WRONG) >= set(np.flatnonzero(audit.in_doubt))
    assert audit.in_doubt.sum() > len(WRONG) / 2
    right = made_up_faces().split("train").targets
    assert np.array_equal(audit.read_as[WRONG], right[WRONG])
    # Those in doubt stand before the others, each by quality.
    doubted = audit.in_doubt[audit.order]
    assert np.array_equal(doubted, np.sort(doubted)[::-1])
    for part in (True, False):
        assert (np.diff(audit.quality[audit.order][doubted == part]) >= 0).all()


def test_it_tells_what_faces_of_each_label_show(audit: Audit) -> None:
    found = audit.by_label()

    assert list(found) == list(EMOTIONS)
    assert sum(label.n for label in found.values()) == N
    assert sum(label.in_doubt for label in found.values()) == audit.in_doubt.sum()
    assert sum(label.in_worst for label in found.values()) == round(0.05 * N)
    for target, label in enumerate(EMOTIONS):
        own = audit.faces.targets == target
        wrong = np.isin(np.flatnonzero(own), WRONG).mean()
        assert found[label].ferplus_differs == pytest.approx(wrong)
    assert audit.joint.sum() == pytest.approx(1)
    # Confident learning's estimate of how many are wrong is not far off.
    assert 1 - np.trace(audit.joint) == pytest.approx(len(WRONG) / N, abs=0.05)


def test_neither_a_kill_before_it_began_nor_an_emotion_without_faces_does_harm(
    tmp_path: Path,
) -> None:
    (tmp_path / "folds.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "config.part.json").write_bytes(b"{")
    faces = FACES.take(FACES.targets != EMOTIONS.index("disgust"))
    found = audit_labels(faces, replace(TINY, epochs=1), tmp_path, folds=2, device="cpu")

    assert found is not None
    assert "disgust" not in found.by_label()
    assert found.joint[1].sum() == 0
    assert "disgust" in to_page(found)


def test_without_cleanlab_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[audit\]'"):
        audit_labels(FACES, TINY, tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


# labels.csv, and training without the worst


def test_the_file_has_all_faces_by_rank(audit: Audit, labels: Path) -> None:
    rows = csv_rows(labels)

    assert [int(row["rank"]) for row in rows] == list(range(1, N + 1))
    assert sorted(int(row["row"]) for row in rows) == list(range(N))
    for row, i in zip(rows, audit.order, strict=True):
        assert row["source"] == f"faces, row {i}"
        assert row["label"] == EMOTIONS[FACES.targets[i]]
        assert row["read_as"] == max(EMOTIONS, key=lambda emotion: float(row[emotion]))
        assert row["ferplus"] == EMOTIONS[made_up_faces().targets[i]]
        assert int(row["votes_unknown"]) == 2
        assert int(row["fold"]) == audit.read.fold[i] + 1
        assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)


def test_duplicates_with_another_label_are_told(tmp_path: Path) -> None:
    audit = perfect()
    images = audit.faces.images.copy()
    images[2] = images[3] = images[1]
    audit = replace(audit, faces=replace(audit.faces, images=images))
    carried = [EMOTIONS[target] for target in audit.faces.targets[1:4]]
    path = tmp_path / "labels.csv"
    write_labels(audit, path)
    told = {int(row["row"]): row["duplicate_labels"] for row in csv_rows(path)}

    assert len(set(carried)) == 3
    assert set(told[1].split("+")) == set(carried) - {carried[0]}
    assert sorted(row for row, label in told.items() if label) == [1, 2, 3]
    assert f"a duplicate is labelled {', '.join(told[1].split('+'))}<" in to_page(audit)


@pytest.mark.parametrize(("share", "per_label"), [(0.01, False), (0.5, False), (0.2, True)])
def test_training_goes_without_the_worst_share(
    share: float, per_label: bool, audit: Audit, labels: Path
) -> None:
    kept = without_doubtful(FACES, labels, share, per_label=per_label)

    parts = [audit.order]
    if per_label:
        parts = [audit.order[FACES.targets[audit.order] == target] for target in range(7)]
    dropped = np.concatenate([part[: round(share * len(part))] for part in parts])
    expected = np.ones(len(FACES), np.bool_)
    expected[dropped] = False
    assert np.array_equal(kept.images, FACES.images[expected])
    assert np.array_equal(kept.targets, FACES.targets[expected])
    assert kept.left_out == {"label in doubt": len(dropped)}


def test_faces_are_known_again_in_another_order_and_number(labels: Path) -> None:
    kept = without_doubtful(FACES, labels, 0.1)
    rows = np.random.default_rng(0).permutation(len(FACES))[:150]
    fewer = without_doubtful(FACES.take(rows), labels, 0.1)

    there = {image.tobytes() for image in kept.images}
    assert {image.tobytes() for image in fewer.images} == there & {
        image.tobytes() for image in FACES.images[rows]
    }


def test_what_cannot_be_dropped_is_said(labels: Path, tmp_path: Path) -> None:
    for share in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(OptionError, match="drop: expected between 0 and 1"):
            without_doubtful(FACES, labels, share)
    with pytest.raises(DataError, match="there is none for face 0, labelled angry"):
        without_doubtful(made_up_faces(seed=1), labels, 0.1)
    with pytest.raises(DataError, match="cannot be read; No such file"):
        without_doubtful(FACES, tmp_path / "none.csv", 0.1)
    for text, message in (
        ("file,face\na.jpg,1\n", "rank is missing"),
        ("rank,image,label\n2,00,sad\n", "row 2: expected the rank 1, .* got '2'"),
    ):
        (tmp_path / "labels.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            without_doubtful(FACES, tmp_path / "labels.csv", 0.1)


# Against the FER+ votes


def test_measures_are_those_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    wrong = generator.random(300) < 0.3
    weights = generator.integers(0, 4, 300).astype(np.float64)
    falling = -np.arange(300.0)
    precision, auroc, at_50 = check._measures(wrong, weights, [50])

    assert precision == pytest.approx(
        average_precision_score(wrong, falling, sample_weight=weights)
    )
    assert auroc == pytest.approx(roc_auc_score(wrong, falling, sample_weight=weights))
    assert at_50 == np.repeat(wrong, weights.astype(int))[:50].mean()


def test_a_perfect_ranking_has_perfect_scores() -> None:
    other, no_vote = check_with_votes(perfect(), resamples=50)

    for checked in (other, no_vote):
        assert checked.n == N
        assert checked.prevalence == len(WRONG) / N
        score = checked.rankings[AUDIT]
        assert score.average_precision.value == score.auroc.value == 1
        assert score.average_precision.interval.low == pytest.approx(1)
        assert list(score.precision_at) == [14, 100]  # no share of fewer than ten faces
        assert score.precision_at[14].value == 1
        assert score.precision_at[14].interval == Interval.wilson(14, 14)
        assert score.precision_at[100].value == pytest.approx(len(WRONG) / 100)
        assert checked.doubted_n == 10
        assert (checked.doubted_precision, checked.doubted_recall) == (1, 10 / len(WRONG))
        # Networks that know nothing leave the order of the set.
        assert checked.rankings[PLAIN].auroc.value == pytest.approx(0.5, abs=0.1)
        assert checked.gain.interval.low > 0


def test_faces_without_a_majority_among_the_seven_are_passed_over() -> None:
    audit = perfect()
    assert audit.faces.votes is not None
    votes = audit.faces.votes.copy()
    votes[1] = 0
    votes[2] = [5, 5, *[0] * 8]  # a tie
    votes[3] = [0] * 9 + [10]  # not a face
    other, no_vote = check_with_votes(
        replace(audit, faces=replace(audit.faces, votes=votes)), resamples=2
    )

    assert (other.n, no_vote.n) == (N - 3, N - 1)


def test_what_cannot_be_checked_is_not() -> None:
    with pytest.raises(DataError, match="made up has no FER\\+ votes to check the ranking with"):
        check_with_votes(ranked(list(range(N)), votes=False))
    audit = ranked(list(range(N)))
    all_right = replace(audit.faces, targets=made_up_faces().split("train").targets)
    assert check_with_votes(replace(audit, faces=all_right)) == ()


# The page


def test_the_page_says_what_it_cannot_tell(audit: Audit) -> None:
    knows_nothing = ranked(list(range(N)), votes=False)
    faces = replace(knows_nothing.faces, name="<b>&")
    page = to_page(replace(knows_nothing, faces=faces))

    assert page.count("<li ") == N
    assert "FER+:" not in page
    assert "FER+ majority" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert knows_nothing.accuracy <= knows_nothing.chance
    assert "The networks have learned nothing" in page
    assert audit.accuracy > audit.chance
    assert "The networks have learned nothing" not in to_page(audit)
    for count in (0, 5001):
        with pytest.raises(OptionError, match=f"expected 1 to 5000; got {count}"):
            to_page(audit, count=count)


def test_the_page_needs_nothing_else_and_the_summary_has_the_counts(
    audit: Audit, tmp_path: Path
) -> None:
    written = write_audit(audit, check_with_votes(audit, resamples=20), tmp_path, count=30)

    names = ["index.html", "labels.csv", "precision.png", "precision.svg", "summary.json"]
    assert sorted(file.name for file in written) == names
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["n"] == N
    assert summary["in_doubt"] == audit.in_doubt.sum()
    assert summary["by_label"]["sad"]["n"] == audit.by_label()["sad"].n
    assert [check["n"] for check in summary["ferplus"]] == [N, N]
    page = (tmp_path / "index.html").read_text()
    assert page.count("<li ") == 30
    assert page.count('src="data:image/png;base64,') == 30 + 1  # the figure
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\(|@import', page)
    assert f"{audit.in_doubt.sum()} labels" in page
    assert "most taggers saw another emotion" in page
    assert page.count('data-votes="read"') >= len(WRONG)
    assert "FER+: " in page


# The commands


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_parquet_folder(tmp_path / "faces", FACES)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(
        json.dumps({"network": "tiny", "epochs": 3, "batch_size": 7, "learning_rate": 3e-3})
    )
    return path


@pytest.mark.slow
def test_audit_and_training_without_the_worst(
    mien: Mien, data: Path, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "audit"
    call = ("data", "audit", data, "--recipe", recipe, "--folds", "3", "--out", out)
    shown = mien(*call, "--device", "cpu", "--page-faces", "20")

    assert shown.status == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0].startswith("140 training faces, 3 folds of small, 3 epochs each: ")
    assert re.match(r"\d+ labels in doubt", lines[1])
    assert lines[3] == "label faces in doubt share mostly read as in the worst 5% FER+ differs"
    assert any(line.startswith("wrong if most taggers saw another") for line in lines)
    assert "ranked by chance doubt, then odds doubt, then margin 1 - p(label)" in lines
    assert any(line.startswith("average precision 0.114 ") for line in lines)
    assert "fold 3 of 3" in shown.stderr
    assert (out / "index.html").read_text().count("<li ") == 20

    again = mien(*call, "--device", "cpu", "--resume", "--json")
    assert json.loads(again.stdout)["n"] == N
    assert "epoch" not in again.stderr

    labels = ("--without-doubtful", out / "labels.csv")
    training = ("train", "--data", data, "--recipe", recipe, "--device", "cpu")
    shown = mien(*training, "--out", tmp_path / "run", *labels, "--drop", "0.1")
    assert shown.status == 0
    assert "left out 14 of 140 training images: labels in doubt" in shown.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["train_count"] == N - 14

    for lonely in (labels, ("--drop", "0.1"), ("--drop-per-label",)):
        shown = mien(*training, "--out", tmp_path / "other", *lonely)
        assert_refused(shown, "expected --without-doubtful and --drop together")


# The benchmark


def test_the_benchmark_takes_as_many_steps_without_some_faces() -> None:
    fewer = doubtful.without_some(FACES, 0.1)
    filled = doubtful.filled(fewer, N)

    assert (fewer.splits == "train").sum() == N - 14
    assert (filled.splits == "train").sum() == N
    there = {image.tobytes() for image in fewer.images}
    assert {image.tobytes() for image in filled.images} == there
    assert (filled.splits != "train").sum() == (FACES.splits != "train").sum()
