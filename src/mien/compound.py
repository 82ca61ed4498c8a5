"""Compound emotions: two basic ones that a face shows at once, such as "happily surprised".

After Du, Tao and Martinez 2014, "Compound facial expressions of emotion", PNAS 111(15),
doi:10.1073/pnas.1322355111. They posed and coded 22 categories: neutral, the six basic emotions and
15 compound ones. Twelve of these are the names of two basic emotions, and are all in `COMPOUNDS`;
the other three (appalled, hatred, awed) share their pairs with angrily disgusted and fearfully
surprised, and differ in which of the two weighs more in ways that no classifier of the seven tells.
The article has no compound of happy with sad, fear or angry, so neither is one here.

The rule: a face shows a compound emotion where the two likeliest of the seven make up a pair of the
article, the second has a share of at least `MIN_SECOND`, and both together have `MIN_TOGETHER`.

What the shares are matters more than the rule. Probabilities of a classifier that learned one label
for each face say which label that would be; where two are likely, mostly one of them is wrong, and
not both are shown. Those of a model that says what people would say, as the one in the box does,
say how people would divide. No compound labels were at hand: the rule is not validated.
docs/compound.md has how often taggers divide between the two emotions where it speaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mien.errors import OptionError, check_number
from mien.labels import EMOTIONS

COMPOUNDS: Final[dict[tuple[str, str], str]] = {
    ("happy", "surprise"): "happily surprised",
    ("happy", "disgust"): "happily disgusted",
    ("sad", "fear"): "sadly fearful",
    ("sad", "angry"): "sadly angry",
    ("sad", "surprise"): "sadly surprised",
    ("sad", "disgust"): "sadly disgusted",
    ("fear", "angry"): "fearfully angry",
    ("fear", "surprise"): "fearfully surprised",
    ("fear", "disgust"): "fearfully disgusted",
    ("angry", "surprise"): "angrily surprised",
    ("angry", "disgust"): "angrily disgusted",
    ("disgust", "surprise"): "disgustedly surprised",
}
"""Pairs of `mien.labels.EMOTIONS`, in the article's order, and what it calls them. Which of the two
comes first is the article's, too, and says nothing of which is stronger."""

MIN_SECOND: Final = 0.2
"""Least share of the weaker emotion: two of FER+'s ten taggers."""

MIN_TOGETHER: Final = 0.8
"""Least share of both."""

_NAMES: Final = {frozenset(pair): name for pair, name in COMPOUNDS.items()}
_TOLERANCE: Final = 1e-6  # of shares in float32


@dataclass(frozen=True)
class Compound:
    """A compound emotion.

    Attributes:
        name: one of those in `COMPOUNDS`.
        emotions: the two basic ones, the stronger first.
        shares: of these, 0 to 1.
    """

    name: str
    emotions: tuple[str, str]
    shares: tuple[float, float]


def compound_of(
    shares: Sequence[float],
    *,
    min_second: float = MIN_SECOND,
    min_together: float = MIN_TOGETHER,
) -> Compound | None:
    """The compound emotion that seven shares make up, by the rule above.

    Args:
        shares: of the seven emotions in the order of `mien.EMOTIONS`, 0 to 1, such as the
            probabilities of a reading.
        min_second: least share of the weaker emotion, above 0 up to 0.5.
        min_together: least share of both, 0 to 1.
    Returns:
        None where they make up none.
    Raises:
        OptionError: a number is out of its range, or there are not seven shares.
    """
    if len(shares) != len(EMOTIONS):
        raise OptionError(f"expected {len(EMOTIONS)}; got {len(shares)}", argument="shares")
    if not 0.0 < min_second <= 0.5:
        raise OptionError(f"expected above 0 up to 0.5; got {min_second:g}", argument="min_second")
    check_number("min_together", min_together, 0, 1)
    first, second = sorted(range(len(EMOTIONS)), key=lambda i: -shares[i])[:2]
    high, low = float(shares[first]), float(shares[second])
    name = _NAMES.get(frozenset((EMOTIONS[first], EMOTIONS[second])))
    # So written, shares that are not numbers make up none.
    enough = low >= min_second - _TOLERANCE and high + low >= min_together - _TOLERANCE
    if name is None or not enough:
        return None
    return Compound(name, (EMOTIONS[first], EMOTIONS[second]), (high, low))
