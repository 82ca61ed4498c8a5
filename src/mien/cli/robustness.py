"""`mien robustness`."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.face_options import LabeledFaces
from mien.cli.shared import (
    EXIT_INTERRUPTED,
    HeadOption,
    JsonOption,
    SplitOption,
    absent_line,
    print_json,
    print_table,
    progress,
    say,
    status,
)
from mien.errors import counted
from mien.recognize.classifier import DEFAULT_MODEL, Classifier

if TYPE_CHECKING:
    from typing import TextIO

    from mien.learn.data.datasets import FaceSet
    from mien.learn.evaluation.robustness import Corruption, Robustness
    from mien.recognize.classifier import Classifier


@dataclass(frozen=True)
class SamplingOptions:
    """Which faces are corrupted, and how."""

    limit: Annotated[int | None, "Measure on this many faces, drawn by chance."] = None
    corrupt: Annotated[str | None, "Names, with commas: blur,mouth. All if not given."] = None
    seed: Annotated[int, "Of the faces drawn, and of the noise."] = 0

    def corruptions(self) -> "list[Corruption]":
        """What is asked for, each once."""
        from mien.learn.evaluation.robustness import CORRUPTIONS, corruption_named

        names = [*CORRUPTIONS]
        if self.corrupt is not None:
            names = [name.strip() for name in self.corrupt.split(",")]
        return [corruption_named(name) for name in dict.fromkeys(names)]

    def draw(self, faces: "FaceSet") -> "FaceSet":
        """As many of the faces as are asked for, drawn by chance."""
        from mien.learn.evaluation.robustness import draw_faces

        return faces if self.limit is None else draw_faces(faces, self.limit, seed=self.seed)


def robustness(
    *,
    faces_from: LabeledFaces,
    model: Annotated[
        list[str] | None,
        "As for `mien evaluate`; where it is given again, they stand side by side.",
    ] = None,
    head: HeadOption = None,
    split: SplitOption = "test",
    sampling: SamplingOptions,
    csv: Annotated[Path | None, "CSV file to write: a row for each measurement."] = None,
    plots: Annotated[
        Path | None, "Folder for the curves, and a sheet that shows the severities."
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how accuracy falls as faces are corrupted.

    Example: mien robustness --data fer2013.csv --split val --limit 1000 --plots figures

    Example: mien robustness --data fer2013.csv --model paper --model first.onnx,second.onnx

    Corruptions: brightness, contrast, noise, jpeg, resolution, blur, motion, eyes, mouth,
    rotation, shift-x, shift-y, zoom; the sheet of --plots shows what the severities of each mean.
    Compare models on val, and keep test for the last word. Ctrl-C ends it with what is measured so
    far.
    """
    from mien.learn.evaluation.robustness import Robustness, measure
    from mien.learn.evaluation.scores import truth_of
    from mien.output.files import atomic_text, check_free

    models = model or [DEFAULT_MODEL]
    if csv is not None:
        files = [Path(name) for names in models for name in names.split(",")]
        check_free(csv, overwrite=True, read=[*files, *faces_from.files()])
    wanted = sampling.corruptions()
    classifiers = _classifiers(models, head)
    asked = next(iter(classifiers.values())).head
    faces = truth_of(asked, faces_from.read(), split).split(split)
    data_name = f"{faces.name} {split}"
    faces = sampling.draw(faces)
    steps = measure(classifiers, faces, wanted, seed=sampling.seed)
    total = len(classifiers) * (1 + sum(len(d.severities) for d in wanted))
    measured = []
    interrupted = False
    # Opened before all is measured, so that a place that cannot be written is said at once.
    with nullcontext() if csv is None else atomic_text(csv) as table:
        try:
            for measurement in progress(steps, total, "corrupting and reading"):
                measured.append(measurement)
        except KeyboardInterrupt:
            if not measured:
                raise
            interrupted = True
        result = Robustness.of(faces, measured, data=data_name, seed=sampling.seed)
        if table is not None:
            _write_csv(result, table)
    if as_json:
        print_json(asdict(result))
    else:
        _print(result, all_faces=sampling.limit is None)
    if plots is not None:
        with status("drawing"):
            _draw(result, wanted, next(iter(classifiers.values())), plots)
    if interrupted:
        say(f"interrupted after {len(measured)} of {total} measurements")
        raise typer.Exit(EXIT_INTERRUPTED)


def _classifiers(given: "list[str]", head: str | None) -> "dict[str, Classifier]":
    """By the name that each model gives itself, or as it was given where two have the same.

    All are asked the same: the label, if one of them does not know what people say.
    """
    opened = {}
    for text in dict.fromkeys(name.strip() for name in given):
        opened[text] = Classifier(text, threads=0, head=head)
    if len({classifier.head for classifier in opened.values()}) > 1:
        for classifier in opened.values():
            classifier.head = "label"
    own = [classifier.spec.name for classifier in opened.values()]
    return {
        text if own.count(classifier.spec.name) > 1 else classifier.spec.name: classifier
        for text, classifier in opened.items()
    }


def _write_csv(result: "Robustness", file: "TextIO") -> None:
    import csv

    writer = csv.writer(file, lineterminator="\n")
    about = ["model", "corruption", "severity", "unit", "n", "accuracy"]
    writer.writerow([*about, "low", "high", "macro_f1"])
    for m in result.measurements:
        cells = [getattr(m, name) for name in about]
        writer.writerow([*cells, m.interval.low, m.interval.high, m.macro_f1])


def _draw(
    result: "Robustness", wanted: "list[Corruption]", classifier: "Classifier", folder: Path
) -> None:
    from mien.learn.evaluation.robustness import portrait_crop, strips
    from mien.learn.plots.robustness import plot_robustness, plot_strips

    if result.corruptions:
        plot_robustness(result, folder / "robustness")
    shown = strips(portrait_crop(), wanted, classifier=classifier, seed=result.seed)
    plot_strips(shown, folder / "corruptions")


def _print(result: "Robustness", *, all_faces: bool) -> None:
    models = result.models
    chosen = "" if all_faces else f" drawn with seed {result.seed}"
    print(f"{', '.join(models)} on {result.data}: {counted(result.n, 'face')}{chosen}")
    if result.absent:
        print(absent_line(result.absent, result.data))
    print(f"always the commonest emotion: accuracy {result.majority:.3f}\n")
    if len(models) == 1:
        _print_one(result, models[0])
        return
    rows: dict[tuple[str, float], list[str]] = {}
    for m in result.measurements:
        row = [m.corruption, f"{m.severity:g}", m.unit, *["-"] * len(models)]
        row = rows.setdefault((m.corruption, m.severity), row)
        row[3 + models.index(m.model)] = f"{m.accuracy:.3f}"
    print_table(["corruption", "severity", "unit", *models], [*rows.values()], left=(0, 2))


def _print_one(result: "Robustness", model: str) -> None:
    start = result.clean(model)
    rows = []
    for m in result.measurements:
        change = "" if m == start else f"{m.accuracy - start.accuracy:+.3f}"
        interval = f"{m.interval.low:.3f} to {m.interval.high:.3f}"
        row = [m.corruption, f"{m.severity:g}", m.unit, f"{m.accuracy:.3f}", interval, change]
        rows.append([*row, f"{m.macro_f1:.3f}"])
    header = ["corruption", "severity", "unit", "accuracy", "95 % interval", "change", "macro F1"]
    print_table(header, rows, left=(0, 2))
