"""What is made of rows that come block by block is what is made of all of them at once."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rows_in_memory
from made_up_rows import write_rows
from mien import EMOTIONS
from mien.readings import MOVEMENTS, UNUSABLE, FacialMovements
from mien.rows.events import EventSettings
from mien.rows.formats.intervals import Intervals
from mien.rows.people import Naming, Person, apply
from mien.rows.statistics import EventTables
from mien.rows.table import RowFile, VideoResult, read_rows
from mien.rows.usable import UnusableTotals


def random_rows(seed: int, *, frames: int = 400, tracks: int = 4) -> VideoResult:
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


pytestmark = [pytest.mark.slow, pytest.mark.newest]

SETTINGS = [
    EventSettings(),
    EventSettings(window_s=0.0, min_duration_s=0.0),
    EventSettings(window_s=2.0, max_gap_s=0.5),
    EventSettings(on=0.3, off=0.2, usable_only=True),
    EventSettings(on=0.4, off=0.1, usable_only=True, max_gap_s=10.0),
]


MOST = (1, 7, 200, 2000)
"""Frames of a block."""


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_events_and_what_is_counted_of_them(number: int) -> None:
    settings = SETTINGS[number]
    for seed in range(number % 2, len(MOST), 2):
        rows, most = random_rows(seed), MOST[seed]
        expected = rows_in_memory.tables_of(rows, settings)
        assert len(expected.events) > 10
        assert EventTables.of(blocks_of(rows, most, seed), settings) == expected


@pytest.mark.parametrize("frames", [1, 2, 900, 1024, 1025, 2500])
def test_stretches_that_are_not_usable(frames: int) -> None:
    for seed, most in enumerate(MOST[1:]):
        rows = random_rows(seed, frames=frames)
        unusable = np.repeat(random_reasons(seed, frames), 7)[: len(rows.tracks)]
        rows = replace(rows, unusable=unusable)
        totals = UnusableTotals()
        for block in blocks_of(rows, most, seed):
            totals.add(block)
        assert totals.sentence() == UnusableTotals.of(rows).sentence()
        assert totals.spans() == rows_in_memory.unusable_spans(rows)


def random_reasons(seed: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(-1, len(UNUSABLE), count)


@pytest.mark.parametrize("names", [{}, {3: "Ada", 5: "Ben"}, dict.fromkeys(range(1, 40), "Ada")])
def test_intervals_of_formats(names: dict[int, str]) -> None:
    for seed, most in enumerate(MOST):
        rows = replace(random_rows(seed), names=names)
        found = Intervals()
        for block in blocks_of(rows, most, seed):
            found.add(block)
        for length_s in (None, float(rows.times_s[-1]) + 0.01):
            expected = rows_in_memory.annotation(rows, length_s)
            assert sum(map(len, expected.people.values())) > 10
            assert copy.deepcopy(found).annotation(length_s) == expected


def test_names_that_merge_and_exclude_tracks() -> None:
    for seed, most in enumerate(MOST):
        rows = random_rows(seed, frames=600)
        one, two, three, _ = sorted(rows.facts.tracks)
        # Both are found now and then, but never in one frame.
        both = np.isin(rows.positions, rows.positions[rows.tracks == two]) & (rows.tracks == three)
        found = random_reasons(seed, len(rows.tracks)) > 3
        rows = replace(rows, detected=found & ~both)
        people = [Person(one, exclude=True), Person(three, "Ada"), Person(two, "Ada")]
        naming, expected = Naming(rows, people), apply(rows, people)
        assert len(expected.tracks) < (rows.tracks != one).sum()
        named = [naming.apply(block) for block in blocks_of(rows, most)]
        assert [found for block in named for found in block.by_frame()] == list(expected.by_frame())


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_of_rows(
    tmp_path: Path, suffix: str, moving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a person who is named late, early frames have the name, too."""
    monkeypatch.setattr("mien.rows.table.BLOCK", 50)
    expected = random_rows(1, frames=200)
    track = int(expected.tracks[0])
    moved = FacialMovements((0.5,) * len(MOVEMENTS)) if moving else None
    frames = [
        replace(
            found,
            readings=tuple(
                replace(
                    r,
                    name="Ada" if r.track == track and found.frame > 150 else None,
                    movements=moved if found.frame > 100 else None,
                )
                for r in found.readings
            ),
        )
        for found in expected.by_frame()
    ]
    path = write_rows(tmp_path / f"rows{suffix}", frames, named=True, movements=True)
    rows, file = read_rows(path), RowFile(path)
    assert rows.names == file.names == {track: "Ada"}
    assert rows.facts == file.facts
    assert file.facts.frames == 200
    assert file.has_movements == moving
    blocks = list(file.blocks())
    assert len(blocks) > 5
    assert [found for block in blocks for found in block.by_frame()] == list(rows.by_frame())
    assert file.summary() == rows.summary()
