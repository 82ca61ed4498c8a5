import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from mien.cli.train import train
from mien.errors import OptionError
from mien.learn.networks import NETWORKS
from mien.learn.training.batches import Augmentation
from mien.learn.training.recipes import RECIPES, read_recipe, recipe_named, recipe_of


def test_the_recipe_paper_is_the_papers() -> None:
    recipe = recipe_named("paper")

    assert (recipe.network, recipe.epochs, recipe.batch_size) == ("paper", 100, 32)
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 1e-4, "constant")
    assert recipe.warmup_epochs == 0.0
    assert (recipe.mean, recipe.std) == (0.0, 255.0)
    assert (recipe.dropout, recipe.dense_dropout) == (0.1, 0.2)
    assert recipe.weight_decay == recipe.label_smoothing == recipe.votes_weight == 0.0
    assert recipe.precision == "32"
    assert recipe.augmentation.flip
    assert min(recipe.augmentation.rotation_deg, recipe.augmentation.zoom) > 0.0


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_known_network_and_stands_in_the_help_and_the_guide(name: str) -> None:
    recipe = recipe_named(name)
    help_of_recipe = get_type_hints(train, include_extras=True)["recipe"].__metadata__[0]
    guide = Path(__file__).parents[1] / "docs" / "training.md"

    assert recipe.name == name
    assert recipe.about.endswith(".")
    assert recipe.network in NETWORKS
    assert name in re.split(r"[ ,]+", help_of_recipe)
    assert f"| `{recipe.name}` | `{recipe.network}`" in guide.read_text(encoding="utf-8")


def test_settings_can_be_replaced_and_the_recipe_stays_as_it_is() -> None:
    changed = recipe_named("paper", epochs=3, learning_rate=0.01)

    assert (changed.epochs, changed.learning_rate, changed.batch_size) == (3, 0.01, 32)
    assert recipe_named("paper").epochs == 100
    with pytest.raises(FrozenInstanceError):
        changed.epochs = 4  # type: ignore[misc]
    with pytest.raises(OptionError, match=r"expected settings among .*; got 'momentum'"):
        recipe_named("paper", momentum=0.9)


OUT_OF_RANGE: dict[str, tuple[Any, ...]] = {
    "epochs": (0, -3),
    "batch_size": (0,),
    "learning_rate": (0.0, -1e-3, math.nan),
    "weight_decay": (-0.1, math.inf),
    "warmup_epochs": (-1.0,),
    "votes_weight": (-0.5, math.nan),
    "dropout": (1.0, -0.1),
    "dense_dropout": (1.5,),
    "label_smoothing": (1.0,),
    "mixup": (-0.1, math.inf),
    "std": (0.0,),
    "ema": (1.0, -0.1),
    "distill_weight": (1.1, -0.1, math.nan),
    "distill_temperature": (0.0,),
    "stored_views": (8, -1),  # the first without teachers
    "optimizer": ("rmsprop",),
    "schedule": ("linear",),
    "precision": ("fp16",),
}


@pytest.mark.parametrize("setting", OUT_OF_RANGE)
def test_settings_out_of_range_are_refused(setting: str) -> None:
    for value in OUT_OF_RANGE[setting]:
        with pytest.raises(OptionError, match=f"{setting}: expected .*; got "):
            recipe_named("paper", **{setting: value})


def test_a_recipe_from_a_file_is_the_one_that_was_written(tmp_path: Path) -> None:
    recipe = recipe_named("paper-modern", learning_rate=3e-4, augmentation=Augmentation(flip=False))
    path = tmp_path / "best.json"
    path.write_text(json.dumps(asdict(recipe)))

    assert read_recipe(path) == recipe_named(str(path)) == recipe
    assert recipe_named(str(path), epochs=2) == replace(recipe, epochs=2)


def test_what_a_file_leaves_out_is_as_in_the_paper(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"learning_rate": 1, "augmentation": {"zoom": 0}}')
    recipe = read_recipe(path)

    assert (recipe.name, recipe.learning_rate, recipe.augmentation.zoom) == ("mine", 1, 0)
    assert recipe.batch_size == recipe_named("paper").batch_size
    assert recipe.augmentation.flip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting property name"),
        ("[1]", "expected an object of settings; got list"),
        ('{"epochs": "60"}', "epochs: expected a whole number; got '60'"),
        ('{"epochs": true}', "epochs: expected a whole number; got True"),
        ('{"dropout": null}', "dropout: expected a number; got None"),
        ('{"network": 5}', "network: expected a text; got 5"),
        ('{"optimizer": "lion"}', "optimizer: expected one of adam, adamw, sgd; got 'lion'"),
        ('{"augmentation": 3}', "augmentation: expected an object of settings; got 3"),
        ('{"augmentation": {"flip": 1}}', "flip: expected true or false; got 1"),
        *(('{"mean": ' + value + "}", "") for value in ("[" * 100_000, "1" + 400 * "0", '"x"')),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_with_its_name(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)

    with pytest.raises(OptionError, match=rf"broken\.json: expected a recipe; .*{message}"):
        recipe_named(str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"gone\.json: expected a recipe; No such file"):
        read_recipe(tmp_path / "gone.json")
    with pytest.raises(OptionError, match="about: expected a text; there is none"):
        recipe_of({"name": "nameless"})


def test_the_recipe_of_the_network_in_the_box_stays_what_it_was_trained_by() -> None:
    recipe = recipe_named("mien")

    assert (recipe.network, recipe.epochs, recipe.batch_size) == ("se-resnet", 60, 128)
    assert (recipe.optimizer, recipe.learning_rate, recipe.weight_decay) == ("sgd", 0.1, 5e-4)
    assert (recipe.votes_weight, recipe.mixup, recipe.label_smoothing) == (1.0, 0.2, 0.1)
    assert (recipe.ema, recipe.distill_weight) == (0.0, 0.0)


def test_the_distilled_network_is_the_one_in_the_box_and_learns_from_teachers() -> None:
    student, box = recipe_named("mien-distilled"), recipe_named("mien")
    teacher = recipe_named("mien-teacher")

    assert student.network == box.network != teacher.network
    assert (student.mean, student.std) == (box.mean, box.std)
    assert student.distill_weight > 0.0
    assert teacher.distill_weight == 0.0
    assert teacher.votes_weight > 0.0  # so that it can teach the votes
