"""Small files of every kind that mien reads: what the inputs are made from."""

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pillow_heif
from PIL import Image as PILImage

from fakes import SPEC, a_tracked_reading
from image_files import oriented, saved
from mien.labels import FERPLUS
from mien.spec import METADATA_KEY
from videos import SOUND_RATE, tone

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet

PORTRAIT: Final = Path(__file__).resolve().parent.parent / "examples" / "astronaut.jpg"

Seeds = dict[str, list[bytes]]
"""File name, which tells the reader what it is -> contents."""


@cache
def face(side_px: int = 64) -> PILImage.Image:
    """The portrait's face, small."""
    with PILImage.open(PORTRAIT) as image:
        return image.crop((150, 30, 310, 190)).resize((side_px, side_px))


def written(name: str, write: Callable[[Path], object]) -> bytes:
    """What is written into a file of that name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _heic(image: PILImage.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


def _parquet(columns: dict[str, Any], **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def images() -> Seeds:
    """Each format and mode of image that `mien.load_image` takes."""
    color, gray = face(), face().convert("L")
    clear = color.copy()
    clear.putalpha(gray)
    palette, turned = color.quantize(16), oriented(6)
    turned[0x010E] = "a face"
    deep = PILImage.fromarray(np.asarray(gray, np.uint16) * 257)
    small = face(24)
    moving = [small, small.transpose(PILImage.Transpose.FLIP_LEFT_RIGHT)]
    return {
        "image.png": [
            saved(color, "PNG"),
            saved(clear, "PNG"),
            saved(palette, "PNG", transparency=3),
            saved(deep, "PNG"),
            saved(gray.convert("1"), "PNG"),
            saved(small, "PNG", exif=turned, dpi=(72, 72)),
        ],
        "image.jpg": [
            saved(color, "JPEG"),
            saved(color, "JPEG", progressive=True, exif=turned),
            saved(gray, "JPEG"),
            saved(small.convert("CMYK"), "JPEG"),
        ],
        "image.webp": [
            saved(color, "WEBP"),
            saved(clear, "WEBP", lossless=True, exif=turned),
            saved(small, "WEBP", save_all=True, append_images=moving[1:]),
        ],
        "image.gif": [
            saved(palette, "GIF"),
            saved(small.quantize(8), "GIF", transparency=1),
            saved(small, "GIF", save_all=True, append_images=moving[1:]),
        ],
        "image.bmp": [saved(small, "BMP"), saved(palette, "BMP"), saved(gray, "BMP")],
        "image.tif": [
            saved(small, "TIFF"),
            saved(color, "TIFF", compression="tiff_lzw"),
            saved(gray, "TIFF", compression="tiff_adobe_deflate"),
            saved(color, "TIFF", compression="jpeg"),
            saved(gray.convert("1"), "TIFF", compression="group4"),
            saved(deep, "TIFF"),
            saved(small.convert("CMYK"), "TIFF"),
            saved(clear, "TIFF", compression="packbits"),
            saved(PILImage.fromarray(np.asarray(gray, np.uint16) * 16), "TIFF"),
        ],
        "image.heic": [
            _heic(color),
            _heic(clear, thumbnails=[16]),
            _heic(face(96), tile_size=64, exif=turned.tobytes()),
        ],
        "image.avif": [
            saved(color, "AVIF"),
            saved(clear, "AVIF", exif=turned),
            saved(small, "AVIF", save_all=True, append_images=moving[1:]),
        ],
    }


def _rows(*rows: list[Any]) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def fer2013() -> "FaceSet":
    """A face in each split, with votes."""
    from learn_fixtures import made_up_faces

    return made_up_faces(train=1, val=1, test=1, votes=True).take(np.array([3, 10, 17]))


def tables() -> Seeds:
    """The tables of the data sets, and labels that stand in files of their own."""
    from learn_fixtures import write_csv, write_votes

    points = ";".join(f"{x}.5;{y}" for x, y in zip(range(68), range(68, 0, -1), strict=True))
    affectnet = "subDirectory_filePath face_x face_y face_width face_height facial_landmarks"
    boxes = {"a.jpg": [[1.5, 2, 30, 40], [5, 6, 7, 8]], "b.jpg": []}
    return {
        "fer2013.csv": [written("a.csv", partial(write_csv, faces=fer2013()))],
        "fer2013new.csv": [written("a.csv", partial(write_votes, faces=fer2013()))],
        "list_patition_label.txt": [b"train_00001.jpg 4\ntest_0001.jpg 7\n"],
        "training.csv": [
            _rows(
                [*affectnet.split(), "expression", "valence", "arousal"],
                *[["1/a.jpg", 0, 0, 60, 60, points, 1, 0.5, 0.5]] * 2,
            )
        ],
        "S001_001_00000003_emotion.txt": [b"   3.0000000e+00\n"],
        "1_exp.npy": [written("a.npy", partial(np.save, arr=number)) for number in ("3", 3)],
        "boxes.json": [json.dumps(boxes).encode()],
    }


def parquet() -> Seeds:
    """Faces as Parquet, with votes and without, and as Hugging Face writes images."""
    image = saved(face(48).convert("L"), "PNG")
    plain = {"image": [image] * 3, "emotion": [0, 3, 6]}
    votes = {"ferplus_votes": [[0, 8, 1] + [0] * 6 + [1]] * 3}
    structs = [{"bytes": image, "path": None}] * 3
    named = {"image": structs, "emotion": ["happy", "sad", "fear"]}
    voted = _parquet(plain | votes, compression="none")
    packed = _parquet(named, compression="zstd", use_dictionary=False)
    return {"train.parquet": [_parquet(plain), voted, packed]}


def archives() -> Seeds:
    """Archives of images, as `mien batch` reads them."""
    image = saved(face(24), "JPEG")

    def tar(mode: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
            for number in range(2):
                for name, content in ((f"{number}.jpg", image), (f"{number}.cls", b"3")):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    structs = [{"bytes": image, "path": f"{row}.jpg"} for row in range(4)]
    plain = _parquet({"jpg": [image, None, image]}, compression="none")
    groups = _parquet({"image": structs, "label": [1, 2, 3, 4]}, row_group_size=2)
    return {
        "images.tar": [tar("w")],
        "images.tar.gz": [tar("w:gz")],
        "images.parquet": [plain, groups],
    }


def groups() -> Seeds:
    """Groups of faces, as `mien fairness` reads them."""
    rows = [["1.png", "f", "young"], ["b/2.png", "m", ""], ["c/3.png", "f", "old"]]
    return {
        "groups.csv": [_rows(["file", "gender", "age"], *rows)],
        "train_00001_manu_attri.txt": [b"1.0\t2.5\n" * 5 + b"1\n0\n3\n"],
    }


def messages() -> Seeds:
    """What a live client sends: frames, and settings."""
    settings = [{"type": "settings", "threshold": 0.5}, {"type": "settings", "half_life_s": 1}]
    return {
        "frame.jpg": [saved(face(), "JPEG")],
        "message.json": [json.dumps(one).encode() for one in settings],
    }


def models() -> Seeds:
    """Networks of some bytes in ONNX: a matrix, a convolution, one with the head of votes."""
    import onnx

    from learn_fixtures import onnx_model

    random = np.random.default_rng(0)
    shapes = {"weights": (36, 7), "votes_weights": (36, 8), "kernel": (3, 1, 8, 8), "dense": (7, 3)}
    weights = {name: random.normal(0, 1, shape).astype("f4") for name, shape in shapes.items()}
    weights |= {name: np.ones(3, "f4") for name in ("bias", "scale", "shift", "mean", "var")}
    weights |= {"white": np.array(255, "f4"), "zeros": np.zeros(7, "f4")}
    sizes = {"shape": np.array([-1, 1, 48, 48]), "axes": np.array([2, 3])}
    begin = """
        levels = Cast<to: int = 1>(crops)
        shares = Div(levels, white)
        planes = Reshape(shares, shape)
    """
    multiplied = f"""{begin}
        pooled = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(planes)
        rows = Flatten(pooled)
        logits = MatMul(rows, weights)
        probabilities = Softmax<axis: int = 1>(logits)
    """
    convolved = f"""{begin}
        c = Conv<strides = [8, 8], pads = [0, 0, 0, 0]>(planes, kernel, bias)
        n = BatchNormalization<epsilon: float = 1e-5>(c, scale, shift, mean, var)
        r = Relu(n)
        g = GlobalAveragePool(r)
        s = Squeeze(g, axes)
        logits = Gemm<transB: int = 1>(s, dense, zeros)
        probabilities = Softmax<axis: int = 1>(logits)
    """
    voted = f"""{multiplied}
        votes_logits = MatMul(rows, votes_weights)
        votes = Softmax<axis: int = 1>(votes_logits)
    """
    voting = replace(SPEC, votes_labels=FERPLUS[:8], temperature=1.5, epoch=9)
    made = []
    for body, more, spec in (
        (multiplied, "", SPEC),
        (convolved, "", SPEC),
        (voted, ", float[N, 8] votes", voting),
    ):
        outputs = f"float[N, 7] probabilities{more}"
        graph = f"tiny (uint8[N, 48, 48] crops) => ({outputs}) {{{body}}}"
        used = {name: a for name, a in (weights | sizes).items() if re.search(rf"\b{name}\b", body)}
        model = onnx_model(graph, used, opset=17)
        onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
        made.append(model.SerializeToString())
    return {"model.onnx": made}


OTHERS_LABELS: Final = "neutral,happy,surprise,sad,angry,disgust,fear,contempt"


def models_of_others() -> Seeds:
    """ONNX classifiers of other tools: any number of faces or one, channels first or last."""
    from learn_fixtures import onnx_model

    random = np.random.default_rng(3)
    made = []
    for count, shape, order, channels in (
        ("N", "3, 64, 64", "0, 1, 2, 3", 3),
        ("1", "1, 48, 48", "0, 1, 2, 3", 1),
        ("N", "32, 32, 1", "0, 3, 1, 2", 1),
    ):
        graph = f"""theirs (float[{count}, {shape}] pixels) => (float[{count}, 8] scores) {{
            planes = Transpose<perm = [{order}]>(pixels)
            maps = Conv<strides = [8, 8]>(planes, kernel)
            means = GlobalAveragePool(maps)
            features = Flatten(means)
            scores = MatMul(features, matrix)
        }}"""
        constants = {
            "kernel": random.normal(0, 1, (4, channels, 8, 8)).astype(np.float32),
            "matrix": random.normal(0, 1, (4, 8)).astype(np.float32),
        }
        made.append(onnx_model(graph, constants).SerializeToString())
    return {"theirs.onnx": made}


def keras_files() -> Seeds:
    """Keras classifiers of some bytes: sequential and functional, HDF5 and archive, mien's own."""
    from mien.learn.files.keras_h5 import import_keras, save_keras

    keras = import_keras("making seeds")
    layers = keras.layers
    sequential = keras.Sequential(
        [
            layers.Input((48, 48, 1)),
            layers.Conv2D(2, 3, strides=4, activation="relu", kernel_regularizer="l2"),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(7, activation="softmax"),
        ]
    )
    given = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(given)
    x = layers.SeparableConv2D(2, 3, strides=2)(x)
    x = layers.Add()([x, layers.ReLU()(x)])
    functional = keras.Model(given, layers.Dense(7)(layers.GlobalAveragePooling2D()(x)))
    models = (sequential, functional)
    ours = (written("m.h5", partial(save_keras, model, SPEC)) for model in models)
    theirs = {
        end: [written(f"m{end}", model.save) for model in models] for end in (".h5", ".keras")
    }
    old = written("old.h5", partial(_write_old_keras, keras))
    return {"model.h5": [*ours, *theirs[".h5"], old], "model.keras": theirs[".keras"]}


def _write_old_keras(keras: Any, path: Path) -> None:
    """Write a file whose words are those of Keras 2, with an operation that TensorFlow recorded."""
    import h5py

    parts = keras.layers
    keras.Sequential(
        [keras.Input((48, 48, 1)), parts.AveragePooling2D(8), parts.Flatten(), parts.Dense(7)]
    ).save(path)

    def words(kind: str, name: str, before: str, **config: Any) -> dict[str, Any]:
        nodes = [[[before, 0, 0, {}]]] if before else []
        about = {"name": name, **config}
        return {"class_name": kind, "name": name, "config": about, "inbound_nodes": nodes}

    divided = words("TFOpLambda", "divided", "", function="math.truediv")
    divided["inbound_nodes"] = [["image", 0, 0, {"y": 255.0, "name": None}]]
    layers = [
        words("InputLayer", "image", "", batch_input_shape=[None, 48, 48, 1]),
        divided,
        words("RandomFlip", "flip", "divided", mode="horizontal", rng_type=None),
        words("AveragePooling2D", "means", "flip", pool_size=[8, 8]),
        words("Flatten", "flatten", "means"),
        words("Dense", "dense", "flatten", units=7, kernel_initializer="zeros"),
    ]
    ends = {"input_layers": [["image", 0, 0]], "output_layers": [["dense", 0, 0]]}
    config = {"class_name": "Model", "config": {"name": "old", "layers": layers, **ends}}
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(config)


def videos() -> Seeds:
    """Ten frames in each of the usual containers and codecs, with sound and without."""
    kinds = {
        "video.mp4": ["libx264", "mpeg4", "libx265"],
        "video.avi": ["mjpeg", "mpeg4", "rawvideo"],
        "video.mkv": ["libvpx-vp9", "ffv1"],
        "video.webm": ["libvpx"],
        "video.ts": ["mpeg2video", "libx264"],
        "video.flv": ["flv"],
        "video.wmv": ["wmv2"],
        "video.mov": ["qtrle", "prores_ks"],
    }
    return {
        name: [written(name, partial(_write_video, codec)) for codec in codecs]
        for name, codecs in kinds.items()
    }


def _write_video(codec: str, path: Path) -> None:
    import av

    formats = {"mjpeg": "yuvj420p", "qtrle": "rgb24", "prores_ks": "yuv422p10le"}
    image = np.asarray(face(32))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=5)
        stream.width = stream.height = 32
        stream.pix_fmt = formats.get(codec, "yuv420p")
        stream.codec_context.gop_size = 4
        stream.codec_context.thread_count = 1
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        sound: Any = None
        if path.suffix in (".mp4", ".ts") and codec != "mpeg4":
            sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.roll(image, number, 1).copy(), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for samples in tone(0.2, ()) if sound is not None else ():
            container.mux(sound.encode(samples))
        if sound is not None:
            container.mux(sound.encode())


def video_rows() -> Seeds:
    """Rows of a video as mien writes them: a frame without a face, one with one, one with two."""
    from mien.rows.files import row_writer

    faces = [a_tracked_reading(track, detected=track == 1) for track in (1, 2)]

    def write(path: Path) -> None:
        writer = row_writer(path)
        for number in range(6):
            writer.write(number, number / 25, faces[: number % 3])
        writer.finish()

    return {name: [written(name, write)] for name in ("rows.csv", "rows.jsonl")}


def recipes() -> Seeds:
    """Recipes as people and `mien tune` write them."""
    from mien.learn.training.recipes import RECIPES

    found = [json.dumps(asdict(recipe)).encode() for recipe in RECIPES.values()]
    return {"recipe.json": [*found, b'{"network": "paper", "epochs": 3, "dropout": 0.5}']}


def runs() -> Seeds:
    """The files of a training run of a network with few weights."""
    from learn_fixtures import FEW_FACES, TINY, tiny_network
    from mien.learn.training.loop import train

    with tempfile.TemporaryDirectory() as name, tiny_network():
        run = Path(name) / "run"
        train(FEW_FACES, replace(TINY, epochs=1), run, device="cpu")
        files = ("best.pt", "last.pt", "history.csv", "config.json")
        found = {file: (run / file).read_bytes() for file in files}
    before = {"name": "before", "fingerprint": "1" * 64}
    config = json.loads(found["config.json"]) | {"teachers": [before], "pretrained": before}
    found["config.json"] = json.dumps(config, indent=1).encode()
    return {file: [content] for file, content in found.items()}


def weights() -> Seeds:
    """Weights of the same network as `mien export --to safetensors` writes them."""
    from safetensors.torch import save

    from learn_fixtures import TINY, tiny_network
    from mien.learn.training.pretrained import RECIPE_KEY
    from mien.learn.training.runs import network_of

    about = {"mien": "{}", RECIPE_KEY: json.dumps(asdict(TINY))}
    with tiny_network():
        return {"model.safetensors": [save(network_of(TINY).state_dict(), about)]}
