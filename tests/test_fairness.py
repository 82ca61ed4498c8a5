"""Groups of faces, how they are read, the gaps between them, and `mien fairness`."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import Mien, assert_refused
from fakes import SPEC, write_people_model
from html_pages import Page
from learn_fixtures import made_up_faces, png, read_as, write_folders, write_parquet_folder
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.evaluation.scores import Interval, evaluate, truth_of
from mien.learn.fairness.comparison import Fairness, find_groupings, measure_fairness, stand_out
from mien.learn.fairness.gaps import ACCURACY, MIN_CELL, SAME_MIX, Comparison, holm, percent_of
from mien.learn.fairness.groups import MAX_GROUPS, Grouping, crossed, raf_db_groups, read_groups
from mien.learn.fairness.slices import SLICES, measure_slices, reference_faces, slice_faces, thirds
from mien.learn.reports.fairness_page import fairness_page
from mien.readings import Probabilities
from mien.recognize.classifier import Classifier

FEW = {"resamples": 200, "permutations": 499}
HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def grouped(members: list[int] | NDArray[np.int64], name: str = "place") -> Grouping:
    """Groups "a", "b", ... by number."""
    numbers = np.asarray(members, np.int64)
    groups = tuple("abcdefghij"[: int(numbers.max()) + 1])
    return Grouping(name, "made up", groups, numbers)


def a_case(
    right: list[int], wrong: list[int], emotion: int = HAPPY
) -> tuple[Probabilities, NDArray[np.int64], Grouping]:
    """So many faces of one emotion that are read right and wrong, group by group."""
    counts = [n for pair in zip(right, wrong, strict=True) for n in pair]
    predicted = np.repeat([emotion, (emotion + 1) % 7] * len(right), counts).astype(np.int64)
    members = np.repeat(np.repeat(np.arange(len(right)), 2), counts).astype(np.int64)
    return read_as(predicted), np.full(len(predicted), emotion, np.int64), grouped(members)


def compare(
    probabilities: Probabilities,
    targets: NDArray[np.int64],
    *groupings: Grouping,
    min_n: int = 30,
    seed: int = 0,
    **draws: int,
) -> Fairness:
    """What is measured of test faces of which a model says that."""
    classifier = Mock(return_value=probabilities)
    classifier.spec = SPEC
    images = np.zeros((len(targets), 48, 48), np.uint8)
    faces = FaceSet(images, targets, np.full(len(targets), "test"))
    draws = FEW | draws
    return measure_fairness(classifier, faces, "test", groupings, min_n=min_n, seed=seed, **draws)


# Groups from a table


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train and test with a folder for each emotion; `1.png` stands in several of them."""
    faces = made_up_faces(train=2, val=0, test=3)
    root = tmp_path_factory.mktemp("folders")
    return write_folders(root, faces, lambda split, label, row: f"{split}/{label}/{row // 7}.png")


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_groups_are_read_for_images_named_by_the_end_of_their_path(
    folders: Path, tmp_path: Path
) -> None:
    faces = load_faces(folders)
    groups = table(
        tmp_path / "groups.csv",
        "file,age,gender",
        "train/happy/0.png,young,Female",
        "test/happy/2.png,old, female ",
        f"{folders}/test/sad/3.png,,male",
        "test/sad/2.png,NA, NA",  # as R writes an empty cell
        "elsewhere/7.png,old,male",
    )
    age, gender = read_groups(groups, faces)

    assert (age.name, age.groups) == ("age", ("old", "young"))
    assert [name.lower() for name in gender.groups] == ["female", "male"]
    assert faces.sources is not None
    by_source = dict(zip(faces.sources, gender.members.tolist(), strict=True))
    assert by_source[str(folders / "test/happy/2.png")] == 0
    assert by_source[str(folders / "test/sad/3.png")] == 1
    assert (age.members >= 0).sum() == 2  # an empty cell is no group
    assert (gender.members >= 0).sum() == 3
    assert read_groups(groups, faces, columns=["gender"])[0].name == "gender"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file", "test/sad/3.png"], "a column that names the image, then one or more"),
        (["file,age", "0.png,old"], r"row 2: expected a name that one image has; '0\.png'"),
        (["file,age", "no.png,old"], "expected the names of images of .* none of them"),
        (["file,age", "test/sad/2.png,old", "sad/2.png,old"], "row 3: expected each image once"),
        (["file,age", ",old"], "row 2: expected the name of an image; got ''"),
        (["file,age", "test/sad/2.png,"], "age: expected a group for some of the faces"),
        (["file,age", "test/sad/2.png"], "row 2: expected 2 columns; got 1"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_row(
    lines: list[str], message: str, folders: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_groups(table(tmp_path / "groups.csv", *lines), load_faces(folders))


def test_intersections_are_groups_of_their_own() -> None:
    gender = Grouping("gender", "seen", ("f", "m"), np.array([0, 0, 1, 1, -1]))
    age = Grouping("age", "seen", ("old", "young"), np.array([0, 1, 1, 1, 0]))
    both = crossed([gender, age])

    assert both.name == "gender and age"
    assert both.groups == ("f, old", "f, young", "m, young")
    assert both.members.tolist() == [0, 1, 2, 2, -1]
    with pytest.raises(OptionError, match="two groupings or more"):
        crossed([gender])
    with pytest.raises(DataError, match="age: expected at most 24 groups; got 25 different values"):
        Grouping.of("age", "", [str(number) for number in range(MAX_GROUPS + 1)])


# RAF-DB's own annotations


def raf_db(root: Path, attributes: list[str]) -> Path:
    """RAF-DB with an image and an annotation for each, as it is handed out."""
    rows = []
    for number, lines in enumerate(attributes, start=1):
        name = f"test_{number:04d}"
        rows.append(f"{name}.jpg {number % 7 + 1}")
        image = root / "Image" / "aligned" / f"{name}_aligned.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png(np.full((48, 48), 20 * number, np.uint8)))
        notes = root / "Annotation" / "manual" / f"{name}_manu_attri.txt"
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text("30.1\t40.2\n70\t40\n50\t60\n35\t80\n65\t80\n" + lines)
    labels = root / "EmoLabel" / "list_patition_label.txt"
    labels.parent.mkdir()
    labels.write_text("\n".join(rows) + "\n")
    return root


def test_gender_race_and_age_of_raf_db_are_read_as_they_come(folders: Path, tmp_path: Path) -> None:
    root = raf_db(tmp_path / "basic", ["1\n2\n4\n", "0\n0\n0\n", "2\r\n1\r\n2"])
    faces = load_faces(root)
    seen = {g.name: [g.groups[i] for i in g.members] for g in raf_db_groups(faces)}

    assert seen == {
        "gender": ["female", "male", "unsure"],
        "race": ["Asian", "Caucasian", "African-American"],
        "age": ["70+", "0-3", "20-39"],
    }
    (both,) = find_groupings(faces, "test", columns=["age"], cross=["gender", "age"], slices=[])[1:]
    assert both.name == "gender and age"
    (root / "Annotation" / "manual" / "test_0001_manu_attri.txt").unlink()
    with pytest.raises(DataError, match=r"test_0001_manu_attri\.txt: expected RAF-DB's annotation"):
        raf_db_groups(faces)
    (root / "Annotation").rename(root / "elsewhere")
    assert raf_db_groups(load_faces(root)) == raf_db_groups(load_faces(folders)) == ()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1\n3\n4\n", r"row 7: expected the race, 0 to 2, after 5 rows of landmarks; got '3'"),
        ("9" * 5_000 + "\n0\n3\n", "row 6: expected the gender, 0 to 2"),  # than Python reads
    ],
)
def test_a_bad_annotation_of_raf_db_is_named(lines: str, message: str, tmp_path: Path) -> None:
    faces = load_faces(raf_db(tmp_path / "basic", ["1\n2\n4\n", lines]))
    with pytest.raises(DataError, match=rf"test_0002_manu_attri\.txt, {message}"):
        raf_db_groups(faces)


# Slices


def set_of(*crops: NDArray[np.uint8]) -> FaceSet:
    targets = np.zeros(len(crops), np.int64)
    return FaceSet(np.stack(crops), targets, np.array(["train"] * len(crops), "U5"))


def test_light_blur_and_size_are_measured_on_the_face(portrait_crop: NDArray[np.uint8]) -> None:
    small = cv2.resize(portrait_crop, (16, 16), interpolation=cv2.INTER_AREA)
    faces = set_of(
        portrait_crop,
        (portrait_crop // 2).astype(np.uint8),
        cv2.GaussianBlur(portrait_crop, (0, 0), 2.0).astype(np.uint8),
        cv2.resize(small, (48, 48), interpolation=cv2.INTER_CUBIC).astype(np.uint8),
    )
    found = measure_slices(faces, ["brightness", "contrast", "blur", "resolution"])
    whole, dark, blurred, coarse = range(4)

    assert found["brightness"][whole] == pytest.approx(portrait_crop.mean())
    assert found["brightness"][dark] == pytest.approx(found["brightness"][whole] / 2, abs=1)
    assert found["contrast"][dark] == pytest.approx(found["contrast"][whole] / 2, abs=1)
    assert found["blur"][blurred] > found["blur"][whole] + 0.2
    assert found["blur"][dark] == pytest.approx(found["blur"][whole], abs=0.02)
    assert 12 <= found["resolution"][coarse] <= 20
    assert found["resolution"][whole] > 30


def test_the_pose_of_a_head_is_measured_in_degrees(portrait_crop: NDArray[np.uint8]) -> None:
    tilted: list[NDArray[np.uint8]] = []
    for angle in (0.0, 10.0, -20.0):
        turn = cv2.getRotationMatrix2D((23.5, 23.5), angle, 1.0)
        turned = cv2.warpAffine(portrait_crop, turn, (48, 48), borderMode=cv2.BORDER_REPLICATE)
        tilted.append(np.asarray(turned, np.uint8))
    # Squeezing one half of a face moves the nose towards that side, as turning the head does.
    columns = np.interp(np.arange(48), [0, 14, 47], [0, 24, 47]).astype(np.float32)
    across, down = np.meshgrid(columns, np.arange(48, dtype=np.float32))
    aside = np.asarray(cv2.remap(portrait_crop, across, down, cv2.INTER_LINEAR), np.uint8)
    measured = measure_slices(set_of(*tilted, aside), ["roll", "yaw", "size"])

    level, ten, twenty, _ = measured["roll"]
    assert level < 5
    assert 6 < ten < 14
    assert 12 < twenty < 22  # YuNet takes large tilts for smaller ones
    assert measured["yaw"][3] > measured["yaw"][0] + 5.0
    assert measured["size"][[0, 3]] == pytest.approx([47, 47], abs=6)


def test_faces_that_yunet_does_not_find_are_a_group_of_their_own(
    portrait_crop: NDArray[np.uint8],
) -> None:
    noise = made_up_faces(train=1, val=0, test=0).images[0]
    faces = set_of(portrait_crop, noise)
    found, roll = slice_faces(faces, ["found", "roll"], reference=None, cuts={"roll": [5.0]})
    assert [found.groups[i] for i in found.members] == ["found", "not found"]
    assert roll.groups == ("upright: under 5 degrees", "most tilted: 5 degrees and over")
    assert roll.members.tolist()[1] == -1


def test_cut_points_come_from_train_or_val_and_never_from_test() -> None:
    faces = made_up_faces(train=3, val=3, test=3)
    for split, level in (("train", 20), ("val", 90), ("test", 200)):
        rows = np.flatnonzero(faces.splits == split)
        spread = np.arange(len(rows))[:, None, None]
        faces.images[rows] = np.broadcast_to(level + spread, (len(rows), 48, 48))
    without_train = faces.take(faces.splits != "train")
    test = faces.split("test")

    for whole, cut in ((faces, "26.7 and 33.3"), (without_train, "96.7 and 103")):
        (grouping,) = slice_faces(test, ["brightness"], reference=reference_faces(whole))
        assert f"cut at {cut}, thirds of 21 faces of " in grouping.about
        assert set(grouping.members.tolist()) == {2}
    assert reference_faces(test) is None
    with pytest.raises(OptionError, match=r"train or val to choose the cut points of brightness"):
        slice_faces(test, ["brightness"], reference=None)

    assert thirds(np.array([0.5] * 2 + [0.9] * 7)) == (0.9,)
    assert thirds(np.arange(300.0)) == (99.7, 199.0)
    assert thirds(np.array([3.0, 3.0, np.nan])) == ()
    alike = set_of(*np.full((3, 48, 48), 7, np.uint8))
    (grouping,) = slice_faces(alike, ["brightness"], reference=alike)
    assert (grouping.groups, grouping.members.tolist()) == (("all",), [0, 0, 0])


def test_cut_points_may_be_given() -> None:
    images = np.broadcast_to(np.array([10, 80, 81, 160])[:, None, None], (4, 48, 48))
    faces = set_of(*images.astype(np.uint8))
    cuts = {"brightness": [80.0, 120.0, 160.0]}
    (grouping,) = slice_faces(faces, ["brightness"], reference=None, cuts=cuts)
    assert grouping.groups == ("under 80", "80 to 120", "120 to 160", "160 and over")
    assert grouping.members.tolist() == [0, 1, 1, 3]
    assert grouping.about == "mean gray level; cut at 80 and 120 and 160, as given"


@pytest.mark.parametrize(
    ("names", "cuts", "message"),
    [
        (["gloom"], {}, "expected a slice among brightness, contrast"),
        (["blur"], {"blur": [float("nan")]}, "blur: expected cut points that ascend; got nan"),
        (["blur"], {"blur": []}, "blur: expected cut points that ascend; got none"),
        (["blur"], {"yaw": [1.0]}, "expected cut points for one of blur; got some for yaw"),
    ],
)
def test_wrong_slices_and_cut_points_are_said(
    names: list[str], cuts: dict[str, list[float]], message: str
) -> None:
    faces = made_up_faces(train=1, val=0, test=0)
    with pytest.raises(OptionError, match=message):
        slice_faces(faces, names, reference=faces, cuts=cuts)


def test_agreement_of_the_taggers_is_a_slice_where_there_are_votes() -> None:
    faces = made_up_faces(train=2, val=0, test=2, votes=True)
    assert faces.votes is not None
    faces.votes[0] = [9, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    faces.votes[1] = [1, 0, 0, 0, 0, 0, 0, 0, 3, 0]
    faces.votes[2] = 0
    shares = measure_slices(faces, ["votes"])["votes"]
    assert shares[:2] == pytest.approx([0.9, 0.25])
    assert np.isnan(shares[2])
    assert "votes" in {g.name for g in find_groupings(faces, "test")}
    unvoted = replace(faces, votes=None)
    assert "votes" not in {g.name for g in find_groupings(unvoted, "test")}
    with pytest.raises(DataError, match="no FER\\+ votes to slice by"):
        measure_slices(unvoted, ["votes"])


# What is measured of groups


def test_accuracy_and_recall_are_those_of_the_group() -> None:
    targets = np.array([HAPPY] * 60 + [SAD] * 40, np.int64)
    predicted = targets.copy()
    predicted[:6] = SAD  # of group a
    predicted[60:80] = HAPPY  # of b
    members = np.array(([0] * 30 + [1] * 30) + ([0] * 20 + [1] * 20))
    members[60:80], members[80:] = 1, 0
    result = compare(read_as(predicted, sure=0.9), targets, grouped(members), min_n=20)
    (score,) = result.groupings
    a, b = score.groups

    assert (a.n, b.n, result.n) == (50, 50, 100)
    assert (a.accuracy.value, b.accuracy.value) == (0.88, 0.6)
    assert (a.recall["happy"].value, a.recall["happy"].n) == (0.8, 30)
    assert (b.recall["sad"].value, b.recall["sad"].n) == (0.0, 20)
    assert a.confidence == pytest.approx(0.9)
    assert a.excess is not None
    assert a.excess["sad"] == pytest.approx(6 / 50)
    gap = score.gaps[ACCURACY]
    assert (gap.worst, gap.best, gap.groups) == ("b", "a", 2)
    assert gap.difference == pytest.approx(0.28)
    assert gap.ratio == pytest.approx(0.6 / 0.88)
    assert score.gaps["sad"].ratio == 0.0
    assert score.gaps["sad"].ratio_interval is None


def test_a_rate_of_few_faces_is_not_told() -> None:
    (score,) = compare(*a_case([40, 11, 35], [5, 1, 10])).groupings
    few = score.groups[1]

    assert (few.compared, few.n, few.accuracy.value, few.same_mix.value) == (False, 12, None, None)
    assert (few.confidence, few.excess) == (None, None)
    assert percent_of(few.accuracy) == "too few (n = 12)"
    assert score.gaps[ACCURACY].groups == 2
    assert {score.gaps[ACCURACY].worst, score.gaps[ACCURACY].best} == {"a", "c"}
    assert percent_of(score.groups[0].recall["sad"]) == "too few (n = 0)"
    # There is no gap where one group alone is large enough, or none.
    for right in ([40, 2], [3, 2]):
        result = compare(*a_case(right, [5, 1]))
        assert (result.groupings[0].gaps, stand_out(result)) == ({}, [])


def test_faces_in_no_group_are_left_out_and_counted() -> None:
    probabilities, targets, grouping = a_case([40, 40], [10, 20])
    members = grouping.members.copy()
    members[:40] = -1
    result = compare(probabilities, targets, replace(grouping, members=members), min_n=5)
    (score,) = result.groupings
    assert (score.left_out, score.groups[0].n, score.groups[0].accuracy.value) == (40, 10, 0.0)
    assert result.accuracy.value == pytest.approx(80 / 110)


def test_same_mix_takes_the_share_of_easy_emotions_out() -> None:
    # Both groups read 90 % of the happy and 50 % of the sad right; one has many happy faces.
    counts = [180, 20, 20, 20, 36, 4, 100, 100]
    members = np.repeat([0, 0, 0, 0, 1, 1, 1, 1], counts)
    targets = np.repeat([HAPPY, HAPPY, SAD, SAD] * 2, counts)
    predicted = np.repeat([HAPPY, 0, SAD, 0] * 2, counts)
    (score,) = compare(read_as(predicted), targets, grouped(members)).groupings

    assert score.gaps[ACCURACY].difference == pytest.approx(200 / 240 - 136 / 240)
    assert score.gaps[ACCURACY].p < 0.01
    assert score.gaps[SAME_MIX].difference == pytest.approx(0.0, abs=1e-12)
    assert score.gaps[SAME_MIX].p == 1.0
    assert score.mix == ("happy", "sad")
    assert score.groups[0].same_mix.value == pytest.approx(0.7)
    # Emotions that a group hardly has are left out of it.
    targets = np.repeat([HAPPY, SAD, HAPPY, SAD], [40, 40, 75, 5])
    few = compare(read_as(targets), targets, grouped(np.repeat([0, 1], 80)))
    assert MIN_CELL > 5
    assert few.groupings[0].mix == ("happy",)


def test_the_interval_of_an_accuracy_is_that_of_faces_drawn_again() -> None:
    case = a_case([70, 60, 30], [30, 40, 10])
    (score,) = compare(*case, resamples=4000, permutations=99).groupings
    random = np.random.default_rng(0)
    for group, right in zip(score.groups, (70, 60, 30), strict=True):
        again = random.binomial(group.n, right / group.n, 4000) / group.n
        low, high = np.quantile(again, [0.025, 0.975])
        assert group.accuracy.interval is not None
        assert group.accuracy.interval.low == pytest.approx(low, abs=0.03)
        assert group.accuracy.interval.high == pytest.approx(high, abs=0.03)


def test_where_all_is_read_right_or_nothing_there_still_are_figures() -> None:
    sure = compare(*a_case([40, 40], [0, 10])).groupings[0].groups[0].accuracy
    assert sure.interval is not None
    assert (sure.value, sure.interval.high) == (1.0, 1.0)
    assert 0.85 < sure.interval.low < 0.95
    # At the same mix, too, of the faces that are in it: here of the happy ones alone.
    targets = np.repeat([HAPPY, SAD, HAPPY, SAD], [40, 20, 29, 5])
    predicted = np.repeat([HAPPY, 0, HAPPY, SAD], [40, 20, 29, 5])
    result = compare(read_as(predicted), targets, grouped(np.repeat([0, 1], [60, 34])))
    mixed, few = (group.same_mix for group in result.groupings[0].groups)
    assert (mixed.n, mixed.value) == (40, 1.0)
    assert mixed.interval == Interval.wilson(40, 40)
    # Of fewer than `min_n` faces no rate is told, of those in the mix neither.
    assert (few.n, few.value, SAME_MIX in result.groupings[0].gaps) == (29, None, False)
    result = compare(*a_case([0, 0], [40, 40]))
    gap = result.groupings[0].gaps[ACCURACY]
    assert (gap.difference, gap.ratio, gap.ratio_interval, gap.p) == (0.0, None, None, 1.0)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["n"] == 80


# Intervals and tests


@pytest.mark.parametrize("shares", [[0.7, 0.7, 0.7, 0.7], [0.6, 0.7, 0.75, 0.8]])
def test_the_interval_of_a_gap_holds_for_the_pair_that_was_not_known_before(
    shares: list[float],
) -> None:
    # A percentile interval of the largest difference would never hold an absent gap.
    sizes, true = np.array([60, 100, 200, 300]), max(shares) - min(shares)
    random = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        right = random.binomial(sizes, shares)
        comparison = Comparison(*a_case(right.tolist(), (sizes - right).tolist()), min_n=30)
        drawn = comparison._drawn(np.zeros(7), 200, random)[..., 0]
        gap = comparison._gap(ACCURACY, np.arange(4), right / sizes, drawn, np.zeros(1))
        held += gap.interval.low <= true <= gap.interval.high
    assert held >= 180


def test_groups_that_differ_are_told_apart_by_seed() -> None:
    case = a_case([90, 60], [10, 40])
    result = compare(*case, seed=3)
    gap = result.groupings[0].gaps[ACCURACY]
    assert gap.p == 1 / 500  # no draw of 499 has a gap as large
    assert gap.interval.low > 0.1
    assert result == compare(*case, seed=3) != compare(*case, seed=4)


def test_dealing_out_counts_is_dealing_out_groups() -> None:
    probabilities, targets, grouping = a_case([18, 40], [12, 10])
    result = compare(probabilities, targets, grouping, resamples=100, permutations=9999)
    found = result.groupings[0].gaps[ACCURACY]
    random = np.random.default_rng(1)
    right = probabilities.argmax(axis=1) == targets
    larger = 0
    for _ in range(4000):
        members = random.permutation(grouping.members)
        larger += abs(right[members == 0].mean() - right[members == 1].mean()) >= found.difference
    assert found.p == pytest.approx(larger / 4000, abs=0.012)


def test_the_more_is_tested_the_less_a_small_p_says() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    case = a_case([45, 36], [5, 14])
    alone = compare(*case).groupings[0].gaps[ACCURACY]
    others = [replace(case[2], name=f"other {i}") for i in range(5)]
    among = compare(*case, *others).groupings[0].gaps[ACCURACY]
    assert (among.p, among.difference) == (alone.p, alone.difference)
    assert alone.holm == alone.p
    assert among.holm > alone.holm


def test_numbers_that_are_too_small_and_groups_of_other_faces_are_refused() -> None:
    probabilities, targets, grouping = a_case([4], [4])
    for name, least in (("min_n", 2), ("resamples", 100), ("permutations", 99)):
        with pytest.raises(OptionError, match=f"{name}: expected {least} or more; got {least - 1}"):
            compare(probabilities, targets, grouping, **{name: least - 1})
    with pytest.raises(OptionError, match="place: expected groups of 7 faces; got 8"):
        compare(probabilities[1:], targets[1:], grouping)


def test_a_command_without_fairlearn_says_so_before_all_is_read(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    done = mien("fairness", "--data", tmp_path / "none")
    assert_refused(done, "comparing groups needs the extra 'audit'", "pip install 'mien[audit]'")


# The page


def test_the_page_has_every_group_and_asks_nothing_of_a_network() -> None:
    probabilities, targets, grouping = a_case([45, 36, 6], [5, 34, 1])
    named = replace(grouping, name="<place>", groups=("north & east", "south", "west"))
    faces = replace(made_up_faces(train=0, val=0, test=1), name="x")
    faces = faces.take(np.zeros(len(targets), np.int64))
    light = Grouping("brightness", "mean gray level", ("dark", "bright"), grouping.members % 2)
    result = replace(compare(probabilities, targets, named, light), model="tiny", data="made-up")
    text = fairness_page(result, [named, light], faces)
    page = Page(text)

    assert page.open == []
    assert all(source.startswith("data:") for source in page.sources)
    assert "&lt;place&gt;" in text
    assert "<place>" not in text
    assert "north &amp; east" in text
    assert "too few<small>(n = 7)</small>" in text
    assert page.tags["img"] == 2  # of the slice alone: who people are is not shown by faces
    assert page.tags["svg"] == 5
    assert "not what people say of themselves" in " ".join(text.split())
    assert [line for line in stand_out(result) if "accuracy 51.4 % in" in line]


# The command


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    faces = made_up_faces(train=3, val=1, test=10)
    return write_parquet_folder(tmp_path_factory.mktemp("data") / "made-up", faces)


OPTIONS = ("--resamples", 100, "--permutations", 99, "--min-n", 5)


def test_the_command_holds_each_head_against_its_truth(mien: Mien, tmp_path: Path) -> None:
    people = write_people_model(tmp_path / "people.onnx")
    voted = made_up_faces(train=3, val=1, test=10, votes=True)
    data = write_parquet_folder(tmp_path / "made-up", voted)
    arguments = ("fairness", "--data", data, "--model", people, "--slices", "contrast", *OPTIONS)
    said, label = (
        json.loads(mien(*arguments, "--json", *more).stdout) for more in ((), ("--head", "label"))
    )
    judged = truth_of("people", voted, "test").split("test")

    assert (said["data"], said["n"]) == ("made-up (FER+ majority)", len(judged))
    assert (label["data"], label["n"]) == ("made-up", len(voted.split("test")))
    right = evaluate(Classifier(people), judged).accuracy
    assert said["accuracy"]["value"] == pytest.approx(right)


def test_a_split_without_votes_is_held_against_its_labels(mien: Mien, tmp_path: Path) -> None:
    """As `mien evaluate` holds it."""
    people = write_people_model(tmp_path / "people.onnx")
    faces = made_up_faces(train=3, val=1, test=10, votes=True)
    assert faces.votes is not None
    faces = replace(faces, votes=faces.votes * (faces.splits != "test")[:, None])
    data = ("--data", write_parquet_folder(tmp_path / "made-up", faces), "--json")
    for command in (
        ("fairness", "--model", people, "--slices", "contrast", *OPTIONS),
        ("robustness", "--model", people, "--corrupt", "jpeg"),
        ("evaluate", "--model", people),
    ):
        assert json.loads(mien(*command, *data).stdout)["n"] == len(faces.split("test"))


def test_the_command_prints_gaps_and_groups(mien: Mien, tiny_model: Path, data: Path) -> None:
    done = mien("fairness", "--data", data, "--model", tiny_model, *OPTIONS)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith("tiny on made-up test: 70 faces\n")
    assert "not found" in done.stdout
    assert "too few (n = " in done.stdout
    for name in SLICES:
        assert (f"\n{name}: " in done.stdout) == (name != "votes")


def test_the_command_writes_a_page_and_json(
    mien: Mien, tiny_model: Path, data: Path, tmp_path: Path
) -> None:
    groups = table(
        tmp_path / "groups.csv",
        "file,light,place",
        *(f'"private_test.parquet, row {i}",{("night", "day")[i % 2]},p{i % 3}' for i in range(70)),
    )
    page = tmp_path / "page.html"
    done = mien(
        *("fairness", "--data", data, "--model", tiny_model, *OPTIONS, "--groups", groups),
        *("--slices", "brightness", "--cuts", "brightness=60,70", "--cross", "light, place"),
        *("--page", page, "--json"),
    )
    assert (done.status, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    names = [g["name"] for g in found["groupings"]]
    assert names == ["light", "place", "light and place", "brightness"]
    assert found["groupings"][0]["groups"][0]["name"] == "day"
    assert found["groupings"][0]["groups"][0]["n"] == 35
    assert found["groupings"][0]["gaps"]["accuracy"]["difference"] >= 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cuts", "blur=a,b"), "--cuts: expected the name of a slice and cut points"),
        (
            ("--slices", "none"),
            "made-up: expected groups (--groups) or slices (--slices) to compare; there are",
        ),
        (("--by", "age"), "among none, as there is no table of them (--groups); got 'age'"),
        (("--groups", "no.csv"), "no.csv: cannot be read; No such file"),
    ],
)
def test_wrong_options_are_one_line(
    options: tuple[str, ...], message: str, mien: Mien, tiny_model: Path, data: Path
) -> None:
    done = mien("fairness", "--data", data, "--model", tiny_model, *options)
    assert_refused(done, message)


def test_a_column_with_the_name_of_a_slice_is_refused(
    mien: Mien, tiny_model: Path, data: Path, tmp_path: Path
) -> None:
    groups = table(tmp_path / "groups.csv", "file,blur", '"private_test.parquet, row 0",much')
    command = ("fairness", "--data", data, "--model", tiny_model, "--groups", groups, *OPTIONS)
    assert_refused(mien(*command), "under other names than the slices'; 'blur' is both")
    assert mien(*command, "--slices", "none").status == 0


def test_a_page_that_cannot_be_written_is_said_before_all_is_measured(
    mien: Mien, tiny_model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Classifier, "__call__", lambda *_: pytest.fail("it measures"))
    page = tiny_model / "page.html"
    done = mien("fairness", "--data", data, "--model", tiny_model, "--page", page)
    assert_refused(done, "tiny.onnx: expected a folder to write into; it is a file")
