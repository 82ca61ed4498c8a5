"""What is fuzzed: for each reader the files it is given, and how it is called."""

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from fuzz import seeds
from fuzz.damage import (
    Change,
    change_columns,
    change_footer,
    change_gzip,
    change_hdf5,
    change_json,
    change_onnx,
    change_png,
    change_safetensors,
    change_table,
    change_tar,
    change_zip,
)
from image_files import saved

Read = Callable[[Path], str]
"""Reads a file, whose name tells what it is; says in a few words what it found."""


@dataclass(frozen=True)
class Reader:
    """A reader, and what it is given."""

    seeds: Callable[[], seeds.Seeds]  # makes small files that it takes, by file name
    open: Callable[[Path], Read]  # makes it, in a folder that it may use for what else it needs
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)  # that know the format
    # The arguments of `mien` that read the same file, if there is such a command.
    command: Callable[[Path], list[str]] | None = None


def _open_images(folder: Path) -> Read:
    from mien.recognize.images import load_image
    from mien.recognize.recognizer import Recognizer

    recognizer = Recognizer()

    def read(path: Path) -> str:
        image = load_image(path)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        found = recognizer.read_images([image])[0]
        return f"{len(found)} faces, {image.size.bit_length()} bits of size"

    return read


_BESIDE: Final = {
    "list_patition_label.txt": "rafdb/EmoLabel",
    "training.csv": "affectnet",
    "S001_001_00000003_emotion.txt": "ck/Emotion/S001/001",
    "1_exp.npy": "folders/train_set/annotations",
}
"""Where each table lies beside the images of its data set."""


def _open_tables(folder: Path) -> Read:
    from learn_fixtures import write_csv
    from mien.bench import read_boxes
    from mien.learn.data.datasets import load_faces

    place = folder / "sets"
    table = place / "fer2013.csv"
    image = saved(seeds.face(48), "PNG")
    images = (
        *(f"rafdb/Image/aligned/{name}_aligned.jpg" for name in ("train_00001", "test_0001")),
        "affectnet/Manually_Annotated_Images/1/a.jpg",
        *(f"ck/cohn-kanade-images/S001/001/{number}.png" for number in range(4)),
        "folders/train_set/images/1.jpg",
    )
    for name in images:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(image)
    for where in _BESIDE.values():
        (place / where).mkdir(parents=True, exist_ok=True)
    write_csv(table, seeds.fer2013())

    def read(path: Path) -> str:
        if path.name == "boxes.json":
            return f"{len(read_boxes(path.parent))} photos"
        if path.name == "fer2013.csv":
            faces = load_faces(path)
        elif path.name == "fer2013new.csv":
            faces = load_faces(table, votes=path)
            faces.vote_shares()
        else:
            where = _BESIDE[path.name]
            shutil.copyfile(path, place / where / path.name)
            faces = load_faces(place / where.split("/")[0])
        faces.fingerprint()
        return f"{len(faces)} faces of {faces.class_counts().astype(bool).sum()} classes"

    return read


def _command_of_table(path: Path) -> list[str]:
    if path.name == "fer2013new.csv":
        return ["data", "info", str(path.parent / "sets" / "fer2013.csv"), "--votes", str(path)]
    if path.name == "boxes.json":
        return ["detect", str(path)]
    if where := _BESIDE.get(path.name):
        path = path.parent / "sets" / where.split("/")[0]
    return ["data", "info", str(path)]


def _read_parquet(path: Path) -> str:
    from mien.learn.data.datasets import load_faces

    faces = load_faces(path)
    faces.fingerprint()
    return f"{len(faces)} faces, {'no ' if faces.votes is None else ''}votes"


def _open_models(folder: Path) -> Read:
    import json

    from mien.readings import Face
    from mien.recognize.classifier import Classifier
    from mien.recognize.crops import crop_faces
    from mien.recognize.faces import Framing
    from mien.recognize.images import load_image
    from mien.spec import ModelSpec

    image = load_image(seeds.PORTRAIT)
    found = Face((180.0, 62.0, 270.0, 173.0), 0.9)

    def read(path: Path) -> str:
        classifier = Classifier(path)
        spec = classifier.spec
        crops = crop_faces(image, [found] * 3, Framing(1.0, 0.0, 0.0), margin=spec.crop_margin)
        rows, votes = classifier.read(crops)
        assert rows.shape == (3, 7)
        assert np.isfinite(rows).all()
        json.loads(spec.to_json())
        ModelSpec.of_members([spec, spec]).to_json()
        return f"{spec.store}, {'no ' if votes is None else ''}votes"

    return read


def _open_others(folder: Path) -> Read:
    from mien.learn.files.convert import convert_model
    from mien.recognize.classifier import Classifier

    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    out = folder / "ours.onnx"

    def read(path: Path) -> str:
        spec, _ = convert_model(path, out, labels=seeds.OTHERS_LABELS, scaling="none")
        assert Classifier(out)(crops).shape == (2, 7)
        return spec.recipe.partition(" ")[0]

    return read


def _open_keras(folder: Path) -> Read:
    from mien.learn.files import keras_h5
    from mien.learn.files.convert import convert_model
    from mien.learn.files.keras_config import read_config

    keras = keras_h5.import_keras("fuzzing")
    out = folder / "ours.onnx"

    def read(path: Path) -> str:
        # The conversion into ONNX takes seconds: of all files, one in fifty.
        if hashlib.sha256(path.read_bytes()).digest()[0] % 50 == 0:
            return f"converted, {convert_model(path, out)[0].recipe}"
        config = read_config(path)
        with keras_h5._as_keras_3_has_it(path, config) as readable:
            keras_h5._check_memory(keras_h5._load(keras, readable, device="meta"), path)
            model = keras_h5._load(keras, readable)
        keras_h5._check_shapes(model, path)
        return f"loaded, {len(config.config)} entries"

    return read


def _read_video(path: Path) -> str:
    from mien.recognize.video.frames import frames, probe

    content = path.read_bytes()
    if content and content[len(content) // 2] % 4 == 0:
        probe(path)
        found = list(frames(path, start_s=1.2, every_s=0.3))
    else:
        found = list(frames(path))
    if any(frame.image.shape != found[0].image.shape for frame in found):
        raise AssertionError("frames of one video have several sizes")
    return f"{min(len(found), 20)} frames"


def _read_rows(path: Path) -> str:
    from mien.rows.files import read_frames

    return f"{len(list(read_frames(path)))} rows"


def _read_recipe(path: Path) -> str:
    from mien.learn.training.recipes import read_recipe
    from mien.learn.training.runs import network_of

    recipe = read_recipe(path)
    if path.stat().st_size % 8 == 0:  # a network takes tens of milliseconds
        network_of(recipe)
    return recipe.network


def _open_runs(folder: Path) -> Read:
    from learn_fixtures import add_tiny_network
    from mien.learn.training.runs import load_best, read_checkpoint, read_config, read_history

    good = seeds.runs()
    add_tiny_network()

    def read(path: Path) -> str:
        run_dir = path.parent
        for name, contents in good.items():
            if name != path.name:
                (run_dir / name).write_bytes(contents[0])
        _, config, row = load_best(run_dir)
        read_checkpoint(run_dir / "last.pt")
        return f"{read_config(run_dir) == config}, {row.epoch}, {len(read_history(run_dir))}"

    return read


def _open_weights(folder: Path) -> Read:
    from learn_fixtures import TINY, add_tiny_network
    from mien.learn.training.pretrained import Pretrained
    from mien.learn.training.runs import network_of

    add_tiny_network()

    def read(path: Path) -> str:
        Pretrained(path, TINY).fill(network_of(TINY))
        return "filled"

    return read


def _read_archive(path: Path) -> str:
    from mien.errors import MienError
    from mien.recognize.batch.plan import make_plan
    from mien.recognize.batch.reading import items
    from mien.recognize.batch.settings import BatchSettings
    from mien.recognize.images import load_image

    read = failed = 0
    with make_plan([str(path)], BatchSettings(shard_images=2)) as plan:
        for number in range(len(plan)):
            for item in items(plan[number]):
                try:
                    if isinstance(item.content, MienError):
                        raise item.content
                    load_image(item.content)
                    read += 1
                except MienError:
                    failed += 1
    return f"{read} images, {failed} failed"


def _open_groups(folder: Path) -> Read:
    from mien.learn.data.datasets import FaceSet
    from mien.learn.fairness.groups import crossed, raf_db_groups, read_groups

    faces = FaceSet(
        images=np.zeros((3, 48, 48), np.uint8),
        targets=np.zeros(3, np.int64),
        splits=np.array(["test"] * 3),
        sources=("a/1.png", "b/2.png", "c/3.png"),
    )
    raf_db = folder / "rafdb"
    (raf_db / "Annotation" / "manual").mkdir(parents=True)
    aligned = str(raf_db / "Image" / "aligned" / "train_00001_aligned.jpg")
    one = dataclasses.replace(faces.take(np.array([0])), name="RAF-DB", sources=(aligned,))

    def read(path: Path) -> str:
        if path.name == "groups.csv":
            found = read_groups(path, faces)
            if len(found) > 1:
                crossed(found)
        else:
            shutil.copyfile(path, raf_db / "Annotation" / "manual" / path.name)
            found = raf_db_groups(one)
        return f"{sum(len(grouping.groups) for grouping in found)} groups"

    return read


def _open_live(folder: Path) -> Read:
    import logging

    from starlette.testclient import TestClient, WebSocketTestSession
    from starlette.websockets import WebSocketDisconnect

    from mien.web.app import create_app

    client = TestClient(create_app())
    client.__enter__()
    good = seeds.messages()["frame.jpg"][0]
    told: list[str] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                told.append(self.format(record))

    logging.getLogger("mien.web").addHandler(Told())
    live: list[WebSocketTestSession] = []

    def read(path: Path) -> str:
        if not live:
            live.append(client.websocket_connect("ws://127.0.0.1/api/live").__enter__())
            live[0].send_bytes(good)
            assert live[0].receive_json()["type"] == "readings"
        content = path.read_bytes()
        kinds = []
        try:
            if path.name == "message.json":
                live[0].send_text(content.decode(errors="replace"))
            else:
                live[0].send_bytes(content)
                kinds.append(live[0].receive_json()["type"])
            if kinds != ["readings"]:
                live[0].send_bytes(good)  # which is read, whatever came before it
                while not kinds or kinds[-1] != "readings":
                    kinds.append(live[0].receive_json()["type"])
        except WebSocketDisconnect as closed:
            live.clear()
            kinds.append(str(closed.code))
            if closed.code == 1011:
                raise AssertionError(closed.reason) from closed
        if told:
            raise AssertionError(told.pop())
        return " ".join(kinds)

    return read


_JSON: Final = (change_json,)
_TABLE: Final = (change_table,)
_PARQUET: Final = (change_footer, change_columns)
_TORCH: Final = (change_zip(lambda name: None),)


def _of_archive(name: str) -> Change | None:
    if name.endswith(".json"):
        return change_json
    return change_hdf5 if name.endswith(".h5") else None


READERS: Final[dict[str, Reader]] = {
    "images": Reader(
        seeds.images,
        _open_images,
        {"image.png": (change_png,)},
        lambda path: ["detect", str(path), "--csv", str(path.with_name("faces.csv"))],
    ),
    "tables": Reader(
        seeds.tables,
        _open_tables,
        {
            **dict.fromkeys(("fer2013.csv", "fer2013new.csv", "training.csv"), _TABLE),
            **dict.fromkeys(("list_patition_label.txt", "S001_001_00000003_emotion.txt"), _TABLE),
            "boxes.json": _JSON,
        },
        _command_of_table,
    ),
    "parquet": Reader(
        seeds.parquet,
        lambda folder: _read_parquet,
        {"train.parquet": _PARQUET},
        lambda path: ["data", "info", str(path)],
    ),
    "onnx": Reader(
        seeds.models,
        _open_models,
        {"model.onnx": (change_onnx,)},
        lambda path: ["detect", str(seeds.PORTRAIT), "--model", str(path), "--json"],
    ),
    "others": Reader(
        seeds.models_of_others,
        _open_others,
        {"theirs.onnx": (change_onnx,)},
        lambda path: [
            *("convert", str(path), "--labels", seeds.OTHERS_LABELS, "--scaling", "none"),
            *("--out", str(path.with_name("ours.onnx"))),
        ],
    ),
    "keras": Reader(
        seeds.keras_files,
        _open_keras,
        {"model.h5": (change_hdf5,), "model.keras": (change_zip(_of_archive),)},
    ),
    "video": Reader(
        seeds.videos,
        lambda folder: _read_video,
        {},
        lambda path: ["video", str(path), "--csv", str(path.with_name("seen.csv")), "--overwrite"],
    ),
    "archives": Reader(
        seeds.archives,
        lambda folder: _read_archive,
        {
            "images.tar": (change_tar,),
            "images.tar.gz": (change_gzip(change_tar),),
            "images.parquet": _PARQUET,
        },
    ),
    "groups": Reader(
        seeds.groups,
        _open_groups,
        {"groups.csv": _TABLE, "train_00001_manu_attri.txt": _TABLE},
    ),
    "live": Reader(seeds.messages, _open_live, {"message.json": _JSON}),
    "rows": Reader(
        seeds.video_rows, lambda folder: _read_rows, {"rows.csv": _TABLE, "rows.jsonl": _JSON}
    ),
    "recipes": Reader(seeds.recipes, lambda folder: _read_recipe, {"recipe.json": _JSON}),
    "runs": Reader(
        seeds.runs,
        _open_runs,
        {"config.json": _JSON, "history.csv": _TABLE, "best.pt": _TORCH, "last.pt": _TORCH},
    ),
    "weights": Reader(seeds.weights, _open_weights, {"model.safetensors": (change_safetensors,)}),
}
"""What people call it on the command line -> reader."""
