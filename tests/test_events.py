"""Expressions in time, and what is counted of them."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Mien, assert_refused, csv_rows
from fakes import a_tracked_reading
from made_up_rows import frames_of, video_of, write_rows
from mien import EMOTIONS
from mien.errors import OptionError, OutputError
from mien.readings import Event
from mien.recognize.video.batch import VideoFile
from mien.recognize.video.outputs import Outputs
from mien.rows.events import EVENT_COLUMNS, EventSettings, events_of
from mien.rows.statistics import (
    DYAD_COLUMNS,
    STATISTICS_COLUMNS,
    DyadStatistics,
    EmotionStatistics,
    EventTables,
    dyads_of,
    statistics_of,
)
from mien.rows.table import VideoResult, read_rows
from mien.rows.timeline import Timeline, event_spans
from two_people import LEFT, RIGHT, make_two_people

FPS = 10.0

LETTERS = {"h": "happy", "s": "sad", "n": "neutral"}


def a_video(*lines: str, fps: float = FPS) -> VideoResult:
    """Tracks 1, 2, ... that show what their lines say: a letter a frame, a blank where unseen."""
    faces = [
        [
            a_tracked_reading(track, LETTERS[letter], probability=0.8)
            for track, letter in enumerate(letters, start=1)
            if letter != " "
        ]
        for letters in zip(*lines, strict=True)
    ]
    return video_of(frames_of(faces, fps=fps))


def with_probabilities(happy: Sequence[float]) -> VideoResult:
    """One track that is happy with this probability in each frame, and else neutral."""
    raw = np.zeros((len(happy), len(EMOTIONS)), np.float32)
    raw[:, EMOTIONS.index("happy")] = happy
    raw[:, EMOTIONS.index("neutral")] = 1 - np.array(happy)
    return replace(a_video("n" * len(happy)), raw_probabilities=raw)


def times(events: Sequence[Event], emotion: str) -> list[tuple[float, float]]:
    return [(round(e.onset_s, 6), round(e.end_s, 6)) for e in events if e.emotion == emotion]


UNSMOOTHED = EventSettings(window_s=0.0)


def test_an_event_reaches_from_its_first_frame_to_the_one_after_its_last() -> None:
    events = events_of(a_video("nnnnnnnnnnhhhhhhhhhhnnnnn"))
    assert times(events, "happy") == [(1.0, 2.0)]
    assert times(events, "neutral") == [(0.0, 1.0), (2.0, 2.5)]
    (event,) = (event for event in events if event.emotion == "happy")
    assert (event.track, event.name, event.frames) == (1, "person 1", 10)
    assert event.duration_s == pytest.approx(1.0)
    assert event.mean_probability == event.peak_probability == pytest.approx(0.8)
    assert 1.0 <= event.peak_s < 2.0


def test_a_blink_neither_makes_nor_ends_an_event() -> None:
    events = events_of(a_video("nnnnnnnnssnnnnnnnhhhhhshhhhh"))
    assert times(events, "sad") == []
    assert times(events, "neutral") == [(0.0, 1.7)]
    assert times(events, "happy") == [(1.7, 2.8)]


def test_an_event_must_reach_on_and_keeps_off() -> None:
    low, high = [0.1] * 5, [0.1, 0.1, 0.4, 0.4, 0.6, 0.6, 0.6, 0.4, 0.4, 0.1, 0.1]
    weak = [0.1, 0.1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.1]
    video = with_probabilities(low + high + weak)
    assert times(events_of(video, UNSMOOTHED), "happy") == [(0.7, 1.4)]
    assert times(events_of(video, replace(UNSMOOTHED, off=0.5)), "happy") == [(0.9, 1.2)]


def test_the_peak_is_where_the_probability_is_highest_on_average() -> None:
    values = [0.1] * 5 + [0.6] * 5 + [0.99] + [0.6] * 5 + [0.9] * 5 + [0.6] * 5
    (event,) = (e for e in events_of(with_probabilities(values)) if e.emotion == "happy")
    assert event.peak_s == pytest.approx(1.8)
    assert event.peak_probability == pytest.approx(0.9)
    assert event.mean_probability == pytest.approx(np.mean(values[5:]))


def test_shorter_expressions_are_left_out() -> None:
    video = a_video("nnnnnhhhnnnnnhhhhhnnnnn")
    for least_s, expected in ((0.3, [(0.5, 0.8), (1.3, 1.8)]), (0.4, [(1.3, 1.8)])):
        found = events_of(video, replace(UNSMOOTHED, min_duration_s=least_s))
        assert times(found, "happy") == expected


def test_a_gap_in_the_track_ends_an_event() -> None:
    video = a_video("hhhhhhhhhh hhhhhhhhhh", "nnnnnnnnnnnnnnnnnnnnn")
    assert times(events_of(video), "happy") == [(0.0, 1.0), (1.1, 2.1)]
    bridged = events_of(video, EventSettings(max_gap_s=0.1))
    assert times(bridged, "happy") == [(0.0, 2.1)]
    assert [event.frames for event in bridged if event.emotion == "happy"] == [20]


def test_windows_are_of_time_not_of_frames() -> None:
    slow = events_of(a_video("nnhhhnn", fps=1.0))
    assert times(slow, "happy") == [(2.0, 5.0)]
    fast = a_video("n" * 60 + "h" * 12 + "n" * 60 + "h" * 36 + "n" * 60, fps=60.0)
    assert times(events_of(fast), "happy") == [(2.2, 2.8)]


def test_names_are_kept() -> None:
    video = replace(a_video("h" * 10, "s" * 10), names={1: "Ada"})
    tables = EventTables.of(video)
    assert {event.name for event in tables.events} == {"Ada", "person 2"}
    assert {entry.name for entry in tables.statistics} == {"Ada", "person 2"}
    assert {(dyad.name_a, dyad.name_b) for dyad in tables.dyads} == {("Ada", "person 2")}


def test_a_video_without_a_face_has_none() -> None:
    tables = EventTables.of(a_video("     "))
    assert (tables.events, tables.statistics, tables.dyads) == ([], [], [])
    assert events_of(video_of([])) == []


def test_readings_that_are_no_numbers_make_no_event() -> None:
    video = a_video("h" * 20)
    video.raw_probabilities[5] = np.nan
    assert times(events_of(video), "happy") == [(0.0, 2.0)]
    video.raw_probabilities[:] = np.nan
    assert events_of(video) == []


@pytest.mark.parametrize(
    "values", [{"on": 0.3}, {"off": 0.0}, {"on": 1.1}, {"window_s": -1.0}, {"max_gap_s": np.nan}]
)
def test_settings_out_of_range_are_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"expected .*; got"):
        EventSettings(**values)


def test_an_hour_of_two_people_takes_under_a_second() -> None:
    frames = 90_000
    chance = np.random.default_rng(0)
    raw = np.repeat(chance.dirichlet(np.full(7, 0.3), frames // 25), 50, axis=0).astype(np.float32)
    short = a_video("h", "h")
    video = replace(
        short,
        frames=np.arange(frames),
        times_s=np.arange(frames) / 25,
        positions=np.repeat(np.arange(frames), 2),
        tracks=np.tile(np.array([1, 2]), frames),
        raw_probabilities=raw,
        unusable=np.zeros(2 * frames, np.int64),
    )
    begun = time.process_time()
    tables = EventTables.of(video)
    assert time.process_time() - begun < 1.0
    assert len(tables.events) > 1000


def by_emotion(statistics: Sequence[EmotionStatistics], track: int) -> dict[str, EmotionStatistics]:
    return {entry.emotion: entry for entry in statistics if entry.track == track}


def test_shares_counts_rates_and_latencies() -> None:
    video = a_video("     nnnnnhhhhhhhhhhnnnnnhhhhhnnnnn     ")
    found = by_emotion(statistics_of(video, events_of(video)), 1)
    assert set(found) == set(EMOTIONS)
    happy = found["happy"]
    assert (happy.seen_s, happy.count) == pytest.approx((3.0, 2))
    assert happy.total_s == pytest.approx(1.5)
    assert happy.share == pytest.approx(0.5)
    assert happy.mean_s == pytest.approx(0.75)
    assert happy.rate_per_min == pytest.approx(40.0)
    assert happy.latency_s == pytest.approx(0.5)
    sad = found["sad"]
    assert (sad.count, sad.total_s, sad.mean_s, sad.latency_s) == (0, 0.0, None, None)


def test_transitions_do_not_reach_across_a_gap() -> None:
    video = a_video("nnnnnhhhhhnnnnnsssss     hhhhhsssss")
    found = by_emotion(statistics_of(video, events_of(video)), 1)
    assert found["neutral"].transitions == dict.fromkeys(EMOTIONS, 0) | {"happy": 1, "sad": 1}
    assert found["happy"].transitions == dict.fromkeys(EMOTIONS, 0) | {"neutral": 1, "sad": 1}
    assert found["neutral"].transition_probabilities["happy"] == pytest.approx(0.5)
    assert sum(found["sad"].transitions.values()) == 0
    assert found["sad"].transition_probabilities == {}


def happy_dyad(dyads: Sequence[DyadStatistics]) -> DyadStatistics:
    (dyad,) = (dyad for dyad in dyads if dyad.emotion == "happy")
    return dyad


def test_two_people_who_show_the_same_in_the_same_moment() -> None:
    #             0    0.5  1    1.5  2    2.5  3    3.5  4
    one = "nnnnnnnnnnhhhhhhhhhhnnnnnnnnnnhhhhhhhhhh"
    two = "nnnnnnnnnnnnnnnhhhhhhhhhhnnnnnnnnnnnnn  "
    dyad = happy_dyad(dyads_of(video := a_video(one, two), events_of(video)))
    assert (dyad.track_a, dyad.track_b) == (1, 2)
    assert dyad.together_s == pytest.approx(3.8)
    assert (dyad.a_s, dyad.b_s) == pytest.approx((1.8, 1.0))
    assert (dyad.both_s, dyad.both_count) == pytest.approx((0.5, 1))
    assert dyad.share == pytest.approx(0.5 / 3.8)
    assert dyad.expected_share == pytest.approx(1.8 / 3.8 * 1.0 / 3.8)
    assert [dyad.a_onsets, dyad.b_follows, dyad.b_lag_s] == pytest.approx([2, 1, 0.5])
    assert [dyad.b_onsets, dyad.a_follows, dyad.a_lag_s] == pytest.approx([1, 1, 1.5])


def test_who_follows_whom_is_counted_within_the_window_alone() -> None:
    video = a_video("nnnnnhhhhhhhhhhnnnnn", "nnnnnnnnnnnnnhhhhhhh")
    events = events_of(video)
    assert happy_dyad(dyads_of(video, events, follow_s=0.8)).b_follows == 1
    late = happy_dyad(dyads_of(video, events, follow_s=0.7))
    assert (late.b_follows, late.b_lag_s) == (0, None)
    with pytest.raises(OptionError, match="follow_s: expected more than 0"):
        dyads_of(video, events, follow_s=0.0)
    apart = a_video("hhhhhhhhhh          ", "          hhhhhhhhhh")
    assert dyads_of(apart, events_of(apart)) == []  # never together: no pair
    at_once = a_video("nnnnnhhhhhhhhhh", "nnnnnhhhhhhhhhh")
    dyad = happy_dyad(dyads_of(at_once, events_of(at_once)))
    assert (dyad.both_count, dyad.b_follows, dyad.a_follows) == (1, 0, 0)


def test_tables_as_csv_and_json(tmp_path: Path) -> None:
    tables = EventTables.of(a_video("nnnnnnnnnnhhhhhhhhhh", "hhhhhhhhhhhhhhhhhhhh"))
    kinds = {"events": EVENT_COLUMNS, "statistics": STATISTICS_COLUMNS, "dyads": DYAD_COLUMNS}
    tables.write(**{kind: tmp_path / f"{kind}.csv" for kind in kinds})
    tables.write(**{kind: tmp_path / f"{kind}.json" for kind in kinds})
    for kind, columns in kinds.items():
        rows = csv_rows(tmp_path / f"{kind}.csv")
        objects = json.loads((tmp_path / f"{kind}.json").read_text())
        assert list(rows[0]) == list(objects[0]) == list(columns)
        cells = [["" if v is None else str(v) for v in one.values()] for one in objects]
        assert [list(row.values()) for row in rows] == cells
    with pytest.raises(OutputError, match=r"expected a name that ends in \.csv or \.json"):
        tables.write(events=tmp_path / "events.txt")


def test_times_that_count_from_1970_are_told_to_the_frame(tmp_path: Path) -> None:
    """As beside an EEG, whose clock they were brought to."""
    plain = a_video("nnnnnnnnnnhhhhhhhhhh")
    late = replace(plain, times_s=plain.times_s + 1_764_000_000.0)
    EventTables.of(late).write(events=tmp_path / "events.csv")
    rows = csv_rows(tmp_path / "events.csv")
    assert [(row["emotion"], row["onset_s"], row["end_s"]) for row in rows] == [
        ("neutral", "1764000000.0", "1764000001.0"),
        ("happy", "1764000001.0", "1764000002.0"),
    ]
    assert [row["duration_s"] for row in rows] == ["1.0", "1.0"]


def test_tables_and_rows_may_share_a_folder(tmp_path: Path) -> None:
    outputs = Outputs(csv=tmp_path, events=tmp_path, statistics=tmp_path, dyads=tmp_path)
    (files,) = outputs.for_each([VideoFile("talk.mov", Path("talk.mov"))])
    endings = ("", ".events", ".statistics", ".dyads")
    assert files.paths() == [tmp_path / f"talk{ending}.csv" for ending in endings]


def test_places_on_a_page_are_shares_of_the_timeline() -> None:
    video = a_video("nnnnnnnnnnhhhhhhhhhh")
    timeline = Timeline.of((row.time_s, [row.reading]) for row in video.rows if row.reading)
    _, happy = event_spans(timeline, events_of(video), 1)
    assert (happy.event.emotion, happy.lane) == ("happy", 0)
    assert (happy.left, happy.width) == pytest.approx((0.5, 0.5))
    assert happy.left < happy.peak < 1.0


def test_the_command_reads_rows_and_writes_tables(mien: Mien, tmp_path: Path) -> None:
    one = "nnnnnnnnnnhhhhhhhhhhhhhhhnnnnn"
    two = "nnnnnnnnnnnnnnnhhhhhhhhhhhhhhh"
    rows = write_rows(tmp_path / "rows.csv", a_video(one, two).by_frame())
    paths = {kind: tmp_path / f"{kind}.csv" for kind in ("events", "statistics", "dyads")}
    done = mien(
        *("events", rows, "--out", paths["events"], "--statistics", paths["statistics"]),
        *("--dyads", paths["dyads"], "--plot", tmp_path / "timeline.png"),
    )
    assert (done.status, done.stderr) == (0, "")
    shown, together = done.stdout.split("\n\n")
    heads = re.split(r"\s{2,}", shown.splitlines()[0])
    assert heads[:5] == ["person", "shows", "times", "in all", "share"]
    assert heads[5:] == ["each", "a minute", "then mostly"]
    lines = [" ".join(line.split()[1:4]) for line in shown.splitlines()[1:]]
    assert lines == ["1 happy 1", "1 neutral 2", "2 happy 1", "2 neutral 1"]
    assert "1 of 1, 0.5 s" in together
    assert [len(csv_rows(path)) for path in paths.values()] == [5, 14, 7]
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_the_command_prints_json_and_refuses_in_one_line(mien: Mien, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", a_video("hhhhhhhhhh").by_frame())
    for options, expected in (((), ["happy"]), (("--on", "0.9"), [])):
        done = mien("events", rows, "--json", *options)
        assert [event["emotion"] for event in json.loads(done.stdout)["events"]] == expected
    assert_refused(mien("events", rows, "--on", "0.2"), "0 < off <= on <= 1")
    assert_refused(mien("events", rows, "--follow", "-1"), "--follow: expected more than 0")
    assert_refused(mien("events", rows, "--out", tmp_path / "events.txt"), ".csv or .json")
    assert_refused(mien("events", tmp_path / "none.csv"), "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert_refused(mien("events", tmp_path / "other.csv"), "expected rows that mien wrote")


def assert_found(video: VideoResult) -> None:
    """Every expression of both people, each edge within two frames, under their names."""
    left, right = sorted(
        np.unique(video.tracks), key=lambda track: video.boxes[video.tracks == track, 0].mean()
    )
    named = replace(video, names={int(left): "Ada", int(right): "Ben"})
    events = events_of(named)
    for name, script in (("Ada", LEFT), ("Ben", RIGHT)):
        own = [event for event in events if event.name == name]
        assert [event.emotion for event in own] == [shown.emotion for shown in script]
        for event, shown in zip(own, script, strict=True):
            off_s = (abs(event.onset_s - shown.onset_s), abs(event.end_s - shown.end_s))
            assert max(off_s) <= 2 / 25 + 1e-6, (name, shown, event)
    assert len({event.name for event in events}) == 2


@pytest.mark.slow
def test_a_minute_of_two_people_at_full_rate(tmp_path: Path, mien: Mien) -> None:
    path = tmp_path / "two.mp4"
    make_two_people(path)
    paths = {kind: tmp_path / f"{kind}.csv" for kind in ("csv", "events", "statistics", "dyads")}
    written = [word for kind, path in paths.items() for word in (f"--{kind}", path)]
    assert mien("video", path, *written).status == 0
    assert_found(read_rows(paths["csv"]))
    assert mien("events", paths["csv"], "--out", tmp_path / "again.csv").status == 0
    both = (csv_rows(path) for path in (paths["events"], tmp_path / "again.csv"))
    for event, from_rows in zip(*both, strict=True):
        for column, value in event.items():  # rows have 7 digits, from which means are made anew
            if column in ("name", "emotion"):
                assert from_rows[column] == value
            else:
                assert float(from_rows[column]) == pytest.approx(float(value), abs=1e-6)
    (happy,) = (row for row in csv_rows(paths["dyads"]) if row["emotion"] == "happy")
    assert sorted([happy["b_follows"], happy["a_follows"]]) == ["0", "3"]
    lags = [happy["b_lag_s"], happy["a_lag_s"]]
    assert float("".join(lags)) == pytest.approx(1.0, abs=2 / 25)  # Ben smiles after Ada
