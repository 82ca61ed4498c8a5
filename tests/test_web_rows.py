"""`POST /api/rows`: rows in, files of other tools, events and statistics out."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes import a_tracked_reading
from mien.output.records import video_json_lines
from mien.readings import FaceQuality
from mien.rows.events import EVENT_COLUMNS
from mien.rows.formats import FORMATS, Media, write_format
from mien.rows.table import read_rows
from mien.web.rows import Kind
from mien.web.settings import Limits, WebSettings
from web_client import Running, serving

JSON_LINES = "application/x-ndjson"
server = serving(WebSettings(limits=Limits(request_bytes=1_000_000)))


def lines(names: Mapping[int, str] | None = None, *, together: bool = False) -> str:
    """Four seconds: the second track comes when the first has gone, or is there all the time."""
    aside = FaceQuality(60.0, 0.0, 0.0, 90.0, 0.1, 120.0, 40.0, 1.0, "turned")
    text = []
    for number in range(100):
        first = replace(a_tracked_reading(1), quality=aside if number < 25 else None)
        readings = [first] if number < 50 else []
        if together or number >= 50:
            readings.append(a_tracked_reading(2, "sad"))
        readings = [replace(r, name=(names or {}).get(r.track)) for r in readings]
        text.append(video_json_lines(number, number / 25, readings))
    return "".join(text)


def asked(server: Running, kind: str, body: str | bytes, **query: Any) -> httpx.Response:
    return server.post(
        "/api/rows",
        params={"kind": kind, **query},
        content=body,
        headers={"Content-Type": JSON_LINES, "X-Filename": "my%20talk.mp4"},
    )


def table(response: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.text)))


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"bids", "boris"}))
def test_a_format_is_the_file_that_the_command_writes(
    server: Running, tmp_path: Path, kind: str
) -> None:
    answer = asked(server, kind, lines(), duration_s=4.0, fps=25, width=320, height=180)
    assert answer.status_code == 200
    rows = tmp_path / "rows.jsonl"
    rows.write_text(lines())
    path = tmp_path / f"my_talk{FORMATS[kind].endings[0]}"
    media = Media(length_s=4.0, width=320, height=180, frame_rate=25.0)
    write_format(replace(read_rows(rows), source="my talk.mp4"), kind, path, media)
    wanted = path.read_bytes()
    if kind == "eaf":  # which has the moment of its making
        assert len(answer.content) == pytest.approx(len(wanted), abs=8)
        assert b"ANNOTATION_DOCUMENT" in answer.content
    else:
        assert answer.content == wanted
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="rows{FORMATS[kind].endings[0]}"'
    )


def test_rows_may_begin_with_a_mark_and_have_empty_lines(server: Running) -> None:
    wanted = asked(server, "csv", lines()).text
    for encoding in ("utf-8-sig", "utf-16"):
        assert asked(server, "csv", (lines() + "\n").encode(encoding)).text == wanted


def test_bids_is_an_archive_with_both_of_its_files(server: Running) -> None:
    answer = asked(server, "bids", lines(), duration_s=4.0)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["my_talk_events.json", "my_talk_events.tsv"]


def test_events_and_statistics_are_tables(server: Running) -> None:
    events = table(asked(server, "events", lines()))
    assert list(events[0]) == list(EVENT_COLUMNS)
    found = [(e["track"], e["emotion"], e["onset_s"], e["end_s"]) for e in events]
    assert found == [("1", "happy", "0.0", "2.0"), ("2", "sad", "2.0", "4.0")]
    assert len(table(asked(server, "statistics", lines()))) == 14


@pytest.mark.parametrize(("duration_s", "end_s"), [(None, 4.0), (3.7, 3.7), (9.0, 4.0), (2.0, 4.0)])
def test_the_last_frame_lasts_no_longer_than_the_video(
    server: Running, duration_s: float | None, end_s: float
) -> None:
    aside = FaceQuality(60.0, 0.0, 0.0, 90.0, 0.1, 120.0, 40.0, 1.0, "turned")
    reading = replace(a_tracked_reading(1), quality=aside)
    body = "".join(video_json_lines(5 * i, 0.5 * i, [reading]) for i in range(8))
    known = {} if duration_s is None else {"duration_s": duration_s}
    observed = asked(server, "observed", body, **known).json()
    assert [one[0]["end_s"] for one in observed.values()] == [end_s, end_s]
    (event,) = table(asked(server, "events", body, **known))
    assert float(event["end_s"]) == end_s
    assert float(table(asked(server, "statistics", body, **known))[0]["seen_s"]) == end_s
    assert asked(server, "summary", body, **known).json()[0]["on_screen_s"] == end_s


def test_tracks_of_one_name_are_one_person_in_all(server: Running) -> None:
    body = lines({1: "Anna", 2: "Anna"})
    rows = [json.loads(line) for line in asked(server, "jsonl", body).text.splitlines()]
    assert {(row["track"], row["name"]) for row in rows} == {(1, "Anna")}
    assert {row["name"] for row in table(asked(server, "csv", body))} == {"Anna"}
    (person,) = asked(server, "summary", body).json()
    assert (person["name"], person["on_screen_s"]) == ("Anna", pytest.approx(4.0, abs=0.05))
    found = asked(server, "observed", body).json()
    assert {event["name"] for event in found["events"]} == {"Anna"}
    assert found["unusable"] == [{"track": 1, "start_s": 0.0, "end_s": 1.0, "reason": "turned"}]
    # Two faces of one frame are not one person.
    status, message = told(asked(server, "csv", lines({1: "A", 2: "A"}, together=True)))
    assert status == 422
    assert "tracks 1 and 2 are both 'A', but frame 0 at 0:00.0 shows both" in message


def _changed(**values: Any) -> str:
    row = json.loads(lines().splitlines()[0])
    return json.dumps({**row, **values}) + "\n"


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]\n", "{}\n", "7\n", b"\xff\xfe", "[" * 100_000),
        _changed(track=10**30),
        _changed(frame=10**30),
        _changed(time_s=1e400),
        _changed(time_s=-1),
        _changed(emotion="bored"),
        _changed(box=[0, 1]),
        _changed(box=[0, 1, 2, float("nan")]),
        _changed(raw_probabilities={}),
        _changed(probabilities=dict.fromkeys(["happy"], "x")),
        _changed(name=["Anna"]),
        _changed() + _changed(frame=-1),
    ],
)
@pytest.mark.parametrize("kind", ["observed", "eaf"])
def test_what_are_no_rows_is_told_in_a_line(server: Running, kind: str, body: str | bytes) -> None:
    status, message = told(asked(server, kind, body))
    assert status == 422
    assert "expected" in message
    assert "\n" not in message


def test_bounds_types_and_names_are_held(server: Running) -> None:
    big = lines() * 60
    assert told(asked(server, "csv", big))[0] == 413
    status, message = told(asked(server, "pdf", lines()))
    assert status == 422
    assert message.startswith("kind: ")
    plain = {"Content-Type": "text/plain"}
    status, message = told(server.post("/api/rows?kind=csv", content=b"x", headers=plain))
    assert status == 415
    assert JSON_LINES in message
    assert told(asked(server, "csv", lines(), duration_s=-1))[0] == 422
    assert set(FORMATS) < {str(kind) for kind in Kind}
