import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Mien, assert_refused, csv_rows
from fakes import SPEC, write_model, write_people_model
from learn_fixtures import made_up_faces, write_csv, write_votes
from mien.errors import OptionError
from mien.labels import EMOTIONS
from mien.learn.evaluation import robustness
from mien.learn.evaluation.robustness import (
    CLEAN,
    CORRUPTIONS,
    EYES,
    MOUTH,
    Robustness,
    corrupt,
    corruption_named,
    draw_faces,
    measure,
    portrait_crop,
    strips,
)
from mien.learn.evaluation.scores import (
    Evaluation,
    evaluate,
    evaluate_probabilities,
    truth_of,
)
from mien.learn.plots import robustness as robustness_plots
from mien.learn.plots.robustness import plot_robustness
from mien.readings import Image
from mien.recognize.classifier import Classifier
from mien.recognize.crops import Crops, crop_faces
from mien.recognize.faces import YuNetDetector

FACES = made_up_faces(train=1, val=2, test=3)


@pytest.fixture(scope="module")
def crops(portrait_image: Image) -> Crops:
    """Two faces: the portrait and its mirror image; not to be changed."""
    detector = YuNetDetector(full_size=True)  # frames it more closely than a glance
    (portrait,) = crop_faces(portrait_image, detector.detect(portrait_image), detector.framing)
    both = np.stack([portrait, portrait[:, ::-1]])
    both.setflags(write=False)
    return both


def steepness(crops: Crops, axis: int) -> float:
    """Mean difference between neighbors down (1) or across (2) the images."""
    return float(np.abs(np.diff(crops.astype(float), axis=axis)).mean())


def middle(crops: Crops, border_px: int = 14) -> Crops:
    """What lies far enough inside that no border was repeated into it."""
    return crops[:, border_px:-border_px, border_px:-border_px]


def mean_difference(one: Crops, other: Crops) -> float:
    return float(np.abs(one.astype(float) - other).mean())


# What a corruption does


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_level_but_0_changes_images_keeps_their_form_and_further_ones_disturb_more(
    name: str, crops: Crops
) -> None:
    same, nobody = corrupt(crops, name, 0), np.empty((0, 48, 48), np.uint8)
    assert np.array_equal(same, crops)
    assert not np.shares_memory(same, crops)
    assert corrupt(nobody, name, CORRUPTIONS[name].severities[0]).shape == (0, 48, 48)
    apart = {0.0: 0.0}
    for severity in CORRUPTIONS[name].severities:
        changed = corrupt(crops, name, severity)
        assert changed.shape == crops.shape
        assert changed.dtype == np.uint8
        apart[severity] = mean_difference(changed, crops)
        assert apart[severity] > 0.3
        assert np.array_equal(changed[:1], corrupt(crops[:1], name, severity))  # as if alone
    outwards = [severity for severity in apart if severity > 0]
    for side in (outwards, [severity for severity in reversed(apart) if severity < 0]):
        differences = [apart[severity] for severity in side]
        assert differences == sorted(differences)


def test_brightness_moves_the_mean_and_stops_at_white() -> None:
    gray = np.full((1, 48, 48), 100, np.uint8)

    assert (corrupt(gray, "brightness", 40) == 140).all()
    assert (corrupt(gray, "brightness", -40) == 60).all()
    assert (corrupt(gray, "brightness", 200) == 255).all()
    assert (corrupt(gray, "brightness", -200) == 0).all()


def test_contrast_scales_the_spread_and_keeps_the_mean(crops: Crops) -> None:
    low, high = corrupt(crops, "contrast", -0.5), corrupt(crops, "contrast", 0.2)

    assert low.std() == pytest.approx(crops.std() / 2, rel=0.02)
    assert high.std() > crops.std()
    assert low.mean() == pytest.approx(crops.mean(), abs=0.5)
    assert corrupt(crops, "contrast", -1).std() == 0


def test_noise_has_its_spread_and_follows_its_seed() -> None:
    gray = np.full((40, 48, 48), 128, np.uint8)
    noisy = corrupt(gray, "noise", 10, seed=1)

    assert noisy.std() == pytest.approx(10, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.2)
    assert np.array_equal(noisy, corrupt(gray, "noise", 10, seed=1))
    assert not np.array_equal(noisy, corrupt(gray, "noise", 10, seed=2))
    assert not np.array_equal(noisy[0], noisy[1])


def test_jpeg_and_resolution_are_the_image_at_best_and_smoother_below(crops: Crops) -> None:
    assert mean_difference(corrupt(crops, "jpeg", 100), crops) < 1
    assert mean_difference(corrupt(crops, "jpeg", 5), crops) > 5

    small = corrupt(crops, "resolution", 12)
    assert np.array_equal(corrupt(crops, "resolution", 48), crops)
    assert steepness(small, 1) < steepness(crops, 1) / 2
    assert small.mean() == pytest.approx(crops.mean(), abs=2)
    assert corrupt(crops, "resolution", 1).std(axis=(1, 2)).max() == 0


def test_blur_flattens_both_ways_and_motion_only_sideways(crops: Crops) -> None:
    blurred, moved = corrupt(crops, "blur", 2), corrupt(crops, "motion", 9)

    assert steepness(blurred, 1) < steepness(crops, 1) / 2
    assert steepness(blurred, 2) < steepness(crops, 2) / 2
    assert steepness(moved, 2) < steepness(crops, 2) / 2
    stripes = np.repeat(np.arange(48, dtype=np.uint8)[:, None] * 5, 48, axis=1)[None]
    assert np.array_equal(corrupt(stripes, "motion", 9), stripes)
    assert np.array_equal(corrupt(crops, "motion", 1), crops)


@pytest.mark.parametrize(
    ("name", "band", "covered", "open_"),
    [
        ("eyes", EYES, [(15, 18), (32, 18)], [(17, 36), (31, 36), (23, 29)]),
        ("mouth", MOUTH, [(17, 36), (31, 36)], [(15, 18), (32, 18), (23, 28)]),
    ],
)
def test_a_bar_covers_its_band_and_nothing_else(
    name: str,
    band: robustness.Band,
    covered: list[tuple[int, int]],
    open_: list[tuple[int, int]],
    crops: Crops,
) -> None:
    height = 12
    barred = corrupt(crops, name, height)
    rows, columns = band.rows(height), slice(band.x0, band.x1)
    inside = np.zeros((48, 48), bool)
    inside[rows, columns] = True

    assert rows.stop - rows.start == height
    assert all(inside[y, x] for x, y in covered)
    assert not any(inside[y, x] for x, y in open_)
    assert np.array_equal(barred[:, ~inside], crops[:, ~inside])
    for bar, crop in zip(barred, crops, strict=True):
        assert set(bar[inside].tolist()) == {round(float(crop.mean()))}


def test_rotation_turns_clockwise_and_comes_round(crops: Crops) -> None:
    spot = np.zeros((1, 48, 48), np.uint8)
    spot[0, 5:9, 22:26] = 255  # above the middle

    turned = corrupt(spot, "rotation", 90)[0]
    assert turned[22:26, 39:43].mean() > 200  # to its right
    assert mean_difference(corrupt(crops, "rotation", 360), crops) < 0.5
    there_and_back = corrupt(corrupt(crops, "rotation", 30), "rotation", -30)
    assert mean_difference(middle(there_and_back), middle(crops)) < 8


def test_a_shifted_frame_shows_the_face_shifted_the_other_way(crops: Crops) -> None:
    assert np.array_equal(corrupt(crops, "shift-x", 8)[:, :, :-8], crops[:, :, 8:])
    assert np.array_equal(corrupt(crops, "shift-x", -8)[:, :, 8:], crops[:, :, :-8])
    assert np.array_equal(corrupt(crops, "shift-y", 8)[:, :-8], crops[:, 8:])
    assert np.array_equal(corrupt(crops, "shift-y", -8)[:, 8:], crops[:, :-8])
    repeated = corrupt(crops, "shift-x", 8)[:, :, -9:]
    assert np.array_equal(repeated, np.repeat(crops[:, :, -1:], 9, axis=2))


def test_a_wider_frame_holds_a_smaller_face() -> None:
    square = np.zeros((1, 48, 48), np.uint8)
    square[0, 16:32, 16:32] = 255

    def side(zoom: float) -> float:
        return float(np.sqrt(corrupt(square, "zoom", zoom).mean() / 255) * 48)

    assert side(1.0) == pytest.approx(8, abs=0.2)
    assert side(-0.5) == pytest.approx(32, abs=0.3)


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("brightness", 300),
        ("contrast", -1.5),
        ("noise", float("nan")),
        ("jpeg", 101),
        ("motion", 0.5),
        ("zoom", float("inf")),
    ],
)
def test_a_level_out_of_range_is_refused(name: str, severity: float, crops: Crops) -> None:
    with pytest.raises(OptionError, match=f"{name}: expected 0 or a severity from "):
        corrupt(crops, name, severity)


def test_unknown_names_and_other_arrays_are_refused(crops: Crops) -> None:
    with pytest.raises(OptionError, match=r"among brightness, .*, zoom; got 'fog'"):
        corrupt(crops, "fog", 1)
    for shape, dtype in (((48, 48), np.uint8), ((1, 48, 48), float), ((1, 64, 64), np.uint8)):
        with pytest.raises(OptionError, match=r"crops: expected \(N, 48, 48\) uint8; got"):
            corrupt(np.zeros(shape, dtype), "blur", 1)


# Measuring


def a_result(model: Path, *names: str, models: int = 1) -> Robustness:
    classifiers = {f"model {i}": Classifier(model) for i in range(models)}
    wanted = [corruption_named(name) for name in names]
    found = measure(classifiers, FACES, wanted)
    return Robustness.of(FACES, found, data="made up", seed=0)


def test_every_model_is_measured_uncorrupted_and_at_every_level(tiny_model: Path) -> None:
    result = a_result(tiny_model, "blur", "mouth", models=2)
    evaluated = evaluate(Classifier(tiny_model), FACES)

    assert result.models == ("model 0", "model 1")
    assert result.corruptions == ("blur", "mouth")
    assert len(result.measurements) == 2 * (1 + 6 + 6)
    for model in result.models:
        start = result.clean(model)
        assert (start.corruption, start.severity, start.n) == (CLEAN, 0.0, len(FACES))
        assert (start.accuracy, start.macro_f1) == (evaluated.accuracy, evaluated.macro_f1)
        for name in ("blur", "mouth"):
            curve = result.curve(model, name)
            assert tuple(m.severity for m in curve) == CORRUPTIONS[name].severities
            assert {m.unit for m in curve} == {"px of 48"}
    assert result.majority == pytest.approx(1 / 7)


def test_emotions_without_faces_are_named_and_in_no_mean(tiny_model: Path) -> None:
    classifier, happy = Classifier(tiny_model), FACES.take(FACES.targets == 3)
    result = Robustness.of(happy, measure({"tiny": classifier}, happy, []), data="happy", seed=0)
    read = classifier(happy.images).argmax(axis=1)
    recall = (read == 3).mean()

    assert result.absent == tuple(label for label in EMOTIONS if label != "happy")
    assert result.clean("tiny").macro_f1 == pytest.approx(2 * recall / (1 + recall))


def test_a_level_is_measured_on_the_corrupted_faces(tiny_model: Path) -> None:
    classifier, before = Classifier(tiny_model), FACES.fingerprint()
    (_, *severities) = measure({"tiny": classifier}, FACES, [CORRUPTIONS["noise"]], seed=3)
    for measured in severities:
        crops = corrupt(FACES.images, "noise", measured.severity, seed=3)
        right = classifier(crops).argmax(axis=1) == FACES.targets
        assert measured.accuracy == right.mean()
        assert measured.interval.low <= measured.accuracy <= measured.interval.high
    assert FACES.fingerprint() == before


def test_faces_are_drawn_by_seed_and_once_each() -> None:
    first, again = draw_faces(FACES, 10, seed=1), draw_faces(FACES, 10, seed=1)
    other = draw_faces(FACES, 10, seed=2)
    images = {image.tobytes() for image in first.images}

    assert len(first) == len(images) == 10
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
    assert draw_faces(FACES, 10_000) is FACES


# Figures


def test_a_strip_holds_the_face_as_it_is_in_its_place(tiny_model: Path) -> None:
    classifier, crop = Classifier(tiny_model), portrait_crop()
    by_name = {strip.corruption.name: strip for strip in strips(crop, classifier=classifier)}

    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    assert list(by_name) == list(CORRUPTIONS)
    assert list(by_name["rotation"].severities) == [-45, -30, -15, 0, 15, 30, 45]
    assert list(by_name["jpeg"].severities) == [0, 90, 70, 50, 30, 15, 5]
    for strip in by_name.values():
        as_it_is = strip.severities.index(0)
        assert np.array_equal(strip.crops[as_it_is], crop)
        assert len(strip.read) == len(strip.severities) == len(strip.crops)
        assert strip.read[as_it_is][1] == pytest.approx(classifier(crop[None]).max())


def test_the_title_of_few_panels_ends_within_the_figure(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(robustness_plots, "save", lambda figure, stem: drawn.append(figure))
    data = "fer2013 (FER+ majority) test"
    plot_robustness(replace(a_result(tiny_model, "blur", "mouth"), data=data), tmp_path)
    (figure,) = drawn
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1


# The command


@pytest.fixture
def run(mien: Mien, tmp_path: Path) -> Mien:
    """Runs `mien robustness` on the made-up faces, in this process."""
    table = write_csv(tmp_path / "fer2013.csv", FACES)
    return partial(mien, "robustness", "--data", table)


def test_the_command_prints_writes_and_draws(run: Mien, tiny_model: Path, tmp_path: Path) -> None:
    out = run(
        *("--model", tiny_model, "--corrupt", "blur, mouth", "--csv", tmp_path / "all.csv"),
        *("--plots", tmp_path / "figures"),
    )
    head, majority, _, header, *rows = out.stdout.splitlines()

    assert (out.status, out.stderr) == (0, "")
    assert head == "tiny on fer2013 test: 21 faces"
    assert majority == "always the commonest emotion: accuracy 0.143"
    assert header.split("  ")[0] == "corruption"
    assert [row.split()[0] for row in rows] == ["none", *["blur"] * 6, *["mouth"] * 6]
    table = csv_rows(tmp_path / "all.csv")
    assert [row["corruption"] for row in table] == [row.split()[0] for row in rows]
    assert {row["model"] for row in table} == {"tiny"}
    for row in table:
        assert float(row["low"]) <= float(row["accuracy"]) <= float(row["high"])
    drawn = sorted(file.name for file in (tmp_path / "figures").iterdir())
    assert drawn == ["corruptions.png", "corruptions.svg", "robustness.png", "robustness.svg"]
    curves = (tmp_path / "figures" / "robustness.svg").read_text()
    assert all(text in curves for text in ("blur", "mouth", "tiny", "fer2013", "95 % interval"))


def test_models_stand_side_by_side(run: Mien, tiny_model: Path, tmp_path: Path) -> None:
    namesake = write_model(tmp_path / "namesake.onnx", seed=1)
    other = write_model(
        tmp_path / "other.onnx", metadata=SPEC.to_json().replace('"tiny"', '"other"')
    )
    both = f"{tiny_model},{namesake}"

    out = run("--model", tiny_model, "--model", other, "--model", both, "--corrupt", "jpeg")
    header = out.stdout.splitlines()[3].split()
    assert header == ["corruption", "severity", "unit", "tiny", "other", "tiny+tiny"]
    same = run("--model", tiny_model, "--model", namesake, "--corrupt", "jpeg", "--json")
    values = json.loads(same.stdout)
    assert (values["data"], values["n"]) == ("fer2013 test", len(FACES.split("test")))
    assert [m["model"] for m in values["measurements"][:2]] == [str(tiny_model), str(namesake)]
    assert values["measurements"][2]["corruption"] == "jpeg"
    assert set(values["measurements"][2]["interval"]) == {"low", "high"}


def test_models_are_asked_the_same(mien: Mien, tiny_model: Path, tmp_path: Path) -> None:
    people = write_people_model(tmp_path / "people.onnx")
    voted = made_up_faces(train=1, val=2, test=3, votes=True)
    arguments = ("robustness", "--corrupt", "jpeg", "--json", "--model", people)
    table = write_csv(tmp_path / "fer2013.csv", voted)
    data = ("--data", table, "--votes", write_votes(tmp_path / "fer2013new.csv", voted))

    alone = json.loads(mien(*arguments, *data).stdout)
    judged = truth_of("people", voted, "test").split("test")
    assert (alone["data"], alone["n"]) == ("fer2013 (FER+ majority) test", len(judged))
    right = evaluate(Classifier(people), judged).accuracy
    assert alone["measurements"][0]["accuracy"] == pytest.approx(right)
    beside = json.loads(mien(*arguments, *data, "--model", tiny_model).stdout)
    label = json.loads(mien(*arguments, *data, "--head", "label").stdout)
    for found in (beside, label):
        assert (found["data"], found["n"]) == ("fer2013 test", len(voted.split("test")))
    assert beside["measurements"][0] == label["measurements"][0]  # of the label, both


def test_the_limit_draws_faces_by_seed(run: Mien, tiny_model: Path) -> None:
    arguments = ("--model", tiny_model, "--limit", 5, "--corrupt", "noise", "--json")
    one, same, other = (run(*arguments, "--seed", seed) for seed in (1, 1, 2))

    assert json.loads(one.stdout)["n"] == 5
    assert one == same
    assert one.stdout != other.stdout
    shown = run(*arguments[:-1], "--split", "val")
    assert shown.stdout.startswith("tiny on fer2013 val: 5 faces drawn with seed 0\n")


def test_ctrl_c_keeps_what_is_measured(
    run: Mien, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(3))

    def evaluate_some(*arguments: Any) -> Evaluation:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return evaluate_probabilities(*arguments)

    monkeypatch.setattr(robustness, "evaluate_probabilities", evaluate_some)
    out = run("--model", tiny_model, "--corrupt", "blur", "--csv", tmp_path / "some.csv")

    assert out.status == 130
    assert out.stderr == "mien: interrupted after 3 of 7 measurements\n"
    assert len(out.stdout.splitlines()) == 4 + 3
    assert len((tmp_path / "some.csv").read_text().splitlines()) == 1 + 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--corrupt fog", "expected a corruption among brightness"),
        ("--limit 0", "limit: expected 1 or more; got 0"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: str,
    message: str,
    run: Mien,
    tiny_model: Path,
    here: Path,
) -> None:
    before = sorted(here.iterdir())
    out = run("--model", tiny_model, *arguments.split())

    assert_refused(out, message)
    assert sorted(here.iterdir()) == before
