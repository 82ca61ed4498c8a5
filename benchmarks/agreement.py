"""How often the intervals of `mien agree` hold the true kappa, on coders that are made up.

    python benchmarks/agreement.py --trials 400

What a person shows changes at random, on average after five seconds; each of two coders errs for
stretches of three seconds on average. The true kappa is that of a video without end. For videos of
several lengths it prints how often the 95 % intervals hold it: those of `mien agree`, and those of
a bootstrap that takes each unit of time for one of its own.
"""

import numpy as np
from numpy.typing import NDArray

from mien.labels import EMOTIONS
from mien.rows.agreement import block_of, cohen_kappa, draw_confusions
from program import options_of, print_head, print_row

FPS = 10
SHOWN_S = 5.0
ERRING_S = 3.0
ERRING_SHARE = 0.25
SHARES = np.array([0.03, 0.02, 0.03, 0.25, 0.07, 0.05, 0.55])  # of the emotions
LONG_S = 2_000_000
CLASSES = len(EMOTIONS)


def chain(
    frames: int, stay_s: float, shares: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.int64]:
    """(frames,): states that are drawn anew, on average after `stay_s`."""
    anew = random.random(frames) < 1 / (stay_s * FPS)
    anew[0] = True
    states = random.choice(len(shares), size=int(anew.sum()), p=shares)
    return np.asarray(states[anew.cumsum() - 1], np.int64)


def two_coders(seconds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(2, frames): what two say of the same person."""
    frames = seconds * FPS
    shown = chain(frames, SHOWN_S, SHARES, random)
    said = []
    for _ in range(2):
        errs = chain(frames, ERRING_S, np.array([1 - ERRING_SHARE, ERRING_SHARE]), random) == 1
        said.append(np.where(errs, chain(frames, ERRING_S, SHARES, random), shown))
    return np.stack(said)


def confusion_of(said: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs, as `block_of` has them, and the confusion."""
    pairs = said[1] * CLASSES + said[0]
    counts = np.bincount(pairs, minlength=CLASSES**2)
    return pairs, counts.reshape(CLASSES, CLASSES)


def main() -> None:
    """Print a table."""
    parser = options_of(__doc__, data=False)
    parser.add_argument("--trials", type=int, default=400, help="made-up videos of each length")
    trials = parser.parse_args().trials
    random = np.random.default_rng(0)
    heads = ("length", "unit", "true kappa", "sd", "block s", "blocks", "width", "units", "width")
    print_head(*heads, left=len(heads))
    for minutes in (1, 3, 10, 30):
        for unit, step in (("second", FPS), ("frame", 1)):
            truth = float(cohen_kappa(confusion_of(two_coders(LONG_S, random)[:, ::step])[1]))
            rows = [trial(minutes * 60, step, truth, random) for _ in range(trials)]
            kappa, block_s, held, width, held_each, width_each = np.array(rows, float).T
            cells = [f"{minutes} min", unit, f"{truth:.3f}", f"{kappa.std():.3f}"]
            cells += [f"{np.median(block_s):.1f}", f"{held.mean():.1%}", f"{width.mean():.3f}"]
            cells += [f"{held_each.mean():.1%}", f"{width_each.mean():.3f}"]
            print_row(*cells)


def trial(seconds: int, step: int, truth: float, random: np.random.Generator) -> list[float]:
    """Kappa, block in seconds, and for both bootstraps whether the truth is held, and the width."""
    pairs, confusion = confusion_of(two_coders(seconds, random)[:, ::step])
    unit_s = step / FPS
    block = block_of(pairs, confusion, np.full(len(pairs), unit_s))
    found = [float(cohen_kappa(confusion)), block * unit_s]
    for size in (block, 1):
        drawn = cohen_kappa(draw_confusions(pairs, size, 500, random))
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        found += [low <= truth <= high, high - low]
    return found


if __name__ == "__main__":
    main()
