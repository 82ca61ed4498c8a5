import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from command_line import Mien, in_python
from learn_fixtures import (
    TINY,
    best_weights,
    history_of,
    made_up_faces,
    same_weights,
    tiny_network,
    write_csv,
)
from mien.errors import DataError, DivergedError, MienError, OptionError, OutputError, TrainingError
from mien.learn.plots import tuning as plots
from mien.learn.training.loop import TrainingResult, train
from mien.learn.training.recipes import Recipe, read_recipe, recipe_named
from mien.learn.training.runs import read_config, read_history
from mien.learn.tuning import search
from mien.learn.tuning.search import TuningProgress, TuningResult, tune
from mien.learn.tuning.space import SETTINGS, recipe_with, search_space, settings_of

pytestmark = pytest.mark.slow

FACES = made_up_faces(train=4, val=3, test=0)
BASE = replace(TINY, epochs=3)
MODERN = recipe_named("paper-modern")


def _connecting(pragma: str) -> Callable[..., sqlite3.Connection]:
    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **options)
        connection.execute(f"PRAGMA {pragma}")
        return connection

    return connect


@pytest.fixture(scope="module", autouse=True)
def _quick(tiny: None) -> Iterator[None]:
    """A data base that does not wait for the disk, importances where they are asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "connect", _connecting("synchronous = OFF"))
        patch.setattr(search, "LEAST_FOR_IMPORTANCES", 1000)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TuningResult:
    """Eight trials; not to be changed."""
    return tune(FACES, BASE, tmp_path_factory.mktemp("study"), trials=8, device="cpu")


def outcome(result: TuningResult) -> list[tuple[Any, ...]]:
    """All there is to know of the trials but how long they took."""
    return [(t.number, t.state, t.recipe, t.val_accuracy, t.epoch, t.epochs) for t in result.trials]


# What is searched


@pytest.mark.parametrize("recipe", [recipe_named("paper"), MODERN, TINY], ids=lambda r: r.name)
def test_every_setting_is_searched_and_the_base_lies_within(recipe: Recipe) -> None:
    space = search_space(recipe)

    assert tuple(space) == SETTINGS
    assert recipe_with(recipe, {}) == recipe
    for name, value in settings_of(recipe).items():
        assert space[name]._contains(space[name].to_internal_repr(value)), name


def test_settings_can_be_searched_alone() -> None:
    assert list(search_space(MODERN, ["flip", "dropout"])) == ["dropout", "flip"]
    with pytest.raises(OptionError, match=r"a setting among learning_rate, .*; got 'pooling'"):
        search_space(MODERN, ["pooling"])
    with pytest.raises(OptionError, match="got none"):
        search_space(MODERN, [])


def test_a_proposal_changes_what_it_names_and_nothing_else() -> None:
    params = {"learning_rate": 0.00123456, "batch_size": 64, "zoom": 0.2, "flip": False}
    recipe = recipe_with(MODERN, params)

    moves = replace(MODERN.augmentation, zoom=0.2, flip=False)
    assert recipe == replace(MODERN, learning_rate=0.00123, batch_size=64, augmentation=moves)
    assert settings_of(recipe, ["learning_rate", "flip"]) == {
        "learning_rate": 0.00123,
        "flip": False,
    }


def test_rates_and_decay_suit_the_optimizer() -> None:
    sgd = recipe_with(MODERN, {"optimizer": "sgd", "learning_rate": 0.002})
    only_optimizer = recipe_with(MODERN, {"optimizer": "sgd"})
    back = recipe_with(sgd, {"optimizer": "adamw", "learning_rate": 0.002})
    adam = recipe_with(MODERN, {"optimizer": "adam"})

    assert sgd.learning_rate == pytest.approx(0.1)
    assert only_optimizer.learning_rate == pytest.approx(50 * MODERN.learning_rate)
    # The pull of the decay in one step is the rate times the decay.
    assert only_optimizer.learning_rate * only_optimizer.weight_decay == pytest.approx(
        MODERN.learning_rate * MODERN.weight_decay
    )
    assert back.weight_decay == pytest.approx(MODERN.weight_decay)
    assert (adam.learning_rate, adam.weight_decay) == (MODERN.learning_rate, 0.0)


# A study


def test_every_trial_is_a_run_and_the_best_has_its_recipe_and_weights_kept(
    study: TuningResult, tmp_path: Path
) -> None:
    finished = [trial for trial in study.trials if trial.state == "finished"]

    assert study.finished
    assert study.importances == {}
    assert [trial.number for trial in study.trials] == list(range(8))
    assert study.trials[0].recipe == BASE
    assert len({trial.recipe for trial in study.trials}) == 8
    assert study.best in finished
    assert study.best is not None
    assert study.best.val_accuracy == max(trial.val_accuracy or 0.0 for trial in finished)
    for trial in study.trials:
        run_dir = study.out / "trials" / f"{trial.number:03d}"
        history = read_history(run_dir)
        assert read_config(run_dir).recipe == trial.recipe
        assert len(history) == trial.epochs
        assert trial.val_accuracy == max(row.val_accuracy for row in history)
        assert (run_dir / "best.pt").exists() == (trial == study.best)
        assert (run_dir / "last.pt").exists() == (trial == study.best)

    recipe = read_recipe(study.out / "best.json")
    again = train(FACES, recipe, tmp_path / "again", device="cpu")
    assert replace(recipe, name=BASE.name, about=BASE.about) == study.best.recipe
    assert recipe.name == "tiny-tuned"
    assert "The best of 8 trials from tiny: trial" in recipe.about
    best_dir = study.out / "trials" / f"{study.best.number:03d}"
    assert same_weights(best_weights(again.run_dir), best_weights(best_dir))


def test_a_study_goes_on_to_more_trials_and_is_the_one_it_would_have_been(
    study: TuningResult, tmp_path: Path
) -> None:
    told: list[TuningProgress] = []
    first = tune(FACES, BASE, tmp_path / "study", trials=2, device="cpu", report=told.append)
    more = tune(FACES, BASE, tmp_path / "study", trials=5, device="cpu")
    same = tune(FACES, BASE, tmp_path / "study", trials=5, device="cpu")
    other = tune(FACES, BASE, tmp_path / "other", trials=2, seed=1, device="cpu")

    assert outcome(first) == outcome(study)[:2]
    assert outcome(more) == outcome(same) == outcome(study)[:5]
    assert other.trials[1].recipe != study.trials[1].recipe
    # Progress tells of epochs and of each trial that ended.
    assert [p.result for p in told if p.result is not None] == list(first.trials)
    rows = [(p.number, p.run.row.epoch) for p in told if p.run is not None and p.run.row]
    assert rows[:3] == [(0, 1), (0, 2), (0, 3)]
    assert all((p.run is None) != (p.result is None) for p in told)
    assert told[0].best is None
    assert told[-1].best is not None


def test_importances_are_shares_of_what_was_searched(
    study: TuningResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LEAST_FOR_IMPORTANCES", 4)
    found = tune(FACES, BASE, study.out, trials=8, device="cpu").importances

    assert set(found) == set(SETTINGS)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("pruner", ["hyperband", "none"])
def test_other_pruners_work(pruner: str, tmp_path: Path) -> None:
    result = tune(FACES, BASE, tmp_path / "study", trials=4, pruner=pruner, device="cpu")

    assert len(result.trials) == 4
    if pruner == "none":
        assert {trial.state for trial in result.trials} == {"finished"}


def _replaced(monkeypatch: pytest.MonkeyPatch, number: int, behave: Callable[[], None]) -> None:
    """Makes the trial of that number behave otherwise, once."""
    left = [number]

    def run(faces: Any, recipe: Recipe, run_dir: Path, **options: Any) -> TrainingResult:
        if left and run_dir.name == f"{left[0]:03d}":
            left.clear()
            behave()
        return train(faces, recipe, run_dir, **options)

    monkeypatch.setattr(search, "train", run)


def test_a_trial_that_falls_behind_is_pruned(tmp_path: Path) -> None:
    base, only = replace(BASE, epochs=8), ["learning_rate"]
    result = tune(FACES, base, tmp_path / "study", trials=9, settings=only, device="cpu")
    pruned = [trial for trial in result.trials if trial.state == "pruned"]

    assert pruned
    assert all(2 <= trial.epochs < 8 for trial in pruned)
    assert all(trial.number >= 4 for trial in pruned)
    assert all(trial.settings.keys() == {"learning_rate"} for trial in pruned)


def test_a_trial_that_diverges_or_does_not_fit_is_told_and_the_study_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def diverge() -> None:
        raise DivergedError("the loss is no longer a finite number")

    def out_of_memory() -> None:
        raise RuntimeError("out of memory:\ntried to allocate 80 GiB")

    _replaced(monkeypatch, 1, diverge)
    tune(FACES, BASE, tmp_path / "study", trials=2, device="cpu")
    _replaced(monkeypatch, 2, out_of_memory)
    result = tune(FACES, BASE, tmp_path / "study", trials=4, device="cpu")

    assert [t.state for t in result.trials] == ["finished", "diverged", "failed", "finished"]
    assert result.trials[2].error == "out of memory: tried to allocate 80 GiB"
    assert result.trials[1].val_accuracy is None


# Interrupts and kills


def _interrupt_at(number: int, epoch: int) -> Callable[[TuningProgress], None]:
    def report(progress: TuningProgress) -> None:
        run = progress.run
        if run is not None and run.row is None and (progress.number, run.epoch) == (number, epoch):
            signal.raise_signal(signal.SIGINT)

    return report


@pytest.mark.parametrize("moment", [(0, 1), (2, 2)])
def test_an_interrupted_study_goes_on_within_the_trial(
    moment: tuple[int, int], study: TuningResult, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    stopped = tune(FACES, BASE, out, trials=4, device="cpu", report=_interrupt_at(*moment))

    assert not stopped.finished
    assert len(stopped.trials) == moment[0]
    assert (stopped.best is None) == (not stopped.trials)
    assert (out / "best.json").exists() == (stopped.best is not None)

    resumed = tune(FACES, BASE, out, trials=4, device="cpu")
    assert resumed.finished
    assert outcome(resumed) == outcome(study)[:4]
    for trial in resumed.trials:
        run = f"trials/{trial.number:03d}"
        assert history_of(read_history(out / run)) == history_of(read_history(study.out / run))


@pytest.mark.parametrize("moment", ["in the last step", "after it"])
def test_an_interrupt_as_a_trial_ends_keeps_it(
    moment: str, study: TuningResult, tmp_path: Path
) -> None:
    def report(progress: TuningProgress) -> None:
        run = progress.run
        last = run is not None and run.row is not None and run.epoch == run.epochs
        if last if moment == "in the last step" else progress.result is not None:
            signal.raise_signal(signal.SIGINT)

    stopped = tune(FACES, BASE, tmp_path / "study", trials=4, device="cpu", report=report)

    assert not stopped.finished
    assert outcome(stopped) == outcome(study)[:1]


def tune_until_killed(out: str, number: int, epoch: int) -> None:
    """Tune on the made-up faces; in that trial and epoch the process is killed."""

    def report(progress: TuningProgress) -> None:
        run = progress.run
        if run is not None and (progress.number, run.epoch) == (number, epoch):
            os.kill(os.getpid(), signal.SIGKILL)

    with tiny_network():
        tune(FACES, BASE, out, trials=4, device="cpu", report=report)


def test_a_killed_study_goes_on_as_if_nothing_had_happened(
    study: TuningResult, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    code = f"import test_tuning; test_tuning.tune_until_killed({str(out)!r}, 1, 2)"
    killed = in_python("-c", code, cwd=Path(__file__).parent)

    assert killed.returncode == -signal.SIGKILL
    assert len(read_history(out / "trials" / "001")) == 1
    resumed = tune(FACES, BASE, out, trials=4, device="cpu")
    assert outcome(resumed) == outcome(study)[:4]


# What cannot be done


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 0}, OptionError, "trials: expected 1 or more; got 0"),
        ({"pruner": "hedge"}, OptionError, "pruner: expected one of median, hyperband, none"),
        ({"settings": ["depth"]}, OptionError, "a setting among"),
        ({"device": "abacus"}, TrainingError, "device: expected"),
        ({"base": replace(BASE, votes_weight=0.5)}, DataError, r"no FER\+ votes"),
        ({"base": replace(BASE, network="huge")}, OptionError, "huge"),
        ({"faces": FACES.split("train")}, DataError, "val"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    options: dict[str, Any], error: type[MienError], message: str, tmp_path: Path
) -> None:
    given = {"faces": FACES, "base": BASE, "out": tmp_path / "study", "device": "cpu", **options}
    with pytest.raises(error, match=message):
        tune(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_or_with_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(OutputError, match="new or empty folder, or that of a study"):
        tune(FACES, BASE, tmp_path, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "study.db").write_bytes(b"not a data base at all" * 100)
    with pytest.raises(TrainingError, match=r"study\.db: expected the record of a study"):
        tune(FACES, BASE, tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"base": replace(BASE, epochs=4)}, "recipe.epochs 3; this call has 4"),
        ({"settings": ["dropout"]}, "settings"),
        ({"seed": 1}, "seed"),
        ({"faces": made_up_faces(train=4, val=3, test=0, seed=1)}, "data"),
    ],
)
def test_another_study_is_not_mixed_into_one(
    options: dict[str, Any], what: str, study: TuningResult
) -> None:
    given = {"faces": FACES, "base": BASE, "out": study.out, "trials": 8, "device": "cpu"}
    with pytest.raises(TrainingError, match=f"was begun with {what}"):
        tune(**{**given, **options})


@pytest.mark.skipif(os.name == "nt", reason="there are no locks")
def test_two_at_once_do_not_write_into_one_another(tmp_path: Path) -> None:
    refused: list[TuningProgress] = []

    def another(progress: TuningProgress) -> None:
        with pytest.raises(OutputError, match="another `mien tune` is at work in it"):
            tune(FACES, TINY, tmp_path / "study", trials=1, device="cpu")
        refused.append(progress)

    assert tune(FACES, TINY, tmp_path / "study", trials=1, device="cpu", report=another).finished
    assert refused
    assert not (tmp_path / "study" / ".lock").exists()


def test_a_full_disk_is_not_blamed_on_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(search, "connect", _connecting("max_page_count = 4"))
        with pytest.raises(OutputError, match=r"study\.db: cannot be written; the disk is full"):
            tune(FACES, TINY, tmp_path / "study", trials=1, device="cpu")
    assert tune(FACES, TINY, tmp_path / "study", trials=1, device="cpu").finished


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    out = tmp_path / "a study? 100 % {yes} #1"
    tune(FACES, replace(BASE, epochs=1), out, trials=1, device="cpu")

    assert (out / "study.db").stat().st_size > 0
    assert (out / "best.json").exists()


# Figures and the command


@pytest.fixture
def command(mien: Mien, here: Path) -> Mien:
    """Runs the command line in a folder with fer2013.csv and base.json."""
    write_csv(Path("fer2013.csv"), FACES)
    Path("base.json").write_text(json.dumps(asdict(BASE)))
    return mien


TUNED = (
    *("tune", "--data", "fer2013.csv", "--recipe", "base.json"),
    *("--out", "study", "--device", "cpu", "--trials", 3),
)


@pytest.mark.newest
def test_from_a_study_to_a_run(command: Mien, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LEAST_FOR_IMPORTANCES", 2)
    done = command(*TUNED)

    assert done.status == 0
    assert done.stdout.startswith("3 trials of 3 epochs by tiny: ")
    assert "learning_rate" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("recipe in study/best.json, weights in study/trials/0")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        f"trial {number}, {number + 1} of 3" for number in range(3)
    ]
    figures = ("importances", "settings", "trials-accuracy")
    drawn = {path.name for path in Path("study").glob("*.*g")}
    assert drawn == {f"{name}.{ending}" for name in figures for ending in ("png", "svg")}
    assert "learning_rate" in Path("study/importances.svg").read_text()

    monkeypatch.setattr(plots, "plot_study", lambda *_: [])  # they are there
    as_json = json.loads(command(*TUNED, "--json").stdout)
    assert as_json["finished"]
    assert len(as_json["trials"]) == 3
    assert as_json["best"]["recipe"]["network"] == "tiny"

    train_again = "train --data fer2013.csv --recipe study/best.json --out run"
    done = command(*train_again.split())
    assert done.status == 0
    assert f"val accuracy {as_json['best']['val_accuracy']:.4f}" in done.stdout


def test_ctrl_c_prints_the_best_so_far_and_the_same_command_goes_on(
    command: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replaced(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(plots, "plot_study", lambda *_: [])
    stopped = command(*TUNED)

    assert stopped.status == 130
    assert stopped.stdout.startswith("2 trials of 3 epochs by tiny")
    assert "\nbest: trial " in stopped.stdout
    assert stopped.stderr.splitlines()[-1] == (
        "mien: interrupted and saved after 2 trials; the same command goes on"
    )
    done = command(*TUNED)
    assert done.status == 0
    assert done.stdout.startswith("3 trials")
