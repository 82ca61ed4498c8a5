import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fakes import some_crops
from mien import Classifier, OptionError
from mien.readings import Probabilities
from mien.recognize.crops import Crops
from mien.web.batching import BatchingClassifier
from mien.web.service import Service
from mien.web.settings import WebSettings
from named_pipes import wait_until


@pytest.fixture
def classifier(tiny_model: Path) -> Classifier:
    return Classifier(tiny_model)


class Slow:
    """Holds the network up until it is told to go on."""

    def __init__(self, shared: BatchingClassifier) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.sizes: list[int] = []
        self.shared = shared
        self._run = shared._classifier._run
        shared._classifier._run = self.run  # type: ignore[method-assign]

    def run(self, crops: Crops, names: tuple[str, ...]) -> list[Probabilities]:
        self.sizes.append(len(crops))
        self.began.set()
        assert self.go.wait(10)
        return self._run(crops, names)

    def busy_with(self, first: Callable[[], object], *others: Callable[[], object]) -> None:
        """Ask it for the others while it is busy with the first; then all are read."""
        threads = [threading.Thread(target=ask) for ask in (first, *others)]
        threads[0].start()
        assert self.began.wait(10)
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: len(self.shared._waiting) == len(others), "all who ask")
        self.go.set()
        for thread in threads:
            thread.join(10)


def test_alone_it_answers_as_the_classifier_does(classifier: Classifier) -> None:
    shared = BatchingClassifier(classifier)
    for count in (1, 3, 70):
        assert np.array_equal(shared(some_crops(count)), classifier(some_crops(count)))
    assert shared(some_crops(0)).shape == (0, 7)
    assert shared.spec is classifier.spec
    assert (shared.runs, shared.calls) == (3, 3)


def test_what_comes_while_it_is_busy_is_read_together(classifier: Classifier) -> None:
    shared = BatchingClassifier(classifier)
    expected = {n: classifier(some_crops(n, seed=n)) for n in range(1, 7)}
    slow = Slow(shared)
    answers: dict[int, Probabilities] = {}

    def read(count: int) -> None:
        answers[count] = shared(some_crops(count, seed=count))

    slow.busy_with(*(partial(read, count) for count in range(1, 7)))
    assert slow.sizes == [1, 2 + 3 + 4 + 5 + 6]
    assert (shared.runs, shared.calls) == (2, 6)
    for count, rows in expected.items():
        assert np.allclose(answers[count], rows, atol=1e-6)


def test_no_run_takes_more_than_it_may(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = BatchingClassifier(classifier)
    monkeypatch.setattr(BatchingClassifier, "MOST", 5)
    slow = Slow(shared)
    slow.busy_with(*(partial(shared, some_crops(3)) for _ in range(4)))
    assert slow.sizes == [3, 3, 3, 3]


def test_crops_of_another_kind_hurt_nobody_else(classifier: Classifier) -> None:
    shared = BatchingClassifier(classifier)
    with pytest.raises(OptionError, match="expected a uint8 array"):
        shared(some_crops(2).astype(np.float32))
    with pytest.raises(OptionError, match="expected shape"):
        shared(some_crops(2)[:, :40])
    assert shared(some_crops(2)).shape == (2, 7)


def test_a_failure_reaches_all_who_asked_and_the_next_is_read(classifier: Classifier) -> None:
    shared = BatchingClassifier(classifier)
    slow = Slow(shared)
    right = slow._run
    errors: list[str] = []

    def fail(crops: Crops, names: tuple[str, ...]) -> list[Probabilities]:
        raise RuntimeError("no memory")

    slow._run = fail

    def read() -> None:
        try:
            shared(some_crops(2))
        except RuntimeError as error:
            errors.append(str(error))

    slow.busy_with(read, read, read)
    assert errors == ["no memory"] * 3
    slow._run = right
    assert shared(some_crops(2)).shape == (2, 7)


def test_recognizers_share_detector_and_network_and_no_settings(tiny_model: Path) -> None:
    service = Service(WebSettings(model=str(tiny_model), threshold=0.5))
    first, second = service.recognizer(), service.recognizer()
    assert first.classifier is second.classifier is service.classifier
    assert first.detector is second.detector
    first.threshold = 0.9
    assert second.threshold == service.recognizer().threshold == 0.5
