"""What a Keras file says it holds, looked into before Keras may act on it.

Keras builds whatever classes a file names. Its own layers do no more than arithmetic, but a Lambda
layer runs code that stands in the file, some layers open other files or unpickle, and a class or
function of a module of any name is imported. So a file is read only if each class that it names is
on the list below.
"""

import io
import json
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mien.errors import ModelError, needs_extra
from mien.learn.files.keras_old import MODELS, mended
from mien.spec import METADATA_KEY, ModelSpec

SCALING_LAYER: Final = "mien_rescaling"
"""Name of the first layer in the Keras files that mien writes; Keras keeps it on saving again."""

_AUGMENTATIONS: Final = {
    "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight",
    "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom", "GaussianDropout",
    "GaussianNoise",
}  # fmt: skip
_FRAMINGS: Final = {
    "InputLayer",
    "Resizing",
    "CenterCrop",
    "Concatenate",  # of gray with itself, for three channels
    "Reshape",
    "ZeroPadding2D",
}
_SCALINGS: Final = {"Rescaling", "Normalization", "Divide", "TrueDivide", "Multiply", "Subtract"}

_LAYERS: Final = {
    "Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout",
    "Attention", "Average", "AveragePooling2D", "BatchNormalization", "Bidirectional",
    "Concatenate", "Conv1D", "Conv2D", "Conv2DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D",
    "Dot", "Dropout", "ELU", "Embedding", "Flatten", "GRU", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GroupNormalization",
    "GroupQueryAttention", "LSTM", "LayerNormalization", "LeakyReLU", "MaxPooling1D",
    "MaxPooling2D", "Maximum", "Minimum", "MultiHeadAttention", "PReLU", "Permute",
    "RMSNormalization", "ReLU", "RepeatVector", "SeparableConv2D", "SimpleRNN", "Softmax",
    "SpatialDropout2D", "SpectralNormalization", "TimeDistributed", "UnitNormalization",
    "UpSampling2D",
}  # fmt: skip

_PARTS: Final = {  # of a layer: how it began, was held and counts; and JSON's stand-ins for tuples
    "Constant", "DTypePolicy", "FloatDTypePolicy", "GlorotNormal", "GlorotUniform", "HeNormal",
    "HeUniform", "Identity", "L1", "L1L2", "L2", "LecunNormal", "LecunUniform", "MaxNorm",
    "MinMaxNorm", "NonNeg", "Ones", "Orthogonal", "OrthogonalInitializer", "OrthogonalRegularizer",
    "Policy", "RandomNormal", "RandomUniform", "SeedGenerator", "TensorShape", "TruncatedNormal",
    "UnitNorm", "VarianceScaling", "Zeros", "__keras_tensor__", "__numpy__", "__tensor__",
    "__tuple__",
}  # fmt: skip

ALLOWED: Final = frozenset(MODELS | _LAYERS | _AUGMENTATIONS | _FRAMINGS | _SCALINGS | _PARTS)
"""Keras's own classes that read faces or are part of what does; none runs code, opens or loads."""

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_HEAP: Final = b"GCOL\x01\0\0\0"  # how a global heap begins
_MAX_CONFIG_BYTES: Final = 64 * 2**20  # a thousand times what the largest of Keras's own needs
_MAX_METADATA_BYTES: Final = 2**16
_MAX_WEIGHTS_BYTES: Final = 640 * 2**20  # 160 million weights; VGG16, of the largest, has 138


@dataclass(frozen=True)
class KerasConfig:
    """What a Keras file says it holds."""

    config: dict[str, Any]  # of the model, as Keras writes it; all its classes are in `ALLOWED`
    spec: ModelSpec | None  # that mien wrote; None if another tool made it, or Keras saved it again
    old: bool = False  # Keras 1 or 2 wrote it; `config` is mended, so that Keras 3 can build it

    @property
    def saved_again(self) -> bool:
        """Whether Keras saved it from a file of mien's, which then no longer describes itself."""
        settings = [layer.get("config") for layer in _layers(self.config)]
        return self.spec is None and any(
            isinstance(found, dict) and found.get("name") == SCALING_LAYER for found in settings
        )

    @property
    def scales_pixels(self) -> bool:
        """Whether the model begins by scaling: with a Rescaling, a Normalization or a division."""
        for layer in _layers(self.config):
            if layer["class_name"] not in _AUGMENTATIONS | _FRAMINGS:
                return layer["class_name"] in _SCALINGS
        return False


def read_config(path: Path) -> KerasConfig:
    """Look into a Keras file without building anything.

    Args:
        path: HDF5, or a zip archive if the name ends in .keras.
    Raises:
        ModelError: it is no Keras file, holds no model, or names a class outside of `ALLOWED`.
        MissingExtraError: h5py is not installed.
    """
    with needs_extra("keras", "reading Keras files"):
        import h5py  # noqa: F401

    spec = None
    if path.suffix.lower() == ".keras":
        text, version = _config_of_archive(path)
    else:
        text, version, described = _attributes_of_hdf5(path)
        if described is not None:
            spec = ModelSpec.from_metadata({METADATA_KEY: described}, source=str(path))
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: expected a model's configuration in JSON; {error}") from error
    kind = config.get("class_name") if isinstance(config, dict) else config
    if not isinstance(kind, str) or kind not in MODELS:
        raise ModelError(f"{path}: expected a Sequential or Functional Keras model; got {kind!r}")
    config.pop("compile_config", None)  # of training, which is not gone into
    if old := not version.startswith("3"):
        try:
            config = mended(config)
        except Exception as error:  # whatever else than Keras's own writing may raise
            raise ModelError(
                f"{path}: Keras {version or 1} wrote it, and its configuration cannot be put into "
                f"the words of Keras 3; {error or repr(error)}"
            ) from error
    _check_classes(config, path)
    return KerasConfig(config, spec, old)


def _attributes_of_hdf5(path: Path) -> tuple[str, str, str | None]:
    """The model's configuration, the version of Keras that wrote it, and mien's description."""
    import h5py

    with path.open("rb") as file:
        begins = file.read(len(_HDF5))
        if begins != _HDF5:
            raise ModelError(f"{path}: expected a Keras model in HDF5; it begins with {begins!r}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _check_heaps(content, path)
    _check_weights(path, path)
    try:
        with h5py.File(path, "r") as opened:
            keys = ("model_config", "keras_version", METADATA_KEY)
            config, version, described = (_text(opened.attrs.get(key), path) for key in keys)
            held = ", ".join(list(opened)[:5])
    except (OSError, RuntimeError, KeyError) as error:
        raise ModelError(f"{path}: expected a whole HDF5 file; {error}") from error
    if config is None:
        raise ModelError(
            f"{path}: expected a whole model, as Keras's model.save() writes it; there is no "
            f"model_config, as in files of weights alone. It holds {held or 'nothing'}"
        )
    return config, version or "", described


def _check_heaps(content: bytes | mmap.mmap, path: Path) -> None:
    """Refuse HDF5's heaps of texts whose pieces have no length: its library never gets past them.

    A global heap (HDF5 File Format Specification 3.0, III.E) is a row of objects, each with its
    size; HDF5 2.0 goes on by that size without looking whether it is one.
    """
    start = content.find(_HEAP)
    while start >= 0:
        # Of a heap that is cut off, what there is of its size reaches nowhere.
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        place, end = start + 16, min(start + size, len(content))
        while place + 16 <= end:
            number = int.from_bytes(content[place : place + 2], "little")
            size = int.from_bytes(content[place + 8 : place + 16], "little")
            # Number 0 is the space that is free, and counts its own head.
            if (number == 0 and size < 16) or size > end - place:
                raise ModelError(f"{path}: expected a whole HDF5 file; a heap in it is damaged")
            place += size if number == 0 else 16 + -(-size // 8) * 8
        start = content.find(_HEAP, start + len(_HEAP))


def _check_weights(file: Path | io.BytesIO, path: Path) -> None:
    """Refuse weights that a few bytes stand for: HDF5 need not store what has one value."""
    import h5py

    sizes = []

    def add(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset):
            sizes.append(int(found.size or 0) * found.dtype.itemsize)

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(add)
    # A damaged file makes h5py raise nearly anything.
    except Exception as error:
        raise ModelError(f"{path}: expected a whole HDF5 file; {error}") from error
    if (size := sum(sizes)) > _MAX_WEIGHTS_BYTES:
        raise ModelError(f"{path}: its weights have {size:,} bytes, too many to be real")


def _text(value: Any, path: Path) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if value is None or isinstance(value, str):
        return value
    raise ModelError(f"{path}: expected text in its attributes; got {type(value).__name__}")


def _config_of_archive(path: Path) -> tuple[str, str]:
    """The model's configuration and the version of Keras that wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            most_bytes = {"config.json": _MAX_CONFIG_BYTES, "model.weights.h5": _MAX_WEIGHTS_BYTES}
            missing = most_bytes.keys() - archive.namelist()
            if missing:
                lacks = " and no ".join(sorted(missing))
                raise ModelError(f"{path}: expected a Keras model; there is no {lacks} in it")
            for name, most in most_bytes.items():
                if (size := archive.getinfo(name).file_size) > most:
                    raise ModelError(f"{path}: its {name} has {size:,} bytes, too many to be real")
            text, weights = map(archive.read, most_bytes)
            _check_heaps(weights, path)
            _check_weights(io.BytesIO(weights), path)
            return text.decode(errors="replace"), _version_of_archive(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"{path}: expected a Keras model in a zip archive; {error}") from error


def _version_of_archive(archive: zipfile.ZipFile) -> str:
    try:
        with archive.open("metadata.json") as file:
            about = json.loads(file.read(_MAX_METADATA_BYTES))
        return str(about["keras_version"])
    except (LookupError, TypeError, ValueError, RecursionError):
        return "3"  # which opens what does not say otherwise, as before


def _check_classes(config: dict[str, Any], path: Path) -> None:
    for node in _nodes(config):
        name, module = node["class_name"], node.get("module")
        known = isinstance(name, str) and name in ALLOWED
        # A registered name or a module of one's own would take a class of one's own.
        of_keras = module is None or str(module).split(".")[0] == "keras"
        if not known or not of_keras or node.get("registered_name") not in (None, name):
            raise ModelError(
                f"{path}: expected only Keras's own layers that cannot run code; got "
                f"{_describe(node)}. Save the model without it"
            )


def _describe(node: dict[str, Any]) -> str:
    name, inner, module = node["class_name"], node.get("config"), node.get("module")
    what = repr(name)
    if name == "function":
        what = f"the function {inner!r}"
    elif isinstance(inner, dict) and inner.get("name"):
        what += f" in the layer {inner['name']!r}"
    return what if module is None else f"{what} of {module}"


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Each object that names a class, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _layers(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The layers in the file's order; those of a model within the model in its place."""
    inner = config.get("config")
    layers = inner.get("layers", []) if isinstance(inner, dict) else inner  # a list in old files
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and layer.get("class_name") in MODELS:
            yield from _layers(layer)
        elif isinstance(layer, dict) and "class_name" in layer:
            yield layer
