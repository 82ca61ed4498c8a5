"""The figures of docs/how-it-works.md, from the models in the package and real images.

    python scripts/how_it_works.py --data FER2013 --out docs/images

`--data` is FER2013 as `mien train` takes it; no single image of it is shown. Without it the two
figures that need it are left as they are.
"""

import argparse
import sys
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from mien import Classifier, Recognizer, YuNetDetector, crop_faces, load_image
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, load_faces
from mien.learn.evaluation.scores import evaluate_probabilities
from mien.learn.networks import build
from mien.learn.summary import summarize
from mien.output.figures import EMOTION_COLORS, figure, save
from mien.readings import Face, Image
from mien.recognize.crops import SIZE_PX, square_of
from mien.recognize.faces import Framing
from mien.recognize.video.smoothing import smooth

ROOT: Final = Path(__file__).resolve().parent.parent
PORTRAIT: Final = ROOT / "examples" / "astronaut.jpg"
MODEL: Final = "mien"

TILTS_DEG: Final = (10.0, 20.0, 30.0)  # at which the page says what the detector sees of them
FPS: Final = 25.0
VIDEO_S: Final = 4.0
VIDEO_PX: Final = 160  # of the video whose following is shown, small so that labels jump
NOISE: Final = 30.0  # gray levels, of its frames

_INK, _PALE, _LINE, _MODEL_FILL = "#33373d", "#eef1f4", "#9aa0a8", "#fbe6b0"


def main(arguments: list[str] | None = None) -> int:
    """Draw all figures, or those that need no data set; returns the exit status."""
    parser = argparse.ArgumentParser(description="Draw the figures of docs/how-it-works.md.")
    parser.add_argument("--data", type=Path, help="FER2013, for what is drawn from it.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="The folder.")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "how-flows.svg").write_text(flows(), encoding="utf-8")
    (options.out / "how-network.svg").write_text(network(), encoding="utf-8")
    draw_framing(options.out / "how-framing")
    for tilt in TILTS_DEG:
        print(f"portrait turned by {tilt:g} degrees: YuNet sees {seen_tilt(tilt):.1f}")
    draw_following(options.out / "how-following")
    if options.data is not None:
        faces = load_faces(options.data)
        draw_mean_faces(faces.split("train"), options.out / "how-mean-faces")
        draw_calibration(faces.split("test"), options.out / "how-calibration")
    return 0


def flows() -> str:
    """The two flows, which meet in the model file, as SVG."""
    recognize = ["photo", "faces", "crops\n48 x 48", "probabilities", "readings"]
    recognize.append("rows, copies,\npages, videos")
    learn = ["data set", "batches", "network", "training", "evaluation", "export"]
    width, gap, top, bottom = 104, 22, 34, 218
    parts = []

    def row(labels: list[str], y: int, title: str) -> None:
        parts.append(_text(8, y - 14, title, anchor="start", weight="bold"))
        for i, label in enumerate(labels):
            x = 8 + i * (width + gap)
            parts.append(_box(x, y, width, 44, label))
            if i:
                parts.append(_arrow(x - gap, y + 22, x - 1, y + 22))

    row(recognize, top, "recognize")
    row(learn, bottom, "learn")
    middle = 8 + 3 * (width + gap) + width // 2
    last = 8 + 5 * (width + gap) + width // 2
    label = "model.onnx\nnetwork, labels, framing, scores"
    parts.append(_box(middle - 92, 126, 184, 50, label, _MODEL_FILL))
    parts.append(_arrow(middle, 126, middle, top + 45))
    parts.append(f'<path d="M{last} {bottom} V151 H{middle + 93}" {_STROKE}/>')
    return _svg(8 + 6 * (width + gap) - gap + 8, bottom + 54, parts)


def network() -> str:
    """The network in the package, as SVG: as high as its photo, as wide as its channels."""
    layers = summarize(build("se-resnet"))
    stages: list[tuple[int, int]] = [(SIZE_PX, 1)]  # side and channels of what goes on
    for shape in (one.output_shape for one in layers if one.kind in ("Conv2d", "Linear")):
        side, channels = (shape[0], shape[2]) if len(shape) == 3 else (1, shape[0])
        if (side > 1 or len(shape) == 1) and (side, channels) != stages[-1]:
            stages.append((side, channels))
    two = "two residual\nblocks"
    names = iter(("the crop", "convolution", "convolution and\none residual block", two, two))
    parts = []
    column, middle = 122.0, 100.0
    for i, (side, channels) in enumerate(stages):
        center = column * (i + 0.5)
        high, wide = (side * 3.0, 10 + channels / 3.2) if side > 1 else (7 * 14.0, 16.0)
        if side > 1:
            fill = "#d7e3f2" if i else _PALE
            parts.append(_box(center - wide / 2, middle - high / 2, wide, high, "", fill))
            words, shape_text = next(names), f"{side} x {side} x {channels}"
        else:
            for row, color in enumerate(EMOTION_COLORS):
                y = middle - high / 2 + 14 * row
                parts.append(_box(center - wide / 2, y, wide, 14, "", color))
                parts.append(_text(center + wide, y + 11, EMOTIONS[row], anchor="start"))
            words, shape_text = "softmax", f"{channels} probabilities"
        for j, line in enumerate([*words.split("\n"), shape_text]):
            parts.append(_text(center, 196 + 15 * j, line, size=12))
        if i:
            before = 10 + stages[i - 1][1] / 3.2
            x0, x1 = center - column + before / 2 + 8, center - wide / 2 - 8
            parts.append(_arrow(x0, middle, x1, middle))
            if side == 1:
                parts.append(_text((x0 + x1) / 2, middle - 8, "mean", size=11))
    return _svg(int(column * len(stages) + 30), 236, parts)


_STROKE: Final = f'fill="none" stroke="{_LINE}" stroke-width="1.6" marker-end="url(#head)"'


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="{_LINE}"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif"><defs>{head}</defs>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "middle", size: int = 12, weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{_INK}">{escape(text)}</text>'
    )


def _box(x: float, y: float, width: float, height: float, label: str, fill: str = _PALE) -> str:
    lines = label.split("\n") if label else []
    first = y + height / 2 + 4 - 7.5 * (len(lines) - 1)
    words = [
        _text(x + width / 2, first + 15 * i, line, size=12 if i == 0 else 10)
        for i, line in enumerate(lines)
    ]
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" fill="{fill}" '
        f'stroke="{_LINE}"/>{"".join(words)}'
    )


def _arrow(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<path d="M{x0:g} {y0:g} L{x1:g} {y1:g}" {_STROKE}/>'


def draw_framing(stem: Path) -> Path:
    """The portrait with what the detector finds and the frame that is cut, and the crop."""
    image = load_image(PORTRAIT)
    detector = YuNetDetector()
    face = detector.detect(image)[0]
    assert face.landmarks is not None  # YuNet gives them always
    crop = crop_faces(image, [face], detector.framing)[0]
    x0, y0, x1, y1 = face.box
    reach = face.size_px
    with figure(7.0, 3.5, columns=2) as (drawn, (left, right)):
        left.imshow(image)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        left.set(xlim=(x - reach, x + reach), ylim=(y + reach, y - reach), title="found")
        left.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="#f0ad12", label="box")
        corners = _frame_corners(face, detector.framing)
        left.plot(*corners.T, color="#ffffff", linewidth=2.5)
        left.plot(*corners.T, color="#3478cd", label="frame")
        left.plot(
            *np.array(face.landmarks).T, "o", color="#de4236", markersize=4, label="landmarks"
        )
        left.legend(loc="upper left", fontsize=8)
        right.imshow(crop, cmap="gray", vmin=0, vmax=255)
        right.set_title(f"cut: {SIZE_PX} x {SIZE_PX} gray")
        for axes in (left, right):
            axes.set_axis_off()
        (path,) = save(drawn, stem, endings=(".png",))
    with PIL.Image.open(path) as photo:  # a photo is a quarter of the size as JPEG
        photo.convert("RGB").save(path.with_suffix(".jpg"), quality=90)
    path.unlink()
    return path.with_suffix(".jpg")


def seen_tilt(angle_deg: float) -> float:
    """What YuNet makes of the tilt of the portrait, turned by an angle; both in degrees."""
    face = YuNetDetector(second_looks=False).detect(_turned(load_image(PORTRAIT), angle_deg))[0]
    assert face.landmarks is not None  # YuNet gives them always
    (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
    return float(np.degrees(np.arctan2(left_y - right_y, left_x - right_x)))


def _turned(image: Image, angle_deg: float) -> Image:
    """A photo turned about its middle, its border repeated."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -angle_deg, 1.0)
    turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _frame_corners(face: Face, framing: Framing) -> NDArray[np.float64]:
    """(5, 2) the square that `crop_faces` cuts, closed, in pixels of the photo."""
    x, y, angle, side = square_of(face, framing)
    half = side / 2
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * half
    cosine, sine = np.cos(angle), np.sin(angle)
    corners: NDArray[np.float64] = square @ np.array([(cosine, sine), (-sine, cosine)]) + (x, y)
    return corners


def draw_mean_faces(faces: FaceSet, stem: Path) -> Path:
    """The mean of all faces of each emotion: what is in the frame, and where."""
    with figure(7.0, 1.5, columns=len(EMOTIONS)) as (drawn, axes_of):
        for target, axes in enumerate(axes_of):
            own = faces.images[faces.targets == target]
            mean = own.mean(axis=0)
            axes.imshow(mean, cmap="gray", vmin=mean.min(), vmax=mean.max())
            axes.set_title(EMOTIONS[target], fontsize=9)
            axes.set_xlabel(f"n {len(own):,}", fontsize=8)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
        return save(drawn, stem, endings=(".png",))[0]


def draw_calibration(faces: FaceSet, stem: Path) -> Path:
    """How often the network is right when it is so sure, before and after it was calibrated."""
    classifier = Classifier(MODEL, head="label")
    after = classifier(faces.images)
    spec = classifier.spec
    shares = np.exp(spec.temperature * np.log(np.maximum(after.astype(np.float64), 1e-12)))
    shares /= shares.sum(axis=1, keepdims=True)
    kept = 1.0 - spec.label_smoothing_undone
    before = (kept * shares + spec.label_smoothing_undone / len(EMOTIONS)).astype(np.float32)
    with figure(5.2, 4.0) as (drawn, (axes,)):
        axes.plot([0, 1], [0, 1], color=_LINE, linestyle="--", label="as sure as right")
        for probabilities, name, color in (
            (before, "as trained", "#e56e1e"),
            (after, "calibrated, as shipped", "#3478cd"),
        ):
            found = evaluate_probabilities(probabilities, faces.targets).reliability
            label = f"{name}: off by {100 * found.expected_calibration_error:.1f} points"
            axes.plot(found.confidence, found.accuracy, "o-", color=color, label=label)
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel="probability of the emotion that is read",
            ylabel="share of these that is right",
            title=f"{len(faces.targets):,} faces of PrivateTest",
        )
        axes.legend(loc="upper left", fontsize=9)
        return save(drawn, stem, endings=(".png",))[0]


def draw_following(stem: Path) -> Path:
    """One face over a video: what single frames say, and what is left after smoothing."""
    random = np.random.default_rng(0)
    image = cv2.resize(load_image(PORTRAIT), (VIDEO_PX, VIDEO_PX), interpolation=cv2.INTER_AREA)
    recognizer = Recognizer(MODEL)
    (still,) = recognizer(np.asarray(image, np.uint8))
    x0, y0, x1, y1 = (round(value) for value in still.box)
    times, rows = [], []
    for number in range(round(VIDEO_S * FPS)):
        time_s = number / FPS
        frame = image.astype(np.float64)
        if 2.0 <= time_s < 2.2:  # a hand before the mouth
            frame[y0 + 2 * (y1 - y0) // 3 : y1, x0:x1] = (190, 150, 130)
        frame += random.normal(0, NOISE, image.shape)
        readings = recognizer(np.clip(frame, 0, 255).astype(np.uint8))
        if readings:
            times.append(time_s)
            rows.append(readings[0].probabilities)
    raw = np.array(rows)
    smoothed, labels = smooth(raw, times)
    shown = np.argsort(-raw.max(axis=0))[:3]
    with figure(7.0, 3.2) as (drawn, (axes,)):
        for target in shown:
            color = EMOTION_COLORS[target]
            axes.plot(times, raw[:, target], ".", color=color, markersize=4, alpha=0.7)
            axes.plot(times, smoothed[:, target], color=color, label=EMOTIONS[target], linewidth=2)
        axes.axvspan(2.0, 2.2, color="#000000", alpha=0.08, linewidth=0)
        axes.text(2.24, 0.55, "a hand before the mouth", fontsize=8, va="center")
        flips = sum(a != b for a, b in pairwise(raw.argmax(axis=1)))
        held = sum(a != b for a, b in pairwise(labels))
        axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1))
        axes.set_title(f"label changes: {flips} frame by frame, {held} smoothed")
        axes.legend(loc="center left", fontsize=9)
        return save(drawn, stem, endings=(".png",))[0]


if __name__ == "__main__":
    sys.exit(main())
