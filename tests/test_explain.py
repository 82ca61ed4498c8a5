import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import Mien, assert_refused
from mien import EMOTIONS, Classifier, Recognizer, load_image
from mien.errors import ImageError, ModelError, OptionError, OutputError
from mien.output.heat_map import (
    LEAST_SCALE,
    color_heat,
    draw_explanation,
    heat_scale,
    save_explanation,
)
from mien.readings import Explanation, Image, Probabilities
from mien.recognize.crops import Crops
from mien.recognize.explain import PATCH_PX, STRIDE_PX, explain, explain_crop

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def a_crop(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def looks_at(rows: slice, columns: slice) -> Callable[[Crops], Probabilities]:
    """Happy by the spread of gray levels in one place of the crop, sad otherwise."""

    def classifier(crops: Crops) -> Probabilities:
        probabilities = np.zeros((len(crops), 7), np.float32)
        spread = crops[:, rows, columns].astype(np.float32).std((1, 2)) / 128.0
        probabilities[:, HAPPY] = np.clip(spread, 0.0, 1.0)
        probabilities[:, SAD] = 1.0 - probabilities[:, HAPPY]
        return probabilities

    return classifier


# What it finds


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(32, 40), slice(16, 32)), (slice(0, 8), slice(0, 8)), (slice(40, 48), slice(28, 48))],
)
def test_the_heat_is_where_the_classifier_looks(rows: slice, columns: slice) -> None:
    found = explain_crop(looks_at(rows, columns), a_crop(), "happy")
    inside = np.zeros((48, 48), np.uint8)
    inside[rows, columns] = 1
    near = cv2.dilate(inside, np.ones((2 * PATCH_PX - 1, 2 * PATCH_PX - 1), np.uint8)) > 0
    assert found.heat[inside > 0].min() > 0.1
    assert found.heat[inside > 0].mean() > 3 * np.abs(found.heat[inside == 0]).mean()
    np.testing.assert_allclose(found.heat[~near], 0.0, atol=1e-6)


def test_heat_is_the_share_lost_when_covered_and_won_when_shown() -> None:
    def dark_corner(crops: Crops) -> Probabilities:
        # The first patch covers the pixel in the corner, and a blurred corner is lighter.
        probabilities = np.zeros((len(crops), 7), np.float32)
        probabilities[:, HAPPY] = np.where(crops[:, 0, 0] == 0, 0.8, 0.2)
        probabilities[:, SAD] = 1.0 - probabilities[:, HAPPY]
        return probabilities

    crop = np.full((48, 48), 255, np.uint8)
    crop[0, 0] = 0
    found = explain_crop(dark_corner, crop)
    assert found.emotion == "happy"
    assert found.probability == pytest.approx(0.8)
    # Three quarters of 0.8 are lost with the corner, and come back with it alone. Every patch over
    # the corner has it, two of four over the next pixels, and one over those diagonally below.
    assert found.heat[0, 0] == pytest.approx(0.75)
    assert found.heat[0, STRIDE_PX] == pytest.approx(0.75 / 2)
    assert found.heat[STRIDE_PX, STRIDE_PX] == pytest.approx(0.75 / 4)
    assert not found.heat[PATCH_PX:].any()
    assert not found.heat[:, PATCH_PX:].any()
    sad = explain_crop(dark_corner, crop, "sadness")
    assert sad.emotion == "sad"
    assert sad.probability == pytest.approx(0.2)
    # Covered: 0.2 becomes 0.8, -3/4. Shown alone: 0.8, with all covered, becomes 0.2, -3/4.
    assert sad.heat[0, 0] == pytest.approx(-0.75)


def test_parts_say_what_is_read_when_they_are_covered() -> None:
    found = explain_crop(looks_at(slice(32, 40), slice(0, 48)), a_crop(), "happy")
    assert [part.name for part in found.parts] == ["forehead", "eyes", "nose", "mouth", "chin"]
    by_name = {part.name: part for part in found.parts}
    assert by_name["mouth"].probability < 0.2 < found.probability
    assert by_name["mouth"].emotion == "sad"
    for name in ("forehead", "eyes", "nose", "chin"):
        assert by_name[name].probability == pytest.approx(found.probability)


def test_the_likeliest_emotion_is_explained_unless_another_is_named(tiny_model: Path) -> None:
    classifier, crop = Classifier(tiny_model), a_crop()
    probabilities = classifier(crop[None])[0]
    found = explain_crop(classifier, crop)
    assert found.emotion == EMOTIONS[int(probabilities.argmax())]
    assert found.probability == pytest.approx(float(probabilities.max()))
    for emotion, probability in zip(EMOTIONS, probabilities, strict=True):
        named = explain_crop(classifier, crop, emotion)
        assert named.emotion == emotion
        assert named.probability == pytest.approx(float(probability))


def test_heat_is_of_one_shape_and_bounded_whatever_the_classifier_answers() -> None:
    def erratic(crops: Crops) -> Probabilities:
        shares = (np.random.default_rng(7).random((len(crops), 7)) ** 20).astype(np.float32)
        shares[::3] = 0.0
        return shares

    for seed in range(5):
        found = explain_crop(erratic, a_crop(seed), "fear")
        assert found.heat.shape == (48, 48)
        assert found.heat.dtype == np.float32
        assert np.abs(found.heat).max() <= 1.0


def test_a_crop_is_copied_and_left_as_it_is(tiny_model: Path) -> None:
    crop, before = a_crop(), a_crop()
    found = explain_crop(Classifier(tiny_model), crop)
    np.testing.assert_array_equal(crop, before)
    crop[:] = 0
    np.testing.assert_array_equal(found.crop, before)
    flat = explain_crop(Classifier(tiny_model), crop)
    assert not flat.heat.any()  # without contrast there is none


# The model in the box


def test_a_smile_is_read_from_the_mouth(
    portrait_image: Image, portrait_crop: NDArray[np.uint8]
) -> None:
    found, crop = Recognizer().explain(portrait_image), portrait_crop
    np.testing.assert_array_equal(found.crop, crop)
    assert found.emotion == "happy"
    assert found.reading is not None
    assert found.reading.emotion == "happy"
    assert found.probability == pytest.approx(found.reading.probability)
    lowest = min(found.parts, key=lambda part: part.probability)
    assert lowest.name == "mouth"
    mouth = np.zeros_like(found.heat, bool)
    mouth[31:42, 14:34] = True
    assert found.heat[mouth].mean() > 0.05 > found.heat[~mouth].mean()
    # The hottest pixels carry the reading, and others do not.
    classifier = Classifier()
    order = np.argsort(-found.heat, axis=None, kind="stable")
    blurred = cv2.GaussianBlur(crop, (0, 0), 6.0)

    def happy(face: NDArray[Any], other: NDArray[Any], pixels: NDArray[np.int64]) -> float:
        mixed = face.copy()
        mixed.flat[pixels] = other.flat[pixels]
        return float(classifier(mixed[None])[0, HAPPY])

    # A third of this smile is enough, whichever, so two thirds are taken away.
    third = crop.size // 3
    hottest, coldest = order[: 2 * third], order[-2 * third :]
    assert happy(crop, blurred, hottest) < 0.2 < 0.9 < happy(crop, blurred, coldest)
    assert happy(blurred, crop, order[:third]) > 0.9 > 0.2 > happy(blurred, crop, order[-third:])


# Refusals


@pytest.mark.parametrize(
    ("crop", "emotion", "message"),
    [
        (a_crop()[None], None, r"crop: expected shape \(48, 48\); got \(1, 48, 48\)"),
        (a_crop().astype(np.float32), None, "crop: expected a uint8 array; got float32"),
        (a_crop().tolist(), None, "crop: expected a uint8 array; got list"),
        (a_crop(), "bored", r"expected an emotion among angry, .*; got 'bored'"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    crop: Any, emotion: str | None, message: str, tiny_model: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        explain_crop(Classifier(tiny_model), crop, emotion)


def test_answers_that_are_no_numbers_are_refused() -> None:
    def broken(crops: Crops) -> Probabilities:
        return np.full((len(crops), 7), np.nan, np.float32)

    with pytest.raises(ModelError, match="gives what is no number"):
        explain_crop(broken, a_crop())


def test_a_face_that_is_not_there_is_refused(tiny_model: Path, portrait_image: Image) -> None:
    recognizer = Recognizer(tiny_model)
    with pytest.raises(OptionError, match="face: expected 0 or more; got -1"):
        explain(recognizer, portrait_image, face=-1)
    for shape, hint in (
        ((1500, 2000, 3), "searched at 683x512; small faces: --full-size"),
        ((48, 48, 3), "a face that is cut out already: --cropped"),
    ):
        with pytest.raises(ImageError, match=f"the image: .* to explain; found none; {hint}"):
            recognizer.explain(np.full(shape, 128, np.uint8))


# Images of it


@pytest.fixture
def explanation(tiny_model: Path) -> Explanation:
    return explain_crop(Classifier(tiny_model), a_crop())


def test_colors_tell_costs_from_gains_and_leave_the_lightness_of_the_face() -> None:
    gray = np.full((1, 3), 128, np.uint8)
    costs, nothing, raises = color_heat(gray, np.array([[0.4, 0.0, -0.4]], np.float32), 0.4)[0]
    assert int(costs[0]) > int(costs[2]) + 60  # red over blue
    assert int(raises[2]) > int(raises[0]) + 60
    assert np.ptp(nothing.astype(int)) <= 2  # gray

    gray = np.linspace(0, 255, 64).astype(np.uint8)[None].repeat(2, 0)
    heat = np.array([[1.0], [-1.0]], np.float32).repeat(64, 1)
    lightness = cv2.cvtColor(color_heat(gray, heat, 1.0), cv2.COLOR_RGB2LAB)[:, :, 0].astype(int)
    assert np.abs(lightness[0] - lightness[1]).max() <= 8  # of 255
    assert (np.diff(lightness, axis=1) >= -1).all()


@pytest.mark.parametrize(("heat", "scale"), [(0.001, LEAST_SCALE), (-0.6, 0.6)])
def test_noise_does_not_glow(heat: float, scale: float) -> None:
    assert heat_scale(np.full((48, 48), heat, np.float32)) == pytest.approx(scale)


def test_the_image_has_the_face_and_the_heat_over_it(explanation: Explanation) -> None:
    drawn = draw_explanation(explanation)
    assert drawn.dtype == np.uint8
    assert drawn.ndim == 3
    colorful = np.ptp(drawn.astype(int), axis=2) > 25
    left, right = np.array_split(colorful[104:536], 2, axis=1)
    assert left.mean() < 0.01 < right.mean()
    calm = draw_explanation(replace(explanation, heat=np.zeros((48, 48), np.float32)))
    assert not (np.ptp(calm.astype(int), axis=2) > 25)[104:536].any()


def test_the_image_says_when_the_face_is_read_as_something_else(portrait_image: Image) -> None:
    recognizer = Recognizer()
    likeliest = recognizer.explain(portrait_image)
    other = recognizer.explain(portrait_image, emotion="surprise")
    for found, said in ((likeliest, False), (other, True)):
        without = draw_explanation(replace(found, reading=None))
        assert (draw_explanation(found) != without).any() == said


def test_an_image_is_written_whole_or_not_at_all(explanation: Explanation, tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG"):
        save_explanation(explanation, tmp_path / name)
        assert load_image(tmp_path / name).shape == draw_explanation(explanation).shape
    with pytest.raises(OutputError, match="expected a folder to write into; it is a file"):
        save_explanation(explanation, tmp_path / "a.png" / "a.png")
    with pytest.raises(OptionError, match=r"a name that ends in \.png, \.jpg, \.jpeg"):
        save_explanation(explanation, tmp_path / "a.gif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.JPG"]


# mien explain


def test_the_command_writes_json_and_an_image(
    mien: Mien, portrait: Path, tiny_model: Path, tmp_path: Path
) -> None:
    image = tmp_path / "why.png"
    done = mien(
        "explain", portrait, "--model", tiny_model, "--emotion", "joy", "--json", "--out", image
    )
    assert (done.status, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["file"], found["face"]) == (str(portrait), 1)
    assert (found["method"], found["emotion"]) == ("occlusion", "happy")
    again = explain(Recognizer(tiny_model), portrait, emotion="happy")
    np.testing.assert_allclose(found["heat"], again.heat, rtol=1e-6)
    np.testing.assert_array_equal(found["crop"], again.crop)
    assert found["reading"] == (again.reading and again.reading.to_dict())
    np.testing.assert_array_equal(load_image(image), draw_explanation(again))


def test_the_command_takes_the_face_by_the_number_that_detect_gives(
    mien: Mien, tiny_model: Path, tmp_path: Path, portrait_image: Image
) -> None:
    pair = tmp_path / "pair.png"
    cv2.imwrite(str(pair), np.hstack([portrait_image, portrait_image[:, ::-1]])[:, :, ::-1])
    readings = Recognizer(tiny_model)(pair)
    assert len(readings) == 2
    for number, reading in enumerate(readings, start=1):
        done = mien("explain", pair, "--model", tiny_model, "--face", number, "--json")
        assert json.loads(done.stdout)["reading"]["box"] == list(reading.box)


def test_the_command_refuses_in_one_line(
    mien: Mien, portrait: Path, tiny_model: Path, tmp_path: Path
) -> None:
    blank, gone = tmp_path / "blank.png", tmp_path / "gone.png"
    cv2.imwrite(str(blank), np.full((64, 64, 3), 128, np.uint8))
    of_tiny = ("--model", tiny_model)
    for arguments, message in (
        ((portrait, *of_tiny, "--face", 0), "--face: expected 1 or more; got 0"),
        ((portrait, *of_tiny, "--face", 3), "there is 1 face in the image"),
        ((portrait, *of_tiny, "--emotion", "bored"), "got 'bored'"),
        ((portrait, *of_tiny, "--out", tmp_path / "a.svg"), "ends in .png, .jpg, .jpeg"),
        ((portrait, "--out", portrait), "would replace the image that was given"),
        ((blank, *of_tiny), "expected a face to explain; found none"),
        ((gone, *of_tiny), "gone.png"),
    ):
        assert_refused(mien("explain", *arguments), message)
    assert [path.name for path in tmp_path.iterdir()] == ["blank.png"]
