"""`mien models`."""

import sys
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from mien.cli.shared import JsonOption, print_json, print_table, status

if TYPE_CHECKING:
    from mien.recognize.catalog import ShippedModel


def models(
    name: Annotated[str | None, Argument(help="A model in the package: prints its card.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models in the package, timed on this machine.

    Example: mien models

    Example: mien models paper

    With a name it prints the card of that model. The parameters are all that the file has, the head
    for votes included. Times are of one core. Of FER2013's test, label is how much is read as it is
    labelled, and people how much as most of FER+'s taggers saw it.
    """
    from mien.recognize.catalog import list_models, model_card, shipped_model

    if name is not None and not as_json:
        _print_card(model_card(name))
        return
    with status("timing the models"):
        found = list_models() if name is None else [shipped_model(name)]
    if as_json:
        values = [model.to_dict() for model in found]
        print_json(values if name is None else values[0])
    else:
        _print_table(found)


def _print_table(found: "list[ShippedModel]") -> None:
    rows = []
    for model in found:
        spec = model.spec
        score, people = spec.scores.get("test"), spec.people_scores.get("test")
        rows.append(
            [
                f"{model.name} (default)" if model.default else model.name,
                spec.network,
                f"{spec.parameters:,}",
                f"{spec.macs / 1e6:.1f} M",
                f"{model.size_bytes / 1e6:.1f} MB",
                "-" if score is None else f"{score.accuracy:.2%}",
                "-" if score is None else f"{score.n:,}",
                "-" if people is None else f"{people.majority_accuracy:.2%}",
                "-" if people is None else f"{people.majority_n:,}",
                f"{model.speed.latency_ms:.2f} ms",
                f"{model.speed.faces_per_s:,.0f}",
            ]
        )
    header = ["model", "network", "parameters", "MACs", "file"]
    scores = ["test, label", "n", "test, people", "n"]
    print_table([*header, *scores, "one face", "faces/s"], rows, left=(0, 1))


def _print_card(card: str) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card))
    else:
        print(card, end="")
