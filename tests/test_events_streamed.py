"""Events, statistics and dyads of rows that come block by block are those of all rows at once."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import events_in_memory
from mien import EMOTIONS
from mien.readings import UNUSABLE
from mien.rows.events import EventSettings
from mien.rows.statistics import EventTables
from mien.rows.table import VideoResult


def random_rows(seed: int, *, frames: int = 900, tracks: int = 4) -> VideoResult:
    """People who come and go and change what they show; some frames are left out of the video.

    Times and probabilities are whole parts of powers of two, of which sums are exact in any order.
    """
    random = np.random.default_rng(seed)
    times_s = (
        np.cumsum(random.choice([1, 1, 1, 2, 3, 40], frames, p=[0.4, 0.3, 0.1, 0.1, 0.09, 0.01]))
        / 32
    )
    seen = np.zeros((frames, tracks), np.bool_)
    shown = np.zeros((frames, tracks), np.int64)
    for track in range(tracks):
        ends = np.cumsum(random.geometric(random.choice([0.3, 0.02, 0.005]), frames))
        seen[:, track] = np.searchsorted(ends, np.arange(frames), side="right") % 2 == track % 2
        changes = np.cumsum(random.random(frames) < 0.015)
        shown[:, track] = random.integers(0, len(EMOTIONS), frames)[changes]
    positions, faces = np.nonzero(seen)
    weights = random.integers(0, 200, (len(faces), len(EMOTIONS)))
    weights[np.arange(len(faces)), shown[positions, faces]] += random.integers(0, 1500, len(faces))
    raw = np.round(weights / weights.sum(1, keepdims=True) * 256) / 256
    order = random.permutation(np.arange(1, 40))[:tracks]
    shape = (len(faces), len(EMOTIONS))
    return VideoResult(
        source="talk.mp4",
        frames=np.arange(frames),
        times_s=times_s,
        positions=positions,
        tracks=order[faces],
        boxes=np.zeros((len(faces), 4), np.float32),
        scores=np.ones(len(faces), np.float32),
        detected=np.ones(len(faces), np.bool_),
        raw_probabilities=raw.astype(np.float32),
        probabilities=np.full(shape, 1 / 7, np.float32),
        labels=shown[positions, faces],
        unsure=random.random(len(faces)) < 0.1,
        landmarks=np.zeros((len(faces), 5, 2), np.float32),
        measures=np.zeros((len(faces), 8), np.float32),
        unusable=np.where(
            random.random(len(faces)) < 0.05, random.integers(-1, len(UNUSABLE), len(faces)), 0
        ),
        pose_methods=np.zeros(len(faces), np.int64),
        names={int(order[0]): "Ada"},
    )


def blocks_of(rows: VideoResult, most: int, seed: int = 0) -> Iterator[VideoResult]:
    """The rows in blocks of at most so many frames, some of none."""
    random, first = np.random.default_rng(seed), 0
    while first < len(rows.frames):
        end = first + int(random.integers(0, most + 1))
        block = rows.only((rows.positions >= first) & (rows.positions < end))
        yield replace(
            block,
            frames=rows.frames[first:end],
            times_s=rows.times_s[first:end],
            positions=block.positions - first,
        )
        first = end


SETTINGS = [
    EventSettings(),
    EventSettings(window_s=0.0, min_duration_s=0.0),
    EventSettings(window_s=2.0, max_gap_s=0.5),
    EventSettings(on=0.3, off=0.2, usable_only=True),
    EventSettings(on=0.4, off=0.1, usable_only=True, max_gap_s=10.0),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
@pytest.mark.parametrize("most", [1, 7, 200, 2000])
def test_blocks_give_what_all_rows_give(settings: EventSettings, most: int) -> None:
    for seed in range(6):
        rows = random_rows(seed)
        expected = events_in_memory.tables_of(rows, settings)
        assert len(expected.events) > 10
        assert EventTables.of(blocks_of(rows, most, seed), settings) == expected
