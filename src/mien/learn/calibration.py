"""A temperature under which a network is as sure as it is right."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError, MissingExtraError

LOWEST: Final = 0.05
HIGHEST: Final = 20.0


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
        from scipy.special import logsumexp
    except ImportError as error:
        raise MissingExtraError("fitting the temperature", "train", error) from error
    if len(targets) == 0:
        raise DataError("expected faces to fit the temperature on; there are none")
    shifted = logits.astype(np.float64)
    own = shifted[np.arange(len(targets)), targets]

    def negative_log_likelihood(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float((logsumexp(shifted / temperature, axis=1) - own / temperature).mean())

    # In the logarithm, so that half and double are equally far from 1.
    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    if min(found.x - bounds[0], bounds[1] - found.x) < 1e-3:
        return None
    return round(float(np.exp(found.x)), 4)
