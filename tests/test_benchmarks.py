import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mien_adapter
import numpy as np
import protocol
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import ablations
import crowds
import peers
import speedrun
from archives import jpeg
from learn_fixtures import STILL, made_up_faces, write_parquet_folder
from mien.labels import EMOTIONS
from mien.learn.networks import NETWORKS, build, macs
from mien.learn.training.batches import Augmentation
from mien.learn.training.recipes import recipe_named
from mien.readings import Image

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

pytestmark = [pytest.mark.tools, pytest.mark.usefixtures("tiny")]

CPU = torch.device("cpu")
FACES = made_up_faces(train=12, val=3, test=3)
TRAIN = FACES.split("train")
TINY = speedrun.Settings(
    network="tiny",
    epochs=6,
    batch_size=7,
    learning_rate=1e-2,
    mean=128.0,
    std=64.0,
    augmentation=Augmentation(rotation_deg=2.0, zoom=0.02, shift=0.02, flip=True),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A face of each emotion in each split."""
    faces = made_up_faces(train=1, val=1, test=1)
    return str(write_parquet_folder(tmp_path_factory.mktemp("data") / "faces", faces))


def weights_after(training: speedrun.Training, seed: int) -> torch.Tensor:
    training.begin(seed)
    training.run(training.step)
    return torch.cat([p.detach().flatten().clone() for p in training.network.parameters()])


# speedrun.py


def test_speedrun_trains_for_each_seed_and_says_where() -> None:
    told: list[speedrun.SeedResult] = []
    result = speedrun.speedrun(FACES, TINY, seeds=range(2), device=CPU, report=told.append)
    assert [seed.seed for seed in result.seeds] == [0, 1]
    assert told == list(result.seeds)
    assert min(seed.both for seed in result.seeds) > 0.5  # 1/7 by guessing
    for seed in result.seeds:  # of as many faces of val as of test
        assert seed.both == pytest.approx((seed.val + seed.test) / 2)
    assert result.device.startswith("CPU")
    assert result.how.endswith("without a CUDA graph")
    assert (result.train_faces, result.eval_faces) == (84, 42)
    assert 0.0 < result.prepare_seconds < result.first_seconds
    assert result.flops_per_s > 0.0


def test_a_seed_says_everything_about_a_run() -> None:
    training = speedrun.Training(TRAIN, replace(TINY, epochs=2), CPU)
    first, other, again = (weights_after(training, seed) for seed in (0, 1, 0))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_each_epoch_shows_each_face_once() -> None:
    training = speedrun.Training(TRAIN, TINY, CPU)
    training.begin(0)
    training.draw_order()
    epochs = training.order.view(TINY.epochs, -1)
    assert all(row.sort().values.tolist() == list(range(len(TRAIN))) for row in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_the_network_and_its_work_are_the_papers() -> None:
    network = build(speedrun.Settings().network)
    assert network.parameter_count() == 2_489_095
    # Backward takes twice the forward pass, but for the gradient of the pixels, which nobody needs.
    first_convolution = 48 * 48 * 9 * 32
    expected = 2 * (3 * macs(network) - first_convolution)
    assert speedrun.flops_per_face(network) == expected


def test_speedrun_prints_a_table(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", data, "--device", "cpu", "--epochs", "1", "--batch-size", "4"]
    assert speedrun.main([*options, "--limit", "6", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("CPU")
    assert "6 faces, 1 epoch, batch 4; read on 12 faces" in out
    assert "a trial: at most 6 faces of each split" in out
    firsts = [line.split()[0] for line in out.splitlines()[3:8]]
    assert firsts == ["seed", "0", "1", "mean", "spread"]


def test_epochs_are_chosen_by_val_alone(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", data, "--device", "cpu", "--batch-size", "4", "--seeds", "1"]
    assert speedrun.main([*options, "--choose", "1,2"]) == 0
    out = capsys.readouterr().out
    assert "epochs  seconds     val  spread" in out
    assert "test" not in out


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation that reaches a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_a_step_never_waits_for_the_device() -> None:
    # In the capture of a CUDA graph each of these fails: they ask the device for a number, have a
    # shape that depends on one, or bring numbers from the host.
    waits = {"_local_scalar_dense", "item", "is_nonzero", "equal", "lift_fresh"}
    waits |= {"nonzero", "masked_select", "_unique2", "unique_dim", "_pin_memory"}
    training = speedrun.Training(TRAIN, replace(TINY, network="paper"), CPU)
    training.warm_up()
    with Operations() as seen:
        training.step()
    assert {"index_select", "convolution_backward", "_fused_adamw_"} <= seen.names
    assert not waits & seen.names


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA graph needs an NVIDIA GPU")
def test_a_captured_step_trains_as_the_plain_one_does() -> None:
    device = torch.device("cuda")
    settings = replace(TINY, dropout=0.0, dense_dropout=0.0, augmentation=STILL)
    plain, graphed = (speedrun.Training(TRAIN, settings, device) for _ in range(2))
    advance = graphed.captured()
    for seed in (0, 1):
        expected = weights_after(plain, seed)
        graphed.begin(seed)
        graphed.run(advance)
        got = torch.cat([p.detach().flatten() for p in graphed.network.parameters()])
        torch.testing.assert_close(got, expected, rtol=0.05, atol=0.02)


# peers.py

FAKE = """
import sys
sys.path.insert(0, {adapters!r})
from protocol import Adapter, Face, serve
serve(lambda: print("what a library says of itself") or Adapter(
    version="1.0",
    fed="By hand.",
    photo=lambda image: image.shape,
    faces=lambda shape: [Face((0, 0, 10, 10), "sad"), Face((0, 0, shape[1], shape[0]), "happy")],
    crops=lambda crops: ["happy"] * len(crops),
))
"""

TARGETS = np.array([EMOTIONS.index("happy")] * 3 + [EMOTIONS.index("sad")], np.int64)


@pytest.fixture
def inputs(tmp_path: Path) -> peers.Inputs:
    crops = tmp_path / "crops.gray"
    np.zeros((len(TARGETS), 48, 48), np.uint8).tofile(crops)
    images = {}
    for name, (width, height) in {"photo": (20, 30), "frame": (40, 20)}.items():
        file = tmp_path / f"{name}.rgb"
        np.zeros((height, width, 3), np.uint8).tofile(file)
        images[name] = {"do": "photo", "file": str(file), "width": width, "height": height}
    return peers.Inputs(images, crops, TARGETS)


@pytest.fixture
def a_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a peer of a script, which counts as installed and runs in this Python."""
    monkeypatch.setattr(peers, "_python", lambda environment: Path(sys.executable))

    def make(name: str, script: str) -> peers.Peer:
        adapter = tmp_path / f"{name}_adapter.py"
        adapter.write_text(script)
        environment = tmp_path / "work" / name / "venv"
        environment.mkdir(parents=True)
        (environment / "weights").write_bytes(bytes(1000))
        (environment.parent / "installed.txt").write_text(f"{name}==1\n")
        return peers.Peer(name, name, (f"{name}==1",), str(adapter))

    return make


def compared(peers_: list[peers.Peer], inputs: peers.Inputs, work: Path) -> list[peers.PeerResult]:
    comparison = peers.Comparison(peers_, work, lambda message: None)
    comparison.install()
    comparison.run(inputs, cold_rounds=1, warm_rounds=2)
    return comparison.results


def test_peers_are_measured_and_one_that_fails_does_not_stop_the_others(
    a_peer: Any, inputs: peers.Inputs, tmp_path: Path
) -> None:
    fake = a_peer("fake", FAKE.format(adapters=str(BENCHMARKS / "adapters")))
    broken = a_peer("broken", "raise SystemExit(3)")
    rude = a_peer("rude", "input(); print('hello')")
    results = compared([broken, fake, rude], inputs, tmp_path / "work")
    good = results[1]
    assert good.failure is None
    assert (good.version, good.fed) == ("1.0", "By hand.")
    assert good.accuracy == 0.75
    # Happy's F1, and a class that was not read.
    assert good.macro_f1 == pytest.approx(6 / 7 / 2)
    assert {name: len(times) for name, times in good.times.items()} == {
        **{"cold start": 1, "photo": 2, "frame": 2}
    }
    assert good.readings == {"photo": "2 faces, happy", "frame": "2 faces, happy"}
    assert good.installed_bytes == 1000
    assert results[0].failure == "no answer to 'photo' (status 3)"
    assert results[2].failure == "expected an answer in JSON; got 'hello'"

    lines = peers.table(results).splitlines()
    assert lines[2].startswith("| broken | - | - | - | - | - | - | 0 MB |")
    assert lines[3].startswith("| fake 1.0 | 0.7500 | 0.4286 | ")
    assert lines[6] == "- broken: failed: no answer to 'photo' (status 3)."
    assert lines[7] == "- fake: By hand. Read: photo: 2 faces, happy; frame: 2 faces, happy."
    if sys.platform == "linux":
        assert good.peak_memory_bytes is not None
        assert good.peak_memory_bytes > 10e6


def test_a_peer_that_never_answers_is_ended() -> None:
    process = peers.Process([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)
    with pytest.raises(peers.PeerError, match=r"no answer to 'hello' \(after 0 s\)"):
        process.ask(do="hello")
    process.close()


def test_a_label_that_is_none_of_the_seven_is_wrong_or_told() -> None:
    accuracy, _ = peers.accuracy_of(["happy", None, None, "sad"], TARGETS)
    assert accuracy == 0.5
    with pytest.raises(peers.PeerError, match=r"expected labels among .* got 'bored'"):
        peers.accuracy_of(["bored"] * 4, TARGETS)


def test_all_peers_are_given_the_same_faces(portrait_image: Image, tmp_path: Path) -> None:
    inputs = peers.write_inputs(FACES, portrait_image, tmp_path, limit=5)
    test = FACES.split("test")
    crops = np.fromfile(inputs.crops, np.uint8).reshape(-1, 48, 48)
    rows = [int(np.flatnonzero((test.images == crop).all((1, 2)))[0]) for crop in crops]
    assert len(crops) == 5
    assert inputs.targets.tolist() == test.targets[rows].tolist()
    photo = np.fromfile(inputs.images["photo"]["file"], np.uint8).reshape(512, 512, 3)
    assert np.array_equal(photo, portrait_image)
    frame = inputs.images["frame"]
    assert (frame["width"], frame["height"]) == (1280, 720)
    assert Path(frame["file"]).stat().st_size == 1280 * 720 * 3


def test_miens_adapter_reads_the_portrait_and_crops(
    portrait_image: Image, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = peers.write_inputs(FACES, portrait_image, tmp_path, limit=0)
    monkeypatch.setattr(sys, "argv", ["mien_adapter.py", str(tiny_model)])
    adapter = mien_adapter.build()
    photo = protocol.answer(adapter, dict(inputs.images["photo"]))
    assert photo["faces"] == 1
    assert photo["label"] in EMOTIONS
    assert photo["ms"] > 0.0
    x0, y0, x1, y1 = photo["box"]
    assert 0 < x0 < x1 < 512
    assert 0 < y0 < y1 < 512
    request = {"do": "crops", "file": str(inputs.crops), "first": 3, "count": 4}
    labels = protocol.answer(adapter, request)["labels"]
    assert len(labels) == 4
    assert set(labels) <= set(EMOTIONS)


# ablations.py


def test_each_change_is_of_one_thing_and_its_network_trains() -> None:
    base = recipe_named("mien")
    faces = torch.from_numpy(TRAIN.images[:4]).float().unsqueeze(1)
    with ablations.changed_networks():
        for name, change in ablations.CHANGES.items():
            recipe = change(base)
            assert (recipe == base) is (name == "as it is")
            logits, _ = build(recipe.network)(faces)
            logits.sum().backward()
            assert logits.shape == (4, 7)
        squeezed, plain = build("se-resnet"), build(ablations.NO_SQUEEZE)
        assert plain.parameter_count() < squeezed.parameter_count()
        smoothed = build(ablations.SMOOTHED)
        assert smoothed.parameter_count() == squeezed.parameter_count()
        assert macs(smoothed) > macs(squeezed)
    assert ablations.NO_SQUEEZE not in NETWORKS


def test_branches_are_one_convolution_in_use() -> None:
    branches = ablations.Branches(torch.nn.Conv2d(3, 3, 3, padding=1, bias=False)).eval()
    for name, statistic in branches.named_buffers():
        if "running" in name:
            torch.nn.init.uniform_(statistic, 0.5, 2.0)
    one, other = torch.rand(2, 2, 3, 8, 8)
    nothing = branches(torch.zeros_like(one))
    linear = branches(one) + branches(other) - nothing
    torch.testing.assert_close(branches(one + other), linear)


@pytest.mark.slow
def test_ablations_prints_a_row_for_each_change_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = made_up_faces(train=4, val=2, test=1, votes=True)
    write_parquet_folder(tmp_path / "data", faces)
    only = ["as it is", "without erasing"]
    arguments = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", ["ablations.py", *arguments, "--epochs", "1", "--only", *only])
    # An export of the network for each row takes most of the time, and says nothing here.
    monkeypatch.setattr("trained.latency_ms", lambda network: 1.25)
    ablations.main()
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in only]
    assert "2,241,013 | 164 M | 1.25 ms" in rows[0]
    trained = (tmp_path / "runs" / "without-erasing-0" / "best.pt").stat().st_mtime_ns

    ablations.main()
    again = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split(" | ")[4] for row in again] == [row.split(" | ")[4] for row in rows]
    assert (tmp_path / "runs" / "without-erasing-0" / "best.pt").stat().st_mtime_ns == trained


def test_labels_of_wider_face(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "0--Parade"
    folder.mkdir(parents=True)
    for name in ("some.jpg", "none.jpg"):
        (folder / name).write_bytes(jpeg())
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text(
        "0--Parade/some.jpg\n2\n5 6 40 50 0 0 0 0 0 0\n60 6 7 8 2 0 0 0 1 0\n"
        "0--Parade/none.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"
        "1--Handshaking/not_here.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n"
    )
    assert [crowd.boxes for crowd in crowds.wider(tmp_path)] == [
        ((5, 6, 45, 56), (60, 6, 67, 14)),
        (),
    ]
