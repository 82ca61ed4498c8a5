"""What is found, how it is cut, and what is read of it."""

import gzip
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from archives import jpeg, samples, write_folder, write_parquet, write_tar
from mien.errors import DataError, MienError, OutputError, counted
from mien.recognize.batch.listing import Found, Kind, find_files
from mien.recognize.batch.plan import Plan, Shard, make_plan
from mien.recognize.batch.reading import Item, items
from mien.recognize.batch.settings import BatchSettings
from mien.recognize.batch.storage import Folder
from mien.recognize.sources import LeftOut
from videos import make_video


def names(found: Iterator[Found]) -> list[str]:
    return [file.name.rsplit("/", 1)[-1] for file in found]


def plan_of(*sources: Path | str, **settings: Any) -> list[Shard]:
    with make_plan([str(s) for s in sources], BatchSettings(**settings)) as plan:
        return [plan[number] for number in range(len(plan))]


def read(*sources: Path | str, **settings: Any) -> list[Item]:
    return [item for shard in plan_of(*sources, **settings) for item in items(shard)]


def contents(*sources: Path | str, **settings: Any) -> list[Any]:
    return [item.content for item in read(*sources, **settings)]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An object store in which nobody may read what is called refused."""

    def refuse(name: str) -> None:
        before = getattr(MemoryFileSystem, name)

        def checked(self: Any, path: str, *arguments: Any, **options: Any) -> Any:
            if "refused" in path:
                raise PermissionError(13, "Access Denied", path)
            return before(self, path, *arguments, **options)

        monkeypatch.setattr(MemoryFileSystem, name, checked)

    refuse("ls")
    refuse("cat_file")
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


# What sources name


@pytest.mark.parametrize("is_store", [False, True])
def test_a_folder_gives_all_that_can_be_read_in_the_order_of_names(
    tmp_path: Path, memory: Any, is_store: bool
) -> None:
    files = ["b.PNG", "a/z.jpg", "c.tar.gz", "d.parquet", "e.mp4", "f.txt", "._b.png", "g.ts"]
    for name in (*files, "readings/rows/part-000000.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
        memory.pipe_file(f"/x/{name}", b"12345")
    folder = "memory://x" if is_store else str(tmp_path)
    found = list(find_files([folder], not_in=f"{folder}/readings"))
    assert [file.name.removeprefix(folder.replace("//", "///")).strip("/") for file in found] == [
        name.removeprefix(f"{tmp_path}/")
        for name in ("a/z.jpg", "b.PNG", "c.tar.gz", "d.parquet", "e.mp4")
    ]
    assert [file.kind for file in found] == ["image", "image", "tar", "parquet", "video"]
    assert [file.bytes for file in found] == [0, 0, 5, 5, 5]
    assert names(find_files([f"{folder}/*/*.jpg", f"{folder}/a/z.*"])) == ["z.jpg"]
    with pytest.raises(DataError, match=f"no such file or folder: {folder}/y"):
        list(find_files([f"{folder}/y"]))


def test_patterns_and_overlapping_sources_give_each_file_once(tmp_path: Path) -> None:
    write_folder(tmp_path, 4)
    matching = find_files([f"{tmp_path}/*/000[12].jpg"])
    assert names(matching) == ["0001.jpg", "0002.jpg"]
    both = find_files([f"{tmp_path}/a", str(tmp_path), f"{tmp_path}/b/0000.jpg"])
    assert names(both) == ["0001.jpg", "0003.jpg", "0000.jpg", "0002.jpg"]
    for pattern in ("**", "**/*", "*", "[ab]"):
        assert len(list(find_files([f"{tmp_path}/{pattern}"]))) == 4


def test_a_file_has_one_name_however_its_folder_is_written(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", 4)
    (tmp_path / "x/list.txt").write_text("../x/a/0001.jpg\na/../../x/a\n")
    around = f"{tmp_path}/x/../x/a"
    for sources in ([around, f"{tmp_path}/x/a"], [f"{tmp_path}/x/list.txt"], [f"{around}/*.jpg"]):
        found = [file.name for file in find_files(sources)]
        assert found == [f"{tmp_path}/x/a/0001.jpg", f"{tmp_path}/x/a/0003.jpg"]
    folders = [f"{tmp_path}/x", f"{tmp_path}/x/b/../../x"]
    for folder, apart in (folders, folders[::-1]):
        assert names(find_files([folder], not_in=f"{apart}/a")) == ["0000.jpg", "0002.jpg"]
    (tmp_path / "y/deep").mkdir(parents=True)
    write_folder(tmp_path / "y", 6)
    (tmp_path / "link").symlink_to(tmp_path / "y/deep")  # whose parent is no other than y
    assert len(list(find_files([f"{tmp_path}/link/.."]))) == 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_text_file_lists_sources_from_its_own_folder(encoding: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 2)
    (tmp_path / "Bjørn.mp4").write_bytes(b"x")
    lines = ["# videos first", "Bjørn.mp4", "", "photos/*/*.jpg", f"{tmp_path}/Bjørn.mp4", ""]
    lines.append(f"file://{tmp_path}/photos/a/0001.jpg")
    mark = "\ufeff" if encoding == "utf-16-be" else ""  # as Windows writes them
    (tmp_path / "list.txt").write_bytes((mark + "\r\n".join(lines)).encode(encoding))
    assert names(find_files([f"{tmp_path}/list.txt"])) == ["Bjørn.mp4", "0001.jpg", "0000.jpg"]


def test_a_line_that_names_nothing_does_not_stop_the_others(tmp_path: Path) -> None:
    write_folder(tmp_path, 2)
    (tmp_path / "notes.md").write_text("text")
    listed = tmp_path / "list.txt"
    lines = ["b/0000.jpg", "b/gone.jpg", "two.mp4", "notes.md", "none/*.jpg"]
    listed.write_text("\n".join([*lines, "https://example.org/a.jpg", "a/0001.jpg"]))
    found = read(listed)
    errors = [str(item.content) for item in found if isinstance(item.content, DataError)]
    for line, said in (
        (3, f"no such file or folder: {tmp_path}/two.mp4"),
        (4, f"{tmp_path}/notes.md: expected an image"),
        (5, f"no file matches {tmp_path}/none/*.jpg"),
        (6, "nothing is fetched from web addresses"),
    ):
        assert sum(f"list.txt, line {line}: " in e and said in e for e in errors) == 1
    assert f"{tmp_path}/b/gone.jpg: cannot be read; there is no such file" in errors
    good = [item.source for item in found if isinstance(item.content, bytes)]
    assert good == [f"{tmp_path}/b/0000.jpg", f"{tmp_path}/a/0001.jpg"]


def test_missing_images_of_a_list_share_their_shards(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"gone/{number}.jpg\n" for number in range(100)))
    assert [len(s.files) for s in plan_of(listed, shard_images=50)] == [50, 50]


def test_what_no_search_takes_is_counted(tmp_path: Path, memory: Any) -> None:
    write_folder(tmp_path / "x", 1)
    for name in ("x/a.zip", "x/b/b.cr2", "x/._0000.jpg", "x/d.json", "y.zip"):
        (tmp_path / name).write_bytes(b"x")
        memory.pipe_file(f"/{name}", b"x")
    memory.pipe_file("/x/b/0000.jpg", jpeg())
    for folder in (str(tmp_path), "memory://"):
        left_out = LeftOut()
        assert names(find_files([f"{folder}/*"], left_out=left_out)) == ["0000.jpg"]
        assert left_out == {".zip": 2, ".cr2": 1, ".json": 1, "of macOS (._*)": 1}
        assert names(find_files([f"{folder}/x"])) == ["0000.jpg"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "no such file or folder: missing"),
        ("", "expected a file, a folder or a pattern; got an empty name"),
        ("empty", "empty: expected images, tar archives, Parquet files or videos; it names none"),
        ("*.jpg", r"\*.jpg: expected images"),
        ("notes.md", r"notes.md: expected an image, a tar archive.* ends as none$"),
        ("a.zip", r"a.zip: expected an image, a tar archive.* ends as none: unpack it first"),
        ("https://example.org/a.jpg", "nothing is fetched from web addresses"),
        ("nosuch://bucket/a.jpg", "expected a path or an object store, such as s3://"),
        ("github://a/b", r"expected a path or an object store, such as s3://bucket/folder; Github"),
        ("zip://a.zip", r"zip://a.zip: expected a path .*; name a tar archive by its path, and"),
        ("tar://*.jpg::a.tar", r"expected a path .*; name a tar archive by its path"),
        ("gs://bucket/a.jpg", r"gs:// needs a package that is not installed: pip install gcsfs"),
        ("memory://refused", r"memory://refused: cannot be read; no right to it"),
    ],
)
def test_a_source_that_names_nothing_is_an_error(
    source: str, message: str, tmp_path: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("text")
    (tmp_path / "a.zip").write_bytes(b"x")
    memory.pipe_file("/refused/4.jpg", jpeg())
    with pytest.raises(DataError, match=message):
        list(find_files([source]))


# Shards


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_parquet_is_cut_so_that_each_row_is_read_once(tmp_path: Path, size: int) -> None:
    images = [jpeg(i) for i in range(11)]
    path = write_parquet(tmp_path / "x.parquet", images, row_group_size=4)
    shards = plan_of(path, shard_images=size)
    assert sum(shard.rows for shard in shards) == 11
    assert max(shard.rows for shard in shards) <= size
    found = [item for shard in shards for item in items(shard)]
    assert [(item.row, item.content) for item in found] == list(enumerate(images))


def test_a_plan_is_the_same_when_it_is_made_again_and_when_it_is_read_back(tmp_path: Path) -> None:
    images = write_folder(tmp_path / "in", 4)
    no_utf8 = os.fsdecode(os.fsencode(images) + b"/\xff.jpg")
    Path(no_utf8).write_bytes(jpeg(4))
    write_tar(images / "x.tar", samples(1))
    (images / "a.zip").write_bytes(b"x")
    folder = Folder(str(tmp_path / "out"))
    shards = plan_of(images, shard_images=2)
    assert [len(shard.files) for shard in shards] == [2, 2, 1, 1]
    assert shards[-1].files == (no_utf8,)
    assert [item.content for item in items(shards[-1])] == [jpeg(4)]
    assert [len(s.files) for s in plan_of(images)] == [1, 5]  # few are not cut into crumbs
    with make_plan([str(images)], BatchSettings(shard_images=2)) as plan:
        plan.save(folder, "plan.jsonl.gz")
        with Plan.load(folder, "plan.jsonl.gz") as loaded:
            assert [loaded[i] for i in range(len(loaded))] == shards
            assert (loaded.digest, loaded.counts) == (plan.digest, plan.counts)
            assert (loaded.images, loaded.left_out) == (5, {".zip": 1})
            heaviest = loaded.heaviest_first(range(len(loaded)))
            assert loaded[heaviest[0]].kind is Kind.TAR
            assert list(heaviest[1:]) == sorted(heaviest[1:])
    (tmp_path / "out" / "plan.jsonl.gz").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(OutputError, match="expected the plan of a data set"):
        Plan.load(folder, "plan.jsonl.gz")


# Images of shards


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("x.tar", mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")),  # what is in it decides
        *(("x.tar.gz", "w:gz"), ("x.tgz", "w:gz")),
    ],
)
def test_a_tar_gives_its_images_with_the_keys_of_webdataset(
    tmp_path: Path, name: str, mode: str
) -> None:
    members = {**samples(2), "in/deep.seg.png": b"png", "._000000.jpg": b"x", "a.mov": b"x"}
    (shard,) = plan_of(write_tar(tmp_path / name, members, mode))
    left_out = LeftOut()
    found = list(items(shard, left_out=left_out))
    assert [(item.key, item.member, item.row) for item in found] == [
        ("000000", "000000.jpg", 0),
        ("000001", "000001.jpg", 1),
        ("in/deep", "in/deep.seg.png", 2),
    ]
    assert [item.content for item in found] == [members[str(item.member)] for item in found]
    assert left_out == {".cls": 2, ".mov": 1, "of macOS (._*)": 1}


def test_a_gzip_in_several_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    members = {f"{i}.jpg": os.urandom(30_000) for i in range(4)}
    whole = write_tar(tmp_path / "whole.tar", members).read_bytes()
    pieces = [whole[at : at + 16_384] for at in range(0, len(whole), 16_384)]
    path = tmp_path / "x.tar.gz"  # as bgzip and parallel compressors write it
    path.write_bytes(b"".join(gzip.compress(piece) for piece in pieces))
    assert contents(path) == list(members.values())


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_folders_links_and_long_names_in_a_tar_are_passed(tmp_path: Path, kind: int) -> None:
    path, name = tmp_path / "x.tar", "deep/" * 60 + "é.jpg"
    with tarfile.open(path, "w", format=kind) as tar:
        for member, type_ in (("a", tarfile.DIRTYPE), ("b.jpg", tarfile.SYMTYPE)):
            header = tarfile.TarInfo(member)
            header.type = type_
            tar.addfile(header)
        header = tarfile.TarInfo(name)
        header.size = len(jpeg())
        tar.addfile(header, io.BytesIO(jpeg()))
    (item,) = read(path)
    assert (item.member, item.content) == (name, jpeg())


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        *(("in an image", 1), ("in a header", 1), ("header overwritten", 1)),
        *(("between members", 2), ("at the end", 3)),
    ],
)
def test_of_a_cut_tar_the_images_before_the_cut_are_read(
    tmp_path: Path, damage: str, kept: int, compressed: bool
) -> None:
    # Zeros of an image are no end of the archive.
    members = {f"{i}.jpg": jpeg(i) + bytes(4_096) for i in range(3)}
    content = bytearray(write_tar(tmp_path / "whole.tar", members).read_bytes())
    blocks = [512 + -(-len(member) // 512) * 512 for member in members.values()]
    second, third, end = blocks[0], sum(blocks[:2]), sum(blocks)
    if damage == "header overwritten":
        content[second + 148 : second + 156] = b"7" * 8  # its checksum
    else:
        ends = {"in an image": third - 700, "in a header": second + 100}
        del content[{**ends, "between members": third, "at the end": end}[damage] :]
    path = tmp_path / ("cut.tar.gz" if compressed else "cut.tar")
    path.write_bytes(gzip.compress(content) if compressed else content)
    *images, last = read(path)
    assert [item.content for item in images] == list(members.values())[:kept]
    assert isinstance(last.content, MienError)
    assert f"cut short after {counted(kept, 'image')};" in str(last.content)
    assert last.row is None


@pytest.mark.parametrize("compressed", [False, True])
def test_of_joined_tars_the_first_is_read_and_that_others_follow_is_told(
    tmp_path: Path, compressed: bool
) -> None:
    one = write_tar(tmp_path / "one.tar", samples(2)).read_bytes()
    path = tmp_path / "joined.tar"
    parts = [one, one]
    path.write_bytes(b"".join(gzip.compress(part) if compressed else part for part in parts))
    *images, last = contents(path)
    assert len(images) == 2
    assert "after 2 images; ReadError: another archive follows its end" in str(last)
    path.write_bytes(one + bytes(5_120) + b"what a tape had before" * 100)
    assert contents(path) == images


def test_a_gzip_that_is_cut_or_damaged_keeps_what_was_read(tmp_path: Path) -> None:
    members = {f"{i}.jpg": os.urandom(50_000) for i in range(20)}
    path = write_tar(tmp_path / "x.tar.gz", members, "w:gz")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    *images, last = contents(path)
    assert len(images) in range(5, 15)
    assert isinstance(last, MienError)
    path.write_bytes(b"no archive at all")
    (only,) = contents(path)
    assert "the archive is damaged" in str(only)


@pytest.mark.parametrize("as_struct", [False, True])
def test_parquet_gives_bytes_and_where_it_is_told_the_path(tmp_path: Path, as_struct: bool) -> None:
    path = write_parquet(tmp_path / "x.parquet", [jpeg(0), None], as_struct=as_struct, label=[0, 1])
    first, second = read(path)
    assert (first.content, first.row, second.row) == (jpeg(0), 0, 1)
    assert first.member == ("0.jpg" if as_struct else None)
    assert "expected the bytes of an image; there are none" in str(second.content)


@pytest.mark.parametrize("kind", [pa.binary, pa.large_binary, pa.binary_view])
def test_bytes_of_every_width_are_images(tmp_path: Path, kind: Callable[[], pa.DataType]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": [1], "image": pa.array([jpeg()], kind())}), path)
    assert pq.ParquetFile(path).schema_arrow.field("image").type == kind()
    assert contents(path) == [jpeg()]


def test_the_column_of_images_is_found_or_asked_for(tmp_path: Path) -> None:
    mask, image = [b"mask"], [jpeg()]
    (tmp_path / "e.jpg").write_bytes(jpeg())
    named = write_parquet(tmp_path / "a.parquet", mask, column="mask", JPG=image)
    second = write_parquet(tmp_path / "f.parquet", mask, column="mask", picture=image)
    two = write_parquet(tmp_path / "b.parquet", mask, column="one", two=image)
    none, broken = tmp_path / "c.parquet", tmp_path / "d.parquet"
    pq.write_table(pa.table({"label": [1, 2]}), none)
    broken.write_bytes(b"PAR1 is all that it has PAR1")
    assert contents(named) == contents(second) == [jpeg()]
    assert contents(named, column="mask") == [b"mask"]
    for path, column, message in (
        (two, None, "it has one, two: say which one (--column)"),
        (two, "three", "a column 'three' with the bytes of images; it has one: binary"),
        (none, None, "or a struct with bytes; it has label: int64"),
        (broken, None, "expected a Parquet file"),
    ):
        error, other = contents(path, tmp_path / "e.jpg", column=column)
        assert message in str(error)
        assert other == jpeg()


def test_pages_of_parquet_that_are_damaged_keep_the_rows_before(tmp_path: Path) -> None:
    images = [os.urandom(3_000) for _ in range(60)]
    path = write_parquet(tmp_path / "x.parquet", images, row_group_size=20)
    content = bytearray(path.read_bytes())
    middle = content.index(images[30]) - 40_000  # the begin of the second row group
    content[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(content)
    found = contents(path, shard_images=100)
    assert isinstance(found[-1], MienError) or len(found) == 60


def test_a_video_gives_its_frames_at_their_times(tmp_path: Path) -> None:
    make_video(tmp_path / "x.mp4", times_s=[i / 10 for i in range(20)])
    (shard,) = plan_of(tmp_path / "x.mp4")
    assert [item.frame for item in items(shard)] == list(range(20))
    picked = list(items(shard, every_s=0.5))
    assert [item.time_s for item in picked] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    (bad,) = contents(tmp_path / "bad.mp4")
    assert isinstance(bad, MienError)


def test_objects_of_a_store_are_read_as_files_are(memory: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "x.mp4", times_s=[0.0, 0.1])
    write_tar(tmp_path / "x.tar", samples(2))
    write_parquet(tmp_path / "x.parquet", [jpeg(5)])
    for name in ("x.mp4", "x.tar", "x.parquet"):
        memory.pipe_file(f"/s/{name}", (tmp_path / name).read_bytes())
    for number in range(20):
        memory.pipe_file(f"/s/{number:02}.jpg", jpeg(number))
    memory.pipe_file("/s/refused.jpg", jpeg())
    found = read("memory://s")
    *loose, refused = [item.content for item in found if item.source.endswith(".jpg")]
    assert loose == [jpeg(number) for number in range(20)]
    assert "memory:///s/refused.jpg: cannot be read; no right to it" in str(refused)
    others = [item for item in found if not item.source.endswith(".jpg")]
    assert [item.source.rsplit("/", 1)[-1] for item in others] == [
        *("x.mp4", "x.mp4", "x.parquet", "x.tar", "x.tar")
    ]
    assert not [item for item in others if isinstance(item.content, MienError)]


def test_reading_ahead_stops_when_nobody_asks_any_more(tmp_path: Path) -> None:
    write_folder(tmp_path, 6)
    (shard,) = plan_of(tmp_path)
    reading = items(shard)
    next(reading)
    assert [t for t in threading.enumerate() if t.name.startswith("mien-ahead")]
    reading.close()  # type: ignore[attr-defined]
    running = [thread.name for thread in threading.enumerate()]
    assert not [name for name in running if name.startswith("mien-ahead")]


@pytest.mark.parametrize("compressed", [False, True])
def test_what_follows_a_tar_and_is_none_is_passed_over(tmp_path: Path, compressed: bool) -> None:
    one, path = write_tar(tmp_path / "one.tar", samples(2)), tmp_path / "longer.tar"
    content = one.read_bytes()
    path.write_bytes((gzip.compress(content) if compressed else content) + b"signature" * 99)
    assert contents(path) == contents(one)
