import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from mien.errors import DataError
from mien.learn.evaluation.calibration import (
    FLOOR,
    Calibration,
    fit_calibration,
    fit_temperature,
    unsmoothed,
)


def drawn(logits: NDArray[np.float32], temperature: float, *, seed: int = 0) -> NDArray[np.int64]:
    """Labels drawn with the probabilities that the logits have at that temperature."""
    shares = softmax(logits / temperature, axis=1)
    points = np.random.default_rng(seed).random((len(logits), 1))
    targets: NDArray[np.int64] = (shares.cumsum(axis=1) < points).sum(axis=1).clip(0, 6)
    return targets


def some_logits(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 2, (count, 7)).astype(np.float32)


def test_no_other_temperature_makes_the_labels_likelier() -> None:
    logits = some_logits(300)
    targets = drawn(logits, 1.5)
    fitted = fit_temperature(logits, targets)
    assert fitted is not None

    def loss(temperature: float) -> float:
        scaled = logits.astype(np.float64) / temperature
        own = scaled[np.arange(len(targets)), targets]
        return float((np.log(np.exp(scaled).sum(axis=1)) - own).mean())

    assert loss(fitted) <= min(loss(t) for t in np.geomspace(0.1, 10, 200)) + 1e-9


def test_faces_that_do_not_tell_give_none() -> None:
    logits = some_logits(50)

    assert fit_temperature(logits, logits.argmax(axis=1)) is None  # all right: 0 would be best
    assert fit_temperature(logits, logits.argmin(axis=1)) is None  # all wrong: without bound
    with pytest.raises(DataError, match="there are none"):
        fit_temperature(some_logits(0), np.empty(0, np.int64))


def test_what_smoothed_labels_have_taught_is_undone() -> None:
    right = softmax(some_logits(500), axis=1)
    learned = np.log(0.9 * right + 0.1 / 7).astype(np.float32)

    undone = softmax(unsmoothed(learned, 0.1), axis=1)
    assert np.abs(undone - right)[right > FLOOR].max() < 0.01
    assert np.array_equal(undone.argmax(axis=1), right.argmax(axis=1))
    assert unsmoothed(learned, 0.0) is learned


def test_smoothing_is_undone_only_where_that_makes_the_labels_likelier() -> None:
    logits = some_logits(4000)
    targets = drawn(logits, 1.0)
    learned = np.log(0.9 * softmax(logits, axis=1) + 0.1 / 7).astype(np.float32)

    undone = fit_calibration(learned, targets, label_smoothing=0.1)
    assert undone is not None
    assert undone.label_smoothing == 0.1
    assert undone.temperature == pytest.approx(1.0, rel=0.05)
    as_it_is = fit_temperature(logits, targets)
    assert as_it_is is not None
    assert fit_calibration(logits, targets, label_smoothing=0.1) == Calibration(as_it_is)
    assert fit_calibration(logits, logits.argmax(axis=1), label_smoothing=0.0) is None
