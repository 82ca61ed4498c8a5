"""Without --overwrite no command that recognizes, or works on rows, replaces a file."""

import os
from pathlib import Path
from typing import Final

import pytest

from coder_files import CODED, write_rows, write_table
from command_line import Mien, assert_refused

PORTRAIT: Final = Path(__file__).parent.parent / "examples" / "astronaut.jpg"

CASES: Final = {
    "events": (["events", "rows.csv", "--out", "new.csv"], "new.csv"),
    "statistics": (["events", "rows.csv", "--statistics", "new.json"], "new.json"),
    "dyads": (["events", "rows.csv", "--dyads", "new.csv"], "new.csv"),
    "plot": (["events", "rows.csv", "--plot", "new"], "new.svg"),
    "agreement plot": (["agree", "rows.csv", "coder.csv", "--plot", "new.png"], "new.png"),
    "agreement page": (["agree", "rows.csv", "coder.csv", "--report", "new.html"], "new.html"),
    "intervals": (["convert", "rows.csv", "--to", "eaf"], "rows.eaf"),
    "sidecar": (["convert", "rows.csv", "--to", "bids"], "rows_events.json"),
    "faces": (["detect", str(PORTRAIT), "--csv", "new.csv"], "new.csv"),
    "heat map": (["explain", str(PORTRAIT), "--out", "new.png"], "new.png"),
    "rows": (["rows", "rows.csv", "--csv", "new.csv"], "new.csv"),
}
"""What is written -> a command that writes it, and its file."""


@pytest.fixture(autouse=True)
def folder(here: Path) -> Path:
    write_rows(here / "rows.csv", CODED)
    write_table(here / "coder.csv")
    return here


@pytest.mark.parametrize("what", CASES)
def test_a_file_is_replaced_only_when_asked(mien: Mien, folder: Path, what: str) -> None:
    command, name = CASES[what]
    (folder / name).write_text("of somebody")
    before = set(folder.iterdir())
    assert_refused(mien(*command), f"{name}: it exists; --overwrite replaces it")
    assert (folder / name).read_text() == "of somebody"
    assert set(folder.iterdir()) == before
    assert mien(*command, "--overwrite").status == 0
    assert (folder / name).read_bytes() != b"of somebody"


@pytest.mark.parametrize(
    "command",
    [
        ["events", "rows.csv", "--out", "rows.csv"],
        ["agree", "rows.csv", "coder.csv", "--report", "coder.csv"],
        ["convert", "rows.csv", "--to", "fex", "--out", "rows.csv"],
        ["rows", "rows.csv", "--csv", "rows.csv"],
        ["rows", "rows.csv", "--people", "people.csv", "--csv", "people.csv"],
        ["rows", "rows.csv", "--people", "people.csv", "--write-people", "people.csv"],
        [*("rows", "rows.csv", "--report", "page.html", "--earlier-report", "page.html")],
        ["convert", "model.h5", "--data", "people.csv", "--out", "people.csv"],
        ["webcam", "--source", "face.jpg", "--no-window", "--record", "face.jpg"],
        ["detect", "face.jpg", "--csv", "face.jpg"],
        ["detect", ".", "--csv", "face.jpg"],
    ],
)
def test_what_is_read_is_never_replaced(mien: Mien, folder: Path, command: list[str]) -> None:
    (folder / "people.csv").write_text("track,name\n1,Anna\n")
    (folder / "face.jpg").write_bytes(PORTRAIT.read_bytes())
    (folder / "page.html").write_text("of an earlier run")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert_refused(mien(*command, "--overwrite"), "would replace what is read")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_model_is_replaced_only_when_asked(mien: Mien, folder: Path) -> None:
    (folder / "ours.onnx").write_text("of somebody")
    (folder / "theirs.onnx").write_text("no model")
    command = ("convert", "theirs.onnx", "--out", "ours.onnx")
    assert_refused(mien(*command), "ours.onnx: it exists; --overwrite replaces it")
    assert "it exists" not in mien(*command, "--overwrite").stderr
    itself = mien("convert", "theirs.onnx", "--out", "theirs.onnx", "--overwrite")
    assert_refused(itself, "would replace what is read")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_is_no_file_either(mien: Mien, folder: Path) -> None:
    os.mkfifo(folder / "new.csv")
    for overwrite in ((), ("--overwrite",)):
        done = mien("detect", str(PORTRAIT), "--csv", "new.csv", *overwrite)
        assert_refused(done, "new.csv: expected a file to write; it is a device or a pipe")
    assert (folder / "new.csv").is_fifo()


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check", "faces.csv", "--out", "faces.csv"],
        ["robustness", "--data", "faces.csv", "--csv", "faces.csv"],
        ["robustness", "--data", "faces.csv", "--model", "paper,mine.onnx", "--csv", "mine.onnx"],
        ["fairness", "--data", "faces.csv", "--groups", "groups.csv", "--page", "groups.csv"],
        ["card", "mine.onnx", "--data", "faces.csv", "--out", "mine.onnx"],
        ["export", "paper", "--data", "faces.csv", "--votes", "votes.csv", "--out", "votes.csv"],
    ],
)
def test_what_is_measured_is_never_replaced(mien: Mien, folder: Path, command: list[str]) -> None:
    """These replace what they wrote before without being asked."""
    for name in ("faces.csv", "votes.csv", "groups.csv", "mine.onnx"):
        (folder / name).write_text("what took hours")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert_refused(mien(*command), "would replace what is read")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "command",
    [
        ["events", "rows.csv", "--out", "new.csv", "--statistics", "new.csv"],
        ["events", "rows.csv", "--out", "new.csv", "--dyads", "sub/../new.csv"],
        ["events", "rows.csv", "--out", "new.csv", "--dyads", "link/new.csv"],
        ["agree", "rows.csv", "coder.csv", "--plot", "new.png", "--report", "./new.png"],
        ["rows", "rows.csv", "--csv", "new.csv", "--write-people", "new.csv"],
        ["rows", "rows.csv", "--csv", "new.csv", "--summary", "sub/../new.csv"],
    ],
)
def test_two_outputs_are_never_written_to_one_file(
    mien: Mien, folder: Path, command: list[str]
) -> None:
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder)
    before = set(folder.iterdir())
    for more in ((), ("--overwrite",)):
        assert_refused(mien(*command, *more), "expected a name of its own for each output; got two")
    assert set(folder.iterdir()) == before
