"""A network and the files it can be put into: ONNX, Keras's HDF5, safetensors."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.errors import needs_extra
from mien.labels import EMOTIONS, FERPLUS_COLUMNS, FERPLUS_EMOTIONS
from mien.learn.evaluation.calibration import FLOOR, Calibration, Pool
from mien.learn.files.keras_h5 import keras_reader, save_keras
from mien.learn.files.keras_network import to_keras
from mien.learn.files.onnx_graph import to_onnx
from mien.learn.files.stores import with_half_weights, with_int8_weights
from mien.learn.networks import VOTES_HEAD, Network
from mien.learn.training.pretrained import RECIPE_KEY
from mien.learn.training.recipes import Recipe
from mien.recognize.classifier import Classifier
from mien.recognize.crops import SIZE_PX, Crops
from mien.spec import HEADS, METADATA_KEY, VOTES, ModelSpec

if TYPE_CHECKING:
    import onnx

Answers = dict[str, NDArray[np.float32]]
"""What each head of a file says, (N, 7) float32, and, of a file that has them, votes, (N, 8); as
`mien.Classifier.read_all` gives it."""

Reader = Callable[[Crops], Answers]
"""(N, 48, 48) uint8 gray crops -> answers."""


class ExportWrapper(nn.Module):
    """The network as a model file holds it: crops in, probabilities out.

    Args:
        network: in evaluation mode.
        calibration: of what it says of the label.
        pool: of its two heads into what people would say; None leaves the label's alone.
    """

    of_votes: Tensor
    of_label: Tensor
    offsets: Tensor

    def __init__(
        self, network: Network, calibration: Calibration | None = None, *, pool: Pool | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.calibration = calibration or Calibration()
        self.pool = pool
        if pool is not None:
            # The columns of the seven emotions as a product, which every runtime has; the share of
            # the votes and the temperature are in it.
            chosen = torch.zeros(len(FERPLUS_EMOTIONS), len(EMOTIONS))
            chosen[list(FERPLUS_COLUMNS), range(len(EMOTIONS))] = pool.votes_share
            self.register_buffer("of_votes", chosen / pool.temperature, persistent=False)
            own = torch.tensor((1.0 - pool.votes_share) / pool.temperature)
            self.register_buffer("of_label", own, persistent=False)
            offsets = torch.tensor(pool.offsets) / pool.temperature
            self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """(N, 48, 48) uint8 -> as `outputs` names them, float32; rows sum to 1."""
        # Reshape in ONNX: OpenCV's runtime takes what comes out of Unsqueeze for five dimensions.
        pixels = crops.to(torch.float32).reshape(-1, 1, SIZE_PX, SIZE_PX)
        logits, votes_logits = self.network(pixels)
        if smoothing := self.calibration.label_smoothing:  # as `calibration.unsmoothed`
            shares = torch.softmax(logits, dim=1) - smoothing / logits.shape[1]
            logits = torch.log(torch.clamp(shares / (1.0 - smoothing), min=FLOOR))
        logits = logits / self.calibration.temperature
        label = torch.softmax(logits, dim=1)
        if self.pool is None:
            return (label,)
        # As `calibration.pooled`: what the two are normalized by falls away in the softmax.
        pooled = self.of_label * logits + votes_logits @ self.of_votes + self.offsets
        people = torch.softmax(pooled, dim=1)
        return people, label, torch.softmax(votes_logits, dim=1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what comes out: (N, 7), and of a pool (N, 7) and (N, 8), too."""
        if self.pool is None:
            return ("probabilities",)
        return ("probabilities", "label_probabilities", "votes")


def batches_of(crops: Crops) -> Iterator[Tensor]:
    """The crops as tensors, as many at a time as a classifier reads."""
    for start in range(0, len(crops), Classifier.BATCH):
        yield torch.from_numpy(crops[start : start + Classifier.BATCH])


def answers_of(deployed: ExportWrapper, crops: Crops) -> Answers:
    """What the network itself says."""
    with torch.no_grad():
        rows = [deployed(batch) for batch in batches_of(crops)]
    found = [torch.cat(parts).numpy() for parts in zip(*rows, strict=True)]
    return dict(zip((*HEADS, VOTES) if deployed.pool else HEADS[1:], found, strict=True))


class Onnx:
    """The format that mien runs; its weights can be stored in fewer bytes."""

    stores = ("fp32", "fp16", "int8")
    endings = (".onnx",)

    def __init__(self, deployed: ExportWrapper, recipe: Recipe) -> None:
        self._model: onnx.ModelProto = to_onnx(deployed, outputs=deployed.outputs)

    def write(self, spec: ModelSpec, path: Path) -> None:
        """Write the file with its description."""
        import onnx

        onnx.helper.set_model_props(self._model, {METADATA_KEY: spec.to_json()})
        onnx.checker.check_model(self._model, full_check=True)
        path.write_bytes(self._model.SerializeToString())

    def reader(self, path: Path) -> Reader:
        """What reads faces with nothing but the file that was written."""
        return Classifier(path, threads=0).read_all

    def halve(self) -> None:
        """Store the weights as float16 from here on."""
        self._model = with_half_weights(self._model)

    def quantize(self, faces: Crops) -> None:
        """Store the weights as int8 from here on; `faces` are those of training."""
        self._model = with_int8_weights(self._model, faces)


class _KerasH5:
    stores = ("fp32",)
    endings = (".h5", ".hdf5")

    def __init__(self, deployed: ExportWrapper, recipe: Recipe) -> None:
        self._model = to_keras(deployed.network, temperature=deployed.calibration.temperature)

    def write(self, spec: ModelSpec, path: Path) -> None:
        save_keras(self._model, spec, path)

    def reader(self, path: Path) -> Reader:
        read = keras_reader(path)
        return lambda crops: {"label": read(crops)}


class Safetensors:
    """The weights alone, under torch's names, for training to begin with and for other programs."""

    stores = ("fp32", "fp16")
    endings = (".safetensors",)

    def __init__(self, deployed: ExportWrapper, recipe: Recipe) -> None:
        with needs_extra("train", "writing safetensors"):
            import safetensors.torch  # noqa: F401
        self._deployed, self._recipe = deployed, recipe
        self._half = False

    def halve(self) -> None:
        """Store the weights as float16 from here on; biases and norms, few of the bytes, stay."""
        self._half = True

    def write(self, spec: ModelSpec, path: Path) -> None:
        """Write the file with its description and its recipe."""
        from safetensors.torch import save

        weights = {
            key: (tensor.half() if self._half and tensor.ndim > 1 else tensor).contiguous()
            for key, tensor in self._deployed.network.state_dict().items()
            if self._deployed.pool or not key.startswith(VOTES_HEAD)
        }
        # The spec names the network; its dropout, activation and pooling stand in the recipe.
        about = {METADATA_KEY: spec.to_json(), RECIPE_KEY: json.dumps(asdict(self._recipe))}
        path.write_bytes(save(weights, about))

    def reader(self, path: Path) -> Reader:
        """What reads faces with the weights in the file."""
        from safetensors.torch import load

        deployed = deepcopy(self._deployed)
        for tensor in deployed.state_dict().values():
            tensor.zero_()  # so that only what the file holds can give the same answers
        deployed.network.load_state_dict(load(path.read_bytes()), strict=False)
        return lambda crops: answers_of(deployed, crops)


ModelFile: TypeAlias = Onnx | _KerasH5 | Safetensors

FORMATS: Final[dict[str, type[Onnx] | type[_KerasH5] | type[Safetensors]]] = {
    "onnx": Onnx,
    "h5": _KerasH5,
    "safetensors": Safetensors,
}
"""What `export_model` writes, by name.

Each is made of a network and its recipe, says in `stores` how it can hold weights and in
`endings` what the names of its files end in, by which those who read them know it, writes a file
with its description, and gives what reads faces with nothing but that file.
"""
