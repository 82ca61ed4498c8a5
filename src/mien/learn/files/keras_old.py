"""What Keras 1 and 2 wrote -> the same in Keras 3's words, so that Keras can build it.

Keras 3 opens few files of its forerunners: it does not know some of their settings any more, lists
of layers without a first layer for the input, and the operations that TensorFlow recorded in place
of layers (`x / 255.0`). Only operations that are named here are translated, each to a layer of
Keras's own, by its numbers alone; others stay what they are, and are refused with the layers that
could run code.
"""

import copy
from collections.abc import Iterator
from typing import Any, Final

MODELS: Final = frozenset({"Sequential", "Functional", "Model"})

_HOMES: Final = {"Sequential": "keras.models", "Functional": "keras.src.models.functional"}
"""Where Keras 3 has what archives name with a module."""

_OF_TRAINING: Final = ("_initializer", "_regularizer", "_constraint")
"""What the names of settings end in that mean nothing once weights are loaded."""

_ANY: Final = object()
_NEVER: Final = object()
_LOST: Final[dict[str, object]] = {
    # Setting that Keras 3 refuses -> with which value it says nothing of what is read.
    **dict.fromkeys(("adjustment", "virtual_batch_size")),
    **dict.fromkeys(("dynamic", "renorm", "time_major"), False),
    **dict.fromkeys(("fused", "implementation", "input_dtype", "rng_type"), _ANY),
    **dict.fromkeys(("renorm_clipping", "renorm_momentum"), _ANY),
}
_ONE_GROUP: Final = ("DepthwiseConv2D", "SeparableConv2D", "SeparableConv1D", "Conv2DTranspose")

_ARITHMETIC: Final = {
    "math.add": "Add",
    "__operators__.add": "Add",
    "math.subtract": "Subtract",
    "__operators__.sub": "Subtract",
    "math.multiply": "Multiply",
    "__operators__.mul": "Multiply",
    "math.truediv": "Divide",
    "math.divide": "Divide",
    "__operators__.truediv": "Divide",
    "nn.bias_add": "Add",
}
_ACTIVATIONS: Final = {
    *("nn.relu", "nn.relu6", "nn.sigmoid", "nn.softmax", "nn.silu", "nn.tanh"),
    *("math.sigmoid", "math.tanh"),
}
_NOTHING: Final = ("GaussianNoise", {"stddev": 0.0})
"""A layer that gives back what it gets."""

_CONSTANT: Final = "_CONSTANT_VALUE"
_REVERSED: Final = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
_KEEPS_GRAY: Final = ("InputLayer", "RandomFlip", "RandomRotation", "RandomZoom", _NOTHING[0])


def mended(config: dict[str, Any]) -> dict[str, Any]:
    """A model's configuration of Keras 1 or 2, as Keras 3 takes it.

    Args:
        config: of a Sequential or Functional model; it is left as it is.
    Raises:
        ValueError, TypeError, KeyError, ...: it is not one that Keras writes.
    """
    model = copy.deepcopy(config)
    _mend_model(model, outermost=True)
    return model


def _mend_names(inner: dict[str, Any]) -> None:
    """Keras 3 takes no slash in a layer's name; weights are told apart by their order."""
    for layer in inner["layers"]:
        for named in (layer, layer["config"]):
            if isinstance(named, dict) and "name" in named:
                named["name"] = named["name"].replace("/", "_")
        for call in _calls(layer.get("inbound_nodes")):
            call[0] = call[0].replace("/", "_")
            if len(call) == 4:
                for other in _calls(list(call[3].values())):
                    other[0] = other[0].replace("/", "_")
    for key in ("input_layers", "output_layers"):
        for call in _calls(inner.get(key)):
            call[0] = call[0].replace("/", "_")


def _calls(nodes: Any) -> Iterator[list[Any]]:
    """Each mention of a layer's output: its name, the number of its call, that of the output."""
    if isinstance(nodes, list) and len(nodes) in (3, 4) and isinstance(nodes[0], str):
        yield nodes
    elif isinstance(nodes, list):
        for node in nodes:
            yield from _calls(node)


def _mend_model(model: dict[str, Any], *, outermost: bool = False) -> None:
    if isinstance(model["config"], list):  # up to Keras 2.2
        model["config"] = {"name": model.get("name", "sequential"), "layers": model["config"]}
    if "module" in model and model["class_name"] in _HOMES:
        model["module"], model["registered_name"] = _HOMES[model["class_name"]], None
    inner = model["config"]
    _mend_names(inner)
    layers: list[dict[str, Any]] = inner["layers"]
    if model["class_name"] == "Sequential":
        _give_input(inner)
    else:
        for key in ("input_layers", "output_layers"):
            if len(inner[key]) == 1 and isinstance(inner[key][0], list):
                inner[key] = inner[key][0]
        nested = {layer["name"] for layer in layers if layer["class_name"] in MODELS}
        sequential = {layer["name"] for layer in layers if layer["class_name"] == "Sequential"}
        kinds = {layer["name"]: layer["class_name"] for layer in layers}
        for place, layer in enumerate(layers):
            source = kinds.get(_source(layer))
            gray = outermost and source in _KEEPS_GRAY
            layers[place] = layer = _as_layer(layer, gray=gray)
            kinds[layer["name"]] = layer["class_name"]
            _count_from_0(layer.get("inbound_nodes"), nested)
        _count_from_0(inner["output_layers"], sequential)  # Keras does so for Functional models
    for layer in layers:
        if layer["class_name"] in MODELS:
            _mend_model(layer)
        else:
            _mend_layer(layer)


def _give_input(inner: dict[str, Any]) -> None:
    """Put a layer for the input before the first of a Sequential model, which tells its shape."""
    first = inner["layers"][0]
    settings = first["config"]
    if first["class_name"] in {"InputLayer", *MODELS} or "batch_input_shape" not in settings:
        return
    shape, kind = settings["batch_input_shape"], settings.get("dtype") or "float32"
    about = {"name": f"{settings['name']}_input", "batch_shape": shape}
    about["dtype"] = kind if isinstance(kind, str) else "float32"
    inner["layers"].insert(0, {"class_name": "InputLayer", "config": about})


def _mend_layer(layer: dict[str, Any]) -> None:
    kind, settings = layer["class_name"], layer["config"]
    shape = settings.pop("batch_input_shape", None)
    if kind == "InputLayer" and shape is not None:
        settings["batch_shape"] = shape
    for key, value in list(settings.items()):
        harmless = _LOST.get(key, _NEVER)
        if kind in _ONE_GROUP and key == "groups":
            harmless = 1
        elif kind.startswith("SpatialDropout") and key in ("noise_shape", "trainable"):
            harmless = _ANY
        if key.endswith(_OF_TRAINING) or harmless is _ANY or value == harmless:
            del settings[key]
        elif key.endswith("activation") and value == "hard_sigmoid":
            raise ValueError("hard_sigmoid is another function in Keras 3")
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            settings[key] = value[0]
    if kind in ("RandomHeight", "RandomWidth"):  # of training alone; Keras 3 has neither
        kind, nothing = _NOTHING
        layer["class_name"], layer["config"] = kind, {"name": settings["name"], **nothing}
    if isinstance(settings.get("layer"), dict):  # what TimeDistributed and others wrap
        _mend_layer(settings["layer"])


def _count_from_0(nodes: Any, nested: set[str]) -> None:
    """Calls of a model within a model: Keras 2 counted its making as the first."""
    for call in _calls(nodes):
        if call[0] in nested and call[1] > 0:
            call[1] -= 1


def _source(layer: dict[str, Any]) -> str | None:
    """The name of the layer that comes first among those before this one."""
    first = next(_calls(layer.get("inbound_nodes")), None)
    return None if first is None else first[0]


def _as_layer(layer: dict[str, Any], *, gray: bool) -> dict[str, Any]:
    """A layer of Keras's own in place of an operation that TensorFlow recorded, if one does it.

    Args:
        layer: any, which comes back as it is unless it is such an operation.
        gray: whether the channels of what it gets are equal, as mien gives them.
    """
    if layer["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
        return layer
    (node,) = layer["inbound_nodes"]
    calls = [node] if isinstance(node[0], str) else node
    function, options = layer["config"]["function"], calls[0][3]
    found: tuple[str, dict[str, Any]] | None = None
    inputs = [call[:3] for call in calls]
    if function in _ARITHMETIC and len(calls) == 1:
        found, inputs = _arithmetic(_ARITHMETIC[function], calls[0])
    elif function in _ACTIVATIONS and options.get("axis") in (None, -1):
        found = "Activation", {"activation": function.partition(".")[2]}
    elif function == "cast" and options.get("dtype") == "float32":
        found = _NOTHING
    elif function == "image.grayscale_to_rgb":
        found, inputs = ("Concatenate", {"axis": -1}), inputs * 3
    elif function == "concat":
        found = "Concatenate", {"axis": options["axis"]}
    elif function == "__operators__.getitem" and options["slice_spec"] == _REVERSED and gray:
        found = _NOTHING  # RGB to BGR
    if found is None:
        return layer
    (kind, settings), name = found, layer["name"]
    inbound, settings = [[[*call, {}] for call in inputs]], {"name": name, **settings}
    return {"class_name": kind, "name": name, "config": settings, "inbound_nodes": inbound}


def _arithmetic(
    kind: str, call: list[Any]
) -> tuple[tuple[str, dict[str, Any]] | None, list[list[Any]]]:
    """One of +, -, * and / of a layer and a number, or numbers for channels, or another layer."""
    *one, options = call
    other = options["y"] if "y" in options else options["bias"]
    if one[0] == _CONSTANT:  # numbers first: a - x
        numbers, inputs, first = one[2], [other], True
    elif isinstance(other, list) and other and isinstance(other[0], str):
        return (None if kind == "Divide" else (kind, {})), [one, other]
    else:
        numbers, inputs, first = other, [one], False
    many = numbers if isinstance(numbers, list) else [numbers]
    if kind == "Add":
        scale, offset = [1.0], many
    elif kind == "Subtract":
        scale, offset = ([-1.0], many) if first else ([1.0], [-n for n in many])
    elif kind == "Multiply" or not first:
        scale, offset = ([1 / n for n in many] if kind == "Divide" else many), [0.0]
    else:
        return None, inputs
    settings = {"scale": scale, "offset": offset}
    settings = {key: value[0] if len(value) == 1 else value for key, value in settings.items()}
    return ("Rescaling", settings), inputs
