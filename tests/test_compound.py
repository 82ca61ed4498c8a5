"""Compound emotions: the article's pairs, the rule, and `mien detect --compound`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import compound
from command_line import Mien, csv_rows
from fakes import a_reading, a_tracked_reading
from mien.compound import COMPOUNDS, Compound, compound_of
from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.output.records import IMAGE_TABLE, CsvWriter, to_csv, to_dict
from mien.readings import ImageFile, ImageResult

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet


def shares(**given: float) -> tuple[float, ...]:
    """Seven shares; what is not given is divided among the others."""
    rest = (1.0 - sum(given.values())) / (len(EMOTIONS) - len(given))
    return tuple(given.get(emotion, rest) for emotion in EMOTIONS)


def test_the_compounds_are_the_pairs_of_the_article() -> None:
    assert len(COMPOUNDS) == len(set(COMPOUNDS.values())) == 12
    basic = set(EMOTIONS) - {"neutral"}
    pairs = {frozenset(pair) for pair in COMPOUNDS}
    everything = {frozenset((a, b)) for a in basic for b in basic if a != b}
    # Happy goes with surprise and disgust alone.
    assert everything - pairs == {frozenset(("happy", other)) for other in ("sad", "fear", "angry")}


@pytest.mark.parametrize(("pair", "name"), COMPOUNDS.items())
def test_a_pair_has_its_name_whichever_is_stronger(pair: tuple[str, str], name: str) -> None:
    for strong, weak in (pair, pair[::-1]):
        found = compound_of(shares(**{strong: 0.5, weak: 0.4}))
        assert found == Compound(name, (strong, weak), (0.5, 0.4))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"happy": 0.6, "surprise": 0.2}, True),  # both limits are enough
        ({"happy": 0.62, "surprise": 0.19}, False),  # the second is too weak
        ({"happy": 0.5, "surprise": 0.29}, False),  # both together are
        ({"happy": 0.5, "sad": 0.45}, False),  # no pair of the article
        ({"neutral": 0.5, "sad": 0.45}, False),
        ({"sad": 0.45, "neutral": 0.3, "angry": 0.25}, False),  # not the two likeliest
    ],
)
def test_the_rule(given: dict[str, float], named: bool) -> None:
    probabilities = np.array(shares(**given), np.float32).tolist()
    assert (compound_of(probabilities) is not None) is named


def test_the_limits_of_the_rule_can_be_chosen() -> None:
    given = shares(happy=0.5, surprise=0.15)
    assert compound_of(given) is None
    found = compound_of(given, min_second=0.15, min_together=0.6)
    assert found is not None
    assert found.name == "happily surprised"


def test_shares_that_are_not_numbers_make_up_none() -> None:
    assert compound_of([float("nan")] * 7) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_second": 0.0}, "min_second: expected above 0 up to 0.5; got 0"),
        ({"min_second": 0.6}, "min_second: expected above 0 up to 0.5; got 0.6"),
        ({"min_together": 1.1}, "min_together: expected 0 to 1; got 1.1"),
        ({"min_together": float("nan")}, "min_together: expected 0 to 1; got nan"),
        ({"shares": (0.125,) * 8}, "shares: expected 7; got 8"),
    ],
)
def test_limits_out_of_range_are_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        compound_of(**{"shares": shares(happy=1.0), **options})


# Readings


def test_a_reading_says_its_compound_by_its_probabilities() -> None:
    reading = replace(a_reading(), probabilities=shares(happy=0.55, surprise=0.4))
    assert reading.compound == "happily surprised"
    assert replace(reading, unsure=True).compound is None
    assert a_reading().compound is None
    assert a_tracked_reading().compound is None


# Files and the command line


def a_result() -> ImageResult:
    both = replace(a_reading(), probabilities=shares(happy=0.55, surprise=0.4))
    file = ImageFile(Path("a.jpg"), Path("a.jpg"))
    return ImageResult(file, np.zeros((4, 4, 3), np.uint8), (both, a_reading()), None)


def test_rows_have_the_column_when_it_is_asked_for(tmp_path: Path) -> None:
    assert "compound" not in to_csv([a_result()])
    assert "compound" not in json.dumps(to_dict(a_result()))
    faces = to_dict(a_result(), compound=True)["faces"]
    assert [face["compound"] for face in faces] == ["happily surprised", None]
    path = tmp_path / "faces.csv"
    with path.open("w", newline="") as file:
        CsvWriter(file, compound=True).write(a_result())
    rows = csv_rows(path)
    assert list(rows[0]) == [*IMAGE_TABLE, "compound"]
    assert [row["compound"] for row in rows] == ["happily surprised", ""]


def test_the_command_tells_compounds_only_when_asked(
    mien: Mien, portrait: Path, tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    plain = mien("detect", portrait)
    asked = mien("detect", portrait, "--compound", "--expect", "happy", "--csv", table)

    assert (plain.status, asked.status) == (0, 0)
    assert "compound" not in plain.stdout
    header, row = asked.stdout.splitlines()
    assert header.split()[-3:] == ["shows", "happy", "compound"]
    assert row.split()[-1] == "-"
    assert table.read_text().splitlines()[0].endswith(",error,expected,shows,compound")
    (image,) = json.loads(mien("detect", portrait, "--compound", "--json").stdout)
    assert image["faces"][0]["compound"] is None


def test_the_command_goes_by_what_is_read(
    mien: Mien, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.recognize.classifier import Classifier

    divided = np.array([shares(happy=0.5, surprise=0.45)], np.float32)
    monkeypatch.setattr(Classifier, "__call__", lambda self, crops: divided)
    done = mien("detect", portrait, "--compound")
    assert done.stdout.splitlines()[1].endswith("happily surprised")


# What docs/compound.md tells


def test_the_benchmark_counts_taggers_who_divide() -> None:
    said = np.array([shares(happy=0.5, surprise=0.45)] * 3 + [shares(neutral=0.9)] * 2)
    votes_for = {"happy": [7, 2, 1, 5, 0], "surprise": [3, 1, 0, 5, 0], "neutral": [0, 7, 9, 0, 9]}
    counts = np.array([[votes_for.get(e, [0] * 5)[i] for e in EMOTIONS] for i in range(5)])
    found = compound.check(said, counts, 0.2, 0.8)

    assert (found.fires, found.share) == (3, 0.6)
    assert found.both == pytest.approx(1 / 3)  # the first alone
    assert found.touched == pytest.approx(2 / 3)
    assert found.found == 0.5  # the fourth is divided, too, and not named
    assert found.names == {"happily surprised": 3}


@pytest.mark.slow
def test_what_people_would_say_is_borne_out_oftener_than_the_label(fer2013: "FaceSet") -> None:
    from mien.recognize.classifier import Classifier

    faces = fer2013.split("val").take(np.arange(1500))
    voted = compound.votes_for_the_seven(faces)
    answers = Classifier().read_all(faces.images)
    weak = compound.check(answers["label"].astype(np.float64), voted, 0.2, 0.8)
    strong = compound.check(answers["people"].astype(np.float64), voted, 0.2, 0.8)
    assert min(weak.fires, strong.fires) >= 30
    assert strong.both > 0.55
    assert weak.both < 0.35
