"""The networks by name beside each other, after one equal budget of training.

    python benchmarks/networks.py --data FER2013 --out DIR [--recipe paper-modern] [--epochs 2]

Trains each network by one recipe for so many epochs from one seed, and prints a table in Markdown:
size, work, latency on one thread, and accuracy on val after the last epoch. The settings were found
for the paper's network, and a few epochs tell how quickly a network learns, not how far it gets. A
run that is there already in DIR is gone on with.
"""

import argparse
from pathlib import Path

from mien.learn.data.datasets import load_faces
from mien.learn.files.export import latency_ms
from mien.learn.networks import NETWORKS, build, macs
from mien.learn.training.recipes import recipe_named
from trained import trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--votes", help="fer2013new.csv, beside fer2013.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--recipe", default="paper-modern")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = load_faces(options.data, votes=options.votes)
    print("| network | parameters | MACs | one face | val accuracy |")
    print("|---|---:|---:|---:|---:|", flush=True)
    for name in NETWORKS:
        folder = options.out / name
        recipe = recipe_named(options.recipe, network=name, epochs=options.epochs)
        result = trained(faces, recipe, folder, seed=options.seed)
        network = build(name).eval()
        print(
            f"| {name} | {network.parameter_count():,} | {macs(network) / 1e6:.0f} M "
            f"| {latency_ms(network):.2f} ms | {result.history[-1].val_accuracy:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
