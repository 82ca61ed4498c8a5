"""What `make fuzz` has found: the smallest input that did it, and what it must do now."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image as PILImage

from command_line import in_python
from fakes import write_model
from image_files import oriented, saved
from mien import Classifier, DataError, ImageError, ModelError, VideoError, load_image
from mien.bench import read_boxes
from mien.cli.shared import printable
from mien.errors import TrainingError
from mien.learn.data.datasets import load_faces
from mien.learn.files import keras_config
from mien.learn.files.keras_config import KerasConfig, read_config
from mien.learn.training.runs import read_checkpoint
from mien.recognize import images as images_module
from mien.recognize.crops import Crops
from mien.recognize.video import decoding
from mien.recognize.video.frames import frames
from videos import make_video, numbered

CROPS: Crops = np.zeros((2, 48, 48), np.uint8)


# Images


def test_a_large_image_is_in_memory_little_more_than_twice(tmp_path: Path) -> None:
    """A file of 2 kB that says it has 13,000 x 13,000 pixels took 3.2 GB, others 7.6.

    Pillow needs 4 bytes for a pixel, a progressive JPEG 6 more while it is decoded, and the result
    3 when it is.
    """
    path = tmp_path / "large.jpg"
    content = bytearray(saved(PILImage.new("RGB", (16, 16)), "JPEG", progressive=True))
    struct.pack_into(">HH", content, content.find(b"\xff\xc2") + 5, 4_000, 4_000)
    path.write_bytes(content)
    program = (
        # ru_maxrss would count what the process that starts this one holds.
        "import sys, pathlib, mien\n"
        "image = mien.load_image(sys.argv[1])\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(image.shape[0], int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )

    found = in_python("-c", program, path, check=True)

    side, peak_mb = map(int, found.stdout.split())
    assert side == 4_000
    assert peak_mb < 300


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": 7}),
        ("RGB", "PNG", {"transparency": (10, 20, 30)}),
        ("P", "GIF", {"transparency": 7}),
        ("1", "PNG", {}),
        ("I;16", "PNG", {}),
        ("CMYK", "TIFF", {}),
        ("RGB", "JPEG", {"exif": oriented(6)}),
    ],
)
def test_large_images_are_made_rgb_in_strips_as_small_ones_at_once(
    mode: str, kind: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (37, 23, 4), np.uint8)
    levels[:5, :, :3] = (10, 20, 30)
    if mode == "I;16":
        image = PILImage.fromarray(levels[:, :, 0].astype(np.uint16) * 250)
    else:
        image = PILImage.fromarray(levels).convert("RGB" if mode == "P" else mode)
        image = image.quantize(16) if mode == "P" else image
    content = saved(image, kind, **options)

    at_once = load_image(content)
    monkeypatch.setattr(images_module, "_STRIP_PIXELS", 100)

    assert np.array_equal(load_image(content), at_once)
    with PILImage.open(io.BytesIO(content)) as opened:
        before = opened.size
        assert np.array_equal(load_image(opened), at_once)
        assert opened.size == before  # what was given is as it was


def test_what_libtiff_says_does_not_come_between(tmp_path: Path, portrait: Path) -> None:
    """Its own words about a damaged file came on standard error beside mien's."""
    content = bytearray(saved(PILImage.new("RGB", (24, 24)), "TIFF", compression="tiff_lzw"))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, entry)[0] == 284:  # PlanarConfiguration
            struct.pack_into("<I", content, entry + 4, 50_000)
    path = tmp_path / "damaged.tif"
    path.write_bytes(content)

    ended = in_python("-m", "mien", "detect", path)

    assert ended.returncode == 2
    assert [line.split(" ")[0] for line in ended.stderr.splitlines()] == ["mien:", "mien:"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a face, ein Gesicht, 顔", "a face, ein Gesicht, 顔"),
        ("\x1b[2J gone", "\\x1b[2J gone"),
        ("left\u202eright", "left\\u202eright"),
        ("\udcff.jpg", "\\udcff.jpg"),
    ],
)
def test_what_a_file_holds_does_not_act_on_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_file_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_module, "_MOST_BYTES", 1_000)
    with pytest.raises(ImageError, match="/dev/zero: expected an image of at most 1,000 bytes"):
        load_image("/dev/zero")


# Tables


def test_a_parquet_file_with_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(
        pa.table({"image": [b"x"], "emotion": [1], "note": [1]}), path, store_schema=False
    )
    path.write_bytes(path.read_bytes().replace(b"note", b"\xbf\xbf\xbf\xbf"))

    with pytest.raises(DataError, match=r"train.parquet: expected a Parquet file"):
        load_faces(path)


def test_a_parquet_file_of_a_few_bytes_with_millions_of_rows(tmp_path: Path) -> None:
    """Twenty million empty rows in 73 kB took 4.7 GB."""
    path = tmp_path / "train.parquet"
    rows = 200_000
    table = pa.table({"image": pa.nulls(rows, pa.binary()), "emotion": pa.nulls(rows, pa.int64())})
    pq.write_table(table, path)

    with pytest.raises(DataError, match=r"expected images; got 200,000 rows in [0-9,]+ bytes"):
        load_faces(path)


# Models


def test_a_model_whose_texts_are_no_text(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes().replace(b'"recipe":"none"', b'"recipe":"\xff\xff\xff\xff"'))

    with pytest.raises(ModelError, match="expected names and texts in UTF-8"):
        Classifier(path)


def model_that(change: Callable[[onnx.ModelProto], None], path: Path) -> Path:
    model = onnx.load(write_model(path))
    change(model)
    onnx.save(model, path)
    return path


def of_wrong_shape(model: onnx.ModelProto) -> None:
    """What one node takes does not fit what the one before gives, and nobody declared it."""
    model.graph.node.insert(4, helper.make_node("Reshape", ["logits", "shape"], ["reshaped"]))
    model.graph.node[5].input[0] = "reshaped"
    shape = onnx.numpy_helper.from_array(np.array([5, -1], np.int64), "shape")
    model.graph.initializer.append(shape)


def of_one_row(model: onnx.ModelProto) -> None:
    """However many faces come, one row goes out."""
    model.graph.node[4].input[0] = "mean"
    model.graph.node.insert(
        4, helper.make_node("ReduceMean", ["logits"], ["mean"], axes=[0], keepdims=1)
    )


def of_no_numbers(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == "white":
            tensor.CopyFrom(helper.make_tensor("white", TensorProto.FLOAT, [], [float("nan")]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_wrong_shape, "model.onnx: it cannot be run; .*Reshape"),
        (of_one_row, r"model.onnx: expected \(2, 7\) out for 2 faces; got \(1, 7\)"),
        (of_no_numbers, "model.onnx: expected finite numbers out; got .*nan"),
    ],
)
def test_a_model_that_opens_and_does_not_do_what_it_says(
    change: Callable[[onnx.ModelProto], None], message: str, tmp_path: Path
) -> None:
    classifier = Classifier(model_that(change, tmp_path / "model.onnx"))
    with pytest.raises(ModelError, match=message):
        classifier(CROPS)


# Keras files


def test_weights_that_a_few_bytes_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": []})
        file.create_dataset("weights", (2**40,), "f4", chunks=(1024,))

    assert path.stat().st_size < 20_000
    with pytest.raises(ModelError, match=r"its weights have 4,398,046,511,104 bytes"):
        read_config(path)


@pytest.mark.parametrize("size", [0, 2**64 - 16])
def test_a_text_without_length_in_hdf5(size: int, tmp_path: Path) -> None:
    """HDF5's own library ran round it for ever."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": []})
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    first = heap + 16
    length = int.from_bytes(content[first + 8 : first + 16], "little")
    free = first + 16 + -(-length // 8) * 8
    assert content[free : free + 2] == b"\0\0"
    content[free + 8 : free + 16] = size.to_bytes(8, "little")
    path.write_bytes(content)

    with pytest.raises(ModelError, match="a heap in it is damaged"):
        read_config(path)


def test_an_archive_that_unpacks_to_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_config, "_MAX_WEIGHTS_BYTES", 1_000_000)
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(1_000_001))

    with pytest.raises(ModelError, match=r"model.weights.h5 has 1,000,001 bytes, too many"):
        read_config(path)


# Runs and recipes


@pytest.mark.parametrize("boxes", ["[" * 100_000, '{"a": [[1' + 400 * "0" + ", 2, 3, 4]]}"])
def test_boxes_that_are_none(boxes: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(boxes)
    with pytest.raises(DataError, match=r"boxes.json: expected an object of file names"):
        read_boxes(tmp_path)


def test_a_checkpoint_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"network": torch.zeros(1_000_000)}, buffer)
    path = tmp_path / "best.pt"
    with zipfile.ZipFile(buffer) as stored, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in stored.namelist():
            new.writestr(name, stored.read(name))

    with pytest.raises(TrainingError, match="as torch writes it; it is compressed"):
        read_checkpoint(path)


# Videos and their rows


def test_a_video_whose_codec_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "video.mov"
    make_video(path, numbered(), times_s=[0.0, 0.2])
    content = path.read_bytes()
    assert content.count(b"avc1") == 1
    path.write_bytes(content.replace(b"avc1", b"xyz1"))

    with pytest.raises(VideoError, match="no codec that FFmpeg knows for its images"):
        frames(path)


def test_a_video_of_frames_too_large_to_hold_a_dozen_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "video.mkv"
    make_video(path, numbered(64, 48), times_s=[0.0, 0.2])

    monkeypatch.setattr(decoding, "MAX_PIXELS", 64 * 48)
    assert len(list(frames(path))) == 2
    monkeypatch.setattr(decoding, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(VideoError, match="expected frames of at most 3,071 pixels; got 64 x 48"):
        frames(path)


@pytest.mark.parametrize("settings", [1.5, None, [], "x"])
def test_a_layer_of_keras_whose_settings_are_no_object_has_no_name(settings: object) -> None:
    layer = {"class_name": "Dense", "config": settings}
    config = KerasConfig(config={"config": {"layers": [layer]}}, spec=None)
    assert not config.saved_again
