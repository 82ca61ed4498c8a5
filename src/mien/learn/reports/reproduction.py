"""The reproduction report: every table and figure of the paper beside what is measured here.

`measure` does the work and `write` the words, so that a report can be written again without
measuring again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mien import __version__
from mien.annotated import JPEG_QUALITY
from mien.classifier import Classifier
from mien.errors import OutputError
from mien.images import Image
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.measures import Measures, measure
from mien.learn.evaluation.scores import ClassScore, Evaluation, evaluate_probabilities
from mien.learn.files.export import export_onnx
from mien.learn.networks import build
from mien.learn.plots.data import plot_class_counts, plot_samples
from mien.learn.plots.evaluation import plot_class_scores, plot_confusion, plot_reliability
from mien.learn.plots.network import plot_parameters
from mien.learn.plots.training import plot_history
from mien.learn.reports import paper
from mien.learn.reports.pages import to_page
from mien.learn.summary import Layer, summarize
from mien.learn.training.loop import EpochRow, RunConfig, read_config, read_history
from mien.learn.training.recipes import RECIPES
from mien.overlay import annotate
from mien.recognizer import Reading, Recognizer
from mien.records import open_whole

FOLDER_ORDER: Final = tuple(sorted(EMOTIONS))
"""The emotions as the paper's tables list them: in the order of the folders."""


TRAIN_OPTIONS: Final = (
    "network",
    "activation",
    "pooling",
    "epochs",
    "batch_size",
    "learning_rate",
    "votes_weight",
    "precision",
)
"""The settings of a recipe that `mien train` has an option for."""


@dataclass(frozen=True)
class RunMeasures:
    """What one training run came to, measured on its exported model file, dropout off.

    Attributes:
        config: what the run is.
        history: its finished epochs.
        epoch: the one whose weights were measured: the best on val.
        train: on the 28,709 training images, as they are.
        val_test: on the 7,178 images of PublicTest and PrivateTest, the paper's validation set.
        test: on PrivateTest, also without the copies of training images and beside FER+.
        shuffled_train: `train` as the paper's report pairs predictions and labels.
        shuffled_val_test: `val_test`, likewise.
        readings: of a photo; none without one.
    """

    config: RunConfig
    history: tuple[EpochRow, ...]
    epoch: int
    train: Evaluation
    val_test: Evaluation
    test: Measures
    shuffled_train: Evaluation
    shuffled_val_test: Evaluation
    readings: tuple[Reading, ...] = ()

    @property
    def name(self) -> str:
        """Of its recipe."""
        return self.config.recipe.name


def measure_run(
    run_dir: Path, faces: FaceSet, model_file: Path, *, photo: Image | None = None
) -> RunMeasures:
    """Export a run and measure what the report needs.

    Args:
        run_dir: a training run with at least one finished epoch.
        faces: all three splits.
        model_file: where the exported model goes.
        photo: (H, W, 3) uint8 RGB, for that model to read.
    Raises:
        DataError: a split is missing.
        TrainingError: the run has no finished epoch.
    """
    spec = export_onnx(run_dir, model_file, head="label", name=read_config(run_dir).recipe.name)
    classifier = Classifier(model_file, threads=0, head="label")
    train, val_test = faces.split("train"), faces.split("val+test")
    of_train, of_val_test = classifier(train.images), classifier(val_test.images)
    return RunMeasures(
        config=read_config(run_dir),
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
        plot_history(run.history, figures / f"{run.name}-history", title=run.name)
        held_out, test = run.val_test, run.test.evaluation
        plot_confusion(
            held_out,
            figures / f"{run.name}-confusion",
            title=f"{run.name}, {held_out.n:,} faces: accuracy {held_out.accuracy:.4f}",
        )
        error = test.reliability.expected_calibration_error
        plot_reliability(
            test.reliability,
            figures / f"{run.name}-reliability",
            title=f"{run.name}, {test.n:,} faces: calibration error {error:.3f}",
        )
        plot_class_scores(
            held_out,
            figures / f"{run.name}-classes",
            title=f"{run.name}: recall (full) and precision (pale)",
        )
        if photo is not None:
            _save_photo(annotate(photo, run.readings), figures / f"{run.name}-photo.jpg")
    sections = [
        _head(runs),
        _data(faces, samples=samples),
        _network(layers),
        _training(runs),
        _accuracy(runs),
        _reports(runs),
        *([] if photo is None else [_photo(runs)]),
        _mistakes(),
        _pipelines(),
        _elsewhere(),
        _commands(runs),
    ]
    text = "\n".join(sections)
    written = {out / "report.md": text, out / "report.html": to_page(text, out)}
    for path, content in written.items():
        with open_whole(path) as file:
            file.write(content)
    return list(written)


def _head(runs: Sequence[RunMeasures]) -> str:
    first = runs[0]
    done = len(first.history)
    how_far = (
        f"all of its {paper.EPOCHS} epochs"
        if done >= paper.EPOCHS
        else f"{done} of its {paper.EPOCHS} epochs"
    )
    others = ", and by a better one" if len(runs) > 1 else ""
    lines = "\n".join(
        f"- **{run.name}**: {run.val_test.accuracy:.2%} on the paper's {run.val_test.n:,} "
        f"validation images, {run.test.evaluation.accuracy:.2%} on PrivateTest alone"
        for run in runs
    )
    return f"""# The paper, reproduced and corrected

Njoku, Odii, Nwokorie, Onukwugha, Jibiri and Mcwilliams, "Facial Image Emotion Recognition and
Detection Using Conv. Relu Features Extraction and ANN Classification Deep Learning Model", Scope
14(1), 2024, report {paper.VAL_ACCURACY:.2%} on FER2013's {7178:,} validation images with a CNN of
{paper.PARAMETERS:,} parameters, trained for {paper.EPOCHS} epochs in over {paper.HOURS} hours on a CPU.
Here the same network is trained by the paper's recipe, for {how_far}{others}:

{lines}

Written by mien {__version__}. Every score outside the histories was measured on the exported model
file, one view of each image. Its epoch is the one that reads PublicTest best, which flatters the score on the {7178:,} images a
little; PrivateTest has no part in any choice. The commands stand at the end.
"""


def _data(faces: FaceSet, *, samples: bool) -> str:
    counts = dict(zip(EMOTIONS, faces.class_counts().tolist(), strict=True))
    train = dict(zip(EMOTIONS, faces.split("train").class_counts().tolist(), strict=True))
    rows = [
        [label, f"{paper.CLASS_COUNTS[label]:,}", f"{counts[label]:,}", f"{train[label]:,}",
         f"{counts[label] - train[label]:,}"]
        for label in EMOTIONS
    ]  # fmt: skip
    totals = [sum(paper.CLASS_COUNTS.values()), len(faces), sum(train.values())]
    rows.append(["all", *(f"{n:,}" for n in totals), f"{totals[1] - totals[2]:,}"])
    printed = paper.TABLE_4["angry"].support, paper.TABLE_5["angry"].support
    shown = "\n![Training images of each emotion](figures/samples.png)\n" if samples else ""
    return f"""## The data (Figures 9, 12 and 13)

{_table(["emotion", "paper", "FER2013", "training", "PublicTest + PrivateTest"], rows)}
The paper's {paper.CLASS_COUNTS["angry"]:,} angry images should be {sum(printed):,}: its own tables list
{printed[0]:,} for training and {printed[1]:,} for validation, and with its number the classes do not sum to
its 35,887 images.

![Faces of each emotion for training and for validation](figures/class-counts.png)
{shown}"""


def _network(layers: Sequence[Layer]) -> str:
    rows = []
    for layer, (name, shape, parameters) in zip(layers, paper.TABLE_2, strict=True):
        same = layer.output_shape == shape and layer.parameters == parameters
        shown = " x ".join(map(str, layer.output_shape))
        rows.append(
            [name, " x ".join(map(str, shape)), f"{parameters:,}", shown,
             f"{layer.parameters:,}", layer.arithmetic, "yes" if same else "no"]
        )  # fmt: skip
    total = sum(layer.parameters for layer in layers)
    rows.append(["total", "", f"{paper.PARAMETERS:,}", "", f"{total:,}", "",
                 "yes" if total == paper.PARAMETERS else "no"])  # fmt: skip
    header = ["layer", "paper: output", "paper: parameters", "here: output", "here: parameters",
              "arithmetic", "same"]  # fmt: skip
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    return f"""## The network (Tables 2 and 6 to 10, Figure 16)

{_table(header, rows)}
One face takes {multiply_adds:,} multiply-adds. The first fully connected layer holds 84 % of the
parameters. The paper's text speaks of five layers, three of them convolutional; its summary has six, four of
them convolutional.

![Parameters of each layer](figures/parameters.png)
"""


def _training(runs: Sequence[RunMeasures]) -> str:
    parts = ["## Training history (Table 3, Figures 14 and 15)\n"]
    first = runs[0]
    here = {row.epoch - 1: row for row in first.history}
    epochs = sorted({row[0] for row in paper.TABLE_3} | ({max(here)} if here else set()))
    printed = {row[0]: row[1:] for row in paper.TABLE_3}
    rows = []
    for epoch in epochs:
        of_paper = [f"{value:.4f}" for value in printed.get(epoch, ())] or ["-"] * 4
        row = here.get(epoch)
        ours = [row.loss, row.accuracy, row.val_loss, row.val_accuracy] if row is not None else None
        rows.append(
            [str(epoch), *of_paper, *(f"{v:.4f}" for v in ours or ())] + ["-"] * (0 if ours else 4)
        )
    measures = ["loss", "accuracy", "val_loss", "val_accuracy"]
    header = ["epoch", *(f"paper: {m}" for m in measures), *(f"here: {m}" for m in measures)]
    parts.append(
        "By the paper's recipe. Epochs count from 0, as the paper's do; its val is all 7,178 images, here "
        f"it is PublicTest.\n\n{_table(header, rows)}"
    )
    for run in runs:
        best = run.history[run.epoch - 1]
        last = run.history[-1]
        parts.append(
            f"![Accuracy and loss of {run.name} over the epochs](figures/{run.name}-history.png)\n\n"
            f"**{run.name}**: {len(run.history)} {'epoch' if len(run.history) == 1 else 'epochs'} in "
            f"{_duration(run.history)} on {run.config.device}, precision {run.config.precision}. In the last epoch "
            f"the training accuracy, with dropout and augmentation on, is {last.accuracy:.4f}, and "
            f"{last.val_accuracy:.4f} of PublicTest is read right. The best on PublicTest, with "
            f"{best.val_accuracy:.4f}, is epoch {run.epoch}, counted from 1 as in the figure. Its weights, with dropout off, read "
            f"{run.train.accuracy:.4f} of the training images and {run.val_test.accuracy:.4f} of the "
            f"{run.val_test.n:,} images of PublicTest and PrivateTest: an overfitting gap of "
            f"{100 * (run.train.accuracy - run.val_test.accuracy):.1f} points.\n"
        )
    parts.append(
        f"The paper gives {paper.TRAIN_ACCURACY:.2%} on the training images. Its history, which ends at "
        f"{paper.TABLE_3[-1][2]:.2%}, does not reach that; measured with dropout off, the same weights may.\n"
    )
    return "\n".join(parts)


def _duration(history: Sequence[EpochRow]) -> str:
    seconds = sum(row.seconds for row in history)
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"


def _accuracy(runs: Sequence[RunMeasures]) -> str:
    rows = [["the paper", "-", f"{paper.VAL_ACCURACY:.4f}", "-", "-", "-", "-", "-", "-"]]
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
    header = ["recipe", "training", "PublicTest + PrivateTest", "PrivateTest (95 % interval)",
              "clean PrivateTest", "macro F1", "mean class recall", "calibration error",
              "agreement with FER+ majority"]  # fmt: skip
    figures = "\n\n".join(
        f"![Confusion matrix of {run.name}](figures/{run.name}-confusion.png)\n\n"
        f"![Recall and precision of {run.name}](figures/{run.name}-classes.png)\n\n"
        f"![Reliability of {run.name}](figures/{run.name}-reliability.png)"
        for run in runs
    )
    absent = runs[0].test.evaluation.absent
    without = f" It has no face of {', '.join(absent)}: means are of the others." if absent else ""
    return f"""## Accuracy

{_table(header, rows)}
The last five columns are of PrivateTest. Clean means without exact copies of training images.{without}

{figures}
"""


def _reports(runs: Sequence[RunMeasures]) -> str:
    first = runs[0]
    return f"""## Classification reports (Tables 4 and 5)

The paper's reports have an accuracy of {paper.REPORT_ACCURACY}, beside {paper.VAL_ACCURACY:.2%} from
its `evaluate`. One model cannot have both. Keras's `flow_from_directory` shuffles unless told
otherwise; predictions in that shuffled order were compared with `generator.classes`, which stands in the
order of the folders. Prediction and label then belong to different images. Compared so, the accuracy of
any classifier is, but for chance, the sum over the classes of (share labelled so) x (share read so), the
precision of a class its share of the labels, and its recall the share that is read so. Here the predictions
of the network trained by the paper's recipe are compared both ways: shuffled, and right.

### Training images (Table 4)

{_three_reports(paper.TABLE_4, first.shuffled_train, first.train)}
### Validation images (Table 5)

{_three_reports(paper.TABLE_5, first.shuffled_val_test, first.val_test)}
"""


def _three_reports(
    printed: dict[str, paper.ReportRow], shuffled: Evaluation, right: Evaluation
) -> str:
    def cells(row: ClassScore | paper.ReportRow) -> list[str]:
        if not row.support:
            return ["-"] * 3
        return [f"{row.precision:.2f}", f"{row.recall:.2f}", f"{row.f1:.2f}"]

    rows = []
    for label in FOLDER_ORDER:
        support = right.per_class[label].support
        rows.append([label, f"{support:,}", *cells(printed[label]),
                     *cells(shuffled.per_class[label]), *cells(right.per_class[label])])  # fmt: skip
    blank = [""] * 2
    rows.append(["accuracy", f"{right.n:,}", f"{paper.REPORT_ACCURACY:.2f}", *blank,
                 f"{shuffled.accuracy:.2f}", *blank, f"{right.accuracy:.2f}", *blank])  # fmt: skip
    scores = ["precision", "recall", "F1"]
    groups = ("paper", "shuffled", "right")
    header = ["emotion", "support", *(f"{group}: {score}" for group in groups for score in scores)]
    return _table(header, rows)


def _photo(runs: Sequence[RunMeasures]) -> str:
    parts = ["## A photo (Figure 17)\n"]
    for run in runs:
        said = ", ".join(f"{r.emotion} {r.probability:.1%}" for r in run.readings) or "no face"
        parts.append(
            f"![A photo as the model trained by {run.name} reads it](figures/{run.name}-photo.jpg)\n\n"
            f"**{run.name}**: {said}\n"
        )
    return "\n".join(parts)


def _mistakes() -> str:
    labelled = {label: row.support for label, row in paper.TABLE_5.items()}
    shares = {label: count / sum(labelled.values()) for label, count in labelled.items()}
    chance = sum(share**2 for share in shares.values())
    return f"""## Where the paper is wrong

- **The classification reports.** {paper.REPORT_ACCURACY} is what unrelated labels and predictions give
  ({chance:.2f} if each emotion is read as often as it is labelled), not how the model reads faces. The
  precision of .01 for disgust is near the share of disgust among the images, {shares["disgust"]:.3f}.
- **"Precision, recall and f-score of 0.26" for happy**, its best class, is near happy's share of the labels,
  {shares["happy"]:.3f}.
- **Validation and test are one set.** The folder copy of FER2013 calls PublicTest and PrivateTest together
  `test`; used to watch the training, it is no longer a test set. Results are to be compared on PrivateTest
  alone, as in the challenge that FER2013 was made for.
- **4,593 angry images** should read 4,953.
- **"Three convolutional layers"** are four, by its own Table 2 and parameter count.
- **76.83 % training accuracy** is not in its history, which ends at 71.87 %.
- **The pool size and input shapes** in its Tables 7 to 9 give one input channel where there are 32, 64 and
  128; the parameter counts beside them are right.
- Not said: which dropout layer has .1 and which .2, the ranges of the augmentation, the first weights, how
  pixels are scaled. Here: .1 after each pooling and .2 after the 512 units, rotation by up to 10 degrees,
  zoom and shift by up to 10 %, mirroring, Glorot's uniform weights (Keras's default), pixels / 255.
"""


PIPELINES: Final = """\
| feature | svm-linear | svm-rbf | adaboost | mlp | src | knn |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| gray levels | .368 | .422 | .360 | .372 | .274 | .359 |
| Gabor wavelets | .467 | .495 | .403 | .484 | .355 | .437 |
| cosine transform (DCT) | .366 | .408 | .330 | .397 | .291 | .389 |
| principal components (PCA) | .360 | .426 | .346 | .412 | .290 | .420 |
| independent components (ICA) | .362 | .428 | .344 | .415 | .303 | .419 |
| linear discriminants (LDA) | .361 | .370 | .347 | .375 | .215 | .355 |
| local binary patterns (LBP) | .457 | **.505** | .397 | .477 | .390 | .447 |
| oriented gradients (HOG) | .430 | .490 | .403 | .463 | .367 | .469 |
"""


def _pipelines() -> str:
    return f"""## The pipelines that it reviews

Accuracy on PrivateTest (n 3,589) of the classical pipelines, fitted on 10,000 faces of FER2013's training faces. They
were not measured for this report: `python benchmarks/baselines.py --data FER2013 --split test --limit 10000` does,
and `docs/comparisons.md` says what the names mean.

{PIPELINES}"""


def _elsewhere() -> str:
    rows = [
        ["Table 1, data sets", "FER2013, CK+, RAF-DB, AffectNet and Multi-PIE are read: `docs/datasets.md`"],
        ["Equations 2 to 5, activations; Figure 3, pooling",
         "`mien train --recipe paper --activation tanh --pooling average`: relu, sigmoid, tanh, leaky-relu; max, average, min"],
        ["Figures 4 and 5, AlexNet and VGG", "`mien networks`, `mien train --recipe paper --network alexnet`"],
        ["Figures 1, 2, 6, 7, 8, 10 and 11", "drawings and screenshots: nothing to measure"],
        ["The `.h5` file", "`mien export --to h5`; `mien detect --model model.h5`"],
        ["Figure 18, webcam", "`mien webcam`, and `mien video` for films"],
    ]  # fmt: skip
    return f"## What else the paper has\n\n{_table(['paper', 'here'], rows, numbers=False)}"


def _commands(runs: Sequence[RunMeasures]) -> str:
    lines = "\n".join(_train_command(run) for run in runs)
    alone = " --modern-epochs 0" if len(runs) == 1 else ""
    votes = (
        " FER+ votes come with it or, beside fer2013.csv, by `--votes fer2013new.csv`."
        if any(run.config.recipe.votes_weight for run in runs)
        else ""
    )
    versions = "\n".join(
        f"- {run.name}: mien {run.config.mien_version}, torch {run.config.torch_version}, "
        f"{run.config.device}, {run.config.precision}, seed {run.config.seed}, data "
        f"{run.config.data_fingerprint[:12]}"
        for run in runs
    )
    return f"""## Commands

```console
{lines}
mien reproduce --data FER2013 --out report --no-train{alone}
```

`FER2013` stands for the data set.{votes} Without `--no-train`, `mien reproduce` also does the training.

{versions}
"""


def _train_command(run: RunMeasures) -> str:
    """What trains this run again: its recipe, and the options in which it differs from that."""
    recipe = run.config.recipe
    named = RECIPES.get(recipe.name, recipe)
    options = [
        f"--{name.replace('_', '-')} {getattr(recipe, name)}"
        for name in TRAIN_OPTIONS
        if name == "epochs" or getattr(recipe, name) != getattr(named, name)
    ]
    return (
        f"mien train --data FER2013 --recipe {recipe.name} {' '.join(options)} "
        f"--seed {run.config.seed} --out report/runs/{recipe.name}"
    )


def _save_photo(photo: Image, path: Path) -> None:
    from PIL import Image as PILImage

    try:
        PILImage.fromarray(photo).save(path, "JPEG", quality=JPEG_QUALITY)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written; {error.strerror or error}") from error


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A table in Markdown; columns of numbers, all but the first, are set right."""
    ruler = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ruler, *rows]) + "\n"
