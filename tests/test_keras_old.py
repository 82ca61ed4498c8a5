"""Files of Keras 1 and 2: their words by hand, around weights that Keras 3 has written."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from learn_fixtures import converted
from mien import EMOTIONS, ModelError
from mien.learn.files.keras_config import read_config
from mien.learn.files.keras_h5 import KERAS_LOG, import_keras
from mien.learn.files.stores import quiet

pytestmark = [pytest.mark.slow, pytest.mark.newest, pytest.mark.usefixtures("operators_once")]

Config = dict[str, Any]
REVERSED = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
CROPS = np.random.default_rng(1).integers(0, 256, (5, 48, 48), dtype=np.uint8)


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras("the tests")


def old_file(model: Any, config: Config, path: Path, *, version: str = "2.15.0") -> Path:
    """Keras 3's file of the model, with an older one's configuration."""
    with quiet(KERAS_LOG):
        model.save(path)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            weights = archive.read("model.weights.h5")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": version}))
            archive.writestr("config.json", json.dumps(config))
            archive.writestr("model.weights.h5", weights)
    else:
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"] = version
            file.attrs["model_config"] = json.dumps(config)
    return path


def layer(
    kind: str, name: str, *before: str, calls: tuple[int, ...] = (0,), **config: Any
) -> Config:
    """A layer in the words of Keras 2, after the layers `before`."""
    nodes = [[[one, calls[0], 0, {}] for one in before]] if before else []
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "inbound_nodes": nodes,
    }


def operation(function: str, before: str, name: str = "", **options: Any) -> Config:
    """What TensorFlow 2.4 and later record of an operation that is no layer."""
    name = name or f"tf.{function}"
    found = layer("TFOpLambda", name, function=function)
    return {**found, "inbound_nodes": [[before, 0, 0, {**options, "name": None}]]}


def functional(name: str, layers: list[Config], *, first: str, last: str) -> Config:
    ends = {"input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}
    config = {"name": name, "trainable": True, "layers": layers, **ends}
    return {"class_name": "Functional", "config": config}


def conv(name: str, *before: str, **more: Any) -> Config:
    glorot = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
    sizes: Config = {"filters": 4, "kernel_size": [5, 5], "strides": [4, 4]}
    return layer("Conv2D", name, *before, **sizes, kernel_initializer=glorot, **more)


def dense(*before: str) -> Config:
    return layer("Dense", "dense", *before, units=7, activation="softmax")


def image(name: str = "image", channels: int = 1) -> Config:
    shape = [None, 48, 48, channels]
    return layer("InputLayer", name, batch_input_shape=shape, sparse=False, ragged=False)


def some_model(keras: Any, *parts: Any, channels: int = 1) -> Any:
    """Those layers, then a flattening and seven probabilities; of weights that are not small."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((48, 48, channels)), *parts, layers.Flatten(), layers.Dense(7, "softmax")]
    )
    random = np.random.default_rng(0)
    for one in model._flatten_layers():
        if isinstance(one, layers.BatchNormalization):
            one.set_weights([random.uniform(0.5, 2.0, w.shape) for w in one.weights])
    return model


def agree(path: Path, model: Any, *, factor: float = 1.0, scaling: str | None = None) -> None:
    """Mien reads from the file what Keras reads with the model."""
    pixels = CROPS[..., None].astype(np.float32) * np.float32(factor)
    pixels = np.repeat(pixels, model.inputs[0].shape[-1], axis=-1)
    with torch.no_grad():
        rows = model(pixels, training=False).numpy()
    assert rows.std(axis=0).max() > 1e-3
    classifier = converted(path, labels=",".join(EMOTIONS), scaling=scaling)
    assert np.abs(classifier(CROPS) - rows).max() < 1e-5


def test_a_list_of_layers_whose_first_tells_the_shape(keras: Any, tmp_path: Path) -> None:
    model = some_model(keras, keras.layers.Conv2D(4, 5, strides=4, activation="relu"))
    first = conv("conv", activation="relu", batch_input_shape=[None, 48, 48, 1])
    parts = [first, layer("Flatten", "flatten"), dense()]
    config = {"class_name": "Sequential", "config": [*parts]}
    path = old_file(model, config, tmp_path / "theirs.h5", version="")  # as Keras 1

    agree(path, model, factor=1 / 255)
    assert [found.name for found in tmp_path.iterdir()] == ["theirs.h5"]


def test_augmentation_and_layers_with_settings_that_were_lost(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = some_model(
        keras,
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 5, strides=4),
        layers.DepthwiseConv2D(3),
        layers.BatchNormalization(),
    )
    words = [
        image(),
        layer("RandomFlip", "flip", mode="horizontal", seed=None, rng_type="stateful"),
        layer("RandomHeight", "height", factor=0.2, fill_mode="reflect", seed=None),
        layer("Rescaling", "rescaling", scale=1 / 255, offset=0.0),
        conv("conv/first"),
        layer("SpatialDropout2D", "drop", rate=0.2, noise_shape=None, seed=None),
        layer("DepthwiseConv2D", "depth", kernel_size=[3, 3], groups=1),
        layer("BatchNormalization", "norm", axis=[3], renorm=False, fused=True),
        layer("Flatten", "flatten"),
        dense(),
    ]
    config = {"class_name": "Sequential", "config": {"name": "theirs", "layers": words}}
    path = old_file(model, config, tmp_path / "theirs.h5")

    assert read_config(path).scales_pixels
    agree(path, model)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_nested_backbone_and_recorded_operations(suffix: str, keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    pixels = keras.Input((48, 48, 3))
    features = layers.BatchNormalization()(layers.Conv2D(4, 5, strides=4)(pixels))
    backbone = keras.Model(pixels, features)
    model = some_model(keras, layers.Rescaling(1 / 127.5, -1.0), backbone, channels=3)
    of_module = {"module": "keras.layers", "registered_name": None}
    inner = [
        image("pixels", 3),
        conv("conv", "pixels"),
        layer("BatchNormalization", "norm", "conv", axis=[3]),
    ]
    nested = functional(
        "backbone", [{**i, **of_module} for i in inner], first="pixels", last="norm"
    )
    words = [
        image(channels=3),
        layer("RandomFlip", "flip", "image", mode="horizontal", seed=None),
        operation("math.truediv", "flip", y=127.5),
        operation("math.subtract", "tf.math.truediv", y=1.0),
        {**nested, "name": "backbone", "inbound_nodes": [[["tf.math.subtract", 0, 0, {}]]]},
        layer("Flatten", "flatten", "backbone", calls=(1,)),
        dense("flatten"),
    ]
    config = functional("theirs", words, first="image", last="dense")
    if suffix == ".keras":
        config |= {"module": "keras.src.engine.functional", "registered_name": "Functional"}
    path = old_file(model, config, tmp_path / f"theirs{suffix}")

    assert read_config(path).scales_pixels
    agree(path, model)


def test_every_operation_does_what_tensorflow_did(keras: Any, tmp_path: Path) -> None:
    model = some_model(keras, keras.layers.Conv2D(4, 5, strides=4), channels=3)
    flip = operation("__operators__.getitem", "image", slice_spec=REVERSED)
    first = {
        **operation("math.subtract", "", "less"),
        "inbound_nodes": [["_CONSTANT_VALUE", -1, 255.0, {"y": ["cast", 0, 0], "name": None}]],
    }
    both = operation("__operators__.add", "less", "both", y=["cast", 0, 0])  # is 255
    words = [
        image(channels=1),
        {**flip, "class_name": "SlicingOpLambda"},
        operation("cast", "tf.__operators__.getitem", "cast", dtype="float32"),
        first,
        both,
        operation("math.subtract", "both", "one", y=["less", 0, 0]),  # the gray levels again
        operation("image.grayscale_to_rgb", "one", "rgb"),
        operation("nn.bias_add", "rgb", "more", bias=[255.0, 0.0, 510.0], data_format="NHWC"),
        operation("math.truediv", "more", "divided", y=[51.0, 102.0, 25.5]),
        operation("math.multiply", "divided", "scaled", y=0.5),
        operation("nn.relu", "scaled", "positive"),
        conv("conv", "positive"),
        layer("Flatten", "flatten", "conv"),
        dense("flatten"),
    ]
    path = old_file(
        model, functional("theirs", words, first="image", last="dense"), tmp_path / "theirs.h5"
    )

    pixels = CROPS[..., None].astype(np.float32) + np.array([255, 0, 510], np.float32)
    with torch.no_grad():
        rows = model(pixels / np.array([102, 204, 51], np.float32), training=False).numpy()
    assert rows.std(axis=0).max() > 1e-3
    found = converted(path, labels=EMOTIONS, scaling="none")(CROPS)
    assert np.abs(found - rows).max() < 1e-5


def test_a_model_that_is_called_twice(keras: Any, tmp_path: Path) -> None:
    scaled = keras.layers.Rescaling(1 / 1000)
    part = some_model(keras, scaled, keras.layers.Conv2D(4, 5, strides=4))
    pixels = keras.Input((48, 48, 1))
    halved = keras.layers.Rescaling(0.5)(pixels)
    model = keras.Model(pixels, keras.layers.Average()([part(pixels), part(halved)]))
    scaled = layer("Rescaling", "scaled", scale=1 / 1000, offset=0.0)
    inner = [image("pixels"), scaled, conv("conv"), layer("Flatten", "flatten"), dense()]
    sequential = {"class_name": "Sequential", "config": {"name": "part", "layers": inner}}
    calls = [[["image", 0, 0, {}]], [["tf.math.multiply", 0, 0, {}]]]
    mean = layer("Average", "mean")
    words = [
        image(),
        operation("math.multiply", "image", y=0.5),
        {**sequential, "name": "part", "inbound_nodes": calls},
        {**mean, "inbound_nodes": [[["part", 1, 0, {}], ["part", 2, 0, {}]]]},
    ]
    config = functional("theirs", words, first="image", last="mean")

    agree(old_file(model, config, tmp_path / "theirs.h5"), model, scaling="none")

    # The same mean by operations, of which a model is the second input, too.
    sum_of_both = [["part", 1, 0, {"y": ["part", 2, 0], "name": None}]]
    words[-1:] = [
        {**operation("__operators__.add", ""), "inbound_nodes": sum_of_both},
        operation("math.multiply", "tf.__operators__.add", "mean", y=0.5),
    ]
    agree(old_file(model, config, tmp_path / "operations.h5"), model, scaling="none")


# Refusing


def lambda_layer() -> Config:
    code = {"class_name": "__lambda__", "config": {"code": "4wAA", "defaults": None}}
    return layer("Lambda", "trap", "image", function=code)


@pytest.mark.parametrize(
    ("words", "came"),
    [
        ([lambda_layer()], "'Lambda' in the layer 'trap'|'__lambda__'"),
        ([operation("image.resize", "image", size=[9, 9])], "'TFOpLambda' in the layer 'tf.image"),
        ([operation("io.read_file", "image")], "'TFOpLambda' in the layer 'tf.io.read_file'"),
        (
            # Blue and red are no more the same.
            [
                operation("nn.bias_add", "image", bias=[1.0, 2.0, 3.0]),
                operation("__operators__.getitem", "tf.nn.bias_add", slice_spec=REVERSED),
            ],
            "'TFOpLambda' in the layer 'tf.__operators__.getitem'",
        ),
        (
            [
                {
                    **operation("math.truediv", ""),
                    "inbound_nodes": [["_CONSTANT_VALUE", -1, 1.0, {"y": ["image", 0, 0]}]],
                }
            ],
            "'TFOpLambda' in the layer 'tf.math.truediv'",
        ),
        (
            [operation("math.truediv", "image", y=0.0)],
            "cannot be put into the words of Keras 3; .*zero",
        ),
        (
            [layer("Activation", "a", "image", activation="hard_sigmoid")],
            "another function in Keras 3",
        ),
        ([{**layer("Flatten", "a"), "inbound_nodes": {"a": 1}, "config": 3}], "cannot be put into"),
    ],
)
def test_what_is_not_known_is_refused(
    words: list[Config], came: str, keras: Any, tmp_path: Path
) -> None:
    model = some_model(keras, keras.layers.Conv2D(4, 5, strides=4), channels=3)
    rest = [layer("Flatten", "flatten", words[-1]["name"]), dense("flatten")]
    config = functional("trap", [image(channels=3), *words, *rest], first="image", last="dense")
    path = old_file(model, config, tmp_path / "trap.h5")

    with pytest.raises(ModelError, match=rf"trap\.h5: .*({came})") as caught:
        converted(path)
    assert "\n" not in str(caught.value)
