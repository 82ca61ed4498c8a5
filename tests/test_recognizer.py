import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from fakes import EYES, FixedDetector, a_reading, a_tracked_reading
from made_up_rows import frames_of, video_of
from mien import (
    EMOTIONS,
    Detector,
    Explanation,
    Face,
    ImageError,
    ImageFile,
    ImageResult,
    OptionError,
    Reading,
    Recognizer,
    Verification,
    YuNetDetector,
)
from mien.readings import Image
from mien.recognize.images import LoadedImage
from mien.recognize.video.frames import Frame

BLANK = np.full((100, 120, 3), 128, np.uint8)


def assert_same(one: list[Reading], other: list[Reading]) -> None:
    assert [(r.box, r.score, r.landmarks, r.emotion) for r in one] == [
        (r.box, r.score, r.landmarks, r.emotion) for r in other
    ]
    for a, b in zip(one, other, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)


@pytest.fixture
def noise() -> list[Image]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (100, 120, 3), dtype=np.uint8) for _ in range(20)]


@pytest.fixture
def two_faces(tiny_model: Path) -> Recognizer:
    faces = [Face((10.0, 10.0, 60.0, 60.0), 0.9, EYES), Face((70.0, 30.0, 110.0, 80.0), 0.6)]
    return Recognizer(tiny_model, detector=FixedDetector(faces))


def test_the_portrait_is_happy_and_worth_reading(portrait: Path) -> None:
    (reading,) = Recognizer()(portrait)
    assert reading.emotion == "happy"
    assert reading.probability > 0.5
    assert reading.box == pytest.approx((179, 63, 270, 175), abs=12)
    assert reading.quality is not None
    assert reading.quality.usable
    assert reading.to_dict()["quality"] == reading.quality.to_dict()


def test_each_reading_says_what_its_face_was_worth(two_faces: Recognizer) -> None:
    image = np.full((60, 120, 3), 40, np.uint8)
    image[:30] = 90
    first, second = (reading.quality for reading in two_faces(image))
    assert first is not None
    assert second is not None
    assert (first.size_px, first.inside, second.inside) == (50.0, 1.0, 0.6)
    assert first.roll == 0.0  # by its landmarks; the other has none
    assert (second.yaw, second.unusable) == (None, "cut off")
    assert 40 < first.light < 90


def test_every_source_gives_the_same_readings(
    tiny_model: Path, portrait: Path, portrait_image: Image
) -> None:
    recognizer = Recognizer(tiny_model)
    expected = recognizer(portrait_image)
    assert len(expected) == 1
    with PILImage.open(portrait) as opened:
        for source in (portrait, str(portrait), portrait.read_bytes(), opened):
            assert recognizer(source) == expected


def test_reading_belongs_to_its_face(two_faces: Recognizer, noise: list[Image]) -> None:
    first, second = two_faces(noise[0])
    assert (first.box, first.score, first.landmarks) == ((10.0, 10.0, 60.0, 60.0), 0.9, EYES)
    assert (second.score, second.landmarks) == (0.6, None)
    alone = Recognizer(two_faces.classifier.path, detector=FixedDetector([Face(second.box, 0.6)]))
    assert_same(alone(noise[0]), [second])


def test_no_face_is_no_error_whatever_detects(tiny_model: Path) -> None:
    own: Detector = FixedDetector([])
    for detector in ("yunet", "haar", own):
        recognizer = Recognizer(tiny_model, detector=detector)
        assert recognizer(BLANK) == []
        assert recognizer.verify(BLANK, "happy") == []
    assert recognizer.detector is own


def test_alone_and_in_a_batch_the_readings_are_equal(
    two_faces: Recognizer, noise: list[Image]
) -> None:
    together = list(two_faces.read_many(noise))
    assert len(together) == len(noise)
    for image, readings in zip(noise, together, strict=True):
        assert_same(two_faces(image), readings)
    assert two_faces.read_images([]) == list(two_faces.read_many([])) == []


def test_images_of_a_generator_are_read_as_those_of_a_list(
    two_faces: Recognizer, noise: list[Image]
) -> None:
    generated: Any = (image for image in noise)
    assert two_faces.read_images(generated) == two_faces.read_images(noise)


def test_endless_sources_are_read_as_they_come(two_faces: Recognizer) -> None:
    taken = 0

    def endless() -> Iterator[Image]:
        nonlocal taken
        while True:
            taken += 1
            yield BLANK

    assert len(list(itertools.islice(two_faces.read_many(endless()), 3))) == 3
    assert taken <= 2 * Recognizer.BATCH_IMAGES


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (BLANK / 255, "(100, 120, 3) float64"),
        (BLANK[:, :, 0], "(100, 120) uint8"),
        (np.dstack([BLANK, BLANK[:, :, 0]]), "(100, 120, 4) uint8"),
        ("family.jpg", "str"),
    ],
)
def test_what_is_no_rgb_image_is_refused_even_where_no_face_is_found(
    image: Any, got: str, tiny_model: Path
) -> None:
    recognizer = Recognizer(tiny_model, detector=FixedDetector([]))
    message = f"expected (H, W, 3) uint8, as mien.load_image gives; got {got}"
    with pytest.raises(ImageError, match=re.escape(message)):
        recognizer.read_images([image])


def test_one_path_is_not_several(two_faces: Recognizer) -> None:
    for one in ("/data/family.jpg", Path("family.jpg"), b"\xff\xd8"):
        with pytest.raises(OptionError, match="sources: expected several, as "):
            next(two_faces.read_many(one))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "mtcnn"}, "expected a detector among"),
        ({"detector": None}, r"detector: expected a name, or an object that finds .*; got None"),
        ({"detector": YuNetDetector}, "detector: expected a name, or an object .*; got <class"),
        ({"detector": SimpleNamespace(detect=len)}, r"has their framing, see mien\.Detector; got"),
        ({"min_face_px": -1}, "min_face_px"),
        ({"threads": -1}, "threads"),
        *(
            ({"threshold": threshold}, "threshold: expected 0 to 1; got")
            for threshold in (-0.01, 1.01, float("nan"), float("inf"))
        ),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str, tiny_model: Path) -> None:
    with pytest.raises(OptionError, match=message):
        Recognizer(tiny_model, **options)


def test_a_face_shows_its_likeliest_emotion() -> None:
    reading = a_reading(emotion="sad")

    assert tuple(reading.by_emotion()) == EMOTIONS
    assert [emotion for emotion in EMOTIONS if reading.shows(emotion)] == ["sad"]
    assert reading.shows(" Sadness")
    assert not reading.shows("joy")


@pytest.mark.parametrize(
    ("emotion", "threshold", "shows"),
    [
        ("happy", 0.0, True),
        ("happy", 0.7, True),  # at least
        ("happy", 0.71, False),
        ("happy", 1.0, False),
        ("sad", 0.05, True),  # whether or not another is likelier
        ("sad", 0.06, False),
    ],
)
def test_with_a_threshold_the_probability_decides(
    emotion: str, threshold: float, shows: bool
) -> None:
    assert a_reading(emotion="happy").shows(emotion, threshold=threshold) is shows


def test_verification_names_the_expected_emotion_and_its_probability() -> None:
    reading = a_reading(emotion="happy")
    verification = reading.verify("Sadness")

    assert verification == Verification(reading, "sad", 0.05, shows=False)
    values = json.loads(json.dumps(verification.to_dict()))
    assert values == {**reading.to_dict(), "expected": "sad", "shows": False}


def test_every_face_of_an_image_is_verified(two_faces: Recognizer, noise: list[Image]) -> None:
    readings = two_faces(noise[0])
    expected = readings[1].emotion
    verified = two_faces.verify(noise[0], expected)

    assert verified == [reading.verify(expected) for reading in readings]
    assert verified[1].shows
    assert verified[1].probability == readings[1].probability
    assert all(v.shows for v in two_faces.verify(noise[0], expected, threshold=0.0))
    assert not any(v.shows for v in two_faces.verify(noise[0], expected, threshold=1.0))


def test_unknown_emotions_and_thresholds_are_refused(two_faces: Recognizer) -> None:
    message = f"expected an emotion among {', '.join(EMOTIONS)}; got 'bored'"
    with pytest.raises(OptionError, match=message):
        a_reading().shows("bored")
    with pytest.raises(OptionError, match=message):
        two_faces.verify("no image is opened", "bored")
    nothing: Any = None
    with pytest.raises(OptionError, match=r"expected an emotion among .*; got None"):
        two_faces.verify("no image is opened", nothing)
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(OptionError, match="threshold: expected 0 to 1; got"):
            a_reading().shows("happy", threshold=threshold)


def test_a_reading_below_the_threshold_is_unsure(two_faces: Recognizer, noise: list[Image]) -> None:
    surer, other = sorted(two_faces(noise[0]), key=lambda reading: -reading.probability)
    two_faces.threshold = surer.probability
    found = {reading.box: reading for reading in two_faces(noise[0])}
    assert found[surer.box] == surer  # at least
    # What was read, and how surely, is all still there.
    assert found[other.box] == replace(other, unsure=True)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.7])
def test_an_unsure_face_shows_no_emotion(threshold: float | None) -> None:
    reading = a_reading(emotion="happy")
    unsure = replace(reading, unsure=True)
    assert not any(unsure.shows(emotion, threshold=threshold) for emotion in EMOTIONS)
    assert unsure.verify("happy", threshold=threshold).probability == 0.7
    assert (reading.caption, unsure.caption) == ("happy", "unsure")
    assert (unsure.emotion, unsure.probability) == ("happy", 0.7)


def test_what_is_no_number_is_unsure(
    two_faces: Recognizer, noise: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = np.full((2, len(EMOTIONS)), np.nan, np.float32)
    monkeypatch.setattr(type(two_faces.classifier), "__call__", lambda self, crops: broken)
    assert [reading.unsure for reading in two_faces(noise[0])] == [True, True]


def test_results_are_shown_without_their_pixels_and_columns(portrait: Path) -> None:
    """As the last line of a notebook's cell shows them."""
    tracked = a_tracked_reading(1)
    shown = [
        repr(Frame(0, 0.0, BLANK)),
        repr(LoadedImage(BLANK)),
        repr(ImageResult(ImageFile(portrait, portrait), BLANK, ())),
        repr(Explanation("happy", 0.5, BLANK[:48, :48, 0], np.zeros((48, 48), np.float32), ())),
        repr(video_of(frames_of([[tracked]] * 1000 + [[]]))),
    ]
    assert not any("array" in text for text in shown)
    assert shown[-1] == "<VideoResult of 'clip.mp4': 1,001 frames, 1,000 faces, 1 track>"


def test_numbers_of_numpy_become_plain_ones(tiny_model: Path) -> None:
    box: Any = np.array([10, 10, 60, 60], np.float32)
    points: Any = np.array(EYES, np.float32)
    half: Any = np.float32(0.5)
    face = Face(box, half, points)
    assert face == Face((10.0, 10.0, 60.0, 60.0), 0.5, EYES)
    recognizer = Recognizer(tiny_model, detector=FixedDetector([face]), threshold=half)
    (verified,) = recognizer.verify(BLANK, "happy", threshold=half)
    assert json.loads(json.dumps(verified.to_dict()))["box"] == [10, 10, 60, 60]


@pytest.mark.parametrize(
    ("box", "points", "message"),
    [
        ((1.0, 2.0, 3.0), None, r"box: expected x0, y0, x1 and y1; got \(1.0, 2.0, 3.0\)"),
        (np.zeros(5), None, "box: expected x0, y0, x1 and y1; got"),
        (np.array([1.0, 2.0, np.nan, 4.0]), None, "box: expected finite x0, y0, x1 and y1"),
        ((1.0, 2.0, 3.0, math.inf), None, "box: expected finite x0, y0, x1 and y1"),
        ((40.0, 30.0, 20.0, 50.0), None, r"x1 and y1 the larger ones; got \(40.0, 30.0, 20.0"),
        ((1.0, 2.0, 3.0, 4.0), (*EYES, (1.0, 2.0)), "landmarks: expected 5 points; got 6"),
        ((1.0, 2.0, 3.0, 4.0), (*EYES[:4], (1.0, math.nan)), "landmarks: expected finite"),
    ],
)
def test_a_face_of_another_form_is_refused_where_it_is_made(
    box: Any, points: Any, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        Face(box, 0.9, points)


def test_a_face_without_a_score_is_refused() -> None:
    with pytest.raises(OptionError, match="score: expected a finite number; got nan"):
        Face((1.0, 2.0, 3.0, 4.0), math.nan)
