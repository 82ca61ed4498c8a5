from itertools import pairwise

import numpy as np
import pytest

from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.recognize.video.smoothing import (
    Smoother,
    SmoothingSettings,
    held_label,
    smooth,
)

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def mostly(target: int, probability: float = 0.7) -> np.ndarray:
    row = np.full(len(EMOTIONS), (1 - probability) / (len(EMOTIONS) - 1))
    row[target] = probability
    return row


def noisy(count: int, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 1.5, (count, len(EMOTIONS)))
    logits[:, HAPPY] += 1.0
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(1, keepdims=True))


def test_what_stays_the_same_stays_the_same_from_the_first_frame_on() -> None:
    smoother = Smoother()
    for time_s in (0.0, 0.1, 0.1, 5.0):
        smoothed, label = smoother(mostly(SAD), time_s)
        assert smoothed == pytest.approx(mostly(SAD))
        assert label == "sad"


def test_after_a_half_life_the_old_counts_half() -> None:
    smoother = Smoother(SmoothingSettings(half_life_s=0.5))
    smoother(mostly(HAPPY), 0.0)
    smoothed, _ = smoother(mostly(SAD), 0.5)
    logits = (0.5 * np.log(mostly(HAPPY)) + np.log(mostly(SAD))) / 1.5
    shares = np.exp(logits)
    assert smoothed == pytest.approx(shares / shares.sum())


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_the_frame_rate_hardly_changes_how_fast_a_reading_follows(fps: int) -> None:
    smoother = Smoother(SmoothingSettings(half_life_s=0.4, margin=0.0))
    for i in range(3 * fps):
        smoother(mostly(HAPPY), i / fps)
    changed_s = next(
        i / fps for i in range(1, 10 * fps) if smoother(mostly(SAD), 3 + i / fps)[1] == "sad"
    )
    # Two equally sure readings are even after one half-life.
    assert changed_s == pytest.approx(0.4, abs=0.12)


def test_a_change_that_lasts_changes_the_label_once_and_a_single_frame_does_not() -> None:
    smoother = Smoother()
    emotions = [SAD if i == 30 or i >= 60 else HAPPY for i in range(120)]
    labels = [smoother(mostly(emotion), i / 30)[1] for i, emotion in enumerate(emotions)]
    assert (labels[0], labels[-1]) == ("happy", "sad")
    assert sum(a != b for a, b in pairwise(labels)) == 1
    assert labels.index("sad") >= 60


def test_hysteresis_asks_for_a_clear_difference() -> None:
    near = mostly(HAPPY, 0.4)
    near[SAD] = 0.45
    clear = mostly(HAPPY, 0.3)
    clear[SAD] = 0.45
    assert held_label(None, near, 0.1) == SAD
    assert [held_label(HAPPY, row, 0.1) for row in (near, clear)] == [HAPPY, SAD]
    assert held_label(HAPPY, near, 0.0) == SAD


def test_without_a_half_life_nothing_is_smoothed() -> None:
    rows = noisy(20)
    settings = SmoothingSettings(half_life_s=0.0, margin=0.0)
    smoother = Smoother(settings)
    for i, row in enumerate(rows):
        smoothed, label = smoother(row, i / 25)
        assert smoothed == pytest.approx(row)
        assert label == EMOTIONS[int(row.argmax())]
    assert smooth(rows, np.arange(20) / 25, settings)[0] == pytest.approx(rows)


def test_centered_smoothing_has_no_delay() -> None:
    times_s = np.arange(120) / 30
    rows = np.stack([mostly(HAPPY if t < 2 else SAD) for t in times_s])
    _, labels = smooth(rows, times_s, SmoothingSettings(margin=0.0))
    assert times_s[labels.index("sad")] == pytest.approx(2.0, abs=0.04)


def test_centered_smoothing_is_the_same_backwards() -> None:
    rows, times_s = noisy(50), np.sort(np.random.default_rng(1).uniform(0, 3, 50))
    forth, _ = smooth(rows, times_s)
    back, _ = smooth(rows[::-1], 3 - times_s[::-1])
    assert forth == pytest.approx(back[::-1])


def test_centered_smoothing_is_the_weighted_mean_that_it_says() -> None:
    rows, times_s = noisy(12), np.linspace(0, 1, 12) ** 2
    smoothed, _ = smooth(rows, times_s, SmoothingSettings(half_life_s=0.3))
    weights = 2.0 ** (-np.abs(times_s[:, None] - times_s[None]) / 0.3)
    logits = weights @ np.log(rows) / weights.sum(1, keepdims=True)
    shares = np.exp(logits)
    assert smoothed == pytest.approx(shares / shares.sum(1, keepdims=True))


def test_probabilities_stay_probabilities_even_of_certain_frames() -> None:
    certain = np.eye(len(EMOTIONS))[[HAPPY, SAD, HAPPY, HAPPY, HAPPY]]
    smoothed, labels = smooth(certain, np.arange(5) / 25)
    assert np.isfinite(smoothed).all()
    assert smoothed.sum(1) == pytest.approx(np.ones(5))
    assert set(labels) == {"happy"}


def test_smoothing_takes_the_flips_out_of_noise() -> None:
    rows, times_s = noisy(300), np.arange(300) / 30
    raw = [EMOTIONS[int(row.argmax())] for row in rows]
    _, labels = smooth(rows, times_s)
    assert sum(a != b for a, b in pairwise(raw)) > 50  # in ten seconds
    assert sum(a != b for a, b in pairwise(labels)) < 2


def test_no_frame_gives_nothing() -> None:
    smoothed, labels = smooth(np.empty((0, len(EMOTIONS))), [])
    assert smoothed.shape == (0, len(EMOTIONS))
    assert labels == []


def test_wrong_values_are_refused() -> None:
    smoother = Smoother()
    smoother(mostly(HAPPY), 2.0)
    with pytest.raises(OptionError, match=r"time_s: expected 2.0 or later; got 1.0"):
        smoother(mostly(HAPPY), 1.0)
    with pytest.raises(OptionError, match="expected times that never fall"):
        smooth(noisy(2), [1.0, 0.0])
    with pytest.raises(OptionError, match=r"expected \(N, 7\) probabilities and N times"):
        smooth(noisy(2), [1.0])
