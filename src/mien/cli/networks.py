"""`mien networks` and `mien summary`."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument

from mien.cli.shared import JsonOption, need_torch, print_json, print_table, status


def networks(as_json: JsonOption = False) -> None:
    """List the networks that can be trained.

    Example: mien networks

    Each with its size, without the head for votes, and its speed on this machine: latency is the
    median time for one face on one thread, in ONNX Runtime, with random weights.
    """
    need_torch("building networks")
    from mien.learn.files.export import latency_ms
    from mien.learn.networks import NETWORKS, build, macs

    rows = []
    for name, backbone in NETWORKS.items():
        network = build(name).eval()
        with status(f"measuring {name}"):
            latency = latency_ms(network)
        about = (backbone.__doc__ or "").strip().partition("\n")[0]
        rows.append((name, network.parameter_count(), macs(network), latency, about))
    if as_json:
        keys = ("name", "parameters", "macs", "latency_ms", "about")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    print_table(
        ["network", "parameters", "MACs", "latency", "what it is"],
        [[n, f"{p:,}", f"{m / 1e6:.0f} M", f"{ms:.2f} ms", a] for n, p, m, ms, a in rows],
        left=(0, 4),
    )


def summary(
    network: Annotated[str, Argument(help="A name that `mien networks` lists.")] = "paper",
    activation: Annotated[
        str, "Of the paper's network: relu, sigmoid, tanh or leaky-relu."
    ] = "relu",
    pooling: Annotated[str, "Of the paper's network: max, average or min."] = "max",
    plots: Annotated[Path | None, "Folder for a bar chart of the parameters."] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a network layer by layer.

    Example: mien summary paper --plots figures

    Output shapes, parameters and their arithmetic.
    """
    need_torch("building networks")
    from mien.learn.networks import BackboneOptions, build
    from mien.learn.summary import summarize

    options = BackboneOptions(activation=activation, pooling=pooling)
    layers = summarize(build(network, options=options))
    if plots is not None:
        from mien.learn.plots.training import plot_parameters

        plot_parameters(layers, plots / f"{network}-parameters")
    parameters = sum(layer.parameters for layer in layers)
    macs = sum(layer.macs for layer in layers)
    if as_json:
        from dataclasses import asdict

        totals: dict[str, Any] = {"parameters": parameters, "macs": macs}
        print_json({**totals, "layers": [asdict(layer) for layer in layers]})
        return
    rows = [
        [
            f"{layer.name} ({layer.kind})",
            " x ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}",
            layer.arithmetic,
            f"{layer.macs:,}",
        ]
        for layer in layers
    ]
    rows.append(["total", "", f"{parameters:,}", "", f"{macs:,}"])
    print_table(["layer", "output of one face", "parameters", "from", "MACs"], rows, left=(0, 1, 3))
