"""The harness of `make fuzz`: what a reader must not do is noticed, kept and can be read again."""

import io
import json
import os
import signal
import sys
import time
import zipfile
import zlib
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from PIL import Image as PILImage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import fuzz.watch as watch  # noqa: E402
from fuzz.mutations import MOST_BYTES, mutate  # noqa: E402
from fuzz.structures import (  # noqa: E402
    change_json,
    change_onnx,
    change_png,
    change_tar,
    change_zip,
)
from fuzz.targets import TARGETS, Target  # noqa: E402
from fuzz.watch import Summary  # noqa: E402
from fuzz.worker import judge, message_of  # noqa: E402

from fakes import write_model  # noqa: E402
from mien import ImageError, load_image  # noqa: E402


def png() -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_same_seed_makes_the_same_inputs() -> None:
    seeds = [png(), png()[::-1]]

    def made(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutate(seeds, random, (change_png,)) for _ in range(50)]

    assert made(1) == made(1)
    assert made(1) != made(2)
    assert len(set(made(1))) > 40
    assert all(len(content) <= MOST_BYTES for content in made(1))


def test_a_changed_png_has_sums_that_fit() -> None:
    """Otherwise readers would see nothing but a wrong sum."""
    random = Random(0)
    for _ in range(30):
        content, place = change_png(png(), random), 8
        while place < len(content):
            size = int.from_bytes(content[place : place + 4], "big")
            chunk = content[place + 4 : place + 8 + size]
            assert zlib.crc32(chunk) == int.from_bytes(content[place + 8 + size :][:4], "big")
            place += 12 + size


def test_a_changed_archive_can_be_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", '{"units": 7, "layers": [{"a": 1}, {"a": 2}]}')
    change = change_zip(lambda name: change_json)
    random = Random(0)
    found: set[bytes] = set()
    for _ in range(30):
        with zipfile.ZipFile(io.BytesIO(change(buffer.getvalue(), random))) as archive:
            assert archive.testzip() is None
            found.update(archive.read(name) for name in archive.namelist())
    assert len(found) > 10


def test_a_changed_model_is_a_model(tmp_path: Path) -> None:
    content = write_model(tmp_path / "model.onnx").read_bytes()
    random = Random(0)
    changed = [change_onnx(content, random) for _ in range(10)]

    assert len(set(changed)) > 5
    for one in changed:
        onnx.ModelProto.FromString(one)


def test_a_changed_archive_of_tape_has_a_header_whose_sum_fits() -> None:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    content = change_tar(buffer.getvalue(), Random(3))
    head = bytearray(content[:512])
    said, head[148:156] = int(head[148:154], 8), b" " * 8
    assert said == sum(head)


# What a reader does


def of(error: BaseException | None) -> tuple[str, str, str]:
    def read(path: Path) -> str:
        if error is not None:
            raise error
        return "a face"

    return judge(TARGETS["images"], read, Path("x"))


def test_what_a_reader_does_is_told_apart() -> None:
    assert of(None)[:2] == ("read", "read a face")
    assert of(ImageError("x: it is empty"))[:2] == ("refused", "ImageError: x: it is empty < -")
    kind, what, detail = of(ValueError("no"))
    assert (kind, what) == ("raised", "ValueError")
    assert "Traceback" in detail


def test_messages_that_differ_in_numbers_and_names_are_one_outcome() -> None:
    one = ImageError("/a/b.png: expected 48 x 48; got 'x'")
    other = ImageError("/c.png: expected 7 x 9; got 'yy'")
    assert message_of(one) == message_of(other)
    assert message_of(one) != message_of(ImageError("/a/b.png: it is empty"))


# Readers that crash, hang, grow and raise, each in a process that is watched


def target_that(what: str) -> Target:
    def read(path: Path) -> str:
        content = path.read_bytes()
        if content == b"good":
            return "good"
        if what == "raise" and b"g" in content:
            return "g"
        if what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        while what == "hang":
            pass
        if what == "grow":
            held = [bytes(1) * 2**28 for _ in range(12)]
            time.sleep(5.0 + len(held))
        raise KeyError("x")

    return Target("toy", lambda: {"toy.txt": [b"good"]}, lambda folder: read)


if __name__ == "__main__":  # a worker, started by the tests below
    from fuzz import worker

    TARGETS["toy"] = target_that(os.environ["TOY"])
    worker.main()


@pytest.mark.parametrize(
    ("what", "key", "kept"),
    [
        ("raise", "raised: KeyError", b""),
        ("crash", "crash: crash: signal 11", None),
        ("hang", "hang: hang: over 0 s of processor time", None),
        ("grow", "memory: memory: over 0 GB", None),
    ],
)
def test_what_a_reader_must_not_do_is_noticed_and_kept(
    what: str, key: str, kept: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY", what)
    monkeypatch.setattr(watch, "WORKER", [str(Path(__file__))])
    if what == "hang":
        monkeypatch.setattr(watch, "CPU_LIMIT_S", 0.25)
    if what == "grow":
        monkeypatch.setattr(watch, "MEMORY_LIMIT", 400_000_000)

    inputs = 20 if what == "raise" else 2
    found = tmp_path / "found"
    summary = watch.fuzz("toy", inputs=inputs, seed=1, work=tmp_path / "work" / "toy", found=found)

    assert summary.inputs == inputs
    assert list(summary.findings) == [key]
    path = summary.findings[key]
    assert path.name.startswith(f"toy-{key.split(':')[0]}-")
    assert path.name.endswith("-toy.txt")
    if kept is not None:
        assert path.read_bytes() == kept  # as small as it gets
    assert "target toy, seed 1, input " in path.with_name(path.name + ".txt").read_text()


def test_a_reader_that_does_what_it_should_has_no_findings(tmp_path: Path) -> None:
    shown: list[Summary] = []
    summary = watch.fuzz(
        "recipes",
        inputs=30,
        seed=1,
        work=tmp_path / "work" / "recipes",
        found=tmp_path / "found",
        show=shown.append,
    )

    assert summary.findings == {}
    assert summary.inputs == len(shown) == 30
    assert summary.kinds["refused"] > 0
    assert not (tmp_path / "found").exists()


def test_each_target_has_seeds_of_a_few_kilobytes_and_changes_for_their_names() -> None:
    for target in TARGETS.values():
        if target.name in ("keras", "runs"):  # which take seconds to make
            continue
        seeds = target.seeds()
        assert set(target.changes) <= set(seeds)
        assert all(0 < len(one) < 60_000 for contents in seeds.values() for one in contents)


def test_seeds_of_pictures_are_of_every_format() -> None:
    kinds: set[str | None] = set()
    for contents in TARGETS["images"].seeds().values():
        for content in contents:
            load_image(content)
            if content[4:12] == b"ftypheic":  # which Pillow alone does not open
                kinds.add("HEIF")
                continue
            with PILImage.open(io.BytesIO(content)) as picture:
                kinds.add(picture.format)
    assert kinds == {"JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF"}
    assert json.loads(TARGETS["live"].seeds()["message.json"][0])["type"] == "settings"
