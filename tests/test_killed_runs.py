import signal
from pathlib import Path

import pytest

import killed_runs
from command_line import Mien, assert_refused, in_python
from learn_fixtures import (
    best_weights,
    history_of,
    made_up_faces,
    same_run,
    same_weights,
    write_csv,
)
from mien.learn.training.loop import Progress, train
from mien.learn.training.recipes import recipe_named
from mien.learn.training.runs import load_best, read_checkpoint, read_config, read_history

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

TESTS = Path(__file__).parent


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "fer2013.csv", made_up_faces(train=8, val=2, test=1))


def test_a_run_killed_at_any_moment_goes_on_as_if_nothing_had_happened(
    mien: Mien, data: Path, tmp_path: Path
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = in_python(TESTS / "killed_runs.py", data, killed, timeout=300)
    reference = mien("train", "--data", data, "--out", whole, *killed_runs.RECIPE)
    outcomes = [line for line in done.stdout.splitlines() if line.startswith(("killed", "ended"))]

    assert reference.status == 0, reference.stderr
    assert outcomes[:-1] == ["killed"] * len(killed_runs.DEATHS), done.stderr
    assert outcomes[-1] == "ended with 0", done.stderr
    assert (
        done.stdout.splitlines()[-2].partition(";")[0]
        == (reference.stdout.splitlines()[-1].partition(";")[0])
    )
    assert history_of(read_history(killed)) == history_of(read_history(whole))
    assert same_weights(best_weights(killed), best_weights(whole))
    assert load_best(killed)[2].epoch == load_best(whole)[2].epoch
    last, last_whole = (read_checkpoint(run / "last.pt")["network"] for run in (killed, whole))
    assert same_weights(last, last_whole)
    assert not list(killed.glob("*.part*"))


def test_a_run_killed_as_it_wrote_what_it_is_can_be_started_anew(
    mien: Mien, data: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "config.part.json").write_text('{"recipe": {"na')
    arguments = ("train", "--data", data, "--out", run_dir, *killed_runs.RECIPE, "--epochs", "1")

    assert_refused(mien(*arguments, "--resume"), "start it anew, without resuming")
    assert mien(*arguments).status == 0
    assert read_config(run_dir).recipe.epochs == 1
    assert not list(run_dir.glob("*.part*"))


def test_best_weights_that_a_killed_process_did_not_write_are_written_on_resuming(
    tmp_path: Path,
) -> None:
    faces = made_up_faces(train=4, val=2, test=1)
    recipe = recipe_named("paper", network="tiny", epochs=3, batch_size=7, learning_rate=3e-3)
    whole = train(faces, recipe, tmp_path / "whole", device="cpu")
    best_epoch = load_best(tmp_path / "whole")[2].epoch

    run_dir = tmp_path / "run"

    def report(progress: Progress) -> None:
        if progress.row and progress.epoch == best_epoch:
            signal.raise_signal(signal.SIGINT)

    train(faces, recipe, run_dir, device="cpu", report=report)
    (run_dir / "best.pt").unlink()
    (run_dir / "history.csv").unlink()
    result = train(faces, recipe, run_dir, device="cpu", resume=True)

    assert same_run(result, whole)
