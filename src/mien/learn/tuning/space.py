"""Which training settings are searched, among what, and the recipe that a proposal makes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mien.errors import OptionError, needs_extra
from mien.learn.training.recipes import Recipe

with needs_extra("train", "tuning"):
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

SPACE: Final[dict[str, FloatDistribution | tuple[Any, ...]]] = {
    "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),  # Adam's; see RATES
    "batch_size": (32, 64, 128, 256, 512),
    "optimizer": ("adam", "adamw", "sgd"),
    "dropout": FloatDistribution(0.0, 0.5),
    "dense_dropout": FloatDistribution(0.0, 0.6),
    "rotation_deg": FloatDistribution(0.0, 25.0),
    "zoom": FloatDistribution(0.0, 0.3),
    "shift": FloatDistribution(0.0, 0.2),
    "flip": (False, True),
}
"""Ranges and choices; widened to hold the base recipe's value."""

SETTINGS: Final = tuple(SPACE)

RATES: Final = {"adam": 1.0, "adamw": 1.0, "sgd": 50.0}
"""How many times Adam's learning rate each takes, so that one range serves all optimizers."""

_AUGMENTATIONS: Final = ("rotation_deg", "zoom", "shift", "flip")


def search_space(base: Recipe, settings: Sequence[str] = SETTINGS) -> dict[str, BaseDistribution]:
    """What each setting is searched among, in the order of `SETTINGS`.

    Raises:
        OptionError: a name is not in `SETTINGS`, or there is none.
    """
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown or not settings:
        got = repr(unknown[0]) if unknown else "none"
        raise OptionError(f"expected a setting among {', '.join(SETTINGS)}; got {got}")
    space: dict[str, BaseDistribution] = {}
    for name, among in SPACE.items():
        if name not in settings:
            continue
        own = _value_of(base, name)
        if isinstance(among, FloatDistribution):
            low, high = min(among.low, own), max(among.high, own)
            space[name] = FloatDistribution(low, high, log=among.log)
        elif name == "optimizer" and base.weight_decay == 0.0:  # AdamW is Adam then
            space[name] = CategoricalDistribution(
                sorted({own, "sgd"} if own != "sgd" else {"adam", "sgd"})
            )
        else:
            space[name] = CategoricalDistribution(sorted({*among, own}))
    return space


def recipe_with(base: Recipe, params: Mapping[str, Any]) -> Recipe:
    """The base recipe with what a trial proposes; numbers are rounded to three digits.

    Weight decay is not searched: it pulls as hard in a step of SGD as in one of AdamW, whose step
    shrinks weights by rate times decay, and Adam has none, for it would scale it by the gradient
    (Loshchilov and Hutter 2017, arXiv:1711.05101).
    """
    if params == params_of(base, params):
        return base
    values: dict[str, Any] = {
        name: float(f"{value:.3g}") if isinstance(value, float) else value
        for name, value in params.items()
    }
    moves: dict[str, Any] = {name: values.pop(name) for name in _AUGMENTATIONS if name in values}
    optimizer = values.get("optimizer", base.optimizer)
    if "learning_rate" in values:
        values["learning_rate"] = float(f"{values['learning_rate'] * RATES[optimizer]:.3g}")
    else:
        values["learning_rate"] = base.learning_rate * RATES[optimizer] / RATES[base.optimizer]
    if optimizer != base.optimizer:
        decay = base.weight_decay * RATES[base.optimizer] / RATES[optimizer]
        values["weight_decay"] = 0.0 if optimizer == "adam" else decay
    return replace(base, **values, augmentation=replace(base.augmentation, **moves))


def _value_of(recipe: Recipe, name: str) -> Any:
    """A setting as it is searched: learning rates as Adam's."""
    if name in _AUGMENTATIONS:
        return getattr(recipe.augmentation, name)
    if name == "learning_rate":
        return recipe.learning_rate / RATES[recipe.optimizer]
    return getattr(recipe, name)


def params_of(recipe: Recipe, names: Iterable[str]) -> dict[str, Any]:
    """The proposal that would make the recipe."""
    return {name: _value_of(recipe, name) for name in names}


def settings_of(recipe: Recipe, names: Sequence[str] = SETTINGS) -> dict[str, Any]:
    """Settings of a recipe by name, those of its augmentation among them."""
    return {
        name: getattr(recipe.augmentation if name in _AUGMENTATIONS else recipe, name)
        for name in names
    }
