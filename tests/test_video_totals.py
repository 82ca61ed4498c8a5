"""What each person shows over a video: the same sums, whether rows are kept or not."""

import pytest

from fakes import a_tracked_reading
from mien.rows.totals import TrackTotals


def test_each_frame_counts_until_the_next() -> None:
    totals = TrackTotals()
    for time_s, emotion in ((0.0, "happy"), (1.0, "sad"), (4.0, "happy")):
        totals.add(time_s, [a_tracked_reading(1, emotion)])
    totals.add(6.0, [])

    (person,) = totals.summary()

    assert (person.first_s, person.last_s, person.on_screen_s) == (0.0, 4.0, 6.0)
    assert person.shares["sad"] == pytest.approx(0.5)
    assert person.flips_per_minute == pytest.approx(30.0)


def test_changes_are_of_the_time_in_which_the_face_is_seen() -> None:
    totals = TrackTotals()
    for time_s, emotion in (
        (0.0, "happy"),
        (1.0, "sad"),
        (2.0, "sad"),
        (60.0, "fear"),
        (62.0, "fear"),
    ):
        totals.add(time_s, [a_tracked_reading(1, emotion)])
        if time_s == 2.0:
            totals.add(3.0, [])

    (person,) = totals.summary()

    # One change in two and two seconds: that from sad to fear may have come at any time between.
    assert person.flips_per_minute == person.raw_flips_per_minute == pytest.approx(15.0)


def test_a_single_frame_has_shares_too_and_one_without_a_face_nobody() -> None:
    totals = TrackTotals()
    assert totals.summary() == []
    totals.add(0.0, [])
    assert totals.summary() == []
    totals.add(2.0, [a_tracked_reading(3, "fear")])
    (person,) = totals.summary()
    assert (person.track, person.emotion, person.on_screen_s) == (3, "fear", 0.0)
    assert sum(person.shares.values()) == pytest.approx(1.0)
