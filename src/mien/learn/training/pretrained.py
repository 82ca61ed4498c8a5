"""First weights from a run that was trained before, in place of random ones: fine-tuning."""

import json
from pathlib import Path
from typing import Final

from torch import Tensor

from mien.errors import OptionError, TrainingError, needs_extra
from mien.learn.networks import VOTES_HEAD, Network
from mien.learn.training.recipes import Recipe, recipe_of
from mien.learn.training.runs import EarlierRun, fingerprint, load_best
from mien.recognize.classifier import shipped_weights

RECIPE_KEY: Final = "recipe"
"""Of a safetensors file's metadata: the recipe that it was trained by, as JSON."""

_SHAPING: Final = ("network", "activation", "pooling", "mean", "std")
"""Settings without which weights mean something else."""


class Pretrained:
    """The weights of an earlier run, to begin another one with.

    The head for the FER+ votes is taken where both have one, and drawn by chance where only the
    new network does.

    Args:
        source: the folder of a run, of which the best weights are taken, finished or not; a file
            that `export_model` wrote with `to="safetensors"`; or the name of one among
            `mien.recognize.classifier.shipped_weights()`.
        recipe: of the new run.
    Attributes:
        run: whose weights they are.
    Raises:
        OptionError: those weights are of another network than the recipe's.
        TrainingError: there is no such run or file, it has no finished epoch, or is damaged.
        MissingExtraError: a safetensors file, and its package is not installed.
    """

    def __init__(self, source: str | Path, recipe: Recipe) -> None:
        shipped = shipped_weights()
        source = shipped.get(str(source), Path(source))
        if not source.exists():
            names = " or ".join(shipped)
            raise TrainingError(
                f"{source}: expected the folder of a run, a .safetensors file"
                + (f", or {names}, which is in the package" if names else "")
                + "; there is no such file or folder"
            )
        if source.suffix == ".safetensors":
            self._weights, theirs = read_weights(source)
        else:
            network, config, _ = load_best(source)
            self._weights, theirs = network.state_dict(), config.recipe
        for name in _SHAPING:
            got, wanted = getattr(theirs, name), getattr(recipe, name)
            if got != wanted:
                raise OptionError(
                    f"expected weights for {name} {wanted}, which the recipe "
                    f"{recipe.name} has; those of {source} are for {name} {got}",
                    argument="pretrained",
                )
        self._source = source
        self.run = EarlierRun(source.resolve().name, fingerprint(self._weights))

    def fill(self, network: Network) -> None:
        """Put the weights into a network.

        Raises:
            TrainingError: they do not fit it.
        """
        own = network.state_dict()
        wanted = {
            name: self._weights.get(name, fresh if name.startswith(VOTES_HEAD) else None)
            for name, fresh in own.items()
        }
        try:
            network.load_state_dict({name: w for name, w in wanted.items() if w is not None})
        except RuntimeError as error:
            raise TrainingError(
                f"{self._source}: not the weights of the network that it names; {error}"
            ) from error


def read_weights(path: Path) -> tuple[dict[str, Tensor], Recipe]:
    """The weights in a safetensors file of `export_model`, and the recipe that they are of.

    Raises:
        TrainingError: it is no such file.
        MissingExtraError: the package safetensors is not installed.
    """
    with needs_extra("train", "reading safetensors"):
        from safetensors import SafetensorError, safe_open
    expected = "expected a file that `mien export --to safetensors` wrote"
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return weights, recipe_of(json.loads(about[RECIPE_KEY]))
    except KeyError:
        raise TrainingError(f"{path}: {expected}; it names no recipe") from None
    # RecursionError: of JSON that is nested deeper than Python goes.
    except (OSError, SafetensorError, TypeError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: {expected}; {error}") from error
