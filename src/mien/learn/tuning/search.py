"""The search for training settings: Optuna proposes, a training run answers.

A study is a folder:

    study.db     Optuna's record of every trial, in SQLite
    trials/000   a training run for each trial, 000 by the base recipe itself; their weights are
                 removed but for the best's
    best.json    the recipe of the best trial so far; `mien train --recipe` takes it

Recipes are chosen on val (PublicTest) and on nothing else: test (PrivateTest) is never read. The
best of many trials scores a little higher on val than it would on new faces.
"""

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from sqlite3 import connect
from typing import Any, Final, Literal, cast

from mien.errors import (
    DivergedError,
    MienError,
    OutputError,
    TrainingError,
    check_choice,
    check_count,
    counted,
    needs_extra,
)
from mien.learn.data.datasets import FaceSet
from mien.learn.training.loop import Progress, train
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import check_same, read_history
from mien.learn.tuning.space import (
    SETTINGS,
    params_of,
    recipe_with,
    search_space,
    settings_of,
)
from mien.output.files import LOCK, alone, write_text, writing

with needs_extra("train", "tuning"):
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial, TrialState
    from sqlalchemy.exc import SQLAlchemyError

LEAST_FOR_IMPORTANCES: Final = 15  # different accuracies; with ten, chance leads the list

_OF_DISK: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be changed",
    sqlite3.SQLITE_IOERR: "the disk gives an error",
}
"""What SQLite says where the record is not to blame."""

PRUNERS: Final = ("median", "hyperband", "none")

State = Literal["finished", "pruned", "diverged", "failed"]


@dataclass(frozen=True)
class TrialResult:
    """What one trial came to."""

    number: int  # from 0, which is the base recipe; the name of its folder
    state: State  # pruned when it fell behind the others, diverged when its loss left the numbers
    recipe: Recipe  # what it trained by
    settings: dict[str, Any]  # the searched ones and their values, as the recipe has them
    val_accuracy: float | None  # the highest of its epochs; None if it finished none
    epoch: int | None  # the one that had it, from 1; None likewise
    epochs: int  # finished epochs
    seconds: float  # spent in them
    error: str | None = None  # why it failed; None if it did not


@dataclass(frozen=True)
class TuningResult:
    """What a study came to so far."""

    out: Path  # its folder
    base: Recipe  # the recipe it began from
    settings: tuple[str, ...]  # names of those that were searched
    trials: tuple[TrialResult, ...]  # in their order; without one that an interrupt left unfinished
    # The finished trial with the highest val accuracy; None before there is one.
    best: TrialResult | None
    # Share of the differences between trials that goes back to each setting (functional ANOVA:
    # Hutter et al. 2014), the largest first. Pruned trials count with what they had reached. Empty
    # below 15 different accuracies.
    importances: dict[str, float]
    finished: bool  # False if it was interrupted; the same call goes on
    # Optuna's, in memory: every trial that finished an epoch counts with its best.
    study: optuna.Study = field(compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        trials = [
            {name: value for name, value in asdict(trial).items() if name != "recipe"}
            for trial in self.trials
        ]
        return {
            "base": asdict(self.base),
            "best": None if self.best is None else asdict(self.best),
            "importances": self.importances,
            "finished": self.finished,
            "trials": trials,
        }


@dataclass(frozen=True)
class TuningProgress:
    """Where a study is; sent as its runs report, and with `result` at the end of each trial."""

    number: int  # of the trial, from 0
    trials: int
    best: float | None  # val accuracy of the best finished trial so far
    run: Progress | None = None
    result: TrialResult | None = None


def tune(
    faces: FaceSet,
    base: Recipe,
    out: str | Path,
    *,
    trials: int = 20,
    settings: Sequence[str] = SETTINGS,
    pruner: str = "median",
    seed: int = 0,
    device: str = "auto",
    report: Callable[[TuningProgress], None] | None = None,
) -> TuningResult:
    """Search the settings that read val best, beginning with the base recipe's own.

    Settings are proposed by the tree-structured Parzen estimator (Bergstra et al. 2011,
    "Algorithms for Hyper-Parameter Optimization"), which draws the first ten by chance. Every trial
    trains with the same seed.

    An interrupt (Ctrl-C) finishes the step under way and returns. The same call with the same
    folder goes on with the trial it was in from its last finished epoch, as it does after a kill,
    and stops when the folder has `trials` trials.

    Args:
        faces: needs the splits train and val; test is not looked at.
        base: what is not searched stays as it is here, the number of epochs among it.
        out: a folder that does not exist or is empty, or that of an earlier call.
        trials: how many there shall be in all.
        settings: names among `SETTINGS`.
        pruner: "median" ends a trial that is below the median of the others at the same epoch,
            "hyperband" as Li et al. (arXiv:1603.06560) do, "none" lets every trial finish.
        seed: of the proposals and of every run.
        device: "auto", "cpu", "cuda" or "mps".
        report: called as runs report, and after each trial.
    Raises:
        DataError: `faces` lacks a split, or the votes that the recipe needs.
        OptionError: an argument is out of range, or no network has the name in the recipe.
        OutputError: `out` holds something else, another study is at work in it, or it cannot be
            written.
        TrainingError: the study in `out` is another or damaged, or the device is not there.
    """
    check_count("trials", trials, 1)
    check_choice("pruner", pruner, PRUNERS)
    out = Path(out)
    space = search_space(base, settings)
    about = {
        **{f"recipe.{name}": value for name, value in asdict(base).items()},
        "settings": list(space),
        "seed": seed,
        "data": faces.split("train+val").fingerprint(),
    }
    with alone(out, "mien tune"), _open_study(out, about) as study:
        search = _Search(study, faces, base, space, out, trials, seed, device, report)
        study.pruner = _pruner(pruner, base.epochs)
        if not study.trials:
            study.enqueue_trial(params_of(base, space))
        with suppress(KeyboardInterrupt):  # between two runs; within one, the run takes it and ends
            while len(search.ended()) < trials and search.run(search.next_trial()):
                pass
        search.keep_best()  # it was killed, perhaps, before it could
        return search.result()


def _pruner(name: str, epochs: int) -> optuna.pruners.BasePruner:
    if name == "median":
        # A fifth of the epochs tells little, above all while the learning rate warms up.
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=math.ceil(epochs / 5))
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=math.ceil(epochs / 9), max_resource=epochs
        )
    return optuna.pruners.NopPruner()


@contextmanager
def _open_study(out: Path, about: dict[str, Any]) -> Iterator[optuna.Study]:
    """The study of a folder, begun if there is none; bad input leaves nothing behind."""
    path = out / "study.db"
    new = not path.exists()
    with writing(out):
        if new and {file.name for file in out.iterdir()} - {LOCK}:
            raise OutputError(
                f"{out}: expected a new or empty folder, or that of a study; it holds other files"
            )
    with ExitStack() as stack:
        stack.callback(optuna.logging.set_verbosity, optuna.logging.get_verbosity())
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            # SQLite, for a killed process leaves it whole and free; Optuna's journal file stays
            # locked for half a minute. Opened here, for a path in a URL would have to be quoted.
            storage = optuna.storages.RDBStorage(
                "sqlite://",
                engine_kwargs={"creator": lambda: connect(path, check_same_thread=False)},
            )
            stack.callback(storage.engine.dispose)
            stack.callback(storage.remove_session)
            study = optuna.create_study(
                storage=storage, study_name="mien", direction="maximize", load_if_exists=True
            )
            _check_same_study(study, about, out)
            yield study
        except MienError:
            if new and not (out / "trials").exists():
                path.unlink(missing_ok=True)
            raise
        except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
            if (code := _sqlite_code(error)) in _OF_DISK:
                raise OutputError(f"{path}: cannot be written; {_OF_DISK[code]}") from error
            reason = str(error).splitlines()[0]
            raise TrainingError(f"{path}: expected the record of a study; {reason}") from error


def _sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's code for what is behind an error of SQLAlchemy or Optuna; None if it is not its."""
    while error is not None:
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        if isinstance(code, int):
            return code & 0xFF  # without what it adds to the code in some places
        error = error.__cause__
    return None


def _check_same_study(study: optuna.Study, about: dict[str, Any], out: Path) -> None:
    if not study.trials:  # it is new, or was killed before it began
        for name, value in about.items():
            study.set_user_attr(name, value)
    begun = {name: (study.user_attrs.get(name), now) for name, now in about.items()}
    check_same(out, begun, "Go on with the same one, or tune into another folder")


@dataclass(frozen=True)
class _Search:
    """A study, and what one call of `tune` was given."""

    study: optuna.Study
    faces: FaceSet
    base: Recipe
    space: dict[str, BaseDistribution]
    out: Path
    trials: int
    seed: int
    device: str
    report: Callable[[TuningProgress], None] | None

    def ended(self) -> list[FrozenTrial]:
        return self.study.get_trials(
            states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        )

    def best(self) -> FrozenTrial | None:
        finished = self.study.get_trials(states=(TrialState.COMPLETE,))
        return max(finished, key=lambda trial: cast(float, trial.value), default=None)

    def run_dir(self, number: int) -> Path:
        return self.out / "trials" / f"{number:03d}"

    def next_trial(self) -> Trial:
        """The one that an interrupt or a kill left unfinished, or a new one; with all proposals."""
        study = self.study
        left = study.get_trials(states=(TrialState.RUNNING,))
        number = left[0].number if left else len(study.trials)
        # Seeded anew for each, so that one does not hang on how often the study was interrupted.
        study.sampler = optuna.samplers.TPESampler(seed=self.seed * 1_000_003 + number)
        trial = Trial(study, left[0]._trial_id) if left else study.ask()
        for name, among in self.space.items():  # what was proposed before stays
            trial._suggest(name, among)
        return trial

    def tell(self, number: int, run: Progress | None = None) -> None:
        if self.report is not None:
            best = self.best()
            reached = None if best is None else best.value
            result = None if run else _trial_result(self.study.trials[number], self.base)
            self.report(TuningProgress(number, self.trials, reached, run, result))

    def run(self, trial: Trial) -> bool:
        """Train one trial; False if an interrupt came, which may leave it unfinished."""
        run_dir = self.run_dir(trial.number)
        recipe = recipe_with(self.base, trial.params)

        def report(progress: Progress) -> None:
            row = progress.row
            if row is not None:
                trial.report(row.val_accuracy, row.epoch)
            self.tell(trial.number, progress)
            if row is not None and progress.epoch < recipe.epochs and trial.should_prune():
                raise optuna.TrialPruned

        resume = (run_dir / "config.json").exists()
        if resume:
            reported = self.study.trials[trial.number].intermediate_values
            for row in read_history(run_dir):
                if row.epoch not in reported:  # it was killed between the two
                    trial.report(row.val_accuracy, row.epoch)
        how: dict[str, Any] = {"seed": self.seed, "device": self.device, "resume": resume}
        value, interrupted = None, False
        try:
            result = train(self.faces, recipe, run_dir, report=report, **how)
            if not result.finished or result.best is None:
                return False
            state, value = TrialState.COMPLETE, result.best.val_accuracy
            interrupted = result.interrupted
        except optuna.TrialPruned:
            state = TrialState.PRUNED
        except DivergedError:
            state = TrialState.PRUNED
            trial.set_user_attr("diverged", True)
        except RuntimeError as error:  # of torch, as when a large batch does not fit on the device
            state = TrialState.FAIL
            trial.set_user_attr("error", " ".join(str(error).split()))
        trial.set_user_attr("seconds", sum(row.seconds for row in read_history(run_dir)))
        self.study.tell(trial, value, state=state)
        self.keep_best()
        self.tell(trial.number)
        return not interrupted

    def keep_best(self) -> None:
        """Write the best recipe so far, and remove the weights of all other trials."""
        ended, best = self.ended(), self.best()
        for trial in ended:
            if best is None or trial.number != best.number:
                for name in ("best.pt", "last.pt"):
                    (self.run_dir(trial.number) / name).unlink(missing_ok=True)
        if best is None:
            return
        recipe = replace(
            recipe_with(self.base, best.params),
            name=f"{self.base.name.removesuffix('-tuned')}-tuned",
            about=(
                f"The best of {counted(len(ended), 'trial')} from {self.base.name}: trial "
                f"{best.number}, accuracy {best.value:.4f} on val of {self.faces.name}."
            ),
        )
        write_text(self.out / "best.json", json.dumps(asdict(recipe), indent=2) + "\n")

    def result(self) -> TuningResult:
        best = self.best()
        # Optuna leaves out pruned trials, and with them most of what the bad values have to say.
        everything = optuna.create_study(direction="maximize")
        for trial in self.ended():
            reached = max(trial.intermediate_values.values(), default=None)
            everything.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.FAIL if reached is None else TrialState.COMPLETE,
                    value=reached,
                    params=trial.params,
                    distributions=trial.distributions,
                )
            )
        trials = tuple(_trial_result(trial, self.base) for trial in self.ended())
        return TuningResult(
            out=self.out,
            base=self.base,
            settings=tuple(self.space),
            trials=trials,
            best=None if best is None else _trial_result(best, self.base),
            importances=_importances(everything),
            finished=len(trials) >= self.trials,
            study=everything,
        )


def _trial_result(trial: FrozenTrial, base: Recipe) -> TrialResult:
    states: dict[TrialState, State] = {
        TrialState.COMPLETE: "finished",
        TrialState.PRUNED: "diverged" if "diverged" in trial.user_attrs else "pruned",
        TrialState.FAIL: "failed",
    }
    recipe = recipe_with(base, trial.params)
    by_epoch = trial.intermediate_values
    epoch = max(by_epoch, key=lambda epoch: (by_epoch[epoch], -epoch), default=None)
    return TrialResult(
        number=trial.number,
        state=states[trial.state],
        recipe=recipe,
        settings=settings_of(recipe, list(trial.params)),
        val_accuracy=None if epoch is None else by_epoch[epoch],
        epoch=epoch,
        epochs=len(by_epoch),
        seconds=trial.user_attrs["seconds"],
        error=trial.user_attrs.get("error"),
    )


def importance_evaluator() -> optuna.importance.FanovaImportanceEvaluator:
    """What tells how much each setting matters: functional ANOVA (Hutter et al. 2014)."""
    return optuna.importance.FanovaImportanceEvaluator(seed=0)


def _importances(everything: optuna.Study) -> dict[str, float]:
    finished = everything.get_trials(states=(TrialState.COMPLETE,))
    if len({trial.value for trial in finished}) < LEAST_FOR_IMPORTANCES:
        return {}
    found = optuna.importance.get_param_importances(everything, evaluator=importance_evaluator())
    return {name: float(share) for name, share in found.items()}  # the largest first
