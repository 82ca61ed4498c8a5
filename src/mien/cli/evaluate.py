"""`mien evaluate`."""

from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mien.cli.face_options import TrainingFaces
from mien.cli.shared import (
    HeadOption,
    JsonOption,
    ModelOption,
    absent_line,
    print_json,
    print_table,
    say,
    status,
)
from mien.errors import counted
from mien.labels import EMOTIONS
from mien.recognize.classifier import DEFAULT_MODEL, Classifier

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet
    from mien.learn.evaluation.measures import Measures
    from mien.learn.evaluation.photos import PhotoScores
    from mien.learn.evaluation.risk_coverage import RiskCoverage
    from mien.learn.evaluation.scores import Interval
    from mien.recognize.classifier import Classifier
    from mien.spec import ModelSpec


def evaluate(
    *,
    faces_from: TrainingFaces,
    model: ModelOption = DEFAULT_MODEL,
    head: HeadOption = None,
    split: Annotated[
        str | None,
        "train, val, test, or several: val+test. Test if not given, and of photos without splits "
        "(--find-faces) all.",
    ] = None,
    plots: Annotated[
        Path | None,
        "Folder for confusion, scores, reliability and risk against coverage as figures.",
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled faces, one view each.

    Example: mien evaluate --model paper --data fer2013.csv --split val+test

    Example: mien evaluate --data fer2013.csv --votes fer2013new.csv

    Example: mien evaluate --head label --data fer2013.csv

    Example: mien evaluate --model first.onnx,second.onnx --data fer2013.csv

    Example: mien evaluate --data photos --find-faces

    A model may answer two questions, of which --head chooses one: what people would say, which is
    what all other commands show, and what FER2013's label is, which papers report. The first is
    held against what most of FER+'s taggers chose, where the data have their votes.

    Several models are an ensemble: the mean of their probabilities. val is FER2013's PublicTest,
    test its PrivateTest; val+test is what the paper calls validation. With --find-faces the first
    figures are those of the photos, in which no face found counts as read wrong.
    """
    from mien.learn.evaluation.measures import measure
    from mien.learn.evaluation.photos import score_found_faces

    classifier = Classifier(model, threads=0, head=head)
    faces = faces_from.read()
    if split is None:
        without_splits = faces_from.find_faces and set(faces.splits.tolist()) == {"train"}
        split = "train" if without_splits else "test"
    with status("reading the faces"):
        result = measure(classifier, faces, split)
    part = faces.split(split)
    photos = None
    if faces_from.find_faces and faces_from.val_share is None:  # it holds out of faces found alone
        photos = score_found_faces(result.evaluation, part.faceless)
    _say_what_reads_better(classifier, part)
    if plots is not None:
        from mien.learn.plots.evaluation import plot_evaluation

        with status("drawing"):
            plot_evaluation(result, plots)
    if as_json:
        content: dict[str, object] = {"model": classifier.spec.name, "data": faces.name}
        content |= {"split": split, "members": [one.name for one in classifier.spec.members]}
        content |= {} if photos is None else {"photos": asdict(photos)}
        print_json(content | result.to_dict())
    else:
        _print(classifier.spec, faces.name, split, result, photos)


def _print(
    spec: "ModelSpec", data: str, split: str, result: "Measures", photos: "PhotoScores | None"
) -> None:
    print(
        f"{spec.name}, head {result.head}, on {data} {split}: "
        f"{counted(result.evaluation.n, 'face')}, held against {result.truth}"
    )
    if spec.members:
        print(
            f"the mean of {len(spec.members)} networks, {spec.parameters:,} parameters, "
            f"{spec.macs / 1e6:.1f} M MACs a face"
        )
    if absent := result.evaluation.absent:
        print(absent_line(absent, split))
    if photos is not None:
        _print_photos(photos)
        print("the faces that were found:")
    _print_measures(result)
    _print_risk_coverage(result.risk_coverage)
    _print_evaluation(result)


def _say_what_reads_better(classifier: "Classifier", faces: "FaceSet") -> None:
    """Of a model of others alone: whether it was taken for what it is."""
    from mien.learn.files.others import NETWORKS, better_reading

    path, spec = classifier.path, classifier.spec
    if spec.members or spec.network not in NETWORKS:
        return
    if better := better_reading(path.read_bytes(), faces):
        say(f"{spec.name}: {better}")


def _with_interval(name: str, value: float, interval: "Interval | None") -> list[str]:
    """A row of a table; `name` may be that of an attribute."""
    shown = name.replace("_f1", "_F1").replace("_", " ")
    return _row(shown, value, f"{interval.low:.4f} to {interval.high:.4f}" if interval else "-")


def _row(name: str, value: float, about: str) -> list[str]:
    return [name, f"{value:.4f}", about]


def _print_photos(scores: "PhotoScores") -> None:
    photos = counted(scores.n, "photo")
    print(f"{photos}; in {scores.faceless:,} no face was found, which counts as wrong")
    rows = [
        _with_interval(name, getattr(scores, name), scores.intervals.get(name))
        for name in ("accuracy", "mean_class_recall")
    ]
    rows += [
        _with_interval(f"recall of {label}", recall, scores.recall_intervals[label])
        for label, recall in scores.recall.items()
    ]
    print_table(["", "", "95 % interval"], rows, left=(0, 2))
    if "neutral" in scores.read_as:
        read = sorted(scores.read_as["neutral"].items(), key=lambda item: -item[1])
        print(f"neutral read as: {', '.join(f'{name} {n:,}' for name, n in read if n)}")
    print()


def _print_measures(result: "Measures") -> None:
    taggers = result.taggers
    rows = [
        _with_interval(name, getattr(result.evaluation, name), result.intervals.get(name))
        for name in ("accuracy", "macro_f1", "mean_class_recall")
    ]
    about = ""
    if result.by_taggers and taggers is not None:
        about = f"of a random tagger, n {taggers.n:,}"
    error = result.reliability.expected_calibration_error
    rows.append(_row("expected calibration error", error, about))
    beside = {
        "accuracy without duplicates of training images": result.clean,
        "agreement with labels": result.as_labeled if result.by_taggers else None,
        "agreement with FER+ majority": None if result.by_taggers else result.agreement,
    }
    rows += [
        _row(name, found.accuracy, f"n {found.n:,}")
        for name, found in beside.items()
        if found is not None
    ]
    if taggers is not None:
        likelihood = taggers.negative_log_likelihood
        rows.append(_row("-log likelihood of a random tagger", likelihood, f"n {taggers.n:,}"))
    if (votes := result.votes) is not None:
        reasons = [f"{reason} {count:,}" for reason, count in votes.left_out.items() if count]
        without = f"; without {', '.join(reasons)}" if reasons else ""
        rows.append(_row("FER+ 8 classes, most votes", votes.accuracy, f"n {votes.n:,}{without}"))
        if votes.majority_accuracy is not None:
            name = "FER+ 8 classes, over half, as published"
            about = f"n {votes.majority_n:,}; single votes struck out"
            rows.append(_row(name, votes.majority_accuracy, about))
    print_table(["", "", "95 % interval"], rows, left=(0, 2))
    print()


def _print_risk_coverage(result: "RiskCoverage") -> None:
    print(
        f"accuracy of the surest readings; area under the risk-coverage curve {result.area:.4f}, "
        f"at best {result.least_area:.4f}"
    )
    halves = [
        [
            [
                f"{one.threshold:.3f}",
                f"{one.coverage:.1%}",
                "-" if one.accuracy is None else f"{one.accuracy:.4f}",
            ]
            for one in chosen
        ]
        for chosen in (result.at_coverage, result.at_threshold)
    ]
    lines = [[*left, "", *right] for left, right in zip_longest(*halves, fillvalue=["", "", ""])]
    header = ["sure from", "of the faces", "accuracy"]
    print_table([*header, "  ", *header], lines, left=())
    print()


def _print_evaluation(measures: "Measures") -> None:
    result = measures.evaluation
    named = [
        *result.per_class.items(),
        ("macro average", result.macro_average),
        ("weighted average", result.weighted_average),
    ]
    rows = [
        [name, f"{s.precision:.4f}", f"{s.recall:.4f}", f"{s.f1:.4f}", f"{s.support:,}"]
        if s.support
        else [name, "-", "-", "-", "0"]
        for name, s in named
    ]
    print_table(["emotion", "precision", "recall", "F1", "support"], rows, left=(0,))
    truth = "labelled" if measures.truth == "labels" else measures.truth
    print(f"\n{truth} (rows) and read (columns)")
    counts = [
        [label, *(f"{count:,}" for count in row)]
        for label, row in zip(EMOTIONS, result.confusion, strict=True)
    ]
    print_table(["", *EMOTIONS], counts, left=(0,))
