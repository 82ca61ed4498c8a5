"""Views of faces that teachers are asked about once."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from learn_fixtures import TINY, VOTED_FACES, VOTING, interrupt_at, same_run
from mien.errors import TrainingError
from mien.learn.training.batches import Batches, augment_by
from mien.learn.training.distillation import Teachers
from mien.learn.training.loop import Progress, TrainingResult, train
from mien.learn.training.runs import read_checkpoint
from mien.learn.training.views import StoredViews

pytestmark = pytest.mark.usefixtures("tiny")

CPU = torch.device("cpu")
FACES = VOTED_FACES
TRAIN = FACES.split("train")
STUDENT = replace(
    VOTING,
    name="student",
    distill_weight=0.8,
    mixup=0.2,
    stored_views=3,
    augmentation=replace(TINY.augmentation, erasing=0.5, noise=10.0),
)


@pytest.fixture(scope="module")
def student(voting_run: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("students") / "student"
    return train(FACES, STUDENT, folder, device="cpu", teachers=[voting_run])


def _views(recipe: Any = STUDENT, seed: int = 0) -> StoredViews:
    train = Batches(TRAIN, votes=True, device=CPU)
    return StoredViews(train, recipe, augment_by, seed=seed, basis="", compiled=False)


def test_a_view_is_the_same_whenever_and_with_whomever_it_is_made() -> None:
    rows, views = torch.tensor([5, 0, 77]), torch.tensor([2, 1, 0])
    made = _views().make(rows, views)

    assert made.targets.shape == (3, 7)
    assert made.votes is not None
    for place in range(3):
        alone = _views().make(rows[place : place + 1], views[place : place + 1])
        assert torch.allclose(alone.pixels[0], made.pixels[place], atol=1e-3)
        assert torch.equal(alone.targets[0], made.targets[place])
        assert alone.votes is not None
        assert torch.equal(alone.votes[0], made.votes[place])
    other = _views(seed=1).make(rows, views).pixels
    assert not torch.allclose(other, made.pixels, atol=1.0)
    turned = _views().make(rows, views.roll(1)).pixels
    assert not torch.allclose(turned, made.pixels, atol=1.0)


def test_without_mixup_a_view_shows_its_face_alone() -> None:
    plain = replace(STUDENT, mixup=0.0)
    rows = torch.arange(9)
    shown = _views(plain).make(rows, torch.zeros_like(rows))

    assert shown.targets.tolist() == TRAIN.targets[:9].tolist()


def test_each_epoch_draws_a_view_of_each_face_by_seed_and_epoch() -> None:
    first = _views().chosen(1)

    assert first.shape == (len(TRAIN),)
    assert set(first.tolist()) == {0, 1, 2}
    assert torch.equal(first, _views().chosen(1))
    assert not torch.equal(first, _views().chosen(2))
    assert not torch.equal(first, _views(seed=1).chosen(1))


def test_teachers_are_asked_once_about_what_the_epochs_then_show(
    voting_run: Path, asked: list[Tensor], tmp_path: Path
) -> None:
    still = replace(STUDENT.augmentation, noise=0.0)
    recipe = replace(STUDENT, augmentation=still, dropout=0.0)
    train(FACES, recipe, tmp_path / "run", device="cpu", teachers=[voting_run])

    assert len(asked) == 3 * 20  # views and batches; not once more in four epochs
    views = _views(recipe)
    of_teachers = torch.cat(asked).view(3, len(TRAIN), 1, 48, 48)
    rows = torch.arange(len(TRAIN))
    pixels = views.make(rows, views.chosen(4)).pixels
    assert torch.allclose(pixels, of_teachers[views.chosen(4), rows], atol=1e-3)


def test_stored_answers_are_those_of_the_teachers(
    voting_run: Path, student: TrainingResult
) -> None:
    names = sorted(path.name for path in (student.run_dir / "views").iterdir())
    assert names == ["00.pt", "01.pt", "02.pt"]
    stored = read_checkpoint(student.run_dir / "views" / "01.pt")["answers"]
    rows = torch.arange(len(TRAIN))
    pixels = _views().make(rows, torch.ones_like(rows)).pixels
    teachers = Teachers([voting_run], STUDENT)
    with torch.no_grad():
        logits, votes_logits = teachers._networks[0](pixels)

    assert stored.dtype == torch.float16
    assert stored.shape == (len(TRAIN), 15)
    assert torch.allclose(stored[:, :7].float(), (logits / 2.0).softmax(1), atol=1e-3)
    assert torch.allclose(stored[:, 7:].float(), (votes_logits / 2.0).softmax(1), atol=1e-3)


def test_a_student_of_stored_views_learns(voting_run: Path, tmp_path: Path) -> None:
    # Labels of train turned by one: the teacher is right, and alone has a weight.
    wrong = replace(FACES, targets=(FACES.targets + (FACES.splits == "train")) % 7)
    recipe = replace(STUDENT, distill_weight=1.0, votes_weight=0.0)
    result = train(wrong, recipe, tmp_path / "run", device="cpu", teachers=[voting_run])

    assert result.best is not None
    assert result.best.val_accuracy > 0.8


def test_a_run_interrupted_while_teachers_are_asked_and_in_an_epoch_ends_as_if_it_had_not_been(
    voting_run: Path, student: TrainingResult, asked: list[Tensor], tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"

    def while_asking(progress: Progress) -> None:
        if progress.asked is not None and progress.asked > 0.5:
            signal.raise_signal(signal.SIGINT)

    def go_on(report: Callable[[Progress], None] | None, *, resume: bool = True) -> TrainingResult:
        given: dict[str, Any] = {"device": "cpu", "teachers": [voting_run], "report": report}
        return train(FACES, STUDENT, run_dir, resume=resume, **given)

    first = go_on(while_asking, resume=False)
    kept = sorted(path.name for path in (run_dir / "views").iterdir())
    before = len(asked)
    second = go_on(interrupt_at((2, 10)))

    assert (first.finished, first.history, kept) == (False, (), ["00.pt"])
    assert (second.finished, len(second.history)) == (False, 1)
    assert same_run(go_on(None), student)
    assert len(asked) - before == 2 * 20


def test_answers_about_other_views_are_refused(
    voting_run: Path, student: TrainingResult, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(student.run_dir, tmp_path / "run")
    (run_dir / "last.pt").unlink()  # so that it begins again, with the answers that are there
    shutil.copy(run_dir / "views" / "01.pt", run_dir / "views" / "00.pt")

    with pytest.raises(TrainingError, match=r"00\.pt: expected .*; it is of others\. Remove the f"):
        train(FACES, STUDENT, run_dir, device="cpu", teachers=[voting_run], resume=True)
