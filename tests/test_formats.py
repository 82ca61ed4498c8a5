"""Files for other tools: a reader that others wrote opens each, and finds what the rows say."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import openpyxl
import pandas
import pympi
import pytest
from bidsschematools.schema import load_schema
from bidsschematools.validator import validate_bids
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid

from command_line import Mien, assert_refused
from fakes import a_tracked_reading
from made_up_rows import video_of, write_rows
from mien import EMOTIONS
from mien.errors import OptionError, OutputError
from mien.readings import FrameReadings
from mien.recognize.video.frames import probe
from mien.rows.formats import FORMATS, Media, files_of, write_format
from mien.rows.formats.boris import SHEET_COLUMNS
from mien.rows.formats.intervals import Annotation, Interval
from mien.rows.table import VideoResult
from rows_in_memory import annotation
from videos import make_video, moving_portrait, steady_times

Frames = Sequence[tuple[float, dict[int, str]]]
"""Time of each frame, and in it track -> label; a label that ends in "?" is an unsure one."""


def rows_of(frames: Frames, names: dict[int, str] | None = None) -> VideoResult:
    return replace(video_of(shown_in(frames)), names=names or {})


def shown_in(frames: Frames) -> Iterator[FrameReadings]:
    for number, (time_s, faces) in enumerate(frames):
        readings = [
            a_tracked_reading(track, label.rstrip("?"), unsure=label.endswith("?"))
            for track, label in faces.items()
        ]
        yield FrameReadings(number, time_s, tuple(readings))


TALK: Final[Frames] = [
    (0.0, {1: "happy"}),
    (0.1, {1: "happy", 2: "sad"}),
    (0.25, {1: "neutral", 2: "sad?"}),
    (0.3, {}),
    (0.4, {1: "neutral"}),
    (0.5, {1: "neutral"}),
]
"""Two people, a frame without a face, and uneven times."""

LENGTH_S: Final = 0.6


def seen(found: Annotation) -> dict[str, list[tuple[float, float, str]]]:
    return {
        who: [(one.start_s, one.end_s, one.label) for one in intervals]
        for who, intervals in found.people.items()
    }


def test_an_interval_lasts_from_its_first_frame_to_the_next_frame_of_another() -> None:
    assert seen(annotation(rows_of(TALK))) == {
        "person 1": [(0.0, 0.25, "happy"), (0.25, 0.3, "neutral"), (0.4, 0.6, "neutral")],
        "person 2": [(0.1, 0.25, "sad"), (0.25, 0.3, "unsure")],
    }


@pytest.mark.parametrize(
    ("told_s", "end_s", "length_s"),
    [
        (None, 0.6, 0.6),
        (0.55, 0.55, 0.55),  # the last frame is shorter than others
        (1.4, 1.4, 1.4),  # it stands until the end
        (90.0, 0.6, 90.0),  # rows of a part
        (0.2, 0.6, 0.6),  # a header that is wrong
    ],
)
def test_the_last_interval_reaches_the_end_of_the_video(
    told_s: float | None, end_s: float, length_s: float
) -> None:
    found = annotation(rows_of(TALK), told_s)
    assert (found.people["person 1"][-1].end_s, found.length_s) == (end_s, length_s)


def test_one_frame_and_frames_of_the_same_time_make_no_empty_interval() -> None:
    assert seen(annotation(rows_of([(2.0, {1: "sad"})]))) == {"person 1": [(2.0, 2.04, "sad")]}
    still: Frames = [(0.0, {1: "sad"}), (0.0, {1: "happy"}), (1.0, {1: "sad"})]
    found = annotation(rows_of(still)).people["person 1"]
    assert found == [Interval(0.0, 1.0, "happy"), Interval(1.0, 2.0, "sad")]


def test_tracks_of_one_name_are_one_person_whose_intervals_do_not_overlap() -> None:
    rows = rows_of(TALK, {1: "Ada\t\n", 2: "A\x00da", 3: "\x00"})
    assert seen(annotation(rows)) == {
        "Ada": [(0.0, 0.25, "happy"), (0.25, 0.3, "neutral"), (0.4, 0.6, "neutral")]
    }
    rows = rows_of(TALK, {1: "Ada\u00a0King", 2: "Bob\nLee"})  # white space is a space
    assert list(annotation(rows).people) == ["Ada King", "Bob Lee"]


def opened_eaf(path: Path) -> tuple[Any, dict[str, list[tuple[int, int, str]]]]:
    eaf = pympi.Eaf(str(path))
    return eaf, {
        tier: sorted(
            (start, end, value) for start, end, value, *_ in eaf.get_annotation_data_for_tier(tier)
        )
        for tier in eaf.get_tier_names()
    }


def test_elan_has_a_tier_for_each_person_and_a_vocabulary(tmp_path: Path) -> None:
    video = tmp_path / "the talk" / "talk (1) ä.mkv"
    media = Media(video, LENGTH_S)
    rows = rows_of(TALK, {2: 'Ada & "Bob" <x>'})
    write_format(rows, "eaf", tmp_path / "talk.eaf", media)

    eaf, tiers = opened_eaf(tmp_path / "talk.eaf")

    assert tiers == {
        "person 1": [(0, 250, "happy"), (250, 300, "neutral"), (400, 600, "neutral")],
        'Ada & "Bob" <x>': [(100, 250, "sad"), (250, 300, "unsure")],
    }
    (link,) = eaf.media_descriptors
    assert link["MIME_TYPE"] == "video/x-matroska"
    assert link["RELATIVE_MEDIA_URL"] == "./the talk/talk (1) ä.mkv"
    assert link["MEDIA_URL"] == f"file://{video}"  # as ELAN writes it: it decodes nothing
    (vocabulary,) = eaf.controlled_vocabularies.values()
    _, entries, _ = vocabulary
    labels = {key: values[0][0] for key, (values, _) in entries.items()}
    assert list(labels.values()) == [*EMOTIONS, "unsure"]
    assert (
        eaf.get_parameters_for_linguistic_type("emotion")["CONTROLLED_VOCABULARY_REF"] == "emotion"
    )


def test_elan_finds_what_its_schema_asks_for(tmp_path: Path) -> None:
    # The rules of EAFv3.0.xsd that ELAN itself stops at: the order, keys, and what refers to them.
    rows = rows_of(TALK, {1: "emotion", 2: 'Jörg "a1" <ts1>'})
    write_format(rows, "eaf", tmp_path / "talk.eaf", Media(tmp_path / "talk.mp4", LENGTH_S))
    root = ElementTree.parse(tmp_path / "talk.eaf").getroot()

    def values(path: str, attribute: str) -> list[str]:
        return [element.attrib[attribute] for element in root.iterfind(path)]

    assert [element.tag for element in root] == [
        *("HEADER", "TIME_ORDER", "TIER", "TIER"),
        *("LINGUISTIC_TYPE", "LANGUAGE", "CONTROLLED_VOCABULARY"),
    ]
    tags = [element.tag for element in root.iterfind("HEADER/*")]
    assert tags == ["MEDIA_DESCRIPTOR", "PROPERTY"]
    assert next(root.iterfind("CONTROLLED_VOCABULARY/*")).tag == "DESCRIPTION"
    assert datetime.fromisoformat(root.attrib["DATE"]).tzinfo is not None
    ids = [
        *values("TIME_ORDER/TIME_SLOT", "TIME_SLOT_ID"),
        *values("TIER/ANNOTATION/*", "ANNOTATION_ID"),
        *values("CONTROLLED_VOCABULARY/CV_ENTRY_ML", "CVE_ID"),
    ]
    assert len(set(ids)) == len(ids)
    assert all(one.isascii() and one.isalnum() and one[0].isalpha() for one in ids)
    references = {
        name: set(values("TIER/ANNOTATION/*", name))
        for name in ("TIME_SLOT_REF1", "TIME_SLOT_REF2", "CVE_REF")
    }
    assert set().union(*references.values()) <= set(ids)
    (of_type,) = values("LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID")
    assert set(values("TIER", "LINGUISTIC_TYPE_REF")) == {of_type}
    assert values("LINGUISTIC_TYPE", "CONTROLLED_VOCABULARY_REF") == values(
        "CONTROLLED_VOCABULARY", "CV_ID"
    )
    (language,) = values("LANGUAGE", "LANG_ID")
    assert set(values("CONTROLLED_VOCABULARY//*[@LANG_REF]", "LANG_REF")) == {language}


def opened_grid(path: Path) -> textgrid.Textgrid:
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    assert grid.validate("error")
    return grid


def assert_whole(grid: textgrid.Textgrid) -> None:
    """Each tier goes from 0 to the end, and its intervals meet exactly and have a length."""
    for tier in grid.tiers:
        assert all(one.start < one.end for one in tier.entries)
        assert tier.entries[0].start == 0
        assert all(one.end == other.start for one, other in pairwise(tier.entries))
        assert tier.entries[-1].end == grid.maxTimestamp


def test_praat_has_whole_tiers_with_gaps_where_no_face_is(tmp_path: Path) -> None:
    rows = rows_of(TALK, {2: 'Ada "the first"'})
    write_format(rows, "textgrid", tmp_path / "talk.TextGrid", Media(length_s=7.7))
    grid = opened_grid(tmp_path / "talk.TextGrid")
    assert_whole(grid)
    assert grid.tierNames == ("person 1", 'Ada "the first"')
    assert [tuple(entry) for entry in grid.getTier("person 1").entries] == [
        (0.0, 0.25, "happy"),
        (0.25, 0.3, "neutral"),
        (0.3, 0.4, ""),
        (0.4, 0.6, "neutral"),
        (0.6, 7.7, ""),
    ]
    # A length of many digits leaves no interval without length at the end.
    rows = rows_of([(number / 30, {1: "happy"}) for number in range(91)])
    write_format(rows, "textgrid", tmp_path / "talk.TextGrid", Media(length_s=91 / 30))
    grid = opened_grid(tmp_path / "talk.TextGrid")
    assert_whole(grid)
    assert [tuple(entry) for entry in grid.tiers[0].entries] == [(0.0, 3.033333, "happy")]


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 0.1), st.dictionaries(st.integers(1, 3), st.sampled_from(EMOTIONS))),
        min_size=1,
        max_size=30,
    ),
    st.none() | st.fractions(0, 4, max_denominator=30).map(float),
)
def test_praat_tiers_are_whole_whatever_the_rows(
    tmp_path_factory: pytest.TempPathFactory,
    frames: list[tuple[float, dict[int, str]]],
    length_s: float | None,
) -> None:
    times_s = np.cumsum([step for step, _ in frames]).tolist()
    rows = rows_of([(time_s, faces) for time_s, (_, faces) in zip(times_s, frames, strict=True)])
    path = tmp_path_factory.getbasetemp() / "any.TextGrid"
    write_format(rows, "textgrid", path, Media(length_s=length_s))
    assert_whole(opened_grid(path))


def test_a_boris_project_has_the_labels_the_people_and_paired_states(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    write_format(rows_of(TALK), "boris", tmp_path / "talk.boris", Media(video, LENGTH_S))
    project = json.loads((tmp_path / "talk.boris").read_text("ascii"))
    behaviors = project["behaviors_conf"].values()
    assert [one["code"] for one in behaviors] == [*EMOTIONS, "unsure"]
    assert {one["type"] for one in behaviors} == {"State event"}
    assert [one["name"] for one in project["subjects_conf"].values()] == ["person 1", "person 2"]
    observation = project["observations"]["talk"]
    assert (observation["type"], observation["file"]["1"]) == ("MEDIA", ["talk.mp4"])
    assert observation["media_info"]["length"] == {"talk.mp4": LENGTH_S}
    # BORIS takes the events of one code and one subject in turn for its starts and its ends.
    states: dict[tuple[str, str], list[float]] = {}
    for time_s, subject, code, *_ in observation["events"]:
        states.setdefault((subject, code), []).append(time_s)
    assert states == {
        ("person 1", "happy"): [0.0, 0.25],
        ("person 1", "neutral"): [0.25, 0.3, 0.4, 0.6],
        ("person 2", "sad"): [0.1, 0.25],
        ("person 2", "unsure"): [0.25, 0.3],
    }
    times_s = [event[0] for event in observation["events"]]
    assert times_s == sorted(times_s)
    # Without the video it is a live observation.
    write_format(rows_of(TALK), "boris", tmp_path / "talk.boris")
    (observation,) = json.loads((tmp_path / "talk.boris").read_text())["observations"].values()
    assert (observation["type"], observation["file"]) == ("LIVE", {})
    assert {len(event) for event in observation["events"]} == {5}


def test_a_sheet_for_boris_is_read_as_boris_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "talk.xlsx"
    write_format(rows_of(TALK, {2: "Ada <&>  B"}), "boris", path)
    # As `load_observations_from_spreadsheet` in boris/import_observations.py of BORIS 8.27 does.
    sheet = pandas.read_excel(path, sheet_name=0, engine="openpyxl")
    assert tuple(sheet.columns) == SHEET_COLUMNS
    assert sheet["time"].dtype == float
    assert sheet[["time", "subject", "code"]].to_numpy().tolist()[:4] == [
        [0.0, "person 1", "happy"],
        [0.1, "Ada <&>  B", "sad"],
        [0.25, "person 1", "happy"],
        [0.25, "Ada <&>  B", "sad"],
    ]
    assert sheet[["modifier", "comment"]].isna().all(axis=None)
    assert openpyxl.load_workbook(path).sheetnames == ["events"]


def test_bids_has_sorted_events_and_a_sidecar_that_names_every_label(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "sub-01" / "beh"
    folder.mkdir(parents=True)
    about = {"Name": "talks", "BIDSVersion": "1.11.1", "DatasetType": "raw"}
    (tmp_path / "set" / "dataset_description.json").write_text(json.dumps(about))
    (tmp_path / "set" / "README").write_text("Talks.")
    path = folder / "sub-01_task-talk_events.tsv"

    files = write_format(rows_of(TALK), "bids", path, Media(length_s=LENGTH_S))

    assert files == [path, folder / "sub-01_task-talk_events.json"]
    names = validate_bids(str(tmp_path / "set"))  # type: ignore[no-untyped-call]
    assert names["path_tracking"] == []
    schema = load_schema()
    rule = schema.rules.tabular_data.events.Events
    table = pandas.read_csv(path, sep="\t", keep_default_na=False)
    assert tuple(table.columns[:2]) == tuple(rule.initial_columns)
    assert {table[name].dtype for name in ("onset", "duration")} == {np.dtype(float)}
    assert table["onset"].is_monotonic_increasing
    assert (table["duration"] > 0).all()
    assert not table.isin(["", "n/a"]).any(axis=None)
    sidecar = json.loads(files[1].read_text())
    assert list(sidecar) == list(table.columns)
    assert sidecar["onset"]["Units"] == schema.objects.columns.onset.unit
    assert list(sidecar["trial_type"]["Levels"]) == [*EMOTIONS, "unsure"]
    assert set(sidecar["person"]["Levels"]) == set(table["person"])


FEAT_FACEBOX: Final = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
FEAT_EMOTIONS: Final = ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger"]
FEAT_LANDMARKS: Final = [f"{axis}_{point}" for axis in "xy" for point in range(68)]
FEAT_POSE: Final = ["Pitch", "Roll", "Yaw", "X", "Y", "Z"]
"""`FEAT_FACEBOX_COLUMNS`, `openface_2d_landmark_columns` and `FEAT_FACEPOSE_COLUMNS_6D` in
feat/utils/__init__.py, `EMOTION_COLUMNS_V2` in feat/multitask/__init__.py of py-feat 2.1.5."""


def test_fex_has_py_feats_columns_and_its_order_of_emotions(tmp_path: Path) -> None:
    rows = rows_of(TALK, {2: 'Ada, "A"'})
    write_format(rows, "fex", tmp_path / "talk.csv", Media(Path("talk.mp4"), width=64, height=48))
    table = pandas.read_csv(tmp_path / "talk.csv")
    # By these `feat.utils.io.read_feat` takes a file for one of its second detector.
    assert {"valence", "arousal"} <= set(table.columns)
    assert list(table[FEAT_FACEBOX].iloc[0]) == [20, 20, 60, 70, 0.875]
    assert table[[*FEAT_LANDMARKS, *FEAT_POSE]].isna().all(axis=None)
    assert list(table["frame"]) == [0, 1, 1, 2, 2, 3, 4, 5]
    assert [name for name in table.columns if name in FEAT_EMOTIONS] == FEAT_EMOTIONS
    likeliest = table[FEAT_EMOTIONS].dropna().idxmax(axis=1)
    assert list(likeliest) == ["Happy", "Happy", "Sad", "Neutral", "Sad", "Neutral", "Neutral"]
    assert table.loc[5, [*FEAT_EMOTIONS, *FEAT_FACEBOX, "Identity"]].isna().all()
    assert list(table["Identity"].dropna().unique()) == ["person 1", 'Ada, "A"']
    assert (table[["FrameWidth", "FrameHeight"]] == [64, 48]).all(axis=None)


OPENFACE: Final = ["frame", "face_id", "timestamp", "confidence", "success"]
"""The first columns of `RecorderCSV::Open` in OpenFace 2.2's RecorderCSV.cpp."""


def test_openface_has_its_columns_and_counts_as_it_does(tmp_path: Path) -> None:
    write_format(rows_of(TALK), "openface", tmp_path / "talk.csv")
    table = pandas.read_csv(tmp_path / "talk.csv")
    assert list(table.columns) == [*OPENFACE, *EMOTIONS]
    assert list(table["frame"]) == [1, 2, 2, 3, 3, 4, 5, 6]
    assert list(table["face_id"]) == [0, 0, 1, 0, 1, 0, 0, 0]
    assert list(table["success"]) == [1, 1, 1, 1, 1, 0, 1, 1]
    assert list(table["timestamp"]) == [0, 0.1, 0.1, 0.25, 0.25, 0.3, 0.4, 0.5]
    assert table.loc[5, "confidence"] == 0
    assert table.loc[5, list(EMOTIONS)].isna().all()


def test_a_video_without_a_face_gives_files_that_open(tmp_path: Path) -> None:
    rows = rows_of([(0.0, {}), (0.5, {})])
    for name, kind in FORMATS.items():
        write_format(rows, name, tmp_path / f"none{kind.endings[0]}")
    _, tiers = opened_eaf(tmp_path / "none.eaf")
    assert tiers == {}
    grid = opened_grid(tmp_path / "none.TextGrid")
    assert [tuple(entry) for entry in grid.getTier("no faces").entries] == [(0.0, 1.0, "")]
    (observation,) = json.loads((tmp_path / "none.boris").read_text())["observations"].values()
    assert observation["events"] == []
    assert pandas.read_csv(tmp_path / "none_events.tsv", sep="\t").empty
    assert len(pandas.read_csv(tmp_path / "none.fex.csv")) == 2
    assert list(pandas.read_csv(tmp_path / "none.openface.csv")["success"]) == [0, 0]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"expected a format among eaf, .*; got 'elan'"):
        write_format(rows_of(TALK), "elan", tmp_path / "talk.eaf")
    with pytest.raises(OutputError, match=r"expected a name that ends in _events\.tsv"):
        write_format(rows_of(TALK), "bids", tmp_path / "talk.tsv")
    with pytest.raises(OutputError, match="there is no frame"):
        write_format(rows_of([]), "eaf", tmp_path / "talk.eaf")
    assert list(tmp_path.iterdir()) == []


TALK_SURE: Final[Frames] = [
    (time_s, {track: label.rstrip("?") for track, label in faces.items()}) for time_s, faces in TALK
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_of_each_kind_become_files_of_each_format(
    mien: Mien, tmp_path: Path, suffix: str
) -> None:
    rows = write_rows(tmp_path / f"rows{suffix}", shown_in(TALK_SURE))
    for name, kind in FORMATS.items():
        done = mien("convert", rows, "--to", name)
        assert (done.status, done.stderr) == (0, "")
        files = files_of(name, tmp_path / f"rows{kind.endings[0]}")
        assert all(path.stat().st_size for path in files)
        assert done.stdout == f"{' and '.join(map(str, files))}: 2 people, 6 frames\n"
    _, tiers = opened_eaf(tmp_path / "rows.eaf")
    assert tiers["person 2"] == [(100, 300, "sad")]
    done = mien("convert", rows, "--to", "boris", "--out", tmp_path / "b.xlsx", "--json")
    counts = {"people": 2, "frames": 6}
    assert json.loads(done.stdout) == {"files": [str(tmp_path / "b.xlsx")], **counts}


def test_several_formats_are_all_written(mien: Mien, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", shown_in(TALK_SURE))
    done = mien("convert", rows, "--to", "eaf", "--to", "bids", "--to", "openface", "--to", "eaf")
    names = ["rows.eaf", "rows_events.tsv", "rows_events.json", "rows.openface.csv"]
    *others, last = (str(tmp_path / name) for name in names)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"{', '.join(others)} and {last}: 2 people, 6 frames\n"
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", *names}
    assert opened_eaf(tmp_path / "rows.eaf")[1]["person 2"] == [(100, 300, "sad")]
    # One that is there stops all, and one name is not that of several files.
    again = mien("convert", rows, "--to", "textgrid", "--to", "eaf")
    assert_refused(again, f"{tmp_path / 'rows.eaf'}: it exists; --overwrite replaces it")
    out = tmp_path / "other.eaf"
    named = mien("convert", rows, "--to", "eaf", "--to", "textgrid", "--out", out)
    assert_refused(named, f"--out {out}: expected one --to, whose file it names; got eaf, textgrid")
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", *names}


def test_a_format_may_be_named_as_its_tool_writes_it(mien: Mien, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", shown_in(TALK_SURE))
    assert mien("convert", rows, "--to", "TextGrid", "--to", "BORIS").status == 0
    named = tmp_path / "named.csv"
    assert mien("rows", rows, "--csv", named, "--format", "EAF", "--format", "eaf").status == 0
    written = {"rows.csv", "rows.TextGrid", "rows.boris", "named.csv", "named.eaf"}
    assert {path.name for path in tmp_path.iterdir()} == written


def test_the_video_gives_rows_its_length_and_its_link(mien: Mien, tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    make_video(video, moving_portrait(), times_s=steady_times(20, fps=20))
    rows = write_rows(tmp_path / "rows.csv", shown_in(TALK_SURE))
    done = mien("convert", rows, "--to", "textgrid", "--video", video)
    assert (done.status, done.stderr) == (0, "")
    assert opened_grid(tmp_path / "rows.TextGrid").maxTimestamp == probe(video).duration_s
    mien("convert", rows, "--to", "eaf", "--video", video)
    eaf, _ = opened_eaf(tmp_path / "rows.eaf")
    assert eaf.media_descriptors[0]["RELATIVE_MEDIA_URL"] == "./talk.mp4"


def test_rows_that_cannot_be_converted_get_one_line(mien: Mien, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", shown_in(TALK_SURE))
    images = tmp_path / "images.csv"
    images.write_text("file,face,emotion\na.jpg,1,happy\n")
    other = tmp_path / "other.csv"
    other.write_text(rows.read_text().replace("happy", "bored"))
    model = tmp_path / "model.h5"
    assert_refused(mien("convert", rows), "expected --to", "eaf, textgrid")
    assert_refused(mien("convert", model, "--to", "eaf"), "--to: expected rows", "model.h5")
    assert_refused(mien("convert", model), "expected --out")
    assert_refused(mien("convert", rows, "--to", "eaf", "--size", "48"), "--size", "a model")
    assert_refused(mien("convert", images, "--to", "eaf"), "images.csv", "become fex alone")
    assert_refused(mien("convert", other, "--to", "eaf"), "other.csv", "expected rows")
    assert_refused(mien("convert", tmp_path / "no.csv", "--to", "eaf"), "no.csv: cannot be read")
    assert_refused(mien("convert", rows, "--to", "fex", "--out", rows), "would replace")
    short = tmp_path / "short.mp4"
    make_video(short, moving_portrait(), times_s=steady_times(2))
    late = tmp_path / "late.csv"
    late.write_text(rows.read_text().replace(",0.5,", ",500.0,"))
    done = mien("convert", late, "--to", "eaf", "--video", short)
    assert_refused(done, "expected the video of", "500.00 s", "0.08 s")
    unknown = mien("convert", rows, "--to", "elan")
    assert (unknown.status, unknown.stdout) == (2, "")
    assert "'elan' is not one of 'eaf', 'textgrid'" in unknown.stderr
    assert list(tmp_path.glob("*.eaf")) == []


def test_a_video_gets_its_files_while_it_is_read(mien: Mien, tiny_model: Path, here: Path) -> None:
    video = here / "clip.mp4"
    draw = moving_portrait(shown=lambda number: not 10 <= number < 25)
    make_video(video, draw, times_s=steady_times(50))
    wanted = [word for name in FORMATS for word in ("--format", name)]

    done = mien("video", "--model", tiny_model, video, "--csv", "out/rows.csv", *wanted)

    out = here / "out"
    expected = [
        path for name in FORMATS for path in files_of(name, out / f"rows{FORMATS[name].endings[0]}")
    ]
    assert set(out.iterdir()) == {*expected, out / "rows.csv"}
    # Nobody has named them: they are told.
    told = "".join(f"wrote {path.relative_to(here)}\n" for path in expected)
    assert (done.status, done.stderr) == (0, told)
    eaf, tiers = opened_eaf(out / "rows.eaf")
    assert eaf.media_descriptors[0]["RELATIVE_MEDIA_URL"] == "../clip.mp4"
    (intervals,) = tiers.values()
    assert intervals[-1][1] == 2000
    assert not any(start < 900 < end for start, end, _ in intervals)
    # The same rows, converted later, say the same.
    mien("convert", out / "rows.csv", "--to", "eaf", "--out", "later.eaf", "--video", video)
    assert opened_eaf(here / "later.eaf")[1] == tiers
    again = mien("video", "--model", tiny_model, video, "--format", "eaf")
    assert again.status == 0
    assert opened_eaf(here / "clip.eaf")[1] == tiers
    assert_refused(mien("video", "--model", tiny_model, video, "--format", "eaf"), "it exists")
