"""benchmarks/web.py, its short mode: a server of its own, live clients and photos."""

import sys
from pathlib import Path

import pytest

import web
from mien import Recognizer
from mien.recognize.images import load_image

pytestmark = [pytest.mark.slow, pytest.mark.tools]


def rows_of(lines: list[str], title: str) -> list[list[str]]:
    """The cells of the table below a title, without its head."""
    start = next(i for i, line in enumerate(lines) if line.startswith(f"### {title}"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.split("|")[1:-1]])
    return table[2:]


def test_it_measures_a_server_that_loses_nothing(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", str(tiny_model), "--workers", "1", "--short"]
    monkeypatch.setattr(sys, "argv", ["web.py", *arguments])
    web.main()
    lines = capfd.readouterr().out.splitlines()

    trip = {name: [float(ms) for ms in times] for name, *times in rows_of(lines, "One live client")}
    median, high, higher = trip["**round trip**"]
    assert 0.0 < median <= high <= higher < 10_000.0
    assert trip["of it the server reads"][0] < trip["send, wait, receive"][0] < median
    assert "30 frames, a face in 30" in " ".join(lines)

    clients = rows_of(lines, "4 live clients")
    assert len(clients) == 4
    for _, sent, answered, dropped, behind, *_ in clients:
        assert int(sent) == 20
        assert int(answered) + int(dropped) == 20  # the last frame is always read
        assert 0 <= int(behind) <= 20

    alone, served = rows_of(lines, "20 photos")
    for row in (alone, served):
        assert float(row[1]) > 0.0
        assert row[2:4] == ["0", "0"]  # lost, wrong
    assert alone[0] == "the library, in a loop"
    assert served[0] == "8 clients, workers 1"


def test_answers_that_are_not_the_librarys_are_counted(tiny_model: Path, portrait: Path) -> None:
    readings = Recognizer(tiny_model)(portrait)
    told = [reading.to_dict() for reading in readings]
    assert web.same_faces(told, readings)
    assert not web.same_faces(None, readings)
    assert not web.same_faces([], readings)
    moved = [{**told[0], "box": [value + 1 for value in told[0]["box"]]}]
    assert not web.same_faces(moved, readings)


def test_frames_and_photos_show_the_portrait() -> None:
    assert {frame.shape for frame in web.live_frames(3)} == {(480, 640, 3)}
    photos = web.made_up_photos(4, None)
    assert len(set(photos)) == 4
    assert {load_image(photo).shape for photo in photos} == {(480, 640, 3)}
