"""Photos of people: their scores, `mien evaluate --find-faces`, and benchmarks/real_photos.py."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PILImage

import peers
import real_photos
from command_line import Mien
from mien import __version__
from mien.errors import DataError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import list_images, load_faces
from mien.learn.evaluation.photos import NO_FACE, count_readings, score_photos
from mien.learn.evaluation.scores import Interval
from mien.readings import Image

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

HAPPY, SAD, NEUTRAL = (EMOTIONS.index(name) for name in ("happy", "sad", "neutral"))

LABELS = ["happy", "happy", "neutral", "neutral", "sad", "happy", "neutral"]
FACELESS = 2  # the last photos

# A peer that is happy about every photo, and sad about a box that is wider than half of it.
FAKE = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS / "adapters")!r})
from protocol import Adapter, Face, serve

def boxes(image, places):
    half = image.shape[1] / 2
    return ["sad" if x1 - x0 > half else "neutral" for x0, _, x1, _ in places]

serve(lambda: Adapter(
    version="1.0",
    fed="By hand.",
    photo=lambda image: image.shape,
    faces=lambda shape: [Face((0, 0, 10, 30), "happy"), Face((0, 0, 20, 20), "fear")],
    crops=lambda crops: ["neutral"] * len(crops),
    boxes=boxes,
))
"""


@pytest.fixture(scope="module")
def photos(portrait_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photos with one face and two without, in a folder with a list."""
    folder = tmp_path_factory.mktemp("made") / "photos"
    (folder / "images").mkdir(parents=True)
    rows = ["image,emotion,person"]
    for number, label in enumerate(LABELS):
        side = 200 + 16 * number
        image = np.asarray(cv2.resize(portrait_image, (side, side)), np.uint8)
        if number >= len(LABELS) - FACELESS:
            image = np.full_like(image, 90)
        PILImage.fromarray(image).save(folder / "images" / f"{number}.png")
        rows.append(f"{number}.png,{label},{number % 3}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def in_folders(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same photos in folders of the emotions."""
    root = tmp_path_factory.mktemp("made") / "folders"
    for number, label in enumerate(LABELS):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{number}.png").write_bytes(
            (photos / "images" / f"{number}.png").read_bytes()
        )
    return root


# Scores


def test_a_photo_without_a_face_is_read_wrong() -> None:
    targets = [HAPPY] * 4 + [NEUTRAL] * 6
    labels = ["happy", "happy", "sad", None, "neutral", "neutral", "neutral", "angry", None, None]
    scores = score_photos(count_readings(targets, labels))

    assert (scores.n, scores.faceless) == (10, 3)
    assert scores.accuracy == 0.5
    assert scores.recall == {"happy": 0.5, "neutral": 0.5}
    assert scores.mean_class_recall == 0.5
    assert list(scores.read_as) == ["happy", "neutral"]
    assert {k: n for k, n in scores.read_as["neutral"].items() if n} == {
        "angry": 1,
        "neutral": 3,
        NO_FACE: 2,
    }
    for interval in (*scores.intervals.values(), *scores.recall_intervals.values()):
        assert 0.0 <= interval.low < 0.5 < interval.high <= 1.0


def test_intervals_are_those_of_drawing_the_photos_again() -> None:
    random = np.random.default_rng(1)
    targets = random.choice([HAPPY, SAD, NEUTRAL], 300, p=[0.6, 0.1, 0.3])
    labels = [EMOTIONS[t] if random.random() < 0.7 else None for t in targets]
    scores = score_photos(count_readings(targets.tolist(), labels), resamples=4000)

    right = np.array([label is not None for label in labels])
    draws = []
    for _ in range(4000):
        rows = random.integers(0, len(targets), len(targets))
        recalls = [right[rows][targets[rows] == t].mean() for t in (HAPPY, SAD, NEUTRAL)]
        draws.append([right[rows].mean(), np.mean(recalls), recalls[1]])
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    intervals = [*scores.intervals.values(), scores.recall_intervals["sad"]]
    assert [interval.low for interval in intervals] == pytest.approx(low, abs=0.015)
    assert [interval.high for interval in intervals] == pytest.approx(high, abs=0.015)


def test_the_seed_changes_intervals_and_the_order_of_photos_none() -> None:
    targets, labels = [HAPPY, SAD, NEUTRAL, NEUTRAL], ["happy", "happy", None, "neutral"]
    counts = count_readings(targets, labels)

    assert np.array_equal(counts, count_readings(targets[::-1], labels[::-1]))
    assert score_photos(counts) == score_photos(counts)
    assert score_photos(counts * 50) != score_photos(counts * 50, seed=1)


def test_intervals_of_what_is_always_right_are_not_of_draws() -> None:
    """Drawing cannot change it: it has Wilson's interval, or none."""
    scores = score_photos(count_readings([HAPPY, NEUTRAL, NEUTRAL], ["happy", "neutral", None]))
    assert scores.recall_intervals["happy"] == Interval.wilson(1, 1)
    assert set(scores.intervals) == {"accuracy", "mean_class_recall"}
    scores = score_photos(count_readings([HAPPY, NEUTRAL], ["happy", "neutral"]))
    assert scores.intervals == {"accuracy": Interval.wilson(2, 2)}
    assert scores.recall_intervals == dict.fromkeys(("happy", "neutral"), Interval.wilson(1, 1))


@pytest.mark.parametrize(
    ("targets", "labels", "message"),
    [
        ([], [], "expected photos to evaluate on; there are none"),
        ([HAPPY], ["bored"], "expected labels among angry.*; got 'bored'"),
    ],
)
def test_what_cannot_be_scored_is_told(
    targets: list[int], labels: list[str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        score_photos(count_readings(targets, labels))


# Data


def test_a_set_knows_the_photos_without_a_face_and_their_splits(
    in_folders: Path, tmp_path: Path
) -> None:
    for split, labels in {"train": ["happy", "neutral"], "test": ["happy", "sad"]}.items():
        for label in labels:
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / label).symlink_to(in_folders / label)
    faces = load_faces(tmp_path, find_faces=True)

    assert faces.left_out == {"no face found": 3}
    assert sorted(p.file.name for p in faces.faceless) == ["5.png", "5.png", "6.png"]
    (missed,) = faces.split("test").faceless
    assert (missed.target, missed.split) == (HAPPY, "test")
    assert len(faces.split("train+test").faceless) == 3
    whole = load_faces(tmp_path)
    assert (whole.faceless, len(whole)) == ((), len(faces) + 3)
    assert not np.array_equal(whole.images[0], faces.images[0])  # which is cut out


def test_images_are_listed_as_they_are_read(photos: Path, in_folders: Path, tmp_path: Path) -> None:
    for data in (photos, photos / "labels.csv", in_folders):
        listed = list_images(data)
        assert sorted(EMOTIONS[p.target] for p in listed.images) == sorted(LABELS)
        assert len(load_faces(data).targets) == len(LABELS)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    with pytest.raises(DataError, match=r"fer2013\.csv: expected images; it is a table of faces"):
        list_images(tmp_path / "fer2013.csv")


# mien evaluate --find-faces


def evaluated(mien: Mien, model: Path, data: Path, *options: object) -> dict[str, Any]:
    arguments = ("--model", model, "--data", data, "--find-faces", "--json")
    done = mien("evaluate", *arguments, *options)
    assert done.status == 0
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_evaluate_counts_photos_without_a_face_as_wrong(
    mien: Mien, tiny_model: Path, photos: Path, in_folders: Path
) -> None:
    content = evaluated(mien, tiny_model, photos)
    of_photos = content["photos"]

    assert (content["split"], content["n"], of_photos["n"]) == ("train", 5, 7)
    assert of_photos["faceless"] == FACELESS
    assert of_photos["accuracy"] == pytest.approx(content["accuracy"] * 5 / 7)
    assert of_photos["read_as"]["neutral"][NO_FACE] == 1
    assert list(of_photos["recall"]) == ["happy", "sad", "neutral"]
    assert evaluated(mien, tiny_model, in_folders)["photos"] == of_photos

    shown = mien("evaluate", "--model", tiny_model, "--data", photos, "--find-faces")
    assert (shown.status, shown.stderr) == (0, "mien: left out: no face found: 2\n")
    assert "7 photos; in 2 no face was found, which counts as wrong\n" in shown.stdout
    told = [line.split()[:2] for line in shown.stdout.splitlines()]
    assert ["accuracy", f"{of_photos['accuracy']:.4f}"] in told
    assert "neutral read as: " in shown.stdout
    assert "\nthe faces that were found:\n" in shown.stdout

    val = evaluated(mien, tiny_model, photos, "--val-share", "0.5", "--split", "val")
    assert val["n"] == 2  # held out of the faces that were found alone
    assert "photos" not in val


def test_photos_with_splits_are_read_by_split(
    mien: Mien, tiny_model: Path, photos: Path, tmp_path: Path
) -> None:
    lines = (photos / "labels.csv").read_text().splitlines()
    splits = ["split", *["train"] * 4, *["test"] * 3]
    rows = [f"{row},{split}" for row, split in zip(lines, splits, strict=True)]
    (tmp_path / "images").symlink_to(photos / "images")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")

    of_test = evaluated(mien, tiny_model, tmp_path)
    of_train = evaluated(mien, tiny_model, tmp_path, "--split", "train")
    assert (of_test["split"], of_test["photos"]["n"]) == ("test", 3)
    assert of_test["photos"]["faceless"] == FACELESS
    assert (of_train["photos"]["n"], of_train["photos"]["faceless"]) == (4, 0)


def test_faces_that_are_cut_out_have_no_figures_of_photos(
    mien: Mien, tiny_model: Path, photos: Path
) -> None:
    arguments = ("evaluate", "--model", tiny_model, "--data", photos)
    content = json.loads(mien(*arguments, "--split", "train", "--json").stdout)
    without_split = mien(*arguments)

    assert "photos" not in content
    assert content["n"] == len(LABELS)
    assert "has no faces in split 'test'; it has train" in without_split.stderr


# benchmarks/real_photos.py


@pytest.fixture
def measured(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs the benchmark with models and the script of a peer; gives its status and its file."""

    def measure(models: object, script: str | None) -> tuple[int, dict[str, Any]]:
        adapter = tmp_path / "fake_adapter.py"
        adapter.write_text(script or "")
        peer = peers.Peer("fake", "fake-package", ("fake==1",), str(adapter))
        monkeypatch.setattr(peers, "known_peers", lambda: {"fake": peer} if script else {})
        monkeypatch.setattr(peers, "install", lambda peer, work, say: None)
        monkeypatch.setattr(peers, "_python", lambda environment: Path(sys.executable))
        options = ["--models", str(models), "--json", str(tmp_path / "real.json")]
        status = real_photos.main(["--data", str(photos), "--work", str(tmp_path), *options])
        content: dict[str, Any] = json.loads((tmp_path / "real.json").read_text())
        return status, content

    return measure


def test_a_model_has_the_figures_that_evaluate_gives(
    mien: Mien,
    tiny_model: Path,
    photos: Path,
    measured: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, content = measured(tiny_model, None)
    out = capsys.readouterr().out
    (row,) = content["rows"]
    assert status == 0
    assert out.startswith("photos: 7 photos. ")
    assert f"| mien {__version__}, model {tiny_model} | its own | " in out
    assert "What the 3 neutral faces are called:" in out
    assert row["scores"] == evaluated(mien, tiny_model, photos)["photos"]
    assert not (tmp_path / "inputs" / "real_photo.rgb").exists()


def test_a_peer_is_measured_as_it_comes_on_miens_crop_and_at_its_best(
    measured: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    status, content = measured("", FAKE)
    assert status == 0
    rows = {row["framing"]: row for row in content["rows"]}
    assert {row["reader"] for row in rows.values()} == {"fake-package 1.0"}
    assert list(rows) == ["its own", "mien's crop", *(name for name, _, _ in real_photos.BOXES)]
    # Of its two faces, the one with the longer side.
    assert rows["its own"]["scores"]["recall"] == {"happy": 1.0, "sad": 0.0, "neutral": 0.0}
    assert rows["its own"]["scores"]["faceless"] == 0
    assert rows["mien's crop"]["scores"]["read_as"]["neutral"]["neutral"] == 2
    assert rows["mien's crop"]["scores"]["faceless"] == FACELESS
    assert rows["its own box x 1.4"]["scores"]["faceless"] == 0
    assert rows["mien's box x 1.4"]["scores"]["faceless"] == FACELESS
    # Small boxes are read as neutral, in all seven photos.
    best = [name for name, row in rows.items() if row["shown"]][-1]
    assert best == "its own box x 0.7"
    assert rows[best]["scores"]["recall"]["neutral"] == 1.0

    lines = capsys.readouterr().out.splitlines()
    assert "| fake-package 1.0 | its own box x 0.7 (best of 12 boxes) | 0.429 (" in "\n".join(lines)
    assert sum("best of 12 boxes" in line for line in lines) == 3


def test_a_box_is_scaled_around_its_center() -> None:
    assert real_photos.scaled((10.0, 20.0, 30.0, 60.0), 1.5) == (5.0, 10.0, 35.0, 70.0)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise SystemExit(3)", "no answer to 'hello' (status 3)"),
        (FAKE.replace("boxes=boxes,", ""), "ValueError: it takes no boxes"),
        (FAKE.replace('"happy"', '"bored"'), "expected labels among angry"),
    ],
)
def test_a_peer_that_fails_does_not_stop_the_others(
    script: str,
    message: str,
    tiny_model: Path,
    measured: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, content = measured(tiny_model, script)
    captured = capsys.readouterr()
    assert status == 1
    assert [row["framing"] for row in content["rows"]] == ["its own"]
    assert message in content["failures"]["fake"]
    assert f"fake failed: {content['failures']['fake']}" in captured.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--work", str(BENCHMARKS / "work")], "work: expected a folder outside"),
        (["--work", "/nowhere", "--peers", "mien"], "peers: expected some of fer, human"),
        (["--work", "/nowhere"], "no such file or folder: /no/photos"),
    ],
)
def test_real_photos_says_what_is_wrong(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert real_photos.main(["--data", "/no/photos", *options]) == 2
    assert message in capsys.readouterr().err
