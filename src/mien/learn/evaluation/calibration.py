"""What makes a network as sure as it is right, and what pools its heads into what people say."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, needs_extra
from mien.labels import EMOTIONS, FERPLUS_COLUMNS

Targets: TypeAlias = NDArray[np.int64] | NDArray[np.float32]
"""(N,) int, or (N, 7) float shares that sum to 1."""

LOWEST: Final = 0.05
HIGHEST: Final = 20.0
FLOOR: Final = 1e-3  # what is left of a probability that label smoothing accounts for

VOTES_SHARE: Final = 0.8
"""Of the FER+ votes in what people would say, the rest being the label's.

Neither is the truth alone: a label is one word of a web search, and the votes of ten taggers see
little in posed faces. Chosen on PublicTest and on photos of real people, as the next: LOG.md.
"""

_OFFSETS: Final = {"angry": 0.1, "fear": 0.25, "sad": 0.2, "surprise": 0.8}

OFFSETS: Final = tuple(_OFFSETS.get(emotion, 0.0) for emotion in EMOTIONS)
"""Added to the logits of what people would say, in the order of `mien.labels.EMOTIONS`.

Emotions that are rarer in FER2013 than among the faces that are read are named too seldom without
(logit adjustment: Menon et al. 2020, arXiv:2007.07314).
"""


@dataclass(frozen=True)
class Calibration:
    """What a network's logits go through on their way to probabilities."""

    temperature: float = 1.0  # divides them, last
    label_smoothing: float = 0.0  # of the training, undone before that; 0 leaves them as they are


@dataclass(frozen=True)
class Pool:
    """How the label's probabilities and the FER+ votes become what people would say.

    A logarithmic opinion pool (Genest and Zidek 1986, Statistical Science 1(1), section 3.1):
    softmax(((1 - s) log label + s log votes + o) / T). Contempt, which is none of the seven, is
    left out of the votes before.
    """

    votes_share: float = VOTES_SHARE  # s, above 0 up to 1
    temperature: float = 1.0  # T
    # O, one for each emotion, in the order of `mien.labels.EMOTIONS`.
    offsets: tuple[float, ...] = OFFSETS


def fit_pool(
    label_logits: NDArray[np.float32],
    votes_logits: NDArray[np.float32],
    votes: NDArray[np.int64],
    *,
    votes_share: float = VOTES_SHARE,
    offsets: tuple[float, ...] = OFFSETS,
) -> Pool:
    """The pool whose temperature makes the votes of taggers likeliest.

    Args:
        label_logits: (N, 7) float, calibrated, of faces that the network was not trained on.
        votes_logits: (N, 8) float, of the same.
        votes: (N, 10) int, what the taggers chose, in the order of `mien.labels.FERPLUS`.
        votes_share: of the votes.
        offsets: of the emotions.
    Returns:
        Its temperature is 1 where the faces do not tell, as of `fit_temperature`.
    Raises:
        DataError: no face has a vote for one of the seven emotions.
    """
    shares, voted = tagger_shares(votes)
    pool = Pool(votes_share, offsets=offsets)
    scores = pooled(label_logits, votes_logits, pool)
    temperature = fit_temperature(scores[voted], shares[voted])
    return replace(pool, temperature=temperature or 1.0)


def pooled(
    label_logits: NDArray[np.float32], votes_logits: NDArray[np.float32], pool: Pool
) -> NDArray[np.float32]:
    """(N, 7) float32: the logits of what people would say, before its temperature."""
    own = (1.0 - pool.votes_share) * label_logits
    of_votes = pool.votes_share * votes_logits[:, FERPLUS_COLUMNS]
    return np.asarray(own + of_votes + np.array(pool.offsets), np.float32)


def tagger_shares(votes: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What a random tagger of a face says, of those who chose one of the seven emotions.

    Args:
        votes: (N, 10) int, in the order of `mien.labels.FERPLUS`.
    Returns:
        (N, 7) float32 shares, and (N,) whether a face has such votes; without, its row is 0.
    """
    counts = votes[:, FERPLUS_COLUMNS].astype(np.float32)
    total = counts.sum(axis=1, keepdims=True)
    return counts / np.maximum(total, 1.0), total[:, 0] > 0


def fit_calibration(
    logits: NDArray[np.float32], targets: NDArray[np.int64], *, label_smoothing: float
) -> Calibration | None:
    """The calibration that makes the labels likeliest: with label smoothing undone, or as it is.

    Label smoothing teaches a network never to be surer than 1 - smoothing, so that it is too modest
    where it is sure; one temperature cannot mend that and what is between as well.

    Args:
        logits: (N, 7) float, of faces that the network was not trained on.
        targets: (N,) int.
        label_smoothing: that the network was trained with, 0 to below 1.
    Returns:
        A temperature, and the smoothing or 0; None where the faces do not tell, as of
        `fit_temperature`.
    Raises:
        DataError: there are no faces.
    """
    found = []
    for smoothing in dict.fromkeys((0.0, label_smoothing)):
        scores = unsmoothed(logits, smoothing)
        temperature = fit_temperature(scores, targets)
        if temperature is not None:
            loss = negative_log_likelihood(scores, targets, temperature)
            found.append((loss, Calibration(temperature, smoothing)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def unsmoothed(logits: NDArray[np.float32], label_smoothing: float) -> NDArray[np.float32]:
    """The logits of a network that was taught the labels themselves.

    A network that has learned smoothed labels (Szegedy et al. 2015, arXiv:1512.00567) gives
    q = (1 - s) p + s / K; solved for p, of which no part is less than `FLOOR`.

    Args:
        logits: (N, K) float.
        label_smoothing: s, 0 to below 1; 0 gives the logits as they are.
    Returns:
        (N, K) float32, in the same order in each row but for ties at the floor.
    """
    from scipy.special import softmax

    if label_smoothing == 0.0:
        return logits
    smoothed = softmax(logits.astype(np.float64), axis=1)
    shares = (smoothed - label_smoothing / logits.shape[1]) / (1.0 - label_smoothing)
    scores: NDArray[np.float32] = np.log(np.maximum(shares, FLOOR)).astype(np.float32)
    return scores


def calibrate(logits: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    """(N, 7) float32: the logits whose softmax are the calibrated probabilities."""
    return unsmoothed(logits, calibration.label_smoothing) / np.float32(calibration.temperature)


def negative_log_likelihood(
    logits: NDArray[np.float32], targets: Targets, temperature: float
) -> float:
    """Mean of -log softmax(logits / temperature) at the targets, in nats."""
    from scipy.special import logsumexp

    scaled = logits.astype(np.float64) / temperature
    if targets.ndim == 2:
        own = (scaled * targets).sum(axis=1)
    else:
        own = scaled[np.arange(len(targets)), targets]
    return float((logsumexp(scaled, axis=1) - own).mean())


def fit_temperature(logits: NDArray[np.float32], targets: Targets) -> float | None:
    """The temperature that makes the labels likeliest (Guo et al. 2017, arXiv:1706.04599).

    It minimises the mean negative log-likelihood of softmax(logits / temperature), which has one
    minimum only, and leaves the order of the emotions as it is: a reading gets more or less sure,
    not another one.

    Args:
        logits: (N, 7) float, of faces that the network was not trained on.
        targets: (N,) int, or (N, 7) float shares.
    Returns:
        The temperature, rounded to four decimals; None where the faces do not tell, for it would
        be less than `LOWEST` (all of them are read right) or more than `HIGHEST` (the readings
        have nothing to do with the labels).
    Raises:
        DataError: there are no faces.
    """
    with needs_extra("train", "fitting the temperature"):
        from scipy.optimize import minimize_scalar
    if len(targets) == 0:
        raise DataError("expected faces to fit the temperature on; there are none")
    # In the logarithm, so that half and double are equally far from 1.
    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(
        lambda logarithm: negative_log_likelihood(logits, targets, float(np.exp(logarithm))),
        bounds=bounds,
        method="bounded",
    )
    if min(found.x - bounds[0], bounds[1] - found.x) < 1e-3:
        return None
    return round(float(np.exp(found.x)), 4)
