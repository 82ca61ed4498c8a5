"""Agreement: published examples, intervals that know of time, and where two differ."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from coder_files import CODED, write_rows, write_table
from html_pages import Page
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.rows.agreement import (
    Difference,
    Estimate,
    block_length,
    cohen_kappa,
    compare,
    draw_confusions,
    krippendorff_alpha,
)
from mien.rows.agreement_page import plot_agreement, write_agreement_page
from mien.rows.coders import read_coding
from mien.rows.coding import Coding, coding_of_rows
from mien.rows.table import read_rows


def a_coding(targets: list[int] | np.ndarray, unit_s: float = 1.0, name: str = "") -> Coding:
    """One label in each unit of time; none where the target is -1."""
    values = np.asarray(targets)
    starts_s = np.arange(len(values), dtype=np.float64) * unit_s
    there = values >= 0
    ends_s = starts_s + unit_s
    return Coding("made.csv", name, starts_s[there], ends_s[there], values[there], ends_s[-1])


def bounds(estimate: Estimate) -> tuple[float, float, float]:
    """Low, value and high of one that has them."""
    assert estimate.low is not None
    assert estimate.value is not None
    assert estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def slow_targets(count: int, stay: float, random: np.random.Generator) -> np.ndarray:
    """Labels that last `stay` units on average."""
    drawn = random.integers(len(EMOTIONS), size=count)
    anew = random.random(count) < 1 / stay
    anew[0] = True
    return np.asarray(drawn[np.maximum.accumulate(np.where(anew, np.arange(count), 0))])


def test_kappa_is_that_of_cohen() -> None:
    # Cohen 1960, table 2: two clinicians, 200 patients, kappa .492.
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    assert cohen_kappa(table) == pytest.approx(0.492, abs=5e-4)
    assert cohen_kappa(np.stack([table, table.T])) == pytest.approx([0.4915, 0.4915], abs=5e-5)
    assert np.isnan(cohen_kappa(np.array([[5, 0], [0, 0]])))


def test_alpha_is_that_of_krippendorff() -> None:
    # Krippendorff 2011: A, two coders and two labels; B, two and five; C, four, who miss some.
    binary = ("abaaaaaaaa", "bbbaabaaba")
    nominal = ("aabbdcccedda", "babbbccceddd")
    missing = ("abccbadab...", "abccbbdabe.c", ".cccbcdbbea.", "abccbddabea.")
    for rows, expected in ((binary, 0.095), (nominal, 0.692), (missing, 0.743)):
        labels = np.array([[".abcde".index(letter) - 1 for letter in row] for row in rows])
        assert krippendorff_alpha(labels) == pytest.approx(expected, abs=5e-4)
    assert krippendorff_alpha(np.zeros((2, 5), np.int64)) is None
    assert krippendorff_alpha(np.array([[1, -1], [-1, 2]])) is None


def test_measures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    first, second = slow_targets(400, 4, random), slow_targets(400, 4, random)
    second = np.where(random.random(400) < 0.6, first, second)
    found = compare(a_coding(first), a_coding(second))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(second, first))
    assert found.agreement.value == pytest.approx((first == second).mean())
    expected = krippendorff_alpha(np.stack([first, second]))
    assert found.alpha.value == pytest.approx(expected)
    scores = precision_recall_fscore_support(second, first)
    for i, label in enumerate(EMOTIONS):
        one = found.emotions[label]
        for estimate, score in zip((one.precision, one.recall, one.f1), scores, strict=False):
            low, value, high = bounds(estimate)
            assert value == pytest.approx(score[i])
            assert low <= value <= high
        assert one.kappa.value == pytest.approx(cohen_kappa_score(second == i, first == i))
        assert one.second == scores[3][i]
    assert found.confusion[3].tolist() == np.bincount(first[second == 3], minlength=7).tolist()


def test_moments_without_a_label_count_nowhere_and_what_is_not_defined_is_none() -> None:
    found = compare(a_coding([3, 3, 4, -1, 4, 6]), a_coding([3, 3, 3, 3, -1, 6]))
    assert (found.units, found.missing) == (4, (1, 1))
    assert found.agreement.value == 0.75
    assert found.kappa.value == pytest.approx(cohen_kappa_score([3, 3, 3, 6], [3, 3, 4, 6]))

    found = compare(a_coding([3] * 20), a_coding([3] * 20))
    assert found.agreement == Estimate(1.0, None, None)  # drawing again tells nothing
    assert found.kappa == found.alpha == Estimate(None, None, None)
    assert found.emotions["sad"].precision == Estimate(None, None, None)


def test_blocks_are_as_long_as_the_rule_says() -> None:
    """Of series that remember, what the formula gives of their true covariances."""
    random = np.random.default_rng(1)
    for count, memory in ((1000, 0.7), (5000, 0.3), (20_000, 0.8)):
        noise = random.normal(size=count)
        series = np.zeros(count)
        for i in range(1, count):
            series[i] = memory * series[i - 1] + noise[i]
        theory = (6 * memory**2 / (1 - memory**2) ** 2 * count) ** (1 / 3)
        assert block_length(series) == pytest.approx(theory, rel=0.3)
    assert block_length(np.ones(50)) == 1
    assert block_length(random.normal(size=1000)) < 5


def test_a_block_is_drawn_whole() -> None:
    pairs = np.repeat(np.arange(4) * 8, 5)  # four labels agreed on, five units each
    drawn = draw_confusions(pairs, len(pairs), 5, np.random.default_rng(0))
    assert (drawn == np.diag([5, 5, 5, 5, 0, 0, 0])).all()
    drawn = draw_confusions(pairs, 7, 50, np.random.default_rng(0))
    assert (drawn.sum(axis=(1, 2)) == len(pairs)).all()
    assert len(np.unique(drawn, axis=0)) > 10


def two_who_differ(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    first = slow_targets(count, 5, random)
    return first, np.where(
        slow_targets(count, 3, random) < 5, first, slow_targets(count, 5, random)
    )


def test_looking_oftener_makes_nobody_surer() -> None:
    """The same ten minutes by second and by tenths of one: intervals are as wide."""
    first, second = two_who_differ(600, seed=2)
    widths = []
    for often in (1, 10):
        pair = (np.repeat(targets, often) for targets in (first, second))
        found = compare(*(a_coding(t, 1 / often) for t in pair), every_s=1 / often)
        low, _, high = bounds(found.kappa)
        widths.append(high - low)
        assert found.block_s > 2
    assert widths[0] == pytest.approx(widths[1], rel=0.15)


def test_of_a_part_that_was_coded_the_interval_is_that_of_the_part() -> None:
    first, second = two_who_differ(200, seed=4)
    part = compare(a_coding(first), a_coding(second))
    rest = [-1] * 800
    whole = compare(a_coding([*first, *rest]), a_coding([*second, *rest]))
    assert (whole.block, whole.kappa) == (part.block, part.kappa)


def test_rows_are_compared_by_second_and_by_frame(tmp_path: Path) -> None:
    rows = read_rows(write_rows(tmp_path / "rows.csv", CODED, [(2.0, 5.0, "fear")]))
    coder = read_coding(write_table(tmp_path / "coder.csv", [(0.0, 4.5, "happy")]))
    mien = coding_of_rows(rows, 1)
    by_second = compare(mien, coder)
    assert (by_second.units, by_second.missing) == (5, (0, 5))
    by_frame = compare(mien, coder, every_s=None)
    assert (by_frame.units, by_frame.missing) == (45, (0, 55))
    assert by_frame.agreement.value == pytest.approx(40 / 45)
    part = compare(mien, coder, from_s=2, to_s=4.5, every_s=0.5)
    assert part.units == 5
    assert part.agreement.value == pytest.approx(4 / 5)


def test_what_is_not_labelled_is_told_of_the_time_not_of_the_frames(tmp_path: Path) -> None:
    edges_s = np.array([*np.arange(0.0, 1.0, 0.1), 1.0, 5.0])  # the last frame lasts four seconds
    starts_s, ends_s, targets = edges_s[:-1], edges_s[1:], np.full(11, 3)
    whole = Coding("whole.csv", "whole", starts_s, ends_s, targets, 5.0, edges_s)
    part = Coding("part.csv", "part", starts_s[:10], ends_s[:10], targets[:10], 5.0)

    found = compare(part, whole, every_s=None)

    assert found.missing == (1, 0)
    assert found.unlabelled == pytest.approx((0.8, 0.0))
    write_agreement_page(tmp_path / "page.html", found, made={})
    page = (tmp_path / "page.html").read_text()
    assert "20% labelled" in page
    assert "100% labelled" in page


def test_a_track_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    rows = read_rows(write_rows(tmp_path / "rows.csv", CODED, [(2.0, 5.0, "fear")]))
    with pytest.raises(DataError, match=r"rows.csv: expected one track; .*: 1 \(100% .*, 2 \(30%"):
        coding_of_rows(rows)
    with pytest.raises(DataError, match=r"one of the tracks 1 .*; got 3"):
        coding_of_rows(rows, 3)
    empty = read_rows(write_rows(tmp_path / "empty.csv"))
    with pytest.raises(DataError, match="there is none"):
        coding_of_rows(empty)


def test_a_file_of_another_video_is_refused(tmp_path: Path) -> None:
    mien = coding_of_rows(read_rows(write_rows(tmp_path / "rows.csv", CODED)))
    longer = read_coding(write_table(tmp_path / "coder.csv", [(0.0, 15.0, "happy")]))
    with pytest.raises(DataError, match=r"reaches to 15.0 s, .*rows.csv .* of 10.0 s: of another"):
        compare(mien, longer)
    assert compare(mien, longer, to_s=10).units == 10
    little = read_coding(write_table(tmp_path / "part.csv", [(0.0, 2.0, "happy")]))
    assert compare(mien, little).units == 2  # who labels a part may do so
    other = a_coding([3] * 20)
    with pytest.raises(DataError, match=r"is of 10.0 s, but made.csv is of 20.0 s"):
        compare(mien, other)


def test_options_are_checked() -> None:
    one = a_coding([3, 3, -1, -1])
    with pytest.raises(DataError, match=r"moments that both label; made\.csv from 0 to 2 s"):
        compare(one, a_coding([-1, -1, 3, 3]))
    with pytest.raises(DataError, match="expected rows of a video to compare by frame"):
        compare(one, one, every_s=None)
    for every_s in (0.0, 5.0, float("nan"), 1e-9):
        with pytest.raises(OptionError, match="every: expected"):
            compare(one, one, every_s=every_s)
    with pytest.raises(OptionError, match="got one from 3 to 2 s"):
        compare(one, one, from_s=3, to_s=2)


def test_the_picture_and_the_page_show_where_they_differ(tmp_path: Path) -> None:
    second = a_coding([3, 6, 6, 6, 6, 6], name="anna <b>")
    found = compare(a_coding([3, 3, 4, 4, 6, -1], name="mien"), second)
    expected = (Difference(1.0, 2.0, "happy", "neutral"), Difference(2.0, 4.0, "sad", "neutral"))
    assert found.differences == expected
    written = plot_agreement(found, tmp_path / "both.svg", title="talk")
    assert written == [tmp_path / "both.svg"]
    drawn = written[0].read_text()
    assert all(word in drawn for word in ("talk: Cohen", "anna &lt;b&gt;", "differ"))
    assert len(plot_agreement(found, tmp_path / "both")) == 2

    write_agreement_page(tmp_path / "page.html", found, made={"mien": "1"})
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    assert page.open == []
    assert (page.tags["table"], page.tags["img"]) == (4, 3)
    assert all(source.startswith("data:") for source in page.sources)
    assert "anna &lt;b&gt;" in text
    assert "0:01.0" in text
