"""The weights of a run or of the package -> a model file, checked number by number."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien import __version__
from mien.environment import onnx_session
from mien.errors import (
    DataError,
    ModelError,
    OptionError,
    OutputError,
    check_choice,
    needs_extra,
)

with needs_extra("train", "exporting"):
    import torch
    from torch import Tensor

from mien.labels import FERPLUS_EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.calibration import (
    Calibration,
    Pool,
    calibrate,
    fit_calibration,
    fit_pool,
    tagger_shares,
)
from mien.learn.evaluation.scores import (
    Agreement,
    evaluate_probabilities,
    majority_of,
    score_taggers,
)
from mien.learn.files.keras_h5 import made_up_crops
from mien.learn.files.model_files import (
    FORMATS,
    ExportWrapper,
    ModelFile,
    Onnx,
    Reader,
    Safetensors,
    answers_of,
    batches_of,
)
from mien.learn.files.onnx_graph import to_onnx
from mien.learn.files.stores import STORES
from mien.learn.networks import VOTES_HEAD, Network, macs
from mien.learn.training.pretrained import read_weights
from mien.learn.training.recipes import Recipe, recipe_named
from mien.learn.training.runs import RunConfig, load_best, network_of
from mien.output.files import atomic_write
from mien.recognize import catalog
from mien.recognize.classifier import Classifier, shipped_models, shipped_weights
from mien.spec import HEADS, ModelSpec, PeopleScore, Score

PARITY: Final = 1e-5  # largest difference of a probability between the network and its file
HALF_PARITY: Final = 2e-3  # the same where weights are stored as float16
INT8_LOSS: Final = 0.002  # largest fall of the accuracy on val where weights are stored as int8

_OF_NETWORK: Final = "network."  # what the names of its weights begin with in an ONNX file
_HALF: Final = ".fp16"  # what they end in where they are stored so
_CHECKED: Final = 256  # faces of val that the parity is checked on, beside made-up ones


def export_model(
    run_dir: str | Path,
    out: str | Path,
    *,
    to: str = "onnx",
    name: str | None = None,
    faces: FaceSet | None = None,
    head: str | None = None,
    store: str = "fp32",
) -> ModelSpec:
    """Write the best weights of a training run, or a model in the package, as a model file.

    Args:
        run_dir: a run's folder, made by `train`, or a name among `mien.shipped_models()`.
        out: the file to write; an earlier one of that name is replaced.
        to: one of `FORMATS`:
            "onnx", the format that mien runs; see `ModelSpec` for what comes out;
            "h5", a Keras file that `keras.models.load_model` opens: (N, 48, 48, 1) gray levels, 0
            to 255, in, and (N, 7) probabilities in the order of `mien.EMOTIONS` out;
            "safetensors", the weights alone, under torch's names and in torch's shapes.
            Each carries the `ModelSpec`: in ONNX's and safetensors' metadata and in an HDF5
            attribute of the Keras file, always under the key `mien`.
        name: what the model calls itself; without it, the file's name, and one in the package keeps
            its own.
        faces: a data set to fit the calibration on, with its val, and to measure the file on; the
            scores on those of val, test and val+test that it has go into the file. What the run
            held out of train as val is held out again. Without val, or without a data set, the
            temperature is 1, and label smoothing is not undone; a model in the package keeps what
            it has of both. In Keras files label smoothing is never undone. What people would say is
            fitted to the FER+ votes of val; its temperature is 1 where there are none.
        head: what the file reads. By default "people", what people would say, of networks that have
            the head for the FER+ votes; "label" leaves that out. Keras files have the label alone.
        store: one of `mien.learn.files.stores.STORES`. "fp16", in ONNX and safetensors, is held to
            `HALF_PARITY`. "int8", in ONNX alone, takes `faces`, with train, that it draws from,
            and with val, on which the file may read `INT8_LOSS` less right than the network.
    Returns:
        What the file says of itself.
    Raises:
        TrainingError: `run_dir` holds no run with a finished epoch.
        OptionError: `to`, `store` or `head` is not one of the above, they do not go together,
            people are asked of a network that knows no votes, or `out` has not the ending that the
            format needs.
        ModelError: the file's answers differ from the network's by more than is allowed, or Keras
            cannot hold the network; nothing is written then.
        DataError: `faces` lacks a split that int8 needs.
        MissingExtraError: the packages of the format are not installed.
        OutputError: `out` cannot be written.
    """
    out = Path(out)
    _check_options(out, to, store, head, measured=faces is not None)
    network, recipe, about, faces = _source(run_dir, faces)
    if head == "people" and network.votes_head is None:
        shipped = about.name != ""
        raise OptionError(
            f"expected a network with the head for the FER+ votes; {run_dir} "
            f"{'has none' if shipped else 'was trained with votes_weight 0, without it'}",
            argument="head",
        )
    if store == "int8" and faces is not None:
        faces.split("train+val")  # what it needs is there, or said now
    val = faces.split("val") if faces is not None and (faces.splits == "val").any() else None
    deployed, spec = _deployed(
        network, about, val, to, with_pool=head != "label", smoothing=recipe.label_smoothing
    )
    spec = replace(spec, name=name or about.name or out.stem, store=store)
    with atomic_write(out) as part:
        model_file = FORMATS[to](deployed, recipe)
        read = _write_checked(model_file, to, spec, part, deployed, faces, val)
        if faces is not None:
            spec = _measured(spec, read, faces)
            model_file.write(spec, part)
    return spec


def _deployed(
    network: Network,
    about: ModelSpec,
    val: FaceSet | None,
    to: str,
    *,
    with_pool: bool,
    smoothing: float,
) -> tuple[ExportWrapper, ModelSpec]:
    """The network with its calibration and its pool of people, and what its file says of itself.

    But for its name, its scores and how its weights are stored.
    """
    # A Keras file has no layer for label smoothing, and the temperature is of what follows it.
    known = Calibration(about.temperature, about.label_smoothing_undone)
    calibration = None if to == "h5" and known.label_smoothing else known
    fitted_on = about.temperature_fitted_on if calibration else ""
    pool = None
    if with_pool and to != "h5" and network.votes_head is not None:
        told = (about.votes_share, about.people_temperature, about.people_offsets)
        pool = Pool(*told) if about.votes_share else Pool()
    if val is not None:
        # A Keras file ends in a matrix and a softmax, which can hold a temperature only.
        smoothing = 0.0 if to == "h5" else smoothing
        logits, votes_logits = _logits(network, val)
        calibration = fit_calibration(logits, val.targets, label_smoothing=smoothing)
        fitted_on = f"{val.name} val ({len(val):,} images)" if calibration else ""
        if pool and val.votes is not None and tagger_shares(val.votes)[1].any():
            calibrated = calibrate(logits, calibration or Calibration())
            pool = fit_pool(calibrated, votes_logits, val.votes)
    deployed = ExportWrapper(network, calibration, pool=pool).eval()
    head = network.votes_head if pool else None
    of_votes = sum(weight.numel() for weight in head.parameters()) if head else 0
    return deployed, replace(
        about,
        parameters=network.parameter_count() + of_votes,
        macs=macs(network) + (head.weight.numel() if head else 0),
        scores={},
        people_scores={},
        votes_labels=FERPLUS_EMOTIONS if pool else (),
        votes_share=pool.votes_share if pool else 0.0,
        people_temperature=pool.temperature if pool else 1.0,
        people_offsets=pool.offsets if pool else (),
        temperature=deployed.calibration.temperature,
        temperature_fitted_on=fitted_on,
        label_smoothing_undone=deployed.calibration.label_smoothing,
        mien_version=__version__,
    )


def _write_checked(
    model_file: ModelFile,
    to: str,
    spec: ModelSpec,
    part: Path,
    deployed: ExportWrapper,
    faces: FaceSet | None,
    val: FaceSet | None,
) -> Reader:
    """Write the file as `spec.store` wants it, and read it again.

    Raises:
        ModelError: its answers differ from the network's by more than is allowed.
    """
    model_file.write(spec, part)
    read = model_file.reader(part)
    _check_parity(deployed, read, val, f"{to} file", PARITY)
    if isinstance(model_file, Onnx | Safetensors) and spec.store == "fp16":
        model_file.halve()
        model_file.write(spec, part)
        read = model_file.reader(part)
        _check_parity(deployed, read, val, "fp16 file", HALF_PARITY)
    elif isinstance(model_file, Onnx) and spec.store == "int8":
        # `_check_options` and the split above have refused what lacks one of them.
        assert faces is not None
        assert val is not None
        model_file.quantize(faces.split("train").images)
        model_file.write(spec, part)
        whole, read = read, model_file.reader(part)
        _check_accuracy(whole, read, val)
    return read


def _source(
    run_dir: str | Path, faces: FaceSet | None
) -> tuple[Network, Recipe, ModelSpec, FaceSet | None]:
    """The network, its recipe, what is known of it, and the faces with the val of its run."""
    if str(run_dir) in shipped_models() and not (Path(run_dir) / "config.json").is_file():
        return (*load_shipped(str(run_dir)), faces)
    network, config, row = load_best(run_dir)
    about = ModelSpec(
        name="",
        network=config.recipe.network,
        parameters=0,  # of the file that is written, likewise
        macs=0,
        recipe=config.recipe.name,
        seed=config.seed,
        epoch=row.epoch,
        trained_on=_trained_on(config),
        chosen_on=f"{config.data_name} val ({config.val_count:,} images)",
    )
    return network, config.recipe, about, None if faces is None else _with_val_of(config, faces)


def load_shipped(name: str) -> tuple[Network, Recipe, ModelSpec]:
    """A model in the package: its network, the recipe that made it, and what its file says.

    The weights are those of the safetensors file where there is one, and of the ONNX file, which
    then holds them in float, where there is none; kernels and matrices are rounded to float16.

    Args:
        name: among `mien.shipped_models()`.
    Raises:
        MissingExtraError: the package that reads the weights is not installed.
    """
    spec = Classifier(name).spec
    if name in shipped_weights():
        weights, recipe = read_weights(shipped_weights()[name])
    else:
        recipe = recipe_named(spec.recipe)
        weights = _initializers(name)
    network = network_of(recipe)
    if not any(key.startswith(VOTES_HEAD) for key in weights):
        network.votes_head = None
    network.load_state_dict({key: weight.float() for key, weight in weights.items()})
    return network.eval(), recipe, spec


def _initializers(name: str) -> dict[str, Tensor]:
    with needs_extra("train", "exporting"):
        import onnx
    found = {}
    for tensor in onnx.load(shipped_models()[name]).graph.initializer:
        if tensor.name.startswith(_OF_NETWORK):
            key = tensor.name.removeprefix(_OF_NETWORK).removesuffix(_HALF)
            found[key] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
    return found


def _with_val_of(config: RunConfig, faces: FaceSet) -> FaceSet:
    """The faces with the val that a run held out of their train, if they are those of the run."""
    if not config.val_share or not (faces.splits == "train").any():
        return faces
    try:
        held_out = faces.hold_out(config.val_share)
    except DataError:  # of fewer than the run had
        return faces
    val = held_out.take(held_out.splits == "val")
    same = replace(val, votes=None).fingerprint() == config.val_fingerprint
    return held_out if same else faces


def _trained_on(config: RunConfig) -> str:
    words = f"{config.data_name} train ({config.train_count:,} images)"
    if config.pretrained:
        words += f", beginning with the weights of {config.pretrained.name}"
    if config.teachers:
        words += f", taught by {', '.join(sorted(run.name for run in config.teachers))}"
    return words


def _check_options(out: Path, to: str, store: str, head: str | None, *, measured: bool) -> None:
    check_choice("to", to, FORMATS)
    check_choice("store", store, STORES)
    if head not in (None, *HEADS):
        raise OptionError(f"expected {' or '.join(HEADS)}; got {head!r}", argument="head")
    if out.is_dir():
        raise OutputError(f"{out}: expected a file to write; it is a folder")
    if out.suffix not in (endings := FORMATS[to].endings):
        raise OptionError(
            f"{out}: expected a name that ends in {' or '.join(endings)}, by which files of the "
            f"format {to} are known"
        )
    if to == "h5" and head == "people":
        raise OptionError(
            "expected to write onnx or safetensors; a Keras file of mien's has the "
            "label's probabilities as its only output",
            argument="head",
        )
    if store not in (able := FORMATS[to].stores):
        raise OptionError(
            f"expected {' or '.join(able)} in a file of the format {to}; got {store!r}",
            argument="store",
        )
    if store == "int8" and not measured:
        raise OptionError(
            "int8 takes a data set, whose training images set the ranges it computes in and "
            "whose val says what it costs; got none",
            argument="store",
        )


def latency_ms(network: Network) -> float:
    """Median milliseconds for one face on one thread, in ONNX Runtime, on this machine.

    Args:
        network: in evaluation mode; its weights do not matter.
    """
    session = onnx_session(to_onnx(ExportWrapper(network).eval()).SerializeToString())
    return catalog.latency_ms(lambda crops: session.run(None, {"crops": crops}))


def _logits(network: Network, faces: FaceSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 7) float32 and, empty of a network without that head, (N, 8) of the votes."""
    with torch.no_grad():
        rows = [network(batch.float().unsqueeze(1)) for batch in batches_of(faces.images)]
    logits: NDArray[np.float32] = torch.cat([row[0] for row in rows]).numpy()
    votes = [row[1] for row in rows if row[1] is not None]
    return logits, torch.cat(votes).numpy() if votes else np.empty((0, 8), np.float32)


def _check_parity(
    deployed: ExportWrapper, read: Reader, val: FaceSet | None, what: str, allowed: float
) -> None:
    crops = made_up_crops(67)
    if val is not None:
        crops = np.concatenate([crops, val.images[:_CHECKED]])
    answers, expected = read(crops), answers_of(deployed, crops)
    difference = max(float(np.abs(answers[name] - expected[name]).max()) for name in expected)
    if not difference <= allowed:
        raise ModelError(
            f"the probabilities of the {what} differ from the network's by {difference:.1e}; "
            f"expected at most {allowed:.0e}. Nothing was written"
        )


def _check_accuracy(whole: Reader, read: Reader, val: FaceSet) -> None:
    """Hold a file in int8 against the one in float that it was made from."""
    before, after = (
        float((reader(val.images)["label"].argmax(axis=1) == val.targets).mean())
        for reader in (whole, read)
    )
    if before - after > INT8_LOSS:
        raise ModelError(
            f"the int8 file reads {after:.4f} of val ({len(val):,} images) right and the float "
            f"file {before:.4f}; expected a fall of at most {INT8_LOSS:g}. Nothing was written"
        )


def _measured(spec: ModelSpec, read: Reader, faces: FaceSet) -> ModelSpec:
    """The spec with what its file scores on val, test and both, where they are."""
    there = [split for split in ("val", "test") if (faces.splits == split).any()]
    if not there:
        return spec
    whole = faces.split("+".join(there))
    answers = read(whole.images)
    scores, people = {}, {}
    for split in dict.fromkeys((*there, "+".join(there))):
        rows = np.isin(whole.splits, split.split("+"))
        part = whole.take(rows)
        result = evaluate_probabilities(answers["label"][rows], part.targets)
        error = result.reliability.expected_calibration_error
        scores[split] = Score(result.n, result.accuracy, result.macro_f1, error)
        if "people" in answers and (majority := majority_of(part)) is not None:
            said = answers["people"][rows]
            agreement = Agreement.of(said.argmax(axis=1), majority)
            taggers = score_taggers(said, part)
            error = taggers.reliability.expected_calibration_error
            likelihood = taggers.negative_log_likelihood
            people[split] = PeopleScore(
                agreement.n, agreement.accuracy, taggers.n, likelihood, error
            )
    return replace(spec, scores=scores, people_scores=people)
