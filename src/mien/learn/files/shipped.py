"""The models in the package as networks: what their files hold, in float."""

import torch

from mien.errors import MissingExtraError
from mien.learn.networks import VOTES_HEAD, Network
from mien.learn.training.pretrained import read_weights
from mien.learn.training.recipes import Recipe, recipe_named
from mien.learn.training.runs import network_of
from mien.recognize.classifier import Classifier, shipped_models, shipped_weights
from mien.spec import ModelSpec

_OF_NETWORK = "network."  # what the names of its weights begin with in an ONNX file
_HALF = ".fp16"  # what they end in where they are stored so


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


def _initializers(name: str) -> dict[str, torch.Tensor]:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("exporting", "train", error) from error
    found = {}
    for tensor in onnx.load(shipped_models()[name]).graph.initializer:
        if tensor.name.startswith(_OF_NETWORK):
            key = tensor.name.removeprefix(_OF_NETWORK).removesuffix(_HALF)
            found[key] = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
    return found
