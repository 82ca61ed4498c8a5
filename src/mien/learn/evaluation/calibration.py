"""What makes a network as sure as it is right: a temperature, and label smoothing undone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, MissingExtraError

LOWEST: Final = 0.05
HIGHEST: Final = 20.0
FLOOR: Final = 1e-3  # what is left of a probability that label smoothing accounts for


@dataclass(frozen=True)
class Calibration:
    """What a network's logits go through on their way to probabilities.

    Attributes:
        temperature: divides them, last.
        label_smoothing: of the training, undone before that; 0 leaves them as they are.
    """

    temperature: float = 1.0
    label_smoothing: float = 0.0


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


def negative_log_likelihood(
    logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float
) -> float:
    """Mean of -log softmax(logits / temperature) at the targets, in nats."""
    from scipy.special import logsumexp

    scaled = logits.astype(np.float64) / temperature
    own = scaled[np.arange(len(targets)), targets]
    return float((logsumexp(scaled, axis=1) - own).mean())


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float | None:
    """The temperature that makes the labels likeliest (Guo et al. 2017, arXiv:1706.04599).

    It minimises the mean negative log-likelihood of softmax(logits / temperature), which has one
    minimum only, and leaves the order of the emotions as it is: a reading gets more or less sure,
    not another one.

    Args:
        logits: (N, 7) float, of faces that the network was not trained on.
        targets: (N,) int.
    Returns:
        The temperature, rounded to four decimals; None where the faces do not tell, for it would
        be less than `LOWEST` (all of them are read right) or more than `HIGHEST` (the readings
        have nothing to do with the labels).
    Raises:
        DataError: there are no faces.
    """
    try:
        from scipy.optimize import minimize_scalar
    except ImportError as error:
        raise MissingExtraError("fitting the temperature", "train", error) from error
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
