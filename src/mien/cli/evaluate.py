"""`mien evaluate`."""

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

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
from mien.recognize.classifier import DEFAULT_MODEL

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet
    from mien.learn.evaluation.measures import Measures
    from mien.learn.evaluation.photos import PhotoScores
    from mien.learn.evaluation.risk_coverage import RiskCoverage
    from mien.learn.evaluation.scores import Interval, VotesScore
    from mien.recognize.classifier import Classifier
    from mien.spec import ModelSpec


def evaluate(
    *,
    faces_from: TrainingFaces,
    model: ModelOption = DEFAULT_MODEL,
    head: HeadOption = None,
    split: Annotated[
        str | None,
        Option(
            help="train, val, test, or several: val+test. Test if not given, and of photos without "
            "splits (--find-faces) all."
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        Option(
            help="Folder for confusion, scores, reliability and risk against coverage as figures."
        ),
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
    from mien.recognize.classifier import Classifier

    classifier = Classifier(model, threads=0, head=head)
    faces = faces_from.read()
    if split is None:
        without_splits = faces_from.find_faces and set(faces.splits.tolist()) == {"train"}
        split = "train" if without_splits else "test"
    with status("reading the faces"):
        result = measure(classifier, faces, split)
    part = faces.split(split)
    photos = None
    if (
        faces_from.find_faces and faces_from.val_share is None
    ):  # which holds out of the faces found alone
        photos = score_found_faces(result.evaluation, part.faceless)
    _say_what_reads_better(classifier, part)
    if plots is not None:
        from mien.learn.plots.evaluation import plot_evaluation

        with status("drawing"):
            plot_evaluation(result, plots)
    if as_json:
        about = {"model": classifier.spec.name, "data": faces.name, "split": split}
        members = [member.name for member in classifier.spec.members]
        about_photos = {} if photos is None else {"photos": photos.to_dict()}
        content = {**about, "members": members, **about_photos, **result.to_dict()}
        print_json(content)
    else:
        _print(classifier.spec, faces.name, split, result, photos)


def _print(
    spec: "ModelSpec", data: str, split: str, result: "Measures", photos: "PhotoScores | None"
) -> None:
    print(
        f"{spec.name}, head {result.head}, on {data} {split}: "
        f"{result.evaluation.n:,} faces, held against {result.truth}"
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


def _with_interval(name: str, value: float, interval: "Interval") -> list[str]:
    """A row of a table; `name` may be that of an attribute."""
    shown = name.replace("_f1", "_F1").replace("_", " ")
    return [shown, f"{value:.4f}", f"{interval.low:.4f} to {interval.high:.4f}"]


def _print_photos(scores: "PhotoScores") -> None:
    print(f"{scores.n:,} photos; in {scores.faceless:,} no face was found, which counts as wrong")
    rows = [
        _with_interval(name, getattr(scores, name), scores.intervals[name])
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
    scores = result.evaluation
    rows = [
        _with_interval(name, getattr(scores, name), result.intervals[name])
        for name in ("accuracy", "macro_f1", "mean_class_recall")
    ]
    error = result.reliability.expected_calibration_error
    about = ""
    if result.by_taggers and result.taggers is not None:
        about = f"of a random tagger, n {result.taggers.n:,}"
    rows.append(["expected calibration error", f"{error:.4f}", about])
    if result.clean is not None:
        rows.append(
            [
                "accuracy without duplicates of training images",
                f"{result.clean.accuracy:.4f}",
                f"n {result.clean.n:,}",
            ]
        )
    if result.by_taggers:
        labelled = result.as_labeled
        rows.append(["agreement with labels", f"{labelled.accuracy:.4f}", f"n {labelled.n:,}"])
    elif result.agreement is not None:
        agreement = result.agreement
        rows.append(
            ["agreement with FER+ majority", f"{agreement.accuracy:.4f}", f"n {agreement.n:,}"]
        )
    if result.taggers is not None:
        taggers = result.taggers
        likelihood = f"{taggers.negative_log_likelihood:.4f}"
        rows.append(["-log likelihood of a random tagger", likelihood, f"n {taggers.n:,}"])
    if result.votes is not None:
        rows += _rows_of_votes(result.votes)
    print_table(["", "", "95 % interval"], rows, left=(0, 2))
    print()


def _rows_of_votes(votes: "VotesScore") -> list[list[str]]:
    reasons = [f"{reason} {count:,}" for reason, count in votes.left_out.items() if count]
    without = f"; without {', '.join(reasons)}" if reasons else ""
    rows = [["FER+ 8 classes, most votes", f"{votes.accuracy:.4f}", f"n {votes.n:,}{without}"]]
    if votes.majority_accuracy is not None:
        rows.append(
            [
                "FER+ 8 classes, over half, as published",
                f"{votes.majority_accuracy:.4f}",
                f"n {votes.majority_n:,}; single votes struck out",
            ]
        )
    return rows


def _print_risk_coverage(result: "RiskCoverage") -> None:
    print(
        f"accuracy of the surest readings; area under the risk-coverage curve {result.area:.4f}, "
        f"at best {result.least_area:.4f}"
    )
    rows = []
    for chosen in (result.at_coverage, result.at_threshold):
        for selection in chosen:
            accuracy = "-" if selection.accuracy is None else f"{selection.accuracy:.4f}"
            rows.append([f"{selection.threshold:.3f}", f"{selection.coverage:.1%}", accuracy])
    halves = rows[: len(result.at_coverage)], rows[len(result.at_coverage) :]
    lines = [[*left, "", *right] for left, right in zip_longest(*halves, fillvalue=["", "", ""])]
    header = ["sure from", "of the faces", "accuracy"]
    print_table([*header, "  ", *header], lines, left=())
    print()


def _print_evaluation(measures: "Measures") -> None:
    from mien.labels import EMOTIONS

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
