"""How often compound emotions are read, and whether taggers divide between their two emotions.

    python benchmarks/compound.py --data FER2013 [--model mien] [--split val]

FER2013 has no compound labels. What can be checked is whether FER+'s taggers, about ten for each
face, divide between the two emotions where `mien.compound` names them: whether each of the two has
at least two votes, or at least one. Beside that stands how often this is so for all faces whose two
likeliest emotions are a pair, whatever their shares, which is what naming every pair would score.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.compound import COMPOUNDS, MIN_SECOND, MIN_TOGETHER, compound_of
from mien.labels import EMOTIONS, FERPLUS_COLUMNS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.recognize.classifier import Classifier
from program import options_of

SECONDS = (0.15, 0.2, 0.25, 0.3)
TOGETHERS = (0.6, 0.7, 0.8, 0.9)
ANY_PAIR = (1e-6, 0.0)  # least shares that every pair has


@dataclass(frozen=True)
class Check:
    """What taggers say where a rule speaks."""

    fires: int  # faces of which it names a compound emotion
    share: float  # of all faces
    both: float  # share of those that it names in which each of the two has two votes or more
    touched: float  # likewise, one vote or more
    found: float  # share that it names so of the faces of which taggers divide so
    names: Counter[str]  # how often it names each


def check(
    shares: NDArray[np.float64], votes: NDArray[np.int64], min_second: float, min_together: float
) -> Check:
    """Compare what the rule says of (N, 7) shares with (N, 7) votes for the same emotions."""
    columns = [[EMOTIONS.index(emotion) for emotion in pair] for pair in COMPOUNDS]
    divided = np.any([votes[:, pair].min(axis=1) >= 2 for pair in columns], axis=0)
    least: list[int] = []  # votes of the two that are named
    names: Counter[str] = Counter()
    for row, counts in zip(shares, votes, strict=True):
        compound = compound_of(row.tolist(), min_second=min_second, min_together=min_together)
        if compound is not None:
            least.append(min(counts[EMOTIONS.index(emotion)] for emotion in compound.emotions))
            names[compound.name] += 1
    fires, both, touched = len(least), *(sum(n >= most for n in least) for most in (2, 1))
    return Check(
        fires=fires,
        share=fires / len(votes),
        both=both / fires if fires else float("nan"),
        touched=touched / fires if fires else float("nan"),
        found=both / max(int(divided.sum()), 1),  # whom it names of these, divide so
        names=names,
    )


def votes_for_the_seven(faces: FaceSet) -> NDArray[np.int64]:
    """(N, 7): FER+ votes for the emotions of `mien.EMOTIONS`."""
    assert faces.votes is not None
    return faces.votes[:, FERPLUS_COLUMNS].astype(np.int64)


def main() -> None:
    parser = options_of(__doc__, model="mien")
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    faces = load_faces(options.data).split(options.split)
    voted = votes_for_the_seven(faces)
    answers = Classifier(options.model).read_all(faces.images)
    sources = {name: rows.astype(np.float64) for name, rows in answers.items()}
    if "votes" in sources:
        sources["votes"] = sources["votes"][:, FERPLUS_COLUMNS]
    print(f"{options.model} on {options.split}: {len(faces):,} faces")
    print("shares of          second  together  faces  of all  both 2+  both 1+  of divided")
    for name, shares in sources.items():
        rules = [ANY_PAIR, *((second, both) for second in SECONDS for both in TOGETHERS)]
        for second, together in rules:
            found = check(shares, voted, second, together)
            chosen = "  <- the rule" if (second, together) == (MIN_SECOND, MIN_TOGETHER) else ""
            least = ("any", "any") if second < 0.1 else (f"{second:.2f}", f"{together:.2f}")
            print(
                f"{name:18} {least[0]:>6}  {least[1]:>8}  {found.fires:5,}  {found.share:6.1%}  "
                f"{found.both:7.1%}  {found.touched:7.1%}  {found.found:10.1%}{chosen}"
            )
    for name, shares in sources.items():
        found = check(shares, voted, MIN_SECOND, MIN_TOGETHER)
        told = ", ".join(f"{compound} {n}" for compound, n in found.names.most_common())
        print(f"by {name}: {told}")


if __name__ == "__main__":
    main()
