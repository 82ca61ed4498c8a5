import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from command_line import in_python
from fakes import some_crops
from learn_fixtures import FEW_FACES, converted, logits_of
from mien import EMOTIONS, Classifier, MissingExtraError, ModelError, OptionError, Recognizer
from mien.labels import FERPLUS_EMOTIONS, FERPLUS_TO_EMOTION
from mien.learn.evaluation.scores import evaluate
from mien.learn.files.convert import convert_model
from mien.learn.files.export import export_model
from mien.learn.files.keras_config import read_config
from mien.learn.files.keras_h5 import KERAS_LOG, import_keras
from mien.learn.files.keras_network import to_keras
from mien.learn.files.stores import quiet
from mien.learn.networks import BackboneOptions, Network, build
from mien.learn.reports import paper
from mien.learn.training.runs import load_best
from mien.readings import Probabilities
from mien.recognize.crops import Crops
from mien.spec import ModelSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.newest,
    pytest.mark.usefixtures("tiny", "operators_once"),
]

ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras("the tests")


@pytest.fixture(scope="module")
def exported(paper_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """The Keras file of that run, and what exporting it gave back."""
    out = tmp_path_factory.mktemp("models") / "first.h5"
    return out, export_model(paper_run, out, to="h5", faces=FEW_FACES)


@pytest.fixture(scope="module")
def theirs(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small gray classifier of someone else's, with pixels from 0 to 1 and a softmax."""
    path = tmp_path_factory.mktemp("models") / "theirs.h5"
    return save(matrix(keras, activation="softmax"), path)


def matrix(keras: Any, *, units: int = 7, activation: str | None = None) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.AveragePooling2D(6),
            layers.Flatten(),
            layers.Dense(units, activation, kernel_initializer=keras.initializers.RandomNormal()),
        ]
    )


def save(model: Any, path: Path) -> Path:
    with quiet(KERAS_LOG):
        model.save(path)
    return path


def answers(model: Any, pixels: NDArray[np.float32]) -> Probabilities:
    """What Keras itself gives."""
    with torch.no_grad():
        rows: Probabilities = model(pixels, training=False).numpy()
    return rows


def in_our_order(rows: Probabilities, labels: tuple[str, ...]) -> Probabilities:
    return rows[:, [labels.index(emotion) for emotion in EMOTIONS]]


def softmax(logits: Probabilities) -> Probabilities:
    return torch.from_numpy(logits).softmax(dim=1).numpy()


def network_answers(network: Network, crops: Crops, *, temperature: float = 1.0) -> Probabilities:
    return softmax(logits_of(network, crops) / temperature)


# Writing


def test_the_papers_network_is_the_papers_keras_model_and_reads_gray_levels_as_it_does(
    keras: Any, paper_run: Path, exported: tuple[Path, ModelSpec]
) -> None:
    model = keras.models.load_model(exported[0], compile=False)
    lines = [
        (layer.name, tuple(layer.output.shape[1:]), layer.count_params()) for layer in model.layers
    ]

    assert type(model) is keras.Sequential
    assert model.count_params() == 2_489_095
    assert lines[0] == ("mien_rescaling", (48, 48, 1), 0)
    assert lines[1:] == [(name.lower(), *rest) for name, *rest in paper.TABLE_2]
    for layer in model.layers[1:]:
        assert re.fullmatch(rf"{type(layer).__name__.lower()}\d*", layer.name.replace("_", ""))
    activations = [layer.activation.__name__ for layer in model.layers if layer.weights]
    assert activations == ["relu"] * 5 + ["softmax"]
    crops, (network, _, _) = some_crops(9), load_best(paper_run)
    rows = answers(model, crops[..., None].astype(np.float32))
    assert rows.std(axis=0).min() > 1e-3
    temperature = exported[1].temperature
    assert np.abs(rows - network_answers(network, crops, temperature=temperature)).max() < 1e-5


def test_mien_converts_its_keras_file_without_options(
    paper_run: Path, exported: tuple[Path, ModelSpec]
) -> None:
    out, spec = exported
    crops = some_crops(9)
    network, _, _ = load_best(paper_run)
    classifier = converted(out)

    assert classifier.spec == spec
    rows = classifier(crops)
    temperature = spec.temperature
    assert np.abs(rows - network_answers(network, crops, temperature=temperature)).max() < 1e-5
    result = evaluate(classifier, FEW_FACES.split("test"))
    assert spec.scores["test"].accuracy == result.accuracy
    assert list(spec.scores) == ["val", "test", "val+test"]
    assert [path.name for path in out.parent.iterdir()] == ["first.h5"]


def test_mien_lets_no_option_contradict_its_keras_file(exported: tuple[Path, ModelSpec]) -> None:
    for options in ({"labels": EMOTIONS}, {"scaling": "1/255"}):
        with pytest.raises(OptionError, match="mien wrote this file, and it knows its labels"):
            converted(exported[0], **options)


def test_a_keras_file_of_eight_expressions_is_converted_once(keras: Any, tmp_path: Path) -> None:
    ours = ", ".join(FERPLUS_TO_EMOTION.get(name, name) for name in FERPLUS_EMOTIONS)
    path, out = save(matrix(keras, units=8), tmp_path / "theirs.h5"), tmp_path / "ours.onnx"

    with pytest.raises(ModelError, match="If these are 8 expressions, name all of them"):
        convert_model(path, out)
    spec, _ = convert_model(path, out, labels=",".join(FERPLUS_EMOTIONS), scaling="1/255")
    assert spec.network == "keras"
    assert spec.recipe == f"logits of {ours}; scaling 1/255"
    assert Classifier(out).spec == spec
    again = converted(path, labels=FERPLUS_EMOTIONS, scaling="1/255")
    assert np.array_equal(Classifier(out)(some_crops(5)), again(some_crops(5)))


def test_a_file_that_keras_saved_again_asks_for_its_labels(
    keras: Any, tiny_run: Path, tmp_path: Path
) -> None:
    ours, again = tmp_path / "ours.h5", tmp_path / "again.keras"
    export_model(tiny_run, ours, to="h5")
    model = keras.models.load_model(ours, compile=False)
    save(model, again)

    with pytest.raises(ModelError, match=r"again from one of mien's.*Give the labels"):
        converted(again)
    rows = answers(model, some_crops(3)[..., None].astype(np.float32))
    assert np.abs(converted(again, labels=EMOTIONS)(some_crops(3)) - rows).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("paper", {"activation": "leaky-relu", "pooling": "min"}),
        ("paper", {"activation": "tanh", "pooling": "average"}),
        ("alexnet", {}),
        ("vgg", {}),
        ("resnet", {}),
        ("se-resnet", {}),
    ],
)
def test_every_network_has_its_keras_model(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = build(name, mean=129.5, std=65.0, options=BackboneOptions(**options)).eval()
    for key, tensor in network.state_dict().items():
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
        elif key.endswith(("bias", "running_mean")):
            tensor.normal_(0.0, 0.1)
    crops = some_crops(2)
    model = to_keras(network)

    rows = answers(model, crops[..., None].astype(np.float32))
    assert np.abs(rows - network_answers(network, crops)).max() < 1e-5
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == network.parameter_count()


def test_a_network_that_keras_has_no_layer_for_is_refused() -> None:
    backbone = torch.nn.Sequential(torch.nn.PixelUnshuffle(2), torch.nn.Flatten())
    with pytest.raises(ModelError, match=r"those of mien\.learn.*; this one has PixelUnshuffle"):
        to_keras(Network(backbone, 2304))


def test_safetensors_hold_the_weights_and_the_description(tiny_run: Path, tmp_path: Path) -> None:
    spec = export_model(tiny_run, tmp_path / "m.safetensors", to="safetensors", faces=FEW_FACES)
    network, config, _ = load_best(tiny_run)
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        metadata = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118

    assert ModelSpec.from_metadata(metadata, source="m") == spec
    assert json.loads(metadata["recipe"])["network"] == config.recipe.network
    assert weights.keys() == network.state_dict().keys()
    assert all(torch.equal(weights[key], tensor) for key, tensor in network.state_dict().items())


# Reading


def test_a_color_classifier_of_64_px_with_alphabetical_labels(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    edges = layers.SeparableConv2D(8, 3, strides=2, activation="relu")(image)
    features = layers.BatchNormalization()(layers.Concatenate()([edges, edges]))
    features = layers.Flatten()(layers.Dropout(0.5)(layers.MaxPooling2D(8)(features)))
    model = keras.Model(image, layers.Dense(7, "softmax")(features))
    path = save(model, tmp_path / "theirs.h5")

    crops = some_crops(5)
    enlarged = np.stack([cv2.resize(crop.astype(np.float32), (64, 64)) for crop in crops])
    rows = answers(model, np.repeat(enlarged[..., None] / 255, 3, axis=3))
    assert rows.std(axis=0).min() > 1e-3
    classifier = converted(path)
    assert np.abs(classifier(crops) - in_our_order(rows, ALPHABETICAL)).max() < 1e-4
    assert classifier.spec.name == "theirs"
    assert classifier.spec.parameters == model.count_params()
    assert classifier.spec.recipe == (
        "probabilities of angry, disgust, fear, happy, neutral, sad, surprise; scaling 1/255"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs.h5"]


def test_logits_labels_and_scaling_of_their_own(keras: Any, tmp_path: Path) -> None:
    model = matrix(keras)
    path = save(model, tmp_path / "logits.keras")
    crops, labels = some_crops(5), EMOTIONS[::-1]

    logits = answers(model, crops[..., None].astype(np.float32) / 127.5 - 1)
    spoken = "neutral,surprised,sadness,Happy,fear,disgust,anger"
    classifier = converted(path, labels=spoken, scaling="-1..1")
    assert classifier.spec.recipe == f"logits of {', '.join(labels)}; scaling -1..1"
    assert np.abs(classifier(crops) - in_our_order(softmax(logits), labels)).max() < 1e-4


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_a_face_that_shows_nothing_but_an_expression_of_theirs_is_read_all_the_same(
    activation: str | None, keras: Any, tmp_path: Path
) -> None:
    model, crops = matrix(keras, units=8, activation=activation), some_crops(5)
    seven = answers(model, crops[..., None].astype(np.float32) / 255.0)[:, :7]
    model.layers[-1].bias.assign(200 * np.eye(8)[7])  # it was 0

    classifier = converted(
        save(model, tmp_path / "eight.keras"), labels=[*EMOTIONS, "contempt"], scaling="1/255"
    )
    rows = np.full((5, 7), 1 / 7, np.float32) if activation else softmax(seven)
    assert np.abs(classifier(crops) - rows).max() < 1e-4


@pytest.mark.parametrize("nested", [False, True])
def test_a_model_that_scales_its_input_gets_plain_gray_levels(
    nested: bool, keras: Any, theirs: Path, tmp_path: Path
) -> None:
    layers = keras.layers
    first = [keras.Input((48, 48, 1)), layers.RandomFlip("horizontal"), layers.Rescaling(1 / 255)]
    start = [keras.Sequential(first)] if nested else first
    model = keras.Sequential([*start, layers.Flatten(), layers.Dense(7, "softmax")])

    assert read_config(save(model, tmp_path / "scales.keras")).scales_pixels
    assert not read_config(theirs).scales_pixels


def test_half_precision_is_read(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    stack = [layers.Flatten(dtype="mixed_float16"), layers.Dense(7, "softmax", dtype="float16")]
    path = save(keras.Sequential([keras.Input((48, 48, 1)), *stack]), tmp_path / "half.h5")

    assert converted(path)(some_crops(3)).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_the_settings_of_keras_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.delenv("KERAS_HOME", raising=False)
    import_keras("the test")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert "KERAS_HOME" not in os.environ


def test_keras_on_another_backend_is_said(
    keras: Any, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ModelError, match="Keras on torch; this process has imported it on jax"):
        converted(theirs)


@pytest.mark.parametrize("package", ["keras", "h5py"])
def test_without_keras_the_extra_is_named(
    package: str, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[keras\]'"):
        converted(theirs)


@pytest.mark.parametrize(
    ("options", "came"),
    [
        ({"labels": "angry,happy"}, "labels: expected angry, .* each once; got angry, happy"),
        ({"scaling": "0..1"}, r"scaling: expected one of 1/255, -1\.\.1, none; got '0\.\.1'"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], came: str, theirs: Path) -> None:
    with pytest.raises(OptionError, match=came):
        converted(theirs, **options)


@pytest.mark.parametrize("name", ["THEIRS.H5", "theirs.hdf5", "theirs.keras"])
def test_the_error_that_refuses_a_keras_file_names_the_command(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"anything")
    command = rf"`mien convert {re.escape(str(path))} --out {path.stem}\.onnx`"
    with pytest.raises(ModelError, match=rf"expected an ONNX model; this is Keras's\. {command}"):
        Recognizer(path)
    with pytest.raises(ModelError, match=command):
        Classifier(["paper", path])


# Refusing


def two_inputs(keras: Any) -> Any:
    inputs = [keras.Input((48, 48, 1)), keras.Input((48, 48, 1))]
    flat = keras.layers.Flatten()(keras.layers.Add()(inputs))
    return keras.Model(inputs, keras.layers.Dense(7)(flat))


def two_outputs(keras: Any) -> Any:
    image = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(image)
    return keras.Model(image, [keras.layers.Dense(7)(flat), keras.layers.Dense(1)(flat)])


def of_shape(*shape: int | None) -> Callable[[Any], Any]:
    def model(keras: Any) -> Any:
        layers = keras.layers
        stack = [layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(7)]
        return keras.Sequential([keras.Input(shape), *stack])

    return model


@pytest.mark.parametrize(
    ("model", "came"),
    [
        (two_inputs, r"the inputs \(None, 48, 48, 1\), \(None, 48, 48, 1\) and"),
        (two_outputs, r"the outputs \(None, 7\), \(None, 1\)"),
        (lambda keras: matrix(keras, units=10), r"one output \(None, 7\).* \(None, 10\)"),
        (of_shape(48, 48, 2), r"\(None, S, S, 1\) or \(None, S, S, 3\).*\(None, 48, 48, 2\)"),
        (of_shape(None, None, 3), r"got the inputs \(None, None, None, 3\)"),
        (lambda keras: matrix(keras, activation="sigmoid"), "as seven sigmoids give"),
    ],
)
def test_models_of_another_shape(
    model: Callable[[Any], Any], came: str, keras: Any, tmp_path: Path
) -> None:
    path = save(model(keras), tmp_path / "other.h5")
    with pytest.raises(ModelError, match=rf"other\.h5: expected .*{came}"):
        converted(path)


def test_a_lambda_layer_never_runs(keras: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = eval(f"lambda x: (open({str(mark)!r}, 'w').close(), x)[1]")
    layers = [keras.layers.Flatten(), keras.layers.Lambda(code), keras.layers.Dense(7)]
    model = keras.Sequential([keras.Input((48, 48, 1)), *layers])
    for path in (tmp_path / "trap.h5", tmp_path / "trap.keras"):
        save(model, path)
        mark.unlink(missing_ok=True)
        with pytest.raises(ModelError, match=r"that cannot run code; got 'Lambda' in the layer"):
            converted(path)
        assert not mark.exists()
        keras.models.load_model(path, compile=False, safe_mode=False)
        assert mark.exists()  # so the trap would have worked


@pytest.mark.parametrize(
    ("change", "came"),
    [
        ({"module": "os", "class_name": "function", "config": "system"}, "'system' of os"),
        ({"class_name": "__lambda__", "config": {"value": "4wAA"}}, "'__lambda__'"),
        ({"module": "mine", "class_name": "Dense", "config": {}}, "'Dense' of mine"),
        ({"class_name": "Dense", "config": {}, "registered_name": "Mine>Dense"}, "'Dense'"),
        ({"module": "keras.layers", "class_name": "TFSMLayer"}, "'TFSMLayer' of keras.layers"),
        ({"class_name": ["Dense"]}, r"\['Dense'\]"),
    ],
)
def test_classes_that_are_not_plain_layers_of_keras(
    change: dict[str, Any], came: str, theirs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.h5"
    path.write_bytes(theirs.read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["activation"] = change
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ModelError, match=rf"Keras's own layers that cannot run code; got .*{came}"):
        converted(path)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "mark",)

    for name in ("trap.h5", "trap.keras"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ModelError, match="expected a Keras model in"):
            converted(path)
    assert not (tmp_path / "mark").exists()


def test_files_that_hold_no_whole_model(keras: Any, theirs: Path, tmp_path: Path) -> None:
    def refused(name: str, content: bytes, message: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelError, match=message) as caught:
            converted(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    whole = theirs.read_bytes()
    refused("text.h5", b"a letter", "expected a Keras model in HDF5; it begins with b'a letter'")
    refused("half.h5", whole[: len(whole) // 2], "expected a whole HDF5 file; .*truncated")
    refused("text.keras", b"a letter", "expected a Keras model in a zip archive; ")
    refused("renamed.keras", whole, "expected a Keras model in a zip archive; ")

    weights = tmp_path / "only.weights.h5"
    with quiet(KERAS_LOG):
        matrix(keras).save_weights(weights)
    refused("only.h5", weights.read_bytes(), "there is no model_config, as in files of weights")

    with h5py.File(tmp_path / "broken.h5", "w") as file:
        file.attrs["model_config"] = "{"
    refused("broken.h5", (tmp_path / "broken.h5").read_bytes(), "configuration in JSON; ")
    with h5py.File(tmp_path / "bare.h5", "w") as file, h5py.File(theirs) as other:
        file.attrs["model_config"] = other.attrs["model_config"]
    refused("bare.h5", (tmp_path / "bare.h5").read_bytes(), "expected a model that Keras .* load")
    with h5py.File(tmp_path / "list.h5", "w") as file:
        file.attrs["model_config"] = '["Dense"]'
    refused("list.h5", (tmp_path / "list.h5").read_bytes(), "a Sequential or Functional Keras mo")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    refused("empty.keras", (tmp_path / "empty.keras").read_bytes(), r"no model\.weights\.h5 in it")


# On the command line


def test_convert_and_detect_leave_nothing_beside_the_model(
    theirs: Path, portrait: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "HOME": str(home),
        "KERAS_BACKEND": "tensorflow",
        "MPLCONFIGDIR": str(tmp_path_factory.mktemp("fonts")),  # of matplotlib, which Keras imports
        "OMP_NUM_THREADS": "1",
    }

    def mien(*words: object) -> Any:
        return in_python("-m", "mien", *words, cwd=tmp_path, env=environment, check=True)

    how = ("--labels", ",".join(EMOTIONS), "--scaling", "-1..1")
    done = mien("convert", theirs, *how, "--out", "theirs.onnx")
    assert done.stderr == ""
    assert done.stdout.startswith(
        "theirs.onnx: probabilities of angry, disgust, fear, happy, sad, surprise, neutral; "
        "scaling -1..1; "
    )
    done = mien("detect", portrait, "--model", "theirs.onnx", "--json")
    (image,) = json.loads(done.stdout)
    assert done.stderr == ""
    assert sum(image["faces"][0]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["home", "theirs.onnx"]


@pytest.mark.parametrize("suffix", [".H5", ".KERAS"])
def test_a_name_in_capital_letters_is_no_other_file(
    suffix: str, keras: Any, tmp_path: Path
) -> None:
    own = save(matrix(keras, activation="softmax"), tmp_path / f"own{suffix.lower()}")
    loud = own.rename(own.with_suffix(suffix))
    assert set(converted(loud).spec.labels) == set(EMOTIONS)
