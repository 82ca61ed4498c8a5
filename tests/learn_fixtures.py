"""Made-up faces, the forms that data sets come in, and a network small enough for tests."""

import csv
import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import onnx
import onnx.parser
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image as PILImage
from torch import Tensor, nn

from mien.labels import EMOTIONS, FERPLUS
from mien.learn import networks
from mien.learn.data.datasets import SPLITS, FaceSet
from mien.learn.files.convert import convert_model
from mien.learn.training.batches import Augmentation, Batches
from mien.learn.training.loop import Progress, TrainingResult
from mien.learn.training.recipes import Recipe
from mien.learn.training.runs import EpochRow, load_best, read_history
from mien.readings import Probabilities
from mien.recognize.classifier import Classifier


def converted(path: Path, **options: Any) -> Classifier:
    """A file of another tool as `mien convert` has it, opened; nothing is left on the disk."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / f"{path.stem}.onnx"
        convert_model(path, out, **options)
        return Classifier(out)


USAGES: Final = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}

TINY: Final = Recipe(
    name="tiny",
    about="Learns the made-up faces in a second.",
    network="tiny",
    epochs=4,
    batch_size=7,
    learning_rate=3e-3,
    mean=128.0,
    std=64.0,
    augmentation=Augmentation(rotation_deg=2.0, zoom=0.02, shift=0.02),
)


def made_up_faces(
    *, train: int = 20, val: int = 6, test: int = 6, votes: bool = False, seed: int = 0
) -> FaceSet:
    """So many faces of each class in each split: noise, with a bright band at the class's height.

    Args:
        train: faces of each class in the split; likewise `val` and `test`.
        votes: also ten FER+ votes on each face.
        seed: of the noise.
    """
    per_class = {"train": train, "val": val, "test": test}
    targets = np.concatenate([np.tile(np.arange(7), per_class[split]) for split in SPLITS])
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 120, (len(targets), 48, 48))
    for image, target in zip(images, targets, strict=True):
        image[6 * target + 3 : 6 * target + 9] += 130
    counts = generator.multinomial(10, np.full(len(FERPLUS), 0.1), len(targets))
    return FaceSet(
        images=images.astype(np.uint8),
        targets=targets.astype(np.int64),
        splits=np.repeat(SPLITS, [7 * per_class[split] for split in SPLITS]),
        votes=counts.astype(np.int64) if votes else None,
    )


VOTED_FACES: Final = made_up_faces(votes=True)
VOTING: Final = replace(TINY, name="voting", votes_weight=0.5)
FEW_FACES: Final = made_up_faces(train=2, val=1, test=2)
STILL: Final = Augmentation(rotation_deg=0.0, zoom=0.0, shift=0.0, flip=False)


def read_as(targets: NDArray[np.int64], sure: float | NDArray[np.float64] = 0.7) -> Probabilities:
    """(N, 7) float32: these emotions have that probability, the others share the rest evenly."""
    own = np.broadcast_to(np.asarray(sure, np.float32), len(targets))
    probabilities = np.empty((len(targets), 7), np.float32)
    probabilities[:] = (1 - own[:, None]) / 6
    probabilities[np.arange(len(targets)), targets] = own
    return probabilities


def seeded(seed: int = 0) -> torch.Generator:
    """A new one, on the processor."""
    return torch.Generator().manual_seed(seed)


def some_pixels(count: int = 16) -> Tensor:
    """(count, 1, 48, 48) float32: made-up faces as a training step has them."""
    faces = made_up_faces().take(np.arange(count))
    return Batches(faces, device=torch.device("cpu")).take(slice(None)).pixels


def onnx_model(
    text: str, constants: dict[str, NDArray[Any]], *, opset: int = 13, ir_version: int = 8
) -> onnx.ModelProto:
    """The model of a graph as `onnx.parser` reads it, with its weights."""
    graph = onnx.parser.parse_graph(text)
    graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in constants.items())
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def rows_of(faces: FaceSet) -> list[tuple[str, int, bytes, tuple[int, ...]]]:
    """Split, target, pixels and votes of each face, in the set's order."""
    votes = np.empty((len(faces), 0), np.int64) if faces.votes is None else faces.votes
    columns = (faces.splits.tolist(), faces.targets.tolist(), faces.images, votes.tolist())
    return [
        (split, target, image.tobytes(), tuple(counts))
        for split, target, image, counts in zip(*columns, strict=True)
    ]


def write_csv(
    path: Path, faces: FaceSet, *, columns: tuple[str, ...] = ("emotion", "pixels", "Usage")
) -> Path:
    """`fer2013.csv`, or with other `columns` one of its variants."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for image, target, split in zip(faces.images, faces.targets, faces.splits, strict=True):
            values = {
                "emotion": int(target),
                "pixels": " ".join(map(str, image.ravel())),
                "Usage": USAGES[str(split)],
            }
            writer.writerow([values[column.strip()] for column in columns])
    return path


def write_votes(path: Path, faces: FaceSet) -> Path:
    """`fer2013new.csv`; like the real one, without a name where there are no votes."""
    assert faces.votes is not None
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *FERPLUS])
        for row, (split, votes) in enumerate(zip(faces.splits, faces.votes, strict=True)):
            name = f"fer{row:07d}.png" if votes.any() else ""
            writer.writerow([USAGES[str(split)], name, *votes])
    return path


def png(image: NDArray[np.uint8]) -> bytes:
    """A gray photo as the bytes of a PNG file."""
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_folders(root: Path, faces: FaceSet, name: Callable[[str, str, int], str]) -> Path:
    """A PNG file for each face, where `name` of its split, label and row says."""
    for row, (image, target, split) in enumerate(
        zip(faces.images, faces.targets, faces.splits, strict=True)
    ):
        file = root / name(str(split), EMOTIONS[target], row)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(image))
    return root


def write_parquet(path: Path, faces: FaceSet, *, structs: bool = False) -> Path:
    """One Parquet file; with `structs` the images are as Hugging Face writes them."""
    images: list[Any] = [png(image) for image in faces.images]
    if structs:
        images = [{"bytes": photo, "path": None} for photo in images]
    columns: dict[str, Any] = {"image": images, "emotion": faces.targets}
    if faces.votes is not None:
        columns["ferplus_votes"] = faces.votes.tolist()
    pq.write_table(pa.table(columns), path)
    return path


def write_parquet_folder(root: Path, faces: FaceSet, *, structs: bool = False) -> Path:
    """A Parquet file for each split, under the names of the splits in FER2013."""
    root.mkdir(exist_ok=True)
    for split, stem in zip(SPLITS, ("train", "public_test", "private_test"), strict=True):
        write_parquet(root / f"{stem}.parquet", faces.split(split), structs=structs)
    return root


def _tiny_backbone(options: networks.BackboneOptions) -> tuple[nn.Module, int]:
    backbone = nn.Sequential(
        nn.AvgPool2d(3),  # (N, 1, 16, 16)
        nn.Conv2d(1, 4, 3, padding="same"),  # (N, 4, 16, 16)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 4, 8, 8)
        nn.Dropout(options.dropout),
        nn.Flatten(),  # (N, 256)
        nn.Linear(256, 16),
        nn.ReLU(),
        nn.Dropout(options.dense_dropout),
    )
    return backbone, 16


def add_tiny_network() -> None:
    """Makes the network "tiny" known to this process for good."""
    networks.NETWORKS["tiny"] = _tiny_backbone


@contextmanager
def tiny_network() -> Iterator[None]:
    """Makes the network "tiny" known."""
    with patch.dict(networks.NETWORKS, tiny=_tiny_backbone):
        yield


def history_of(rows: tuple[EpochRow, ...]) -> list[tuple[float, ...]]:
    """All there is to know of the epochs but how long they took."""
    return [
        (row.epoch, row.loss, row.accuracy, row.val_loss, row.val_accuracy, row.learning_rate)
        for row in rows
    ]


def logits_of(network: networks.Network, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 7) float32 of the emotions and behind them, where it has that head, (N, 8) of votes."""
    with torch.no_grad():
        found = network(torch.from_numpy(crops)[:, None].float())
    return torch.cat([logits for logits in found if logits is not None], dim=1).numpy()


def best_weights(run_dir: Path) -> dict[str, Tensor]:
    """The tensors of the run's best network, by name."""
    network, _, _ = load_best(run_dir)
    return dict(network.state_dict())


def same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether they agree bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def same_run(result: TrainingResult, reference: TrainingResult) -> bool:
    """Whether it came, finished, to the same epochs and the same weights."""
    return (
        result.finished
        and history_of(result.history) == history_of(reference.history)
        and history_of(read_history(result.run_dir)) == history_of(reference.history)
        and same_weights(best_weights(result.run_dir), best_weights(reference.run_dir))
    )


class PowerCut(BaseException):
    """The end of a process, as far as the files on the disk can tell."""


def interrupt_at(*moments: tuple[int, int]) -> Callable[[Progress], None]:
    """A report that interrupts training in these steps: epoch and step, both from 1."""

    def report(progress: Progress) -> None:
        if progress.row is None and (progress.epoch, progress.step) in moments:
            signal.raise_signal(signal.SIGINT)

    return report
