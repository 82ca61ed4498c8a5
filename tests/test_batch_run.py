"""A batch from end to end, in this process: rows, resuming, errors, the command and its page."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from PIL import Image as PILImage

from archives import PORTRAIT, jpeg, rows_of, samples, write_folder, write_parquet, write_tar
from command_line import Mien, assert_refused
from fakes import write_model
from image_files import heic, saved
from mien import EMOTIONS, Recognizer, __version__, load_image
from mien.errors import DataError, ModelError, OptionError, OutputError
from mien.output.records import BATCH_TABLE, COLUMNS, LANDMARKS, MOVES
from mien.recognize.batch import BatchResult, BatchSettings, Status, run_batch
from mien.recognize.batch.plan import Plan
from mien.recognize.batch.pool import Event
from mien.recognize.batch.settings import Job
from mien.recognize.batch.work import ShardWorker
from mien.rows.formats.fex import write_image_fex
from mien.rows.images import read_image_rows
from videos import make_video, moving_portrait

TEXT = "the archive is damaged or cut short.png"  # a name is not taken for an error


def run(
    sources: Any, out: Path | str, *, again: dict[str, Any] | None = None, **settings: Any
) -> BatchResult:
    """A batch in this process."""
    many = sources if isinstance(sources, list) else [sources]
    return run_batch(many, out, BatchSettings(**settings), processes=0, **(again or {}))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of all kinds of sources, some of which cannot be read."""
    folder = tmp_path_factory.mktemp("archive")
    write_folder(folder / "faces", 5)
    write_folder(folder / "empty", 2, faces=False)
    (folder / "faces" / "damaged.jpg").write_bytes(jpeg()[:700])
    (folder / "faces" / TEXT).write_text("no image")
    write_tar(folder / "x.tar", samples(3))
    cut = write_tar(folder / "cut.tar", samples(3))
    cut.write_bytes(cut.read_bytes()[: cut.read_bytes().index(jpeg(2)) + 500])
    write_parquet(folder / "x.parquet", [jpeg(0), jpeg(1), None], as_struct=True)
    pq.write_table(pa.table({"label": [1]}), folder / "other.parquet")
    return folder


@pytest.fixture(scope="module")
def done(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> BatchResult:
    """A batch of the archive."""
    out = tmp_path_factory.mktemp("done") / "out & about"
    return run(archive, out, shard_images=4, again={"fex": True})


# Rows


def test_rows_say_what_the_recognizer_reads(tmp_path: Path, portrait: Path) -> None:
    result = run(portrait, tmp_path / "out")
    (row,) = rows_of(result.out)
    (reading,) = Recognizer()(portrait)
    assert row["source"] == str(portrait)
    assert (row["width"], row["height"], row["face"]) == (512, 512, 1)
    assert [row[side] for side in ("x0", "y0", "x1", "y1")] == pytest.approx(reading.box)
    assert reading.landmarks is not None
    points = [(row[f"{name}_x"], row[f"{name}_y"]) for name in LANDMARKS]
    assert points == pytest.approx([pytest.approx(point) for point in reading.landmarks])
    assert row["score"] == pytest.approx(reading.score)
    assert row["emotion"] == reading.emotion
    assert [row[label] for label in EMOTIONS] == pytest.approx(reading.probabilities)
    assert row["probability"] == max(row[label] for label in EMOTIONS)
    assert row["unsure"] is False
    assert row["model"] == "mien"
    assert re.fullmatch("[0-9a-f]{64}", row["model_sha256"])
    assert row["mien_version"] == __version__
    assert {row[name] for name in ("key", "member", "row", "frame", "time_s", "error")} == {None}


def test_every_image_has_a_row_and_every_error_is_one(archive: Path, done: BatchResult) -> None:
    rows, tally = rows_of(done.out), done.tally
    assert len(rows) == tally.faces + tally.without_face + tally.failed
    faces = [row for row in rows if row["face"] is not None]
    assert tally.faces == len(faces) == 5 + 3 + 2 + 2
    assert tally.images == 12 + 2
    without = [row for row in rows if row["face"] is None and row["error"] is None]
    assert [Path(row["source"]).parent.parent.name for row in without] == ["empty", "empty"]
    assert {row["emotion"] for row in without} == {None}
    assert tally.errors == {
        "damaged image": 1,
        "not an image": 1,
        "damaged or cut archive": 1,
        "Parquet row without an image": 1,
        "no column with images": 1,
    }
    assert (sum(tally.faces_per_image), tally.faces_per_image[:2]) == (tally.images, [2, 12])
    assert (sum(tally.probabilities), tally.probabilities[-1]) == (12, 12)
    errors = {Path(row["source"]).name: row["error"] for row in rows if row["error"]}
    assert errors[TEXT].startswith(f"{archive}/faces/{TEXT}: expected a JPEG")
    keys = [row["key"] for row in rows if row["source"].endswith("x.tar")]
    assert keys == ["000000", "000001", "000002"]
    assert done.complete


def test_frames_of_videos_are_rows_at_their_times(tmp_path: Path) -> None:
    times = [i / 10 for i in range(10)]
    make_video(tmp_path / "x.mp4", moving_portrait(shown=lambda n: n < 5), times_s=times)
    rows = rows_of(run(tmp_path / "x.mp4", tmp_path / "out", every_s=0.2).out)
    assert [row["time_s"] for row in rows] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    assert [row["frame"] for row in rows] == [0, 2, 4, 6, 8]
    assert [row["face"] for row in rows] == [1, 1, 1, None, None]


def test_a_photo_on_its_side_is_turned_and_frames_of_videos_are_not(tmp_path: Path) -> None:
    frame = np.ascontiguousarray(np.rot90(moving_portrait()(0), 2))
    PILImage.fromarray(frame).save(tmp_path / "photo.png")
    make_video(tmp_path / "x.mp4", lambda n: frame, times_s=[0.0, 0.1, 0.2])
    faces: dict[str, list[int | None]] = {}
    for row in rows_of(run(tmp_path, tmp_path / "out").out):
        faces.setdefault(Path(row["source"]).name, []).append(row["face"])
    assert faces == {"photo.png": [1], "x.mp4": [None, None, None]}


def test_the_schema_says_what_each_column_means(done: BatchResult) -> None:
    schema = pa.dataset.dataset(done.rows).schema
    assert schema.names == list(BATCH_TABLE)
    for name, field in zip(BATCH_TABLE, schema, strict=True):
        assert field.metadata[b"description"].decode() == COLUMNS[name].meaning
    parts = sorted(Path(done.rows).glob("*.parquet"))
    assert [part.name for part in parts] == [f"part-{n:06}.parquet" for n in range(done.shards)]
    groups = [pq.read_metadata(part).row_group(0) for part in parts]
    columns = range(len(BATCH_TABLE))
    assert {group.column(c).compression for group in groups for c in columns} == {"ZSTD"}


def test_a_data_set_in_a_store_is_the_same(
    archive: Path, done: BatchResult, tmp_path: Path
) -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    there = run(archive, "memory://x/out", shard_images=4, again={"fex": True})
    fs.get("memory://x/out", f"{tmp_path}/copy", recursive=True)
    assert rows_of(tmp_path / "copy") == rows_of(done.out)
    assert (there.out, there.fex) == ("memory://x/out", "memory://x/out/rows.fex.csv")
    assert len(pandas.read_csv(tmp_path / "copy" / "rows.fex.csv")) == len(rows_of(done.out))
    again = run(archive, "memory://x/out", shard_images=4)
    assert (again.images, again.shards_before) == (0, again.shards)
    with pytest.raises(OutputError, match=r"it holds something else, and no manifest\.json"):
        run(archive, "memory://x", shard_images=4)
    fs.store.clear()


def test_settings_reach_the_recognizer(tmp_path: Path, portrait: Path, tiny_model: Path) -> None:
    result = run(portrait, tmp_path / "a", model=f"mien,{tiny_model}", threshold=0.999)
    (row,) = rows_of(result.out)
    assert row["unsure"] is True
    assert result.tally.unsure == 1
    assert row["model"] == "mien+tiny"
    assert len(row["model_sha256"].split(",")) == 2
    assert run(portrait, tmp_path / "b", min_face_px=500.0).tally.without_face == 1
    (row,) = rows_of(run(portrait, tmp_path / "c", detector="haar").out)
    assert row["nose_x"] is None


def test_movements_are_columns_where_they_are_asked_for(tmp_path: Path, portrait: Path) -> None:
    (plain,) = rows_of(run(portrait, tmp_path / "plain").out)
    (moved,) = rows_of(run(portrait, tmp_path / "moved", movements=True).out)
    assert list(plain) == list(BATCH_TABLE)
    assert list(moved) == [*BATCH_TABLE, *MOVES]
    assert moved["move_mouthSmileLeft"] == pytest.approx(0.895, abs=0.02)
    assert (plain["pose_method"], moved["pose_method"]) == ("points", "mesh")
    assert moved["pitch"] == pytest.approx(-9, abs=2)
    # Data sets of before there were any say nothing of them, and are gone on with.
    about = json.loads((tmp_path / "plain" / "manifest.json").read_text())["about"]
    assert "movements" not in about["settings"]


def test_one_image_that_breaks_the_reader_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "in", 4)
    bad = load_image(jpeg(2)).tobytes()
    read = Recognizer.read_images

    def breaks(self: Recognizer, images: Any) -> Any:
        if any(image.tobytes() == bad for image in images):
            raise ValueError("the network\nstumbles")
        return read(self, images)

    monkeypatch.setattr(Recognizer, "read_images", breaks)
    result = run(tmp_path / "in", tmp_path / "out")
    assert (result.tally.images, result.tally.errors) == (3, {"file that cannot be read": 1})
    (error,) = [row["error"] for row in rows_of(result.out) if row["error"]]
    assert error.startswith(f"{tmp_path}/in/b/0002.jpg: the image cannot be read; ")
    assert error.endswith("ValueError: the network stumbles")


def test_a_file_for_py_feat_has_all_rows_in_their_order(
    archive: Path, done: BatchResult, tmp_path: Path
) -> None:
    assert done.fex == f"{done.out}/rows.fex.csv"
    rows = pq.read_table(done.rows).to_pylist()
    table = pandas.read_csv(done.fex)
    for column, name in (("FaceScore", "score"), ("Happy", "happy")):
        expected = [-1 if row[name] is None else row[name] for row in rows]
        assert list(table[column].fillna(-1)) == pytest.approx(expected, rel=1e-6)
    assert f"{archive}/x.tar, 000001.jpg" in set(table["input"])
    assert set(table["frame"]) == set(range(table["frame"].max() + 1))
    assert table.groupby("frame")["input"].nunique().max() == 1
    # `mien convert` writes the same.
    written = write_image_fex(read_image_rows(done.out), tmp_path / "converted.fex.csv")
    assert (tmp_path / "converted.fex.csv").read_bytes() == Path(done.fex).read_bytes()
    assert written == (done.tally.images + done.tally.failed, done.tally.faces, done.tally.failed)


def test_a_file_for_py_feat_goes_where_rows_are_written_anew(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path / "photos", 2), tmp_path / "out"
    run(folder, out)
    again = run(folder, out, again={"fex": True})  # nothing else is left to do
    assert (again.images, again.fex) == (0, f"{out}/rows.fex.csv")
    run(folder, out)
    assert (out / "rows.fex.csv").exists()
    next((out / "rows").iterdir()).unlink()
    assert run(folder, out).fex is None
    assert not (out / "rows.fex.csv").exists()


# Going on


def test_a_rerun_does_only_what_is_missing(tmp_path: Path) -> None:
    write_folder(tmp_path / "in", 6)
    out = tmp_path / "out"
    run(tmp_path / "in", out, shard_images=2)
    before = rows_of(out)
    parts = sorted((out / "rows").iterdir())
    kept = parts[0].stat().st_mtime_ns
    parts[1].unlink()
    parts[2].write_bytes(parts[2].read_bytes()[:-100])  # a copy that was cut
    (out / "rows" / ".part-000001.parquet.12345678.part").write_bytes(b"of a killed process")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["shards"] = []  # as after a kill before it was written again
    (out / "manifest.json").write_text(json.dumps(manifest))
    result = run(tmp_path / "in", out, shard_images=2)
    assert (result.shards_before, result.images, result.complete) == (1, 4, True)
    assert rows_of(out) == before
    assert parts[0].stat().st_mtime_ns == kept
    assert sorted((out / "rows").iterdir()) == parts
    assert run(tmp_path / "in", out, shard_images=2).images == 0


def test_what_was_written_as_the_work_was_ended_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(job: Job, plan: Plan, numbers: list[int], _: int) -> Iterator[Event]:
        worker = ShardWorker(job)
        yield worker(plan[numbers[0]])
        worker(plan[numbers[1]])  # word of it does not come
        raise KeyboardInterrupt

    write_folder(tmp_path / "in", 7)
    with monkeypatch.context() as patch:
        patch.setattr("mien.recognize.batch.run.run_local", ended)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "in", tmp_path / "out", shard_images=2)
    state = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (len(state["shards"]), state["counts"]["images"]) == (2, 4)
    assert (state["runs"][0]["images"], state["runs"][0]["ended"]) == (4, "interrupted")
    result = run(tmp_path / "in", tmp_path / "out", shard_images=2)
    assert (result.shards_before, result.images, result.tally.images) == (2, 3, 7)


def test_a_data_set_of_other_settings_is_refused(here: Path, tiny_model: Path) -> None:
    write_folder(here / "in", 2)
    (here / "mine.onnx").write_bytes(tiny_model.read_bytes())
    run("in", "out", model="mine.onnx")
    changes: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("in", {"threshold": 0.5}, "threshold was 0.0 and is 0.5"),
        ("in", {"model": "paper"}, "model was 'tiny' and is 'paper'.*model_sha256"),
        ("in", {"every_s": 2.0}, "every_s was None and is 2.0"),
        ("in/a", {}, "sources was"),
    )
    for sources, change, message in changes:
        with pytest.raises(OutputError, match=message):
            run(sources, "out", **({"model": "mine.onnx"} | change))
    write_model(here / "mine.onnx", seed=1)
    with pytest.raises(OutputError, match="model_sha256 was"):
        run("in", "out", model="mine.onnx")
    again = {"overwrite": True}
    with pytest.raises(DataError, match="no such file or folder"):
        run("nothing", "out", again=again)
    assert len(rows_of("out")) == 2  # nothing was removed for nothing
    assert run("in/a", "out", again=again, threshold=0.5).images == 1
    assert len(rows_of("out")) == 1


def test_new_files_are_refused_or_left_for_another_data_set(tmp_path: Path) -> None:
    write_folder(tmp_path / "in", 2)
    run(tmp_path / "in", tmp_path / "out")
    write_folder(tmp_path / "in", 3)
    with pytest.raises(OutputError, match="image files were 2 and are 3"):
        run(tmp_path / "in", tmp_path / "out")
    result = run(tmp_path / "in", tmp_path / "out", again={"as_planned": True})
    assert result.tally.images == 2
    assert run(tmp_path / "in", tmp_path / "out", again={"overwrite": True}).tally.images == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_are_no_utf8_are_told_alike_everywhere(tmp_path: Path) -> None:
    folder = Path(shutil.move(write_folder(tmp_path / "in", 2), tmp_path / "caf\udce9"))
    (folder / "\udcff.jpg").write_bytes(b"no image")
    result = run(folder, tmp_path / "out")
    shown = str(folder).replace("\udce9", r"\udce9")
    rows = rows_of(result.out)
    assert {row["source"].removeprefix(shown)[0] for row in rows} == {"/"}
    (error,) = [row["error"] for row in rows if row["error"]]
    assert error.startswith(shown + r"/\udcff.jpg: ")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["about"]["sources"] == [shown]
    assert manifest["shards"][0]["examples"] == [error]
    assert run(folder, tmp_path / "out").shards_before == 1


def test_what_holds_no_image_becomes_a_data_set_without_rows(tmp_path: Path) -> None:
    for source in (
        write_parquet(tmp_path / "empty.parquet", []),
        write_tar(tmp_path / "empty.tar", {}),
    ):
        done = run(source, tmp_path / "out" / source.name)
        assert (done.images, done.tally.failed, done.shards) == (0, 0, 1)
        rows = pq.read_table(done.rows)
        assert rows.num_rows == 0
        assert {"source", "emotion", "error"} <= set(rows.column_names)


def test_errors_are_tried_again_where_that_is_asked_for(tmp_path: Path) -> None:
    write_folder(tmp_path / "in", 4)
    bad = tmp_path / "in" / "b" / "0000.jpg"
    bad.write_bytes(b"")
    assert run(tmp_path / "in", tmp_path / "out", shard_images=2).tally.errors == {"empty file": 1}
    bad.write_bytes(jpeg())
    assert run(tmp_path / "in", tmp_path / "out", shard_images=2).tally.failed == 1
    again = run(tmp_path / "in", tmp_path / "out", again={"retry_errors": True}, shard_images=2)
    assert (again.tally.failed, again.images, again.tally.images) == (0, 2, 4)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("mine")
    for again in ({}, {"overwrite": True}):
        with pytest.raises(OutputError, match=r"it holds something else, and no manifest\.json"):
            run(portrait, tmp_path / "out", again=again)
    with pytest.raises(OutputError, match="expected a folder to write into; it is a file"):
        run(portrait, tmp_path / "out" / "thesis.docx")
    for name in ("zip://out.zip", "github://mine/data"):
        with pytest.raises(DataError, match="expected a path or an object store"):
            run(portrait, name)
    assert os.listdir(tmp_path / "out") == ["thesis.docx"]  # noqa: PTH208


def test_one_folder_is_not_searched_letter_by_letter(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="sources: expected several, as "):
        run_batch(str(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_at_once_do_not_write_into_one_another(tmp_path: Path, portrait: Path) -> None:
    seen: list[str] = []

    def another(_: Status) -> None:
        with pytest.raises(OutputError, match="another `mien batch` is at work in it"):
            run(portrait, tmp_path / "out")
        seen.append("refused")

    run_batch([portrait], tmp_path / "out", processes=0, report=another)
    assert seen
    assert not (tmp_path / "out" / ".lock").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"format": 99}', "A newer mien may read it"), ("{", "expected a manifest of `mien batch`")],
)
def test_a_manifest_that_cannot_be_read_is_an_error(
    tmp_path: Path, portrait: Path, content: str, message: str
) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match=message):
        run(portrait, tmp_path)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, DataError, "expected a column with the bytes of images"),
        ({"model": "nosuch.onnx"}, ModelError, "there is no file 'nosuch.onnx'"),
        ({"threshold": 2.0}, OptionError, "threshold: expected 0 to 1; got 2.0"),
        ({"detector": "nosuch"}, OptionError, "expected a detector among yunet, haar"),
        ({"every_s": 0.0}, OptionError, "every_s: expected seconds above 0; got 0.0"),
        ({"shard_images": 0}, OptionError, "shard_images: expected 1 or more; got 0"),
    ],
)
def test_a_source_of_nothing_but_errors_and_settings_out_of_range_make_no_data_set(
    settings: dict[str, Any], error: type[Exception], message: str, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        run(archive / "other.parquet", tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


# Manifest, page and command


def test_the_manifest_tells_settings_counts_and_every_shard(
    archive: Path, done: BatchResult
) -> None:
    manifest = json.loads((Path(done.out) / "manifest.json").read_text())
    assert manifest["state"] == "complete"
    assert manifest["about"]["sources"] == [str(archive)]
    assert manifest["about"]["settings"]["shard_images"] == 4
    assert manifest["about"]["mien_version"] == __version__
    assert manifest["plan"]["files"] == {"image": 9, "tar": 2, "parquet": 2}
    assert manifest["counts"]["faces"] == done.tally.faces
    assert [shard["shard"] for shard in manifest["shards"]] == list(range(done.shards))
    assert sum(shard["rows"] for shard in manifest["shards"]) == len(rows_of(done.out))
    (only,) = manifest["runs"]
    assert (only["ended"], only["images"]) == ("complete", done.images)


def test_the_page_needs_no_other_file_and_shows_what_was_counted(done: BatchResult) -> None:
    page = (Path(done.out) / "summary.html").read_text()
    assert "<h1>out &amp; about</h1>" in page
    assert "http" not in page.replace("https://", "http://").replace("http-equiv", "")
    assert not re.search(r"<(script|link|img|iframe)", page)
    assert f"<b>{done.tally.faces}</b>faces" in page
    for text in ("damaged or cut archive", TEXT, *EMOTIONS, "What the time of all workers"):
        assert text in page


def test_the_command_prints_a_table_and_ends_with_2_after_errors(
    mien: Mien, archive: Path, tmp_path: Path
) -> None:
    options = ("--out", tmp_path / "out", "--processes", 0)
    good = mien("batch", archive / "faces" / "a", *options, "--format", "fex")
    assert good.status == 0
    assert f"py-feat   {tmp_path}/out/rows.fex.csv" in good.stdout
    assert re.search(r"^images read +2$", good.stdout, re.MULTILINE)
    assert re.search(r"^faces +2$", good.stdout, re.MULTILINE)
    assert f"summary   {tmp_path}/out/summary.html" in good.stdout
    assert good.stderr == ""
    bad = mien("batch", archive / "faces", *options, "--overwrite", "--json")
    assert bad.status == 2
    assert json.loads(bad.stdout)["errors"] == {"damaged image": 1, "not an image": 1}
    assert "mien: 2 of 7 images or archives could not be read" in bad.stderr
    assert bad.stderr.count("\n") == 1
    refused = mien("batch", archive / "nothing", "--out", tmp_path / "other")
    assert_refused(refused, "mien: no such file or folder")


def test_the_command_says_what_it_left_out_and_how_it_read(mien: Mien, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    image = load_image(PORTRAIT)
    gray = image[:, :, 1].astype(np.uint16) * 16
    (folder / "a.heic").write_bytes(heic(image))
    (folder / "b.png").write_bytes(saved(gray, "PNG"))
    (folder / "c.zip").write_bytes(b"x")
    write_tar(folder / "d.tar", {"a.avif": saved(image, "AVIF"), "a.json": b"{}"})
    done = mien("batch", folder, "--out", tmp_path / "out", "--processes", 0, "--json")
    assert done.status == 2
    result = json.loads(done.stdout)
    assert (result["images"], result["emotions"]["happy"], result["errors"]) == (3, 3, {})
    assert result["left_out"] == {".zip": 1, ".json": 1}
    note = "levels of 16 bits are read as 12-bit ones, since all are below 4,096"
    assert result["notes"] == {note: 1}
    assert done.stderr.splitlines() == [
        f"mien: 1 image: {note}",
        "mien: 2 files were not read as images: 1 .zip (unpack it first), 1 .json",
    ]
    again = mien("batch", folder, "--out", tmp_path / "out", "--processes", 0, "--json")
    assert json.loads(again.stdout)["left_out"] == {".zip": 1, ".json": 1}
