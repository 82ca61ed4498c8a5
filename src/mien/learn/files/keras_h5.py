"""Keras files: mien's networks into them, and any classifier of faces out of them into ONNX.

Keras runs on torch here, whatever backend a user's settings name. It is imported when the first
such file is read or written, never before.
"""

import json
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.environment import environment
from mien.errors import MienError, ModelError, OptionError, needs_extra
from mien.labels import EMOTIONS
from mien.learn.files.keras_config import KerasConfig, read_config
from mien.learn.files.onnx_graph import to_onnx
from mien.learn.files.others import (
    FACTOR,
    LEAST,
    OFFSET,
    SCALINGS,
    gives_logits,
    label_names,
    run,
    set_scaling,
    spec_of,
)
from mien.learn.files.stores import quiet
from mien.learn.networks import macs_of
from mien.readings import Probabilities
from mien.recognize.classifier import first_line
from mien.recognize.crops import SIZE_PX, Crops
from mien.spec import METADATA_KEY, ModelSpec

if TYPE_CHECKING:
    import onnx

BATCH: Final = 256  # crops in one pass through Keras

MAX_WEIGHTS: Final = 160_000_000  # of a network; VGG16, of the largest, has 138 million
MAX_LAYER: Final = 8_000_000  # numbers that a layer gives for a face; VGG16 gives 3 million

PARITY: Final = 1e-4  # largest difference of a probability between Keras and ONNX Runtime
HALF_PARITY: Final = 1e-2  # the same where layers compute in 16 bits

KERAS_LOG: Final = "absl"
"""Where Keras says, as in warnings, what is known: that HDF5 is its older format."""

_UNSCALED: Final = (0.57721566, 0.91596559)
"""Numbers that no model has, in place of the scaling while it is exported: the exporter leaves a
factor of 1 out, and keeps equal numbers once, so that to change one would change the other."""


def import_keras(purpose: str) -> Any:
    """Import Keras on its torch backend; neither its settings file nor the environment is changed.

    Raises:
        MissingExtraError: it is not installed.
        ModelError: this process has imported it before, on another backend.
    """
    # Keras writes ~/.keras/keras.json on import, except where it cannot.
    where = environment(KERAS_BACKEND="torch", KERAS_HOME=f"{os.devnull}/keras")
    with needs_extra("keras", purpose), where:
        import h5py  # noqa: F401  (without it, Keras says so only when it writes)
        import keras
    if (backend := keras.config.backend()) != "torch":
        raise ModelError(
            f"{purpose} takes Keras on torch; this process has imported it on {backend}. Import "
            "mien's part first, or start with KERAS_BACKEND=torch"
        )
    return keras


def save_keras(model: Any, spec: ModelSpec, path: Path) -> None:
    """Write a keras.Model to an HDF5 file, with its description in the attribute `mien`."""
    import h5py

    with quiet(KERAS_LOG):
        model.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs[METADATA_KEY] = spec.to_json()


def keras_reader(path: Path) -> Callable[[Crops], Probabilities]:
    """Open what `save_keras` wrote in Keras itself: (N, 48, 48) uint8 -> (N, 7) float32."""
    keras = import_keras("reading Keras files")
    model = _load(keras, path)

    def read(crops: Crops) -> Probabilities:
        with keras.device("cpu"), torch.no_grad():
            pixels = torch.from_numpy(crops).unsqueeze(-1)
            starts = range(0, len(pixels), BATCH)
            rows = [model(pixels[i : i + BATCH].float(), training=False).numpy() for i in starts]
        return np.concatenate(rows).astype(np.float32)

    return read


def onnx_of_keras(
    path: Path, *, labels: str | Sequence[str] | None = None, scaling: str | None = None
) -> tuple["onnx.ModelProto", ModelSpec]:
    """Convert a Keras classifier of faces, in memory, for `convert_model`, which says the rest.

    It has one input (None, S, S, 1) or (None, S, S, 3) and one output (None, 7), or as many as
    `labels` has, which are by default alphabetical, as Keras reads folders
    (`flow_from_directory`). Crops are resized to S x S and their gray repeated. Where each row of
    the output is without negatives and sums to 1, it is probabilities; where rows leave 0 to 1 it
    is logits, and a softmax follows; anything else is refused.

    Returns:
        An ONNX model, its columns in the order of `EMOTIONS`, and what is known of it. A file of
        mien's knows its labels and scaling, and keeps its description.
    """
    names = None if labels is None else label_names(labels)
    file = read_config(path)
    if file.spec is not None and (labels is not None or scaling is not None):
        raise OptionError(
            f"{path}: mien wrote this file, and it knows its labels and scaling; leave them out"
        )
    if file.saved_again and names is None:
        raise ModelError(
            f"{path}: Keras saved this file again from one of mien's, and it does not say any more "
            f"what its columns are. Give the labels; they were {','.join(EMOTIONS)} before"
        )
    if names is None:
        names = EMOTIONS if file.spec is not None else tuple(sorted(EMOTIONS))
    if scaling is None:
        scaling = "none" if file.scales_pixels else "1/255"

    keras = import_keras("reading Keras files")
    with _as_keras_3_has_it(path, file) as readable:
        _check_memory(_load(keras, readable, device="meta", source=path), path)
        model = _load(keras, readable, source=path)
    _check_shapes(model, path, len(names))
    try:
        with keras.device("cpu"), quiet(KERAS_LOG):
            faces = _Faces(model, names, SCALINGS[scaling]).eval()
            sample = torch.from_numpy(made_up_crops(19))
            with torch.no_grad():
                faces.gives_logits = gives_logits(faces.outputs(sample).numpy(), str(path))
                expected = faces(sample).numpy()
            one = torch.zeros(1, SIZE_PX, SIZE_PX, dtype=torch.uint8)
            about = file.spec or spec_of(
                path.stem,
                "keras",
                labels=names,
                scaling=scaling,
                logits=faces.gives_logits,
                parameters=int(model.count_params()),
                macs=macs_of(faces, one),
            )
            faces.mien_factor.fill_(_UNSCALED[0])
            faces.mien_offset.fill_(_UNSCALED[1])
            converted = to_onnx(faces)
            set_scaling(converted, scaling)
    except MienError:
        raise
    except Exception as error:  # of Keras, torch and its exporter, which share no base
        raise ModelError(f"{path}: cannot be converted to ONNX; {first_line(error)}") from error
    whole = all(layer.compute_dtype == "float32" for layer in model.layers)
    parity = PARITY if whole else HALF_PARITY
    _check_parity(converted.SerializeToString(), sample.numpy(), expected, parity, path)
    return converted, about


class _Faces(nn.Module):
    """A Keras model as mien's model files are: crops in, probabilities in mien's order out."""

    mien_factor: Tensor
    mien_offset: Tensor
    mien_order: Tensor

    def __init__(self, model: Any, labels: Sequence[str], scaling: tuple[float, float]) -> None:
        super().__init__()
        self.model = model
        _, self.size_px, _, self.channels = model.inputs[0].shape
        self.gives_logits = False
        self.register_buffer(FACTOR, torch.tensor(scaling[0]))
        self.register_buffer(OFFSET, torch.tensor(scaling[1]))
        self.register_buffer("mien_order", torch.tensor([labels.index(name) for name in EMOTIONS]))

    def outputs(self, crops: Tensor) -> Tensor:
        """(N, 48, 48) uint8 -> (N, K) float32, as the Keras model gives them."""
        pixels = crops.to(torch.float32).reshape(-1, 1, SIZE_PX, SIZE_PX)
        side = self.size_px
        if side != SIZE_PX:
            pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=side < SIZE_PX)
        pixels = pixels.expand(-1, self.channels, -1, -1).permute(0, 2, 3, 1)  # (N, S, S, C)
        pixels = pixels * self.mien_factor + self.mien_offset
        scores: Tensor = self.model(pixels, training=False)
        return scores.to(torch.float32)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 48, 48) uint8 -> (N, 7) float32, rows sum to 1."""
        seven = self.outputs(crops).index_select(1, self.mien_order)
        if self.gives_logits:
            return torch.softmax(seven, dim=1)
        seven = seven.clamp(min=LEAST)  # the exporter takes so small a summand for 0
        return seven / seven.sum(dim=1, keepdim=True)


@contextmanager
def _as_keras_3_has_it(path: Path, file: KerasConfig) -> Iterator[Path]:
    """The file; of one that Keras 1 or 2 wrote a copy, for as long, with the mended words.

    A copy, too, where its name ends in capital letters, by which Keras does not know it.
    """
    suffix = path.suffix.lower()
    if not file.old and path.suffix == suffix:
        yield path
        return
    import h5py

    words = json.dumps(file.config)
    with TemporaryDirectory() as folder:
        copied = Path(folder) / f"model{suffix}"
        try:
            if file.old and suffix == ".keras":
                with zipfile.ZipFile(path) as own, zipfile.ZipFile(copied, "w") as other:
                    other.writestr("config.json", words)
                    for name in ("metadata.json", "model.weights.h5"):
                        other.writestr(name, own.read(name))
            else:
                shutil.copyfile(path, copied)
            if file.old and suffix != ".keras":
                with h5py.File(copied, "r+") as opened:
                    opened.attrs["model_config"] = words
        except (OSError, RuntimeError, KeyError) as error:  # h5py's, of a damaged file
            raise ModelError(f"{path}: expected a whole Keras file; {error}") from error
        yield copied


def _load(keras: Any, path: Path, *, device: str = "cpu", source: Path | None = None) -> Any:
    try:
        with keras.device(device), quiet(KERAS_LOG):
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers and h5py do
        raise ModelError(
            f"{source or path}: expected a model that Keras {keras.__version__} can load; "
            f"{first_line(error)}"
        ) from error


def _check_memory(model: Any, path: Path) -> None:
    """Refuse a network that would take gigabytes, seen from one on torch's device without any."""
    weights = int(model.count_params())
    if weights > MAX_WEIGHTS:
        raise ModelError(f"{path}: expected at most {MAX_WEIGHTS:,} weights; got {weights:,}")
    for layer in model.layers:
        outputs = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
        levels = sum(math.prod(side or 1 for side in output.shape) for output in outputs)
        if levels > MAX_LAYER:
            raise ModelError(
                f"{path}: expected layers of at most {MAX_LAYER:,} numbers for a face; "
                f"{layer.name!r} gives {levels:,}"
            )


def _check_shapes(model: Any, path: Path, count: int = len(EMOTIONS)) -> None:
    inputs, outputs = (
        [tuple(tensor.shape) for tensor in tensors] for tensors in (model.inputs, model.outputs)
    )
    if len(inputs) == 1 and outputs == [(None, count)] and len(inputs[0]) == 4:
        faces, height, width, channels = inputs[0]
        if faces is None and height == width is not None and channels in (1, 3):
            return
    more = ""
    if len(outputs) == 1 and (width := outputs[0][-1] or 0) > count:
        more = f". If these are {width} expressions, name all of them as its labels"
    given, told = (", ".join(map(str, shapes)) for shapes in (inputs, outputs))
    raise ModelError(
        f"{path}: expected one input (None, S, S, 1) or (None, S, S, 3) and one output (None, "
        f"{count}); got the inputs {given} and the outputs {told}{more}"
    )


def made_up_crops(count: int) -> Crops:
    """(count, 48, 48) uint8: black, white, gradients, nearer to images than noise is, and noise."""
    crops = np.random.default_rng(0).integers(0, 256, (count, SIZE_PX, SIZE_PX), dtype=np.uint8)
    crops[0], crops[1] = 0, 255
    crops[2 : count // 2 + 1] = np.sort(crops[2 : count // 2 + 1], axis=2)
    return crops


def _check_parity(
    content: bytes, crops: Crops, expected: Probabilities, parity: float, path: Path
) -> None:
    try:
        found = run(content, crops)
    except Exception as error:  # ONNX Runtime has a class for each kind, all without a base
        raise ModelError(f"{path}: ONNX Runtime cannot run it; {first_line(error)}") from error
    difference = float(np.abs(found - expected).max())
    if not difference <= parity:
        raise ModelError(
            f"{path}: ONNX Runtime's probabilities differ from Keras's by {difference:.1e}; "
            f"expected at most {parity:.0e}"
        )
