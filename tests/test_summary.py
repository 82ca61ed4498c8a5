import json
from pathlib import Path

import pytest
import torch

from command_line import Mien, assert_refused
from learn_fixtures import seeded, tiny_network
from mien.learn.networks import NETWORKS, BackboneOptions, build, macs
from mien.learn.reports import paper
from mien.learn.summary import Layer, summarize
from mien.recognize.images import load_image


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    return summarize(build("paper"))


def test_the_papers_table_2_line_for_line(layers: list[Layer]) -> None:
    assert [(layer.name, layer.output_shape, layer.parameters) for layer in layers] == [
        (name.lower(), shape, parameters) for name, shape, parameters in paper.TABLE_2
    ]
    total = sum(layer.parameters for layer in layers)
    assert total == paper.PARAMETERS == 2_489_095


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_reads_faces_by_layers_whose_arithmetic_and_macs_are_its_own(
    name: str,
) -> None:
    network = build(name)
    layers = summarize(network)
    logits, _ = network.eval()(255.0 * torch.rand(3, 1, 48, 48, generator=seeded()))

    assert logits.shape == (3, 7)
    assert bool(logits.isfinite().all())
    assert len(torch.unique(logits, dim=0)) == 3
    for layer in layers:
        computed = eval(layer.arithmetic) if layer.arithmetic else 0
        assert computed == layer.parameters, layer.name
    assert sum(layer.parameters for layer in layers) == network.parameter_count()
    assert sum(layer.macs for layer in layers) == macs(network)


def test_layers_are_numbered_by_kind(layers: list[Layer]) -> None:
    names = [layer.name for layer in summarize(build("resnet"))]

    assert len(set(names)) == len(names)
    assert names[:3] == ["conv2d", "batch_normalization", "conv2d_1"]
    assert names[-4:] == ["global_average_pooling2d", "flatten", "dropout", "dense"]


def test_the_head_for_the_votes_is_left_out(layers: list[Layer]) -> None:
    assert summarize(build("paper", votes=8)) == layers


@pytest.mark.parametrize("pooling", ["average", "min"])
def test_pooling_changes_names_alone(pooling: str, layers: list[Layer]) -> None:
    changed = summarize(build("paper", options=BackboneOptions(pooling=pooling, activation="tanh")))

    assert [(layer.name, layer.output_shape, layer.parameters) for layer in changed] == [
        (layer.name.replace("max_", f"{pooling}_"), layer.output_shape, layer.parameters)
        for layer in layers
    ]


def test_a_summary_leaves_the_network_as_it_was() -> None:
    network = build("vgg").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    summarize(network)

    assert network.training
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


# mien networks, mien summary


@pytest.mark.usefixtures("operators_once")
def test_networks_are_listed_with_size_and_speed(
    mien: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It takes seconds to measure the others.
    monkeypatch.setattr("mien.learn.networks.NETWORKS", {})
    with tiny_network():
        (tiny,) = json.loads(mien("networks", "--json").stdout)
        network = build("tiny")

    assert (tiny["name"], tiny["about"]) == ("tiny", "")
    assert (tiny["parameters"], tiny["macs"]) == (network.parameter_count(), macs(network))
    assert 0.0 < tiny["latency_ms"] < 1_000


def test_the_list_of_networks_is_a_table(mien: Mien, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.learn.files.export.latency_ms", lambda network: 1.25)
    shown = mien("networks")

    assert (shown.status, shown.stderr) == (0, "")
    header, first, *others = shown.stdout.splitlines()
    assert header.split() == [*("network", "parameters", "MACs", "latency", "what", "it", "is")]
    assert first.split()[:6] == ["paper", "2,489,095", "93", "M", "1.25", "ms"]
    assert [line.split()[0] for line in others] == list(NETWORKS)[1:]
    assert all("1.25 ms" in line and len(line) > 60 for line in others)


def test_a_summary_is_printed_with_its_arithmetic_and_totals(mien: Mien) -> None:
    shown = mien("summary")

    assert (shown.status, shown.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[2] == ("conv2d_1 (Conv2d) 46 x 46 x 64 18,496 (3 * 3 * 32 + 1) * 64 39,002,112")
    assert len(lines) == len(paper.TABLE_2) + 2
    assert lines[-1] == "total 2,489,095 93,154,816"

    changed = mien(
        *["summary", "paper", "--activation", "leaky-relu", "--pooling", "average", "--json"]
    )
    found = json.loads(changed.stdout)
    assert found["parameters"] == 2_489_095
    assert [layer["kind"] for layer in found["layers"]].count("AvgPool2d") == 3


def test_a_summary_as_json_with_a_chart(mien: Mien, layers: list[Layer], tmp_path: Path) -> None:
    plots = tmp_path / "figures"
    shown = mien("summary", "paper", "--plots", plots, "--json")
    found = json.loads(shown.stdout)

    assert shown.status == 0
    assert (found["parameters"], found["macs"]) == (2_489_095, 93_154_816)
    assert [layer["name"] for layer in found["layers"]] == [layer.name for layer in layers]
    assert found["layers"][1]["output_shape"] == [46, 46, 64]
    assert sorted(path.name for path in plots.iterdir()) == [
        "paper-parameters.png",
        "paper-parameters.svg",
    ]
    assert "2,097,664 (84.3%)" in (plots / "paper-parameters.svg").read_text()
    assert load_image(plots / "paper-parameters.png").shape[1] > 800


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("alexnets", f"expected a network among {', '.join(NETWORKS)}; got 'alexnets'"),
        ("paper --activation cubic", "activation: expected one of relu, sigmoid, tanh, leaky-relu"),
        ("paper --pooling mean", "pooling: expected one of max, average, min; got 'mean'"),
    ],
)
def test_a_summary_of_what_there_is_not(arguments: str, message: str, mien: Mien) -> None:
    assert_refused(mien("summary", *arguments.split()), message)
