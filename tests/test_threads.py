"""One recognizer for many threads and processes: the readings are those of one thread."""

import copy
import multiprocessing
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import mien.errors
from command_line import in_python
from mien import (
    Classifier,
    HaarDetector,
    MienError,
    MissingExtraError,
    ModelError,
    Recognizer,
    annotate,
    load_image,
)
from mien.environment import import_onnxruntime
from mien.readings import Image
from mien.recognize.faces import detector_named
from mien.recognize.video.frames import Frame

THREADS = 8
HEAD = (slice(20, 200), slice(150, 300))  # of examples/astronaut.jpg

FORK = """
import os, signal, sys
from mien import Recognizer, load_image
image = load_image(sys.argv[1])
recognizer = Recognizer(threads=2)
expected = recognizer(image)
child = os.fork()
if not child:
    signal.alarm(60)
    os._exit(0 if expected and recognizer(image) == expected else 1)
assert recognizer(image) == expected
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def in_threads(read: Callable[[Image], object], images: Sequence[Image]) -> list[list[object]]:
    """What each of the threads gives for each photo; all begin at once, each elsewhere."""
    begin = threading.Barrier(THREADS)

    def work(number: int) -> list[object]:
        begin.wait()
        shift = number * len(images) // THREADS
        found = [read(photo) for photo in [*images[shift:], *images[:shift]]]
        return found[len(images) - shift :] + found[: len(images) - shift]

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, range(THREADS)))


@pytest.fixture(scope="module")
def images(portrait_image: Image) -> list[Image]:
    """Of no head, one or two, each elsewhere and of another size."""
    random = np.random.default_rng(0)
    photos = []
    for number in range(9):
        photo = np.full((120, 200, 3), random.integers(60, 200), np.uint8)
        for side in range(number % 3):
            width = int(random.integers(60, 96))
            head = cv2.resize(portrait_image[HEAD], (width, width * 6 // 5))
            x, y = 100 * side + random.integers(0, 100 - width), random.integers(0, 121 - len(head))
            photo[y : y + len(head), x : x + width] = head
        photos.append(photo)
    return photos


@pytest.mark.parametrize(
    "options", [{}, {"detector": "haar"}, {"model": ["mien", "paper"], "full_size": True}]
)
def test_threads_that_share_a_recognizer_read_what_one_does(
    tiny_model: Path, images: list[Image], options: dict[str, Any]
) -> None:
    recognizer = Recognizer(**{"model": tiny_model, **options})
    expected = [recognizer(photo) for photo in images]
    assert [len(readings) for readings in expected] == [0, 1, 2] * 3
    assert len({reading for readings in expected for reading in readings}) == 9
    assert in_threads(recognizer, images) == [expected] * THREADS


def test_videos_explanations_and_drawings_of_threads_are_those_of_one(
    tiny_model: Path, portrait_image: Image
) -> None:
    recognizer = Recognizer(tiny_model)
    photo = portrait_image[:240, 100:340]

    def read(number: int) -> tuple[object, ...]:
        # Each a video of its own, in which the face moves at a speed of its own.
        images = [np.roll(photo, number * step, axis=1) for step in range(4)]
        frames = [Frame(step, step / 10, image) for step, image in enumerate(images)]
        video = [readings for _, readings in recognizer.stream(frames)]
        drawn = annotate(images[3], video[3]).tobytes()
        heat = recognizer.explain(images[3]).heat.tobytes()
        return video, drawn, heat, recognizer.verify(images[3], "happy")

    expected = [read(number) for number in range(THREADS)]
    assert all(len(readings) == 1 for video, *_ in expected for readings in video)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(read, range(THREADS))) == expected


def test_detectors_are_made_for_calls_at_once_not_for_threads(
    portrait_image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    create = cv2.CascadeClassifier

    def count(*arguments: object, **options: object) -> object:
        nonlocal made
        made += 1
        return create(*arguments, **options)

    monkeypatch.setattr(cv2, "CascadeClassifier", count)
    detector = HaarDetector()
    for _ in range(5):  # as servers do that begin a thread for each request
        thread = threading.Thread(target=detector.detect, args=(portrait_image[:200, :200],))
        thread.start()
        thread.join()
    assert made == 1


def test_reading_in_threads_leaves_the_warnings_of_the_process_alone(portrait: Path) -> None:
    content = portrait.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(load_image, [content] * 64))
        assert warnings.filters == before


def test_opening_in_threads_leaves_the_environment_alone(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: import_onnxruntime(), range(2000)))
    assert "ORT_DISABLE_TELEMETRY" not in os.environ


@pytest.mark.parametrize(
    ("detector", "options"),
    [
        ("yunet", {}),
        ("yunet", {"min_score": 0.5, "min_face_px": 70, "full_size": True}),
        ("haar", {"min_neighbors": 1}),
    ],
)
def test_a_recognizer_is_pickled_as_its_settings_and_those_of_its_detector(
    images: list[Image], detector: str, options: dict[str, float]
) -> None:
    own = detector_named(detector, **options)
    recognizer = Recognizer("paper", threshold=0.5, detector=own)
    images = images[:3]
    expected = [recognizer(photo) for photo in images]
    content = pickle.dumps(recognizer)
    assert len(content) < 1000
    folder = os.fsencode(recognizer.classifier.path.parent)
    assert folder not in content  # other installations read it
    settings = {name: value for name, value in vars(own).items() if name[0] != "_"}
    for other in (pickle.loads(content), copy.deepcopy(recognizer), copy.copy(recognizer)):
        assert [other(photo) for photo in images] == expected
        assert settings.items() <= vars(other.detector).items()
    again = pickle.loads(pickle.dumps(pickle.loads(content)))
    assert again(images[-1]) == expected[-1]


def test_a_classifier_finds_its_files_again_from_another_folder(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one,two.onnx").write_bytes(tiny_model.read_bytes())
    monkeypatch.chdir(tmp_path)
    classifier = Classifier("paper,one,two.onnx", threads=2)
    content = pickle.dumps(classifier)
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)
    monkeypatch.chdir("/")
    other = pickle.loads(content)
    assert other.spec == classifier.spec
    assert np.array_equal(other(crops), classifier(crops))
    (tmp_path / "one,two.onnx").unlink()
    with pytest.raises(ModelError, match=f"there is no file '{tmp_path}/one,two.onnx'"):
        pickle.loads(content)


def test_processes_take_a_recognizer_and_give_back_what_it_reads(
    tiny_model: Path, images: list[Image]
) -> None:
    recognizer = Recognizer(tiny_model)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as process:
        found = process.submit(recognizer, images[2]).result(60)
        explained = process.submit(recognizer.explain, images[2]).result(60)
        with pytest.raises(mien.ImageError, match="no such file"):
            process.submit(recognizer, "missing.jpg").result(60)
    assert found == recognizer(images[2])
    assert np.array_equal(explained.heat, recognizer.explain(images[2]).heat)


def test_every_error_can_be_pickled() -> None:
    missing = MissingExtraError("this", "keras", ImportError("none"))
    kinds = [kind for kind in vars(mien.errors).values() if isinstance(kind, type)]
    errors = [
        kind("a message")
        for kind in kinds
        if issubclass(kind, MienError) and kind is not MissingExtraError
    ]
    for error in [missing, *errors]:
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other)) == (type(error), str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_is_forked_after_use_reads_on(portrait: Path) -> None:
    done = in_python("-W", "ignore", "-c", FORK, portrait)
    assert (done.returncode, done.stderr) == (0, "")
