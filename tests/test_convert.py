import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from command_line import Mien
from learn_fixtures import made_up_faces, onnx_model, write_csv
from mien import EMOTIONS, Classifier, ModelError, OptionError, OutputError, __version__
from mien.learn.files.convert import convert_model
from mien.learn.files.others import gives_logits
from mien.readings import Probabilities
from mien.recognize.classifier import model_path

pytestmark = pytest.mark.usefixtures("operators_once")

FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
CROPS = np.random.default_rng(1).integers(0, 256, (5, 48, 48), dtype=np.uint8)
FACES = made_up_faces(train=2, val=30, test=2)


def theirs(
    path: Path,
    shape: tuple[int | str, ...],
    *,
    outputs: int = 8,
    opset: int = 13,
    end: str = "Identity",
    rows: int = -1,
    weights_as_inputs: bool = False,
    kind: str = "float",
    names: dict[str, str] | None = None,
) -> Path:
    """A classifier of another tool: means over squares, a matrix, logits or more."""
    random = np.random.default_rng(2)
    first = shape[1] in (1, 3)
    channels = int(shape[1] if first else shape[3])
    side = 64 if isinstance(shape[2], str) else int(shape[2])
    features = channels * (side // 8) ** 2
    constants: dict[str, NDArray[Any]] = {
        "matrix": random.normal(0, 8 / features**0.5, (features, outputs)).astype(np.float32)
        / np.float32(1 if kind == "float" else 128),
        "bias": random.normal(0, 0.3, outputs).astype(np.float32),
        "flat": np.array([rows, features], np.int64),
    }
    text = f"""
        theirs ({kind}[{", ".join(map(str, shape))}] pixels)
            => (float[{shape[0]}, {outputs}] logits)
        {{
            levels = Cast <to = 1> (pixels)
            nchw = {"Identity" if first else "Transpose <perm = [0, 3, 1, 2]>"} (levels)
            means = AveragePool <kernel_shape = [8, 8], strides = [8, 8]> (nchw)
            features = Reshape (means, flat)
            products = MatMul (features, matrix)
            sums = Add (products, bias)
            logits = {end} (sums)
        }}
    """
    for name, other in (names or {}).items():
        text = re.sub(rf"\b{name}\b", other, text)
    model = onnx_model(text, constants, opset=opset, ir_version=3 if weights_as_inputs else 8)
    if weights_as_inputs:  # as before IR 4
        for t in model.graph.initializer:
            model.graph.input.append(helper.make_tensor_value_info(t.name, t.data_type, t.dims))
    onnx.save(model, path)
    return path


def expected(path: Path, labels: tuple[str, ...], *, side: int, scaled: Any) -> Probabilities:
    """What the other tool's own session gives, face by face, of the seven that mien has."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    rows = []
    for crop in CROPS:
        pixels = scaled(cv2.resize(crop.astype(np.float32), (side, side)))
        if given.shape[1] in (1, 3):
            pixels = np.repeat(pixels[None, None], given.shape[1], axis=1)
        else:
            pixels = np.repeat(pixels[None, ..., None], given.shape[3], axis=3)
        if given.type == "tensor(uint8)":
            pixels = np.floor(pixels + 0.5).astype(np.uint8)
        else:
            pixels = pixels.astype(np.float32)
        rows.append(session.run(None, {given.name: pixels})[0][0])
    scores = np.array(rows)
    if not (scores >= 0).all():
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    seven = scores[:, [labels.index(emotion) for emotion in EMOTIONS]]
    return np.asarray(seven / seven.sum(axis=1, keepdims=True))


OURS = {"happiness": "happy", "sadness": "sad", "anger": "angry"}
EIGHT = tuple(OURS.get(name, name) for name in FERPLUS)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 1, 64, 64), {"opset": 8, "rows": 1, "weights_as_inputs": True}),  # as FER+'s own
        (("N", 3, 224, 224), {}),
        (("N", 3, "H", "W"), {"opset": 18}),
        (("N", 1, 64, 64), {"rows": 1}),  # says any number, and takes one
        (("N", 72, 72, 3), {"opset": 7}),
        ((1, 48, 48, 1), {"end": "Softmax <axis = 1>"}),
    ],
)
def test_an_onnx_file_of_others_reads_as_it_does_there(
    shape: tuple[int | str, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    path = theirs(tmp_path / "theirs.onnx", shape, **options)
    side = 64 if isinstance(shape[2], str) else int(shape[2])
    out = tmp_path / "deep" / "ours.onnx"
    size = side if isinstance(shape[2], str) else None
    spec, _ = convert_model(path, out, labels=",".join(FERPLUS), scaling="-1..1", size_px=size)

    rows = expected(path, EIGHT, side=side, scaled=lambda pixels: pixels / 127.5 - 1)
    assert rows.std(axis=0).min() > 1e-3
    classifier = Classifier(out)
    assert np.abs(classifier(CROPS) - rows).max() < 1e-4
    assert classifier.spec == spec
    what = "probabilities" if options.get("end") else "logits"
    assert spec.recipe == f"{what} of {', '.join(EIGHT)}; scaling -1..1"
    features = (3 if 3 in shape else 1) * (side // 8) ** 2
    assert (spec.parameters, spec.macs) == (8 * features + 8, 8 * features)
    assert (spec.name, spec.mien_version) == ("theirs", __version__)
    assert [one.name for one in out.parent.iterdir()] == ["ours.onnx"]


@pytest.mark.parametrize("end", ["Identity", "Softmax <axis = 1>"])
def test_a_face_that_shows_nothing_but_contempt_is_read_all_the_same(
    end: str, tmp_path: Path
) -> None:
    path, out = theirs(tmp_path / "theirs.onnx", ("N", 1, 48, 48), end=end), tmp_path / "ours.onnx"
    rows = expected(path, EIGHT, side=48, scaled=lambda pixels: pixels / 255)
    model = onnx.load(path)
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name == "bias"]
    surer = numpy_helper.to_array(bias) + 200 * np.eye(8, dtype=np.float32)[7]
    bias.CopyFrom(numpy_helper.from_array(surer, "bias"))
    onnx.save(model, path)

    convert_model(path, out, labels=",".join(FERPLUS), scaling="1/255")
    # Of logits the others say what they said; of probabilities nothing of it is left.
    assert np.abs(Classifier(out)(CROPS) - (rows if end == "Identity" else 1 / 7)).max() < 1e-4


@pytest.mark.parametrize(
    ("shape", "options", "given", "came"),
    [
        ((1, 1, 64, 64), {}, {"labels": None}, "does not say what its outputs are.*give --labels"),
        ((1, 1, 64, 64), {}, {"scaling": None}, "give --labels, all .* and --scaling 1/255, -1"),
        ((1, 1, 64, 64), {}, {"labels": ",".join(EMOTIONS)}, r"theirs.onnx, \(1, 8\); got 7"),
        ((1, 1, 64, 64), {}, {"size_px": 48}, "takes 64 x 64, and 48 was given"),
        (("N", 1, "H", "W"), {}, {}, "size: theirs.onnx takes faces of any size; give the one"),
        (("N", 1, 48, 64), {}, {}, "expected a square of at most 1024 pixels; .*takes 48 x 64"),
        ((4, 1, 64, 64), {}, {}, "expected one face at a time, or any number; got 4"),
        ((1, 1, 64, 64), {"end": "Sigmoid"}, {}, "as 8 sigmoids give"),
        ((1, 1, 64, 64), {"opset": 6}, {}, "expected ONNX of opset 7 or newer; got 6"),
    ],
)
def test_what_is_not_known_of_an_onnx_file_is_asked_for(
    shape: tuple[int | str, ...],
    options: dict[str, Any],
    given: dict[str, Any],
    came: str,
    tmp_path: Path,
) -> None:
    path = theirs(tmp_path / "theirs.onnx", shape, **options)
    all_given = {"labels": ",".join(FERPLUS), "scaling": "none", **given}
    with pytest.raises((ModelError, OptionError), match=came) as caught:
        convert_model(path, tmp_path / "ours.onnx", **all_given)
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["theirs.onnx"]


@pytest.mark.parametrize("side", [48, 64])
def test_gray_levels_stay_whole_for_a_model_that_takes_whole_numbers(
    side: int, tmp_path: Path
) -> None:
    path = theirs(tmp_path / "theirs.onnx", ("N", side, side, 3), kind="uint8")
    known: dict[str, Any] = {"labels": ",".join(FERPLUS)}
    out = tmp_path / "ours.onnx"
    with pytest.raises(OptionError, match=r"expected none, for theirs.onnx takes .*\(uint8\); got"):
        convert_model(path, out, scaling="1/255", **known)
    convert_model(path, out, scaling="none", **known)

    rows = expected(path, EIGHT, side=side, scaled=lambda pixels: pixels)
    assert len(np.unique(rows.round(6), axis=0)) == len(CROPS)
    assert np.abs(Classifier(out)(CROPS) - rows).max() < 1e-4
    for kind in ("int8", "bool"):
        theirs(path, ("N", side, side, 3), kind=kind)
        with pytest.raises(ModelError, match=rf"whole numbers that gray levels .*; got {kind}"):
            convert_model(path, out, scaling="none", **known)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.elem_type = 99
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"whole numbers that gray levels .*; got kind 99"):
        convert_model(path, out, scaling="none", **known)


@pytest.mark.parametrize(
    "names",
    [{"logits": "probabilities"}, {"pixels": "crops"}, {"means": "mien_levels", "sums": "crops"}],
)
def test_names_that_mien_has_are_theirs_too(names: dict[str, str], tmp_path: Path) -> None:
    path = theirs(tmp_path / "theirs.onnx", ("N", 1, 48, 48), names=names)
    out = tmp_path / "ours.onnx"
    convert_model(path, out, labels=",".join(FERPLUS), scaling="1/255")

    rows = expected(path, EIGHT, side=48, scaled=lambda pixels: pixels / 255)
    assert np.abs(Classifier(out)(CROPS) - rows).max() < 1e-4
    assert "Loop" not in {node.op_type for node in onnx.load(out).graph.node}  # all at once


def test_percentages_are_no_logits() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(7), 5).astype(np.float32)
    with pytest.raises(ModelError, match=r"sum to 100 for each face, as percentages do"):
        gives_logits(100 * shares, "theirs.onnx")
    assert not gives_logits(shares, "theirs.onnx")
    assert gives_logits(np.log(shares), "theirs.onnx")
    # Of a network that has learned nothing each face has the same.
    assert gives_logits(np.tile(10 * shares[:1], (5, 1)), "theirs.onnx")


def test_other_files_are_refused_with_a_reason(tmp_path: Path, tiny_model: Path) -> None:
    known: dict[str, Any] = {"labels": ",".join(FERPLUS), "scaling": "none"}
    out = tmp_path / "ours.onnx"
    (tmp_path / "text.onnx").write_bytes(b"a letter")
    for given in (known, {}):  # nothing is asked of a file that is refused all the same
        with pytest.raises(ModelError, match="mien wrote this file, and reads it as it is"):
            convert_model(tiny_model, out, **given)
        with pytest.raises(ModelError, match=r"text\.onnx: expected an ONNX model"):
            convert_model(tmp_path / "text.onnx", out, **given)
    path = theirs(tmp_path / "theirs.onnx", (1, 1, 64, 64))
    latin = tmp_path / "latin.onnx"
    latin.write_bytes(path.read_bytes().replace(b"pixels", b"pix\xe8ls"))
    with pytest.raises(ModelError, match=r"latin\.onnx: expected names in UTF-8; got b'pix"):
        convert_model(latin, out, **known)
    with pytest.raises(OptionError, match=r"expected a name that ends in \.onnx"):
        convert_model(path, tmp_path / "ours.h5", **known)
    with pytest.raises(OutputError, match="expected a folder to write into; it is a file"):
        convert_model(path, tmp_path / "theirs.onnx" / "ours.onnx", **known)
    with pytest.raises(ModelError, match=r"`mien convert .*theirs\.onnx --labels"):
        Classifier(path)


def bright_bands(path: Path, labels: tuple[str, ...]) -> Path:
    """Knows the made-up faces by their bright band, whose pixels, from -1 to 1, are near 0.49."""
    bands = np.zeros((48, 7), np.float32)
    for target, emotion in enumerate(EMOTIONS):
        bands[6 * target + 3 : 6 * target + 9, labels.index(emotion)] = -10.0 / 6 / 48
    constants: dict[str, NDArray[Any]] = {
        "near": np.array(190 / 127.5 - 1, np.float32),
        "flat": np.array([-1, 48, 48], np.int64),
        "ones": np.ones((48, 1), np.float32),
        "rows": np.array([-1, 48], np.int64),
        "bands": bands,
    }
    text = """bands (float[N, 1, 48, 48] pixels) => (float[N, 7] logits) {
        off = Sub (pixels, near)
        squared = Mul (off, off)
        lines = Reshape (squared, flat)
        sums = MatMul (lines, ones)
        by_row = Reshape (sums, rows)
        logits = MatMul (by_row, bands)
    }"""
    onnx.save(onnx_model(text, constants), path)
    return path


THEIRS = ("surprise", "sad", "angry", "neutral", "fear", "disgust", "happy")


def test_another_order_and_scaling_that_read_far_better_are_said(
    mien: Mien, tmp_path: Path
) -> None:
    path, out = bright_bands(tmp_path / "theirs.onnx", THEIRS), tmp_path / "ours.onnx"
    table = write_csv(tmp_path / "fer2013.csv", FACES)
    taken = ("--labels", ",".join(sorted(EMOTIONS)), "--scaling", "1/255")
    better = f"with --labels {','.join(THEIRS)} --scaling=-1..1"

    ended = mien("convert", path, *taken, "--out", out, "--data", table)
    assert ended.status == 0
    assert ended.stdout.startswith(f"{out}: logits of {', '.join(sorted(EMOTIONS))}; scaling 1/255")
    assert "of 210 faces are read as they are labelled, and 100% " + better in ended.stderr
    ended = mien("evaluate", "--model", out, "--data", table, "--split", "val")
    assert "and 100% " + better in ended.stderr

    told = ("--labels", ",".join(THEIRS), "--scaling=-1..1")
    again = ("--out", out, "--overwrite")
    ended = mien("convert", path, *told, *again, "--data", table, "--json")
    assert (ended.status, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["network"] == "onnx"
    ended = mien("evaluate", "--model", out, "--data", table, "--split", "val", "--json")
    assert ended.stderr == ""
    assert json.loads(ended.stdout)["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("m.pth", "this is torch's.*torch.onnx.export.*`mien convert theirs.onnx --labels"),
        ("m.tflite", "python -m tf2onnx.convert --tflite theirs.tflite --output theirs.onnx"),
        ("m.json", "a description without weights.*load_weights"),
        ("m.safetensors", "weights alone, for `mien train --pretrained`"),
        ("m.pkl", "a pickle, which could run code"),
        (
            "saved/saved_model.pb",
            "a folder of TensorFlow's.*tf2onnx.convert --saved-model .*saved ",
        ),
        ("unpacked.keras/config.json", "an unpacked file of Keras's.*zip archive"),
        ("runs/best.pt", "a training run. `mien export .*runs --out model.onnx`"),
        ("empty/readme.txt", "expected a file or one of mien, paper; there is no file '.*empty'"),
    ],
)
def test_files_of_other_kinds_are_named_with_what_to_do(
    name: str, came: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"anything")
    if file.name == "config.json":
        (file.parent / "model.weights.h5").write_bytes(b"anything")
    with pytest.raises(ModelError, match=came) as caught:
        model_path(file if file.parent == tmp_path else file.parent)
    assert "\n" not in str(caught.value)


def test_converted_files_are_read_without_torch_or_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = bright_bands(tmp_path / "theirs.onnx", THEIRS), tmp_path / "ours.onnx"
    convert_model(path, out, labels=",".join(THEIRS), scaling="-1..1")
    for package in ("torch", "keras", "h5py", "onnx"):
        monkeypatch.setitem(sys.modules, package, None)
    faces = FACES.split("test")
    assert (Classifier(out)(faces.images).argmax(axis=1) == faces.targets).all()
