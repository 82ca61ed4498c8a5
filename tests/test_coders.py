"""Files of human coders: what each format tells, and one clear line for what cannot be meant."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coder_files import (
    BORIS_AGGREGATED,
    BORIS_EVENTS,
    BORIS_OLD_EVENTS,
    CODED,
    LONG_TEXTGRID,
    SHORT_TEXTGRID,
    write_eaf,
    write_table,
)
from mien.errors import DataError, OptionError
from mien.labels import EMOTIONS
from mien.rows.coders import is_rows, read_coding
from mien.rows.coding import Coding

HAPPY_SAD = [(0.0, 4.0, "happy"), (7.5, 10.0, "sad")]


def stretches(coding: Coding) -> list[tuple[float, float, str]]:
    labels = [EMOTIONS[target] for target in coding.targets]
    return list(zip(coding.starts_s.tolist(), coding.ends_s.tolist(), labels, strict=True))


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_tier_of_elan_is_read_and_the_only_one_with_labels_needs_no_name(tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "talk.eaf", anna=CODED, ben=[(1.0, 2.0, "fear")], notes=[])
    found = read_coding(path, tier="anna")
    assert (found.name, found.length_s, stretches(found)) == ("anna", None, list(CODED))
    assert read_coding(write_eaf(path, notes=[], anna=CODED)).name == "anna"


def test_times_of_elan_count_from_the_start_of_the_video(tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "talk.eaf", origin_ms=2500, anna=[(0.0, 1.0, "happy")])
    assert stretches(read_coding(path)) == [(2.5, 3.5, "happy")]


def test_annotations_of_elan_that_refer_to_others_have_their_times(tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "talk.eaf", turns=[(1.0, 2.0, "she smiles")])
    reference = (
        '<TIER TIER_ID="emotion" PARENT_REF="turns"><ANNOTATION><REF_ANNOTATION '
        'ANNOTATION_ID="a9" ANNOTATION_REF="a1"><ANNOTATION_VALUE>joy</ANNOTATION_VALUE>'
        "</REF_ANNOTATION></ANNOTATION></TIER>"
    )
    text = path.read_text().replace("<LINGUISTIC_TYPE ", f"{reference}<LINGUISTIC_TYPE ", 1)
    path.write_text(text)
    assert stretches(read_coding(path, tier="emotion")) == [(1.0, 2.0, "happy")]
    path.write_text(text.replace('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a9"'))
    with pytest.raises(DataError, match="refers to itself"):
        read_coding(path, tier="emotion")


@pytest.mark.parametrize("text", [LONG_TEXTGRID, SHORT_TEXTGRID])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_textgrid_is_read_in_both_forms(text: str, encoding: str, tmp_path: Path) -> None:
    found = read_coding(written(tmp_path, "talk.TextGrid", text.encode(encoding)))
    assert (found.name, found.length_s, stretches(found)) == ("anna", 10.0, HAPPY_SAD)


OWN_COLUMN = BORIS_OLD_EVENTS.replace("Media file path", "Start")
"""Of events that have a time and a status, a column of this name is of something else."""


@pytest.mark.parametrize("text", [BORIS_EVENTS, BORIS_OLD_EVENTS, BORIS_AGGREGATED, OWN_COLUMN])
def test_events_of_boris_are_read(text: str, tmp_path: Path) -> None:
    found = read_coding(written(tmp_path, "events.tsv", text))
    assert (found.name, found.length_s, stretches(found)) == ("anna", 10.0, HAPPY_SAD)


@pytest.mark.parametrize(
    "text",
    [
        "start,end,label\n0,4,happy\n7.5,10,sad\n",
        "onset\tduration\ttrial_type\n0.0\t4\tHappiness\n7.5\t2.5\tsadness\n",
        "\ufeffStart;End;Emotion\r\n0;4,0;happy\r\n7,5;10;sad\r\n",
        "start_ms,end_ms,label,note\n0,4000,happy,\n7500,10000,sad,x\n5000,6000,,nobody\n",
        "Begin time,End time,tier,text\n00:00:00.0,00:00:04.0,a,happy\n0:07.5,0:10,a,sad\n",
        'from,to,code\n7.5,10,"sad"\n0,4,happy\n',
    ],
)
def test_a_table_is_read_as_people_write_it(text: str, tmp_path: Path) -> None:
    assert stretches(read_coding(written(tmp_path, "coder.csv", text))) == HAPPY_SAD


def test_a_unit_and_a_meaning_are_told_where_the_table_does_not(tmp_path: Path) -> None:
    path = written(tmp_path, "coder.csv", "start,end,label\n0,4000,happy\n7500,10000,sad\n")
    assert stretches(read_coding(path, unit="ms")) == HAPPY_SAD
    coded = [(0.0, 1.0, "Amused"), (1.0, 2.0, "talks"), (2.0, 3.0, "joy")]
    path = write_table(tmp_path / "coder.csv", coded)
    with pytest.raises(DataError, match=r"coder.csv: expected labels among .*'Amused' \(1\)"):
        read_coding(path)
    found = read_coding(path, labels={"amused": "surprise", "talks": "none"})
    assert stretches(found) == [(0.0, 1.0, "surprise"), (2.0, 3.0, "happy")]


def test_rounding_makes_no_overlap(tmp_path: Path) -> None:
    path = write_table(tmp_path / "coder.csv", [(0.0, 1.001, "happy"), (1.0, 2.0, "sad")])
    assert stretches(read_coding(path)) == [(0.0, 1.0, "happy"), (1.0, 2.0, "sad")]


def test_the_label_that_fills_the_most_of_a_unit_counts(tmp_path: Path) -> None:
    coded = [(0.0, 1.6, "happy"), (1.6, 2.0, "sad"), (3.0, 3.4, "sad"), (4.4, 5.0, "fear")]
    path = write_table(tmp_path / "coder.csv", coded)
    edges_s = np.arange(6.0)
    expected = [3, 3, -1, -1, 2]
    assert read_coding(path).targets_in(edges_s).tolist() == expected
    neutral = [6 if target < 0 else target for target in expected]
    assert read_coding(path, gaps="neutral").targets_in(edges_s).tolist() == neutral


BAD = {
    "empty.csv": ("", "the file is empty"),
    "header.csv": ("start,end,label\n", "it has none"),
    "columns.csv": ("a,b\n1,2\n", "columns for start, end or duration, and label"),
    "time.csv": ("start,end,label\nsoon,2,sad\n", "line 2: expected a time; got 'soon'"),
    "frames.csv": ("start,end,label\n0:00:01:12,0:2,sad\n", "expected a time; got '0:00:01:12'"),
    "sixty.csv": ("start,end,label\n0:59.9,0:60,sad\n", "line 2: expected a time; got '0:60'"),
    "turned.csv": ("start,end,label\n3,2,sad\n", "sad from 3 to 2 s"),
    "nan.csv": ("start,end,label\nnan,2,sad\n", "sad from nan to 2 s"),
    "before.csv": ("start,end,label\n-1,2,sad\n", "sad from -1 to 2 s"),
    "overlap.csv": (
        "start,end,label\n0,2,sad\n1,3,happy\n",
        "expected one label at a time; got sad from 0 to 2 s and happy from 1 to 3 s",
    ),
    "people.csv": (
        "start,end,label,person\n0,2,sad,a\n1,3,happy,b\n",
        r"--tier: a \(1 label\), b",
    ),
    "point.tsv": ("Time\tBehavior\tStatus\n1\tsad\tPOINT\n", "sad from 1 to 1 s"),
    "open.tsv": ("Time\tBehavior\tStatus\n1\tsad\tSTART\n", "a STOP of sad"),
    "stop.tsv": ("Time\tBehavior\tStatus\n1\tsad\tSTOP\n", "'STOP' of sad at 1 s"),
    "two.tsv": (
        "Observation id\tTime\tBehavior\tStatus\na\t1\tsad\tSTART\nb\t1\tsad\tSTOP\n",
        "one observation in a file; got 2: a, b",
    ),
    "entities.eaf": ("<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "document type"),
    "other.eaf": ("<svg/>", "XML of svg"),
    "text.eaf": ("happy", "expected an ELAN file"),
    "frames.eaf": (
        "<ANNOTATION_DOCUMENT><HEADER TIME_UNITS='PAL-frames'/></ANNOTATION_DOCUMENT>",
        "milliseconds; got PAL-frames",
    ),
    "cut.TextGrid": (SHORT_TEXTGRID[:150], "it is cut off"),
    "binary.TextGrid": ("ooBinaryFile\x08TextGrid", "save it as a text file"),
    "pitch.TextGrid": (LONG_TEXTGRID.replace("TextGrid", "Pitch 1"), "'Pitch 1'"),
    "coder.docx": ("x", "expected a file that ends in .eaf"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_meant_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    text, expected = BAD[name]
    with pytest.raises(DataError, match=expected) as caught:
        read_coding(written(tmp_path, name, text))
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_an_unknown_tier_is_told_those_that_are_there(tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "talk.eaf", anna=CODED, notes=[])
    there = re.escape("tiers anna (3 labels), notes (0 labels); got 'Anna'")
    with pytest.raises(DataError, match=there):
        read_coding(path, tier="Anna")
    with pytest.raises(DataError, match="tier 'notes' has none"):
        read_coding(path, tier="notes")


def test_options_are_checked(tmp_path: Path) -> None:
    path = write_table(tmp_path / "coder.csv")
    options: dict[str, dict[str, Any]] = {
        "gaps: expected angry": {"gaps": "bored"},
        "amused: expected angry": {"labels": {"amused": "fun"}},
        "unit: expected s or ms": {"unit": "h"},
    }
    for message, wrong in options.items():
        with pytest.raises(OptionError, match=message):
            read_coding(path, **wrong)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_coding(tmp_path / "nowhere.csv")


def test_rows_are_told_from_files_of_coders(tmp_path: Path) -> None:
    assert is_rows(written(tmp_path, "rows.csv", "frame,time_s,track,x0\n"))
    # As pandas and R save them: with numbers of rows before, or in another order.
    assert is_rows(written(tmp_path, "rows.csv", ",track,frame,time_s,x0\n"))
    assert is_rows(tmp_path / "rows.jsonl")
    assert not is_rows(write_table(tmp_path / "coder.csv"))
    assert not is_rows(tmp_path / "talk.eaf")
