import json
import os
from pathlib import Path

import pytest

from mien import OutputError
from mien.output.files import (
    LOCK,
    alone,
    atomic_text,
    atomic_write,
    check_free,
    is_part_name,
    json_text,
    part_name,
    write_bytes,
    write_text,
)


def test_names_that_are_no_utf8_are_alike_in_text_and_json(tmp_path: Path) -> None:
    name = "caf\udce9 😀.png"
    write_text(tmp_path / "names.csv", name)
    text = json_text({name: [name, {"also": (name, 1)}]})
    shown = (tmp_path / "names.csv").read_text(encoding="utf-8")
    assert shown == r"caf\udce9 😀.png"
    assert json.loads(text) == {shown: [shown, {"also": [shown, 1]}]}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, BrokenPipeError])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "faces.csv"
    path.write_text("of yesterday")
    with pytest.raises(error), atomic_text(path) as file:  # noqa: PT012
        file.write("half")
        raise error
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    places = {
        "folder": "expected a file to write; it is a folder",
        ".": "expected a file to write; it is a folder",
        "file/faces.csv": "expected a folder to write into; it is a file",
        "a" * 300: "cannot be written; File name too long",
    }
    for name, message in places.items():
        with pytest.raises(OutputError, match=message), atomic_text(tmp_path / name):
            pytest.fail("the body must not run")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_or_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.csv", tmp_path / "null.csv"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for path in (pipe, link):
        with pytest.raises(OutputError, match="it is a device or a pipe"), atomic_text(path):
            pytest.fail("the body must not run")
    assert pipe.is_fifo()
    assert link.is_symlink()
    # What is written to a file by >, and so is a file itself, in place of /dev/stdout for all.
    for name in ("/dev/stdout", "/dev/null", "/dev/none.csv", "/dev/../dev/stderr"):
        with pytest.raises(OutputError, match=f"{name}: expected a file to write; it is a device"):
            check_free(Path(name), overwrite=True)
    check_free(Path("/dev/shm/mien/faces.csv"), overwrite=True)


def test_a_full_output_is_not_told_of_the_file_beside_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="standard output"), atomic_text(tmp_path / "faces.csv"):
        raise OSError(28, "No space left on device", "standard output")
    assert not list(tmp_path.iterdir())


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "model.onnx"
    write_bytes(path, b"bytes")
    assert path.read_bytes() == b"bytes"


def test_an_unfinished_file_has_one_form_of_name(tmp_path: Path) -> None:
    names = ("rows.csv", "copy.of.mp4", "Makefile")
    for name, part in zip(
        names, ("rows.part.csv", "copy.of.part.mp4", "Makefile.part"), strict=True
    ):
        with atomic_write(tmp_path / name) as path:
            assert path == part_name(tmp_path / name) == tmp_path / part
            path.touch()
            assert not (tmp_path / name).exists()
        assert is_part_name(part)
        assert not is_part_name(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_several_processes_write_one_file_under_hidden_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "part-000001.parquet"
    with atomic_write(path, shared=True) as first, atomic_write(path, shared=True) as second:
        assert first != second
        for part in (first, second):
            assert part.name.startswith(".part-000001.parquet.")
            assert is_part_name(part.name)
            part.write_text(part.name)
    assert path.read_text() == first.name  # the last to end
    assert list(tmp_path.iterdir()) == [path]


def test_what_must_stay_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    seen: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(path.exists()))
    write_bytes(path, b"weights")
    assert seen[0] is False


def test_a_disk_that_is_full_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(b"of yesterday")

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match=r"last\.pt: cannot be written; No space left"):
        write_bytes(path, b"weights")
    assert path.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).touch()

    with alone(tmp_path / "run", "mien train"):
        (tmp_path / "run" / "result").touch()
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["result"]


def test_what_others_call_lock_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("of another program")
    with alone(tmp_path, "mien train"):
        pass
    assert (tmp_path / LOCK).read_text() == "of another program"


@pytest.mark.parametrize("system", ["posix", "nt"])  # Windows has no such lock
def test_a_folder_in_which_nothing_came_about_is_removed_if_it_was_made(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", system)
        with alone(run, "mien train"):
            assert (run / LOCK).exists() == (system == "posix")
    assert not run.exists()
    (tmp_path / "own").mkdir()
    with alone(tmp_path / "own", "mien train"):
        pass
    assert (tmp_path / "own").exists()
    (tmp_path / "run").touch()
    with (
        pytest.raises(OutputError, match="expected a folder to write into; it is a file"),
        alone(tmp_path / "run", "mien train"),
    ):
        pass
    with (
        pytest.raises(OutputError, match="File name too long"),
        alone(tmp_path / ("x" * 300), "mien train"),
    ):
        pass
