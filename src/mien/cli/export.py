"""`mien export`."""

from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from mien.cli.shared import (
    FindFacesOption,
    HeadName,
    JsonOption,
    VotesOption,
    need_torch,
    print_spec,
    print_table,
    read_data,
    say,
    status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mien.learn.data.datasets import FaceSet
    from mien.spec import ModelSpec

    _Scores = tuple[int, float, float, float | None]  # of so many faces


@dataclass(frozen=True)
class FormOptions:
    """What the file holds, and how; see `mien.learn.files.export.export_model`."""

    to: Annotated[str, "onnx, which mien runs; h5, a Keras file; or safetensors."] = "onnx"
    name: Annotated[
        str | None, "What the model calls itself; else the file's name, or its own in the package."
    ] = None
    head: Annotated[
        HeadName | None,
        "people, the default of networks that learned FER+ votes: what people would say comes out "
        "first, and beside it the label and the votes; label: the label alone.",
    ] = None
    store: Annotated[
        str,
        "How the weights are held: fp32; fp16, half the size; int8 in ONNX, a quarter and faster, "
        "which takes --data.",
    ] = "fp32"


@dataclass(frozen=True)
class MeasuringOptions:
    """Which faces the file is fitted and measured on."""

    data: Annotated[
        Path | None,
        "Data set to fit the temperature on (val) and to measure the file on; both go into it.",
    ] = None
    votes: VotesOption = None
    find_faces: FindFacesOption = False

    def read(self) -> "FaceSet | None":
        """The faces, if any are given."""
        if self.data is None:
            return None
        return read_data(self.data, votes=self.votes, find_faces=self.find_faces)


def export(
    run: Annotated[str, Argument(help="Folder of a training run, or a model in the package.")],
    out: Annotated[Path, "File to write."],
    *,
    form: FormOptions,
    measuring: MeasuringOptions,
    as_json: JsonOption = False,
) -> None:
    """Write a run's best weights, or a model in the package, as a model file.

    Example: mien export runs/first --out first.onnx --data fer2013.csv --votes fer2013new.csv

    Example: mien export runs/first --store int8 --out small.onnx --data fer2013.csv

    Example: mien export runs/first --to h5 --out first.h5

    Example: mien export paper --to h5 --out paper.h5

    The file is checked against the network.

    With --data a temperature is fitted on val, so that a reading is right about as often as its
    probability says, and with --votes another, so that what people would say is said by about as
    many of FER+'s taggers. An int8 file that reads over .002 less of val right than in float is not
    written. The Keras file takes gray levels, 0 to 255, shaped (N, 48, 48, 1), and gives
    probabilities of angry, disgust, fear, happy, sad, surprise and neutral, in this order.

    A model in the package keeps its temperature unless --data has a val, on which another is
    fitted; its kernels and matrices are rounded to float16 in the package.
    """
    need_torch("exporting")
    from mien.learn.files.export import export_model
    from mien.output.files import check_free

    check_free(out, overwrite=True, read=[measuring.data, measuring.votes])
    faces = measuring.read()
    with status("exporting and measuring"):
        spec = export_model(run, out, faces=faces, **asdict(form))
    if faces is not None and "val" not in spec.scores:
        _say_no_val(faces, run)
    if as_json:
        print_spec(spec, out)
    else:
        _print(spec, out)


def _say_no_val(faces: "FaceSet", run: str) -> None:
    from mien.learn.training.runs import read_config

    if not (Path(run) / "config.json").is_file():  # a model in the package
        say(f"{faces.name} has no val: the model keeps its temperature, and val is not measured")
        return
    config = read_config(Path(run))
    what = "give a data set with the val of the run"
    if config.val_share:
        what = (
            f"the run held out {config.val_share:g} of the train of {config.data_name}, and these "
            "faces are others: give what it was trained with, and --find-faces if that was given"
        )
    say(f"{faces.name} has no val, so the temperature is 1 and val is not measured; {what}")


def _print(spec: "ModelSpec", out: Path) -> None:
    from mien.learn.files.export import HALF_PARITY, INT8_LOSS, PARITY

    held = {
        "fp32": f"parity within {PARITY:.0e}",
        "fp16": f"parity within {HALF_PARITY:.0e}",
        "int8": f"at most {INT8_LOSS:g} less of val right than in float",
    }[spec.store]
    size = out.stat().st_size / 1e6
    print(
        f"{out}: {spec.parameters:,} parameters, epoch {spec.epoch}, {size:.2f} MB, {spec.store}, "
        f"{held}"
    )
    if spec.votes_labels:
        print(
            f"outputs: what people would say ({spec.votes_share:g} of FER+'s votes, temperature "
            f"{spec.people_temperature:g}), the label, and {len(spec.votes_labels)} FER+ votes"
        )
    if spec.temperature_fitted_on:
        undone = spec.label_smoothing_undone
        print(
            f"temperature {spec.temperature:g}"
            + (f" after undoing label smoothing of {undone:g}" if undone else "")
            + f", fitted on {spec.temperature_fitted_on}"
        )
    elif spec.scores:
        print("temperature 1: there is no val that tells another")
    of_label = {split: astuple(score) for split, score in spec.scores.items()}
    _print_scores(["label", "faces", "accuracy", "macro F1", "calibration error"], of_label)
    of_people = {
        split: (
            score.majority_n,
            score.majority_accuracy,
            score.negative_log_likelihood,
            score.expected_calibration_error,
        )
        for split, score in spec.people_scores.items()
    }
    header = ["people", "faces", "FER+ majority", "-log likelihood", "calibration error"]
    _print_scores(header, of_people)


def _print_scores(header: list[str], scores: "Mapping[str, _Scores]") -> None:
    """A row for each split; nothing without splits."""
    rows = [
        [split, f"{faces:,}", *("-" if value is None else f"{value:.4f}" for value in values)]
        for split, (faces, *values) in scores.items()
    ]
    if rows:
        print()
        print_table(header, rows, left=(0,))
