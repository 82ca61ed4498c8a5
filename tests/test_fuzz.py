"""The damage of `make fuzz`, and what it takes for one: it is noticed, and can be read again."""

import io
import json
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from fuzz.damage import (
    MOST_BYTES,
    Change,
    change_json,
    change_onnx,
    change_png,
    change_tar,
    change_zip,
    damaged,
)
from fuzz.readers import READERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from command_line import in_python
from fakes import write_model
from image_files import saved
from mien import load_image

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.tools

few = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


PNG = saved(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), "PNG")


def of(change: Change, content: bytes) -> st.SearchStrategy[bytes]:
    """What a change may make of a content."""

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        return change(draw, content)

    return changed()


@few
@given(damaged({"a.png": [PNG], "b.txt": [b"text"]}, {"a.png": (change_png,)}))
def test_a_damaged_file_keeps_its_name_and_is_of_bounded_size(file: tuple[str, bytes]) -> None:
    name, content = file
    assert name in ("a.png", "b.txt")
    assert len(content) <= MOST_BYTES


@few
@given(of(change_png, PNG))
def test_a_changed_png_has_sums_that_fit(content: bytes) -> None:
    """Otherwise readers would see nothing but a wrong sum."""
    place = 8
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        chunk = content[place + 4 : place + 8 + size]
        assert zlib.crc32(chunk) == int.from_bytes(content[place + 8 + size :][:4], "big")
        place += 12 + size


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("config.json", '{"units": 7, "layers": [{"a": 1}, {"a": 2}]}')
    return buffer.getvalue()


@few
@given(of(change_zip(lambda name: change_json), archive()))
def test_a_changed_archive_can_be_unpacked(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None


def test_a_changed_model_is_a_model(tmp_path: Path) -> None:
    content = write_model(tmp_path / "model.onnx").read_bytes()
    changed = set()

    @few
    @given(of(change_onnx, content))
    def check(model: bytes) -> None:
        onnx.ModelProto.FromString(model)
        changed.add(model)

    check()
    assert len(changed) > 5


def tape() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("a.jpg"))
    return buffer.getvalue()


@few
@given(of(change_tar, tape()))
def test_a_changed_archive_of_tape_has_a_header_whose_sum_fits(content: bytes) -> None:
    head = bytearray(content[:512])
    said, head[148:156] = int(head[148:154], 8), b" " * 8
    assert said == sum(head)


# Readers that crash, hang, grow and raise

TOY = """
import os, signal, time
from pathlib import Path
from fuzz import readers

def read(path: Path) -> str:
    what, began = os.environ["TOY"], time.process_time()
    if b"5" in path.read_bytes():
        return "good"
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    while what == "hang":
        time.sleep(1)
    while what == "busy" and time.process_time() - began < 0.2:
        pass
    if what == "grow":
        return str(len([b"1" * 2**25 for _ in range(2)]))
    return "read"

readers.READERS.clear()
readers.READERS["toy"] = readers.Reader(lambda: {"toy.txt": [b"0123456789"]}, lambda folder: read)

from fuzz import test_readers as harness
from fuzz.test_readers import *

harness.FOUND = Path("found").resolve()
harness.CPU_LIMIT_S, harness.MEMORY_LIMIT = 0.1, 50_000_000
harness.HANG_S = 2.0 if os.environ["TOY"] == "hang" else 60.0
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("crash", "Segmentation fault"),
        ("hang", "Timeout (0:00:02)!"),
        ("busy", "<= CPU_LIMIT_S"),
        ("grow", "<= MEMORY_LIMIT"),
        ("", "1 passed"),
    ],
)
def test_what_a_reader_must_not_do_is_noticed_and_kept(
    what: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "test_toy.py").write_text(TOY)
    own = {"TOY": what, "FUZZ_INPUTS": "200", "PYTHONPATH": str(ROOT)}
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_toy.py")
    done = in_python(*words, cwd=tmp_path, env={**os.environ, **own})
    where = tmp_path / "found" / "toy" / "hang.txt"
    assert said in done.stdout + done.stderr + (where.read_text() if where.exists() else "")
    assert (done.returncode == 0) == (what == "")
    kept = tmp_path / "found" / "toy"
    assert kept.is_dir() == (what != "")
    if what:
        assert b"5" not in (kept / "toy.txt").read_bytes()


def test_each_reader_has_seeds_of_a_few_kilobytes_and_changes_for_their_names() -> None:
    for name, reader in READERS.items():
        if name in ("keras", "runs"):  # which take seconds to make
            continue
        seeds = reader.seeds()
        assert set(reader.changes) <= set(seeds)
        assert all(0 < len(one) < 60_000 for contents in seeds.values() for one in contents)


def test_seeds_of_images_are_of_every_format() -> None:
    kinds: set[str | None] = set()
    for contents in READERS["images"].seeds().values():
        for content in contents:
            load_image(content)
            if content[4:12] == b"ftypheic":  # which Pillow alone does not open
                kinds.add("HEIF")
                continue
            with PILImage.open(io.BytesIO(content)) as image:
                kinds.add(image.format)
    assert kinds == {"JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF"}
    assert json.loads(READERS["live"].seeds()["message.json"][0])["type"] == "settings"
