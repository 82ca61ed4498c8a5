"""Named, frozen training settings: a recipe and a seed say everything about a run."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_type_hints

from mien.errors import OptionError, check_choice, check_number
from mien.learn.training.batches import Augmentation


@dataclass(frozen=True)
class Recipe:
    """What a training run does; the defaults are the paper's where it gives a value."""

    name: str
    about: str  # one sentence for people who choose
    network: str = "paper"
    epochs: int = 100
    batch_size: int = 32
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = 1e-4  # at its highest
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"  # cosine falls to 0 in the last step
    warmup_epochs: float = 0.0  # the rate rises from 0 over so many epochs
    label_smoothing: float = 0.0
    votes_weight: float = 0.0  # of the loss on the FER+ votes; above 0 the data set needs them
    mixup: float = 0.0  # alpha: faces are blended in pairs by shares from Beta(alpha, alpha)
    dropout: float = 0.1  # after each pooling
    dense_dropout: float = 0.2  # after the 512 units
    activation: str = "relu"  # in the paper's network: relu, sigmoid, tanh or leaky-relu
    pooling: str = "max"  # in the paper's network: max, average or min
    mean: float = 0.0  # of the normalization, in gray levels
    std: float = 255.0  # of the normalization, in gray levels
    precision: Literal["32", "bf16"] = "32"  # of the products in a training step
    augmentation: Augmentation = field(default_factory=Augmentation)
    ema: float = 0.0  # decay of the average of the weights that val then chooses among; 0: none
    distill_weight: float = 0.0  # of what teachers say, 0 to 1; the labels have the rest
    distill_temperature: float = 2.0  # divides the logits of teachers and student
    stored_views: int = 0  # of each face, of which teachers are asked once; 0: in every step

    def __post_init__(self) -> None:
        lowest = {"epochs": 1, "batch_size": 1, "votes_weight": 0.0, "weight_decay": 0.0}
        lowest |= {"warmup_epochs": 0.0, "mixup": 0.0, "stored_views": 0}
        for name, low in lowest.items():
            check_number(name, getattr(self, name), low, finite=True)
        for name in ("learning_rate", "std", "distill_temperature"):
            if not getattr(self, name) > 0.0:
                raise OptionError(f"expected more than 0; got {getattr(self, name)}", argument=name)
        for name in ("dropout", "dense_dropout", "label_smoothing", "ema"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise OptionError(
                    f"expected 0 to below 1; got {getattr(self, name)}", argument=name
                )
        check_number("distill_weight", self.distill_weight, 0, 1)
        if self.stored_views and not self.distill_weight:
            raise OptionError(
                f"expected 0 without teachers (distill_weight 0); got {self.stored_views}",
                argument="stored_views",
            )
        for name, usual in (("activation", "relu"), ("pooling", "max")):
            if self.network != "paper" and (got := getattr(self, name)) != usual:
                raise OptionError(
                    f"only the network paper has a choice of it; got {got!r} for {self.network}",
                    argument=name,
                )
        hints = get_type_hints(type(self))
        for name in ("optimizer", "schedule", "precision"):
            check_choice(name, getattr(self, name), get_args(hints[name]))


_MIEN: Final = Recipe(
    name="mien",
    about="SE-ResNet of 2.2 million parameters: SGD, mixup, erasing, FER+ votes; the default.",
    network="se-resnet",
    epochs=60,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=5e-4,
    schedule="cosine",
    warmup_epochs=1.0,
    label_smoothing=0.1,
    votes_weight=1.0,
    mixup=0.2,
    dense_dropout=0.2,
    mean=129.5,
    std=65.0,
    precision="bf16",
    augmentation=Augmentation(rotation_deg=15.0, zoom=0.15, shift=0.12, erasing=0.5),
)

RECIPES: Final[dict[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="paper",
            about="The paper's own settings: Adam at 1e-4, batches of 32, 100 epochs.",
        ),
        Recipe(
            name="paper-modern",
            about="The paper's network, trained faster and better: AdamW, cosine, FER+ votes.",
            epochs=60,
            batch_size=256,
            optimizer="adamw",
            learning_rate=1.5e-3,
            weight_decay=0.02,
            schedule="cosine",
            warmup_epochs=1.0,
            label_smoothing=0.1,
            votes_weight=0.5,
            dropout=0.2,
            dense_dropout=0.4,
            mean=129.5,  # of the training images: 129.5 and 65.0 gray levels
            std=65.0,
            precision="bf16",
        ),
        _MIEN,
        replace(
            _MIEN,
            name="mien-teacher",
            about="A network five times as large, for others to learn from; meant for a GPU.",
            network="se-resnet-large",
            epochs=67,
            batch_size=256,
            votes_weight=2.0,
            ema=0.999,  # a window of 9 epochs of 113 steps
        ),
        replace(
            _MIEN,
            name="mien-distilled",
            about="The same, taught by finished runs, and shown noise, blur and dim light.",
            epochs=144,
            batch_size=256,
            votes_weight=1.5,
            augmentation=replace(
                _MIEN.augmentation,
                zoom=0.18,
                blur=1.0,
                brightness=60.0,
                contrast=0.5,
                noise=12.0,
                coarse_px=20,
            ),
            distill_weight=0.8,
            distill_temperature=2.0,
            stored_views=16,
        ),
    )
}

DEFAULT_RECIPE: Final = "mien"


def recipe_named(name: str, **changes: Any) -> Recipe:
    """A recipe by its name, or from a JSON file, with some of its settings replaced.

    Args:
        name: one of `RECIPES`, or the path of a file as `read_recipe` takes it.
        changes: settings and their values.
    Raises:
        OptionError: no recipe has that name, the file is not a recipe, or no setting has the name
            of a change.
    """
    if name in RECIPES:
        recipe = RECIPES[name]
    elif name.endswith(".json"):
        recipe = read_recipe(name)
    else:
        raise OptionError(
            f"expected a recipe among {', '.join(RECIPES)}, or a .json file; got {name!r}"
        )
    _check_names(Recipe, changes)
    return replace(recipe, **changes)


def read_recipe(path: str | Path) -> Recipe:
    """A recipe from a JSON file: an object of settings, as `mien tune` writes it.

    Settings that it leaves out are the paper's; its name is that of the file.

    Raises:
        OptionError: the file cannot be read, or is not a recipe.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise OptionError(f"expected an object of settings; got {type(values).__name__}")
        return recipe_of({"name": path.stem, "about": f"From {path.name}.", **values})
    except OSError as error:
        raise OptionError(f"{path}: expected a recipe; {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8 or of a setting
        raise OptionError(f"{path}: expected a recipe; {error}") from error


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values, as `dataclasses.asdict` makes them of one.

    Raises:
        OptionError: a setting has no such name, or its value is of the wrong kind or out of range.
    """
    settings = dict(values)
    if "augmentation" in settings:
        moves = settings["augmentation"]
        if not isinstance(moves, Mapping):
            raise OptionError(
                f"expected an object of settings; got {moves!r}", argument="augmentation"
            )
        _check_kinds(Augmentation, moves)
        settings["augmentation"] = Augmentation(**moves)
    _check_kinds(Recipe, settings)
    for name in ("name", "about"):
        if name not in settings:
            raise OptionError("expected a text; there is none", argument=name)
    return Recipe(**settings)


def _check_names(kind: type, settings: Mapping[str, Any]) -> None:
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(settings) - known):
        raise OptionError(f"expected settings among {', '.join(sorted(known))}; got {unknown[0]!r}")


_KINDS: Final[dict[Any, tuple[str, tuple[type, ...]]]] = {
    str: ("a text", (str,)),
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
}


def _check_kinds(kind: type, settings: Mapping[str, Any]) -> None:
    _check_names(kind, settings)
    hints = get_type_hints(kind)
    for name, value in settings.items():
        hint = hints[name]
        expected, types = _KINDS.get(hint, ("a text", (str,)))  # others are choices among texts
        if hint is Augmentation:
            continue
        fits = isinstance(value, types) and (not isinstance(value, bool) or hint is bool)
        if fits and isinstance(value, int):
            fits = abs(value) <= sys.float_info.max  # else no float holds it
        if not fits:
            raise OptionError(f"expected {expected}; got {value!r}", argument=name)
