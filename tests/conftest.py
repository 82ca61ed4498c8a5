"""What the tests of several modules share. Nothing here needs a network or a shipped model."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import Mien, Outcome
from fakes import write_model
from mien.cli.app import main
from mien.environment import onnx_session
from mien.readings import Image
from mien.recognize import catalog, classifier, yunet
from mien.recognize.crops import crop_faces
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image

if TYPE_CHECKING:
    from torch import Tensor

    from mien.learn.data.datasets import FaceSet

ROOT = Path(__file__).resolve().parent.parent

BESIDE = (".", "benchmarks", "benchmarks/adapters", "scripts")  # what is tried beside the package
sys.path[:0] = [str(ROOT / folder) for folder in BESIDE]

# A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that; the
# tests of interrupts need the default, wherever the suite is started.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # which suits small networks, and those beside


@pytest.fixture(scope="session")
def portrait() -> Path:
    """512 x 512 pixels, one smiling face."""
    return ROOT / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def portrait_image(portrait: Path) -> Image:
    image = load_image(portrait)
    image.setflags(write=False)  # the tests share it
    return image


@pytest.fixture(scope="session")
def portrait_crop(portrait_image: Image) -> NDArray[np.uint8]:
    """(48, 48): its face, as the classifier gets it."""
    detector = YuNetDetector()
    (crop,) = crop_faces(portrait_image, detector.detect(portrait_image), detector.framing)
    crop.setflags(write=False)
    return np.asarray(crop)


@pytest.fixture(scope="session")
def photos() -> Path:
    """Nine photos with 43 faces, and `boxes.json`: file -> boxes, xyxy in pixels."""
    folder = Path(os.environ.get("MIEN_PHOTOS", ROOT.parent / "shared" / "data" / "photos"))
    if not (folder / "boxes.json").is_file():
        pytest.skip(f"no photos with boxes: set MIEN_PHOTOS; there is no {folder / 'boxes.json'}")
    return folder


@pytest.fixture(scope="session")
def fer2013() -> "FaceSet":
    """All of FER2013."""
    from mien.learn.data.datasets import load_faces

    path = Path(os.environ.get("MIEN_FER2013", ROOT.parent / "shared" / "data" / "fer2013"))
    if not path.exists():
        pytest.skip(f"no FER2013: set MIEN_FER2013 to its file or folder; there is no {path}")
    return load_faces(path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`tmp_path`, in which the test is run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mien(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mien:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        captured = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one random matrix: answers to everything, knows nothing."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="session")
def paper_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the paper's network, with a normalization that borders would show; to be read."""
    from learn_fixtures import FEW_FACES
    from mien.learn.training.loop import train
    from mien.learn.training.recipes import recipe_named

    run_dir = tmp_path_factory.mktemp("runs") / "paper"
    recipe = recipe_named("paper", epochs=1, batch_size=7, learning_rate=1e-3, mean=129.5, std=65.0)
    train(FEW_FACES, recipe, run_dir, seed=5, device="cpu")
    return run_dir


@pytest.fixture(scope="session")
def voting_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the small network with a head for the votes, by `VOTING`; to be read."""
    from learn_fixtures import VOTED_FACES, VOTING, tiny_network
    from mien.learn.training.loop import train

    run_dir = tmp_path_factory.mktemp("runs") / "voting"
    with tiny_network():
        train(VOTED_FACES, VOTING, run_dir, device="cpu")
    return run_dir


@pytest.fixture(scope="module")
def tiny() -> Iterator[None]:
    """Makes the network "tiny" known to the tests of a module."""
    from learn_fixtures import tiny_network

    with tiny_network():
        yield


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> "list[Tensor]":
    """What teachers are shown, batch by batch."""
    from mien.learn.training.distillation import Teachers

    shown: list[Tensor] = []
    answers = Teachers.answers

    def watched(self: Teachers, pixels: "Tensor", *rest: Any) -> Any:
        shown.append(pixels.clone())
        return answers(self, pixels, *rest)

    monkeypatch.setattr(Teachers, "answers", watched)
    return shown


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network that is quick to export; to be read."""
    from learn_fixtures import FEW_FACES, TINY, tiny_network
    from mien.learn.training.loop import train

    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
    with tiny_network():
        train(FEW_FACES, TINY, run_dir, device="cpu")
    return run_dir


@pytest.fixture(scope="session", autouse=True)
def speeds_at_a_glance() -> Iterator[None]:
    """How fast a network is, is measured once, which takes a second where it is done with care."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_SECONDS", "_LEAST_RUNS", "_WARM_RUNS"):
            patch.setattr(catalog, name, 1 if name.endswith("RUNS") else 0.01)
        yield


@pytest.fixture(scope="session", autouse=True)
def networks_opened_once() -> Iterator[None]:
    """A file with a network is opened once for all tests; it is the same to each who asks it."""
    opened: dict[tuple[object, ...], Any] = {}

    def open_once(path: str, **options: Any) -> Any:
        found = Path(path).stat()
        key = (path, found.st_ino, found.st_size, found.st_mtime_ns, *options.items())
        if key not in opened:
            opened[key] = onnx_session(path, **options)
        return opened[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (classifier, yunet):
            patch.setattr(module, "onnx_session", open_once)
        yield


@pytest.fixture(scope="module")
def no_figure_of_history() -> Iterator[None]:
    """For tests of `mien train` that do not look at it: to draw it takes longer than to train."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.learn.plots.training.plot_history", lambda *_, **__: [])
        yield


@pytest.fixture(scope="session")
def operators_once() -> Iterator[None]:
    """Torch's exporter reads all its operators for each network: as long as a small one takes."""
    with pytest.MonkeyPatch.context() as patch:
        with suppress(ImportError, AttributeError):  # another torch may have it elsewhere
            from torch._export import utils
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            read = cache(ONNXRegistry.from_torchlib)
            patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(read))
            look_up = cache(utils._materialize_cpp_cia_ops)
            patch.setattr(utils, "_materialize_cpp_cia_ops", look_up)
        yield


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: the garbage collector need not look at it again."""
    gc.freeze()
