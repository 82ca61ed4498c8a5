import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional as F

from command_line import Mien, assert_refused
from learn_fixtures import (
    TINY,
    VOTED_FACES,
    best_weights,
    history_of,
    made_up_faces,
    same_weights,
    write_csv,
)
from mien.errors import OptionError, TrainingError
from mien.learn.training.batches import Batches
from mien.learn.training.distillation import Teachers, distillation_loss
from mien.learn.training.loop import train
from mien.learn.training.runs import fingerprint, load_best, read_config

pytestmark = pytest.mark.usefixtures("tiny", "no_figure_of_history")

ROOT = Path(__file__).resolve().parent.parent
FACES = VOTED_FACES
STUDENT = replace(TINY, name="student", distill_weight=0.8, votes_weight=0.5, mixup=0.2)


@pytest.fixture(scope="module")
def teachers(
    tiny: None, voting_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path]:
    """Two finished runs, the second without a head for the votes; and one interrupted."""
    folder = tmp_path_factory.mktemp("teachers")
    shutil.copytree(voting_run, folder / "a")
    train(FACES, replace(TINY, name="plain"), folder / "b", device="cpu", seed=1)
    unfinished = shutil.copytree(folder / "a", folder / "unfinished")
    rows = (unfinished / "history.csv").read_text().splitlines(keepends=True)
    (unfinished / "history.csv").write_text("".join(rows[:3]))
    return folder / "a", folder / "b", unfinished


def test_the_loss_is_the_divergence_from_the_teachers_times_temperature_squared() -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    shares = torch.rand(5, 7, generator=torch.Generator().manual_seed(1))
    shares = shares / shares.sum(1, keepdim=True)
    student = (logits / 3.0).softmax(1)
    expected = 9.0 * (shares * (shares / student).log()).sum(1).mean()

    loss = distillation_loss(logits, shares, 3.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    # Hinton et al., equation 2: the gradient of a logit is T (student - teacher) / N here.
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.allclose(gradient, 3.0 * (student - shares) / 5, atol=1e-6)
    # Who says what the teachers say has nothing to learn.
    nothing = distillation_loss(logits, (logits / 2.0).softmax(1), 2.0)
    assert nothing.item() == pytest.approx(0.0, abs=1e-6)


def test_teachers_answer_with_the_mean_of_their_softened_probabilities(
    teachers: tuple[Path, Path, Path],
) -> None:
    one, other, _ = teachers
    pixels = Batches(FACES.split("val"), device=torch.device("cpu")).take(slice(0, 9)).pixels
    with torch.no_grad():
        both = Teachers([one, other], STUDENT)
        both.prepare(torch.device("cpu"), compiled=False)
        shares, votes = both.answers(pixels, 2.0, Fabric(accelerator="cpu", devices=1))
        logits = [load_best(run)[0](pixels) for run in (one, other)]

    expected = (F.softmax(logits[0][0] / 2.0, 1) + F.softmax(logits[1][0] / 2.0, 1)) / 2
    assert torch.allclose(shares, expected, atol=1e-6)
    assert logits[0][1] is not None
    assert votes is not None
    assert logits[1][1] is None  # without that head it has no say about the votes
    assert torch.allclose(votes, F.softmax(logits[0][1] / 2.0, 1), atol=1e-6)


def test_a_student_learns_from_teachers_what_its_labels_do_not_say(
    teachers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    # Labels of train turned by one: the teachers are right, and alone have a weight.
    wrong = replace(FACES, targets=(FACES.targets + (FACES.splits == "train")) % 7)
    recipe = replace(STUDENT, distill_weight=1.0, votes_weight=0.0)
    result = train(wrong, recipe, tmp_path / "run", device="cpu", teachers=teachers[:2])

    assert result.best is not None
    assert result.best.val_accuracy > 0.8


def test_teachers_are_shown_the_faces_before_a_camera_spoils_them(
    teachers: tuple[Path, Path, Path], asked: list[torch.Tensor], tmp_path: Path
) -> None:
    clean = replace(STUDENT, epochs=1, augmentation=replace(STUDENT.augmentation, noise=0.0))
    noisy = replace(clean, augmentation=replace(clean.augmentation, noise=100.0))
    for name, recipe in (("clean", clean), ("noisy", noisy)):
        train(FACES, recipe, tmp_path / name, device="cpu", teachers=teachers[:1])
    learned = [best_weights(tmp_path / name) for name in ("clean", "noisy")]

    # The first views of both runs are drawn alike; noise is drawn after them.
    assert torch.equal(asked[0], asked[len(asked) // 2])
    assert not same_weights(*learned)


def test_the_order_of_the_teachers_means_nothing_and_a_run_is_resumed_with_them_alone(
    teachers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    one, other, _ = teachers
    recipe = replace(STUDENT, epochs=1)
    train(FACES, recipe, tmp_path / "ab", device="cpu", teachers=[one, other])
    train(FACES, recipe, tmp_path / "ba", device="cpu", teachers=[other, one])
    first = train(FACES, recipe, tmp_path / "a", device="cpu", teachers=[one])

    assert same_weights(best_weights(tmp_path / "ab"), best_weights(tmp_path / "ba"))
    assert not same_weights(best_weights(tmp_path / "ab"), best_weights(tmp_path / "a"))
    known = {run.name: run.fingerprint for run in read_config(tmp_path / "ab").teachers}
    assert known == {path.name: fingerprint(best_weights(path)) for path in (one, other)}
    message = r"was begun with teachers a \([0-9a-f]{8}\); this call has b \("
    with pytest.raises(TrainingError, match=message):
        train(FACES, recipe, tmp_path / "a", device="cpu", teachers=[other], resume=True)
    again = train(FACES, recipe, tmp_path / "a", device="cpu", teachers=[one], resume=True)
    assert history_of(again.history) == history_of(first.history)


@pytest.mark.parametrize(
    ("named", "recipe", "error", "message"),
    [
        (["a"], TINY, OptionError, "distill_weight: expected more than 0 with teachers; got 0"),
        ([], STUDENT, OptionError, "expected the folders of finished runs; got none"),
        (["a", "a"], STUDENT, OptionError, "expected each once; a and a have the same weights"),
        (["unfinished"], STUDENT, TrainingError, "finished run as a teacher; it has 2 of 4 epochs"),
        (
            ["none"],
            STUDENT,
            TrainingError,
            r"none: expected a training run; it has no config\.json",
        ),
    ],
    ids=["no weight", "no teachers", "twice", "unfinished", "no run"],
)
def test_teachers_that_cannot_teach_are_refused(
    named: list[str],
    recipe: object,
    error: type[Exception],
    message: str,
    teachers: tuple[Path, Path, Path],
    tmp_path: Path,
) -> None:
    folders = [teachers[0].parent / name for name in named]
    with pytest.raises(error, match=message):
        train(FACES, recipe, tmp_path / "run", device="cpu", teachers=folders)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_cannot_teach(
    teachers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    other = shutil.copytree(teachers[0], tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config["recipe"]["network"] = "paper"
    (other / "config.json").write_text(json.dumps(config))

    with pytest.raises(TrainingError, match=r"not the weights of the network in config\.json"):
        Teachers([other], STUDENT)


def test_distilling_from_the_command_line(
    mien: Mien, teachers: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    data = write_csv(tmp_path / "fer2013.csv", made_up_faces(train=2, val=1, test=1))
    arguments = ("train", "--data", data, "--device", "cpu", "--epochs", 1, "--batch-size", 7)
    student = ("--recipe", "mien-distilled", "--network", "tiny", "--votes-weight", 0)
    named = ",".join(map(str, teachers[:2]))
    taught = ("--teachers", named, "--stored-views", 2)
    done = mien(*arguments, *student, *taught, "--out", tmp_path / "run")
    without = mien(*arguments, *student, "--out", tmp_path / "without")

    assert done.status == 0, done.stderr
    assert {run.name for run in read_config(tmp_path / "run").teachers} == {"a", "b"}
    views = sorted(path.name for path in (tmp_path / "run" / "views").iterdir())
    assert views == ["00.pt", "01.pt"]
    assert_refused(without, "learns from teachers")


MIEN_OF_THE_SCRIPT = """#!/usr/bin/env bash
echo "$@" >> "$CALLS"
case " $* " in
    *" --seed ${FAILS:-none} "*)
        until [ "$(wc -l < "$CALLS")" -gt 1 ]; do sleep 0.05; done # the other one runs, too
        echo "seed $FAILS fails" >&2; exit 3 ;;
    *" --seed ${HANGS:-none} "*) exec sleep 60 ;;
esac
while [ $# -gt 0 ]; do
    if [ "$1" = --out ]; then out=$2; fi
    shift
done
case "${out-}" in
    *.onnx) touch "$out" ;;
    ?*) mkdir -p "$out" && touch "$out/config.json" ;;
esac
"""


class DistillScript:
    """scripts/distill.sh with a `mien` that writes down how it is called, and pretends."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        (folder / "mien").write_text(MIEN_OF_THE_SCRIPT)
        (folder / "mien").chmod(0o755)

    def __call__(self, *given: str, status: int = 0, **environment: str) -> list[str]:
        """What it called mien with."""
        self.calls.write_text("")
        paths = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        known = {"PATH": paths, "CALLS": str(self.calls), "SEEDS": "4 5"}
        done = subprocess.run(
            [ROOT / "scripts" / "distill.sh", "d.csv", "out", *given],
            env={**os.environ, **known, **environment},
            cwd=self.folder,
            timeout=30,
        )
        assert done.returncode == status
        return self.calls.read_text().splitlines()


def teacher_of_the_script(seed: int, *options: str) -> str:
    known = f"train --data d.csv --out out/teacher-{seed} --recipe mien-teacher --seed {seed}"
    return " ".join((known, *options))


def test_one_script_trains_teachers_and_their_student_and_goes_on(tmp_path: Path) -> None:
    script, given = DistillScript(tmp_path), ("--votes", "v.csv", "--epochs", "9")
    teachers = [teacher_of_the_script(seed, *given) for seed in (4, 5)]
    student = (
        "train --data d.csv --out out/student --recipe mien-distilled "
        "--teachers out/teacher-4,out/teacher-5 --votes v.csv --epochs 9"
    )
    data = "--data d.csv --votes v.csv"
    together = f"evaluate --model out/teacher-4.onnx,out/teacher-5.onnx {data} --split val"
    end = [
        student,
        f"export out/student --store int8 {data} --out out/student.onnx",
        f"evaluate --model out/student.onnx {data} --split val",
    ]

    exports = [f"export out/teacher-{seed} --out out/teacher-{seed}.onnx" for seed in (4, 5)]
    assert script(*given) == [*teachers, *exports, together, *end]
    (tmp_path / "out" / "student" / "config.json").unlink()  # as if killed as it began
    (tmp_path / "out" / "student.onnx").unlink()
    resumed = [f"{teacher} --resume" for teacher in teachers]
    assert script(*given) == [*resumed, together, *end]


def test_the_script_stops_the_other_teachers_when_one_fails(tmp_path: Path) -> None:
    calls = DistillScript(tmp_path)(TOGETHER="1", FAILS="4", HANGS="5", status=3)

    assert set(calls) == {teacher_of_the_script(4), teacher_of_the_script(5)}
    assert (tmp_path / "out" / "teacher-4.log").read_text() == "seed 4 fails\n"
