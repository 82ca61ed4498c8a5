"""The reproduction report: every table and figure of the paper beside what is measured here.

`measure` does the work and `write` the words, so that a report can be written again without
measuring again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mien import __version__
from mien.errors import TrainingError, counted
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.measures import Measures, measure
from mien.learn.evaluation.scores import ClassScore, Evaluation, evaluate_probabilities
from mien.learn.files.export import export_model
from mien.learn.networks import build
from mien.learn.plots.data import plot_class_counts, plot_samples
from mien.learn.plots.evaluation import plot_class_scores, plot_confusion, plot_reliability
from mien.learn.plots.training import plot_history, plot_parameters
from mien.learn.reports import paper
from mien.learn.summary import Layer, summarize
from mien.learn.training.recipes import RECIPES
from mien.learn.training.runs import EpochRow, RunConfig, read_config, read_history
from mien.output.files import write_image, write_text
from mien.output.overlay import annotate
from mien.output.pages import Table, markdown_page, render
from mien.readings import Image, Reading
from mien.recognize.classifier import Classifier
from mien.recognize.recognizer import Recognizer

FOLDER_ORDER: Final = tuple(sorted(EMOTIONS))
"""The emotions as the paper's tables list them: in the order of the folders."""

TRAIN_OPTIONS: Final = (
    *("network", "activation", "pooling", "epochs"),
    *("batch_size", "learning_rate", "votes_weight", "precision"),
)
"""The settings of a recipe that `mien train` has an option for."""


@dataclass(frozen=True)
class RunMeasures:
    """What one training run came to, measured on its exported model file, dropout off."""

    config: RunConfig
    history: tuple[EpochRow, ...]  # its finished epochs
    epoch: int  # the one whose weights were measured: the best on val
    train: Evaluation  # on the 28,709 training images, as they are
    val_test: Evaluation  # on the 7,178 of PublicTest and PrivateTest, the paper's validation set
    test: Measures  # on PrivateTest, also without duplicates of training images and beside FER+
    shuffled_train: Evaluation  # `train` as the paper's report pairs predictions and labels
    shuffled_val_test: Evaluation  # `val_test`, likewise
    readings: tuple[Reading, ...]  # of a photo; none without one

    @property
    def name(self) -> str:
        """Of its recipe."""
        return self.config.recipe.name

    @property
    def said(self) -> str:
        """What it reads of the photo, in words."""
        return ", ".join(f"{r.emotion} {r.probability:.1%}" for r in self.readings) or "no face"

    @property
    def command(self) -> str:
        """What trains this run again: its recipe, and the options in which it differs from that."""
        recipe = self.config.recipe
        named = RECIPES.get(recipe.name, recipe)
        options = [
            f"--{name.replace('_', '-')} {getattr(recipe, name)}"
            for name in TRAIN_OPTIONS
            if name == "epochs" or getattr(recipe, name) != getattr(named, name)
        ]
        return (
            f"mien train --data FER2013 --recipe {recipe.name} {' '.join(options)} "
            f"--seed {self.config.seed} --out report/runs/{recipe.name}"
        )


def measure_run(
    run_dir: Path, faces: FaceSet, model_file: Path, *, photo: Image | None = None
) -> RunMeasures:
    """Export a run and measure what the report needs, with what it reads of a photo.

    Raises:
        DataError: a split is missing.
        TrainingError: the run has no finished epoch, or was chosen on another val.
    """
    config = read_config(run_dir)
    own, val = config.val_fingerprint, faces.split("val")  # empty in older runs
    if own and not config.val_share and own != replace(val, votes=None).fingerprint():
        raise TrainingError(
            f"{run_dir}: expected the data set that it was trained with, {config.data_name} with "
            f"{config.val_count:,} val faces; the {len(val):,} of {faces.name} are others"
        )
    spec = export_model(run_dir, model_file, head="label", name=config.recipe.name)
    classifier = Classifier(model_file, threads=0, head="label")
    train, val_test = faces.split("train"), faces.split("val+test")
    of_train, of_val_test = classifier(train.images), classifier(val_test.images)
    return RunMeasures(
        config=config,
        history=read_history(run_dir),
        epoch=spec.epoch,
        train=evaluate_probabilities(of_train, train.targets),
        val_test=evaluate_probabilities(of_val_test, val_test.targets),
        test=measure(classifier, faces, "test"),
        shuffled_train=evaluate_probabilities(*paper.shuffled_report(of_train, train)),
        shuffled_val_test=evaluate_probabilities(*paper.shuffled_report(of_val_test, val_test)),
        readings=() if photo is None else tuple(Recognizer(model_file)(photo)),
    )


def write(
    faces: FaceSet,
    runs: Sequence[RunMeasures],
    out: Path,
    *,
    samples: bool = True,
    photo: Image | None = None,
) -> list[Path]:
    """Write report.md with its figures, and report.html with the figures inside it.

    Args:
        faces: the data set of the runs.
        runs: the paper's recipe first, then others.
        out: a folder; is made.
        samples: show faces of the data set, which may not be allowed to be published.
        photo: (H, W, 3) uint8 RGB; is shown with the readings that `measure_run` made of it.
    Returns:
        The two reports.
    Raises:
        OutputError: they cannot be written.
    """
    figures = out / "figures"
    layers = summarize(build("paper"))
    plot_parameters(layers, figures / "parameters")
    plot_class_counts(faces, figures / "class-counts")
    if samples:
        plot_samples(faces.split("train"), figures / "samples", title="Training images")
    for run in runs:
        _draw(run, figures, photo)
    text = render(
        "reproduction.md",
        version=__version__,
        runs=runs,
        whole=_is_whole(faces),
        images=len(faces),
        data=_data(faces),
        samples=samples,
        network=_network(layers),
        macs=sum(layer.macs for layer in layers),
        history=_history(runs[0]),
        accuracy=_accuracy(runs),
        absent=runs[0].test.evaluation.absent,
        table_4=_three_reports(paper.TABLE_4, runs[0].shuffled_train, runs[0].train),
        table_5=_three_reports(paper.TABLE_5, runs[0].shuffled_val_test, runs[0].val_test),
        photo=photo is not None,
        votes=any(run.config.recipe.votes_weight for run in runs),
    )
    written = {out / "report.md": text, out / "report.html": markdown_page(text, out)}
    for path, content in written.items():
        write_text(path, content)
    return list(written)


def _draw(run: RunMeasures, figures: Path, photo: Image | None) -> None:
    """The figures of one run."""
    held_out, test = run.val_test, run.test.evaluation
    plot_history(run.history, figures / f"{run.name}-history", title=run.name)
    title = f"{run.name}, {counted(held_out.n, 'face')}: accuracy {held_out.accuracy:.4f}"
    plot_confusion(held_out, figures / f"{run.name}-confusion", title=title)
    error = test.reliability.expected_calibration_error
    title = f"{run.name}, {counted(test.n, 'face')}: calibration error {error:.3f}"
    plot_reliability(test.reliability, figures / f"{run.name}-reliability", title=title)
    title = f"{run.name}: recall (full) and precision (pale)"
    plot_class_scores(held_out, figures / f"{run.name}-classes", title=title)
    if photo is not None:
        write_image(figures / f"{run.name}-photo.jpg", annotate(photo, run.readings))


def _is_whole(faces: FaceSet) -> bool:
    """Whether these are as many images as the paper has: scores can be held against its own."""
    return all(len(faces.split(split)) == count for split, count in paper.IMAGES.items())


def _data(faces: FaceSet) -> Table:
    counts = [faces.class_counts(), faces.split("train").class_counts()]
    everything, train = (dict(zip(EMOTIONS, n.tolist(), strict=True)) for n in counts)
    names = {label: [label] for label in EMOTIONS} | {"all": list(EMOTIONS)}
    rows = []
    for name, labels in names.items():
        of_paper, here, trained = (
            sum(of[label] for label in labels) for of in (paper.CLASS_COUNTS, everything, train)
        )
        rows.append([name, *(f"{n:,}" for n in (of_paper, here, trained, here - trained))])
    here = "FER2013" if _is_whole(faces) else "here"
    return Table(rows, head=["emotion", "paper", here, "training", "PublicTest + PrivateTest"])


def _network(layers: Sequence[Layer]) -> Table:
    rows = []
    for layer, (name, shape, parameters) in zip(layers, paper.TABLE_2, strict=True):
        same = layer.output_shape == shape and layer.parameters == parameters
        printed, here = (" x ".join(map(str, size)) for size in (shape, layer.output_shape))
        rows.append([name, printed, f"{parameters:,}", here, f"{layer.parameters:,}",
                     layer.arithmetic, "yes" if same else "no"])  # fmt: skip
    total = sum(layer.parameters for layer in layers)
    rows.append(["total", "", f"{paper.PARAMETERS:,}", "", f"{total:,}", "",
                 "yes" if total == paper.PARAMETERS else "no"])  # fmt: skip
    head = ["layer", "paper: output", "paper: parameters", "here: output", "here: parameters",
            "arithmetic", "same"]  # fmt: skip
    return Table(rows, head=head)


def _history(run: RunMeasures) -> Table:
    """The epochs that the paper prints and our last, both from 0."""
    printed = {row[0]: row[1:] for row in paper.TABLE_3}
    here = {
        row.epoch - 1: (row.loss, row.accuracy, row.val_loss, row.val_accuracy)
        for row in run.history
    }
    rows = []
    for epoch in sorted({*printed, *([max(here)] if here else [])}):
        cells = [
            [f"{value:.4f}" for value in table[epoch]] if epoch in table else ["-"] * 4
            for table in (printed, here)
        ]
        rows.append([str(epoch), *cells[0], *cells[1]])
    measures = ["loss", "accuracy", "val_loss", "val_accuracy"]
    named = [f"{whose}: {measure}" for whose in ("paper", "here") for measure in measures]
    return Table(rows, head=["epoch", *named])


def _accuracy(runs: Sequence[RunMeasures]) -> Table:
    rows = [["the paper", "-", f"{paper.VAL_ACCURACY:.4f}", *["-"] * 6]]
    for run in runs:
        test, clean, agreement = run.test.evaluation, run.test.clean, run.test.agreement
        interval = run.test.intervals["accuracy"]
        rows.append(
            [run.name, f"{run.train.accuracy:.4f}", f"{run.val_test.accuracy:.4f}",
             f"{test.accuracy:.4f} ({interval.low:.4f} to {interval.high:.4f})",
             "-" if clean is None else f"{clean.accuracy:.4f} (n {clean.n:,})",
             f"{test.macro_f1:.4f}", f"{test.mean_class_recall:.4f}",
             f"{test.reliability.expected_calibration_error:.4f}",
             "-" if agreement is None else f"{agreement.accuracy:.4f} (n {agreement.n:,})"]
        )  # fmt: skip
    head = ["recipe", "training", "PublicTest + PrivateTest", "PrivateTest (95 % interval)",
            "clean PrivateTest", "macro F1", "mean class recall", "calibration error",
            "agreement with FER+ majority"]  # fmt: skip
    return Table(rows, head=head)


def _three_reports(
    printed: dict[str, ClassScore], shuffled: Evaluation, right: Evaluation
) -> Table:
    rows = []
    for label in FOLDER_ORDER:
        support = right.per_class[label].support
        scores = (printed[label], shuffled.per_class[label], right.per_class[label])
        rows.append([label, f"{support:,}", *(cell for row in scores for cell in _cells(row))])
    accuracies = (paper.REPORT_ACCURACY, shuffled.accuracy, right.accuracy)
    cells = [cell for accuracy in accuracies for cell in (f"{accuracy:.2f}", "", "")]
    rows.append(["accuracy", f"{right.n:,}", *cells])
    groups, measures = ("paper", "shuffled", "right"), ("precision", "recall", "F1")
    named = [f"{group}: {measure}" for group in groups for measure in measures]
    return Table(rows, head=["emotion", "support", *named])


def _cells(row: ClassScore) -> list[str]:
    if not row.support:
        return ["-"] * 3
    return [f"{score:.2f}" for score in (row.precision, row.recall, row.f1)]
