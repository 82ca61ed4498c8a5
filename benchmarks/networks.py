"""The networks by name beside each other, after one equal budget of training.

    python benchmarks/networks.py --data FER2013 --out DIR [--recipe paper-modern] [--epochs 2]

Trains each network by one recipe for so many epochs from one seed, and prints a table in Markdown:
size, work, latency on one thread, and accuracy on val after the last epoch. The settings were found
for the paper's network, and a few epochs tell how quickly a network learns, not how far it gets. A
run that is there already in DIR is gone on with.
"""

from mien.learn.data.datasets import load_faces
from mien.learn.networks import NETWORKS
from mien.learn.training.recipes import recipe_named
from program import print_head, print_row
from trained import COLUMNS, columns_of, runs_of, trained


def main() -> None:
    parser = runs_of(__doc__, recipe="paper-modern", epochs=2)
    parser.add_argument("--votes", help="fer2013new.csv, beside fer2013.csv")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = load_faces(options.data, votes=options.votes)
    print_head("network", *COLUMNS, "val accuracy")
    for name in NETWORKS:
        recipe = recipe_named(options.recipe, network=name, epochs=options.epochs)
        result = trained(faces, recipe, options.out / name, seed=options.seed)
        print_row(name, *columns_of(name), f"{result.history[-1].val_accuracy:.4f}")


if __name__ == "__main__":
    main()
