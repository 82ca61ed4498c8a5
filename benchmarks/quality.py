"""From which size, blur, light, contrast, turn and share inside on faces are read worse.

    python benchmarks/quality.py --data FER2013 --photos PHOTOS [--mesh MESH.onnx] [--faces 800]
        [--every 2] [--turned 80] [--figure STEM] [--json FILE]

Faces of val, with what most taggers chose, and the faces found in photos of real people
(docs/real-photos.md) are spoiled by the corruptions of `mien robustness`, and photos are cut off at
the face. Of each face `mien.recognize.quality` measures what it was worth then. Faces of like worth
are put together, and their accuracy is held against that of the very same faces unspoiled. The
constants of `mien.recognize.quality` are the values from which on it falls by more than five
points. It never reads test.

With MESH, an ONNX file of MediaPipe's face landmarker (478 points of crops of 256 x 256 pixels, RGB
uint8), the angles that five points tell are held against those of the mesh, and photos of faces
from the front are turned in space by known angles, as "face profiling" does (Zhu et al. 2016,
arXiv:1511.07212, section 5): found by YuNet again, they tell the error, and what is read of them.

Needs the extra `train`.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from mien.environment import onnx_session
from mien.learn.data.datasets import list_images, load_faces
from mien.learn.evaluation.robustness import corrupt, draw_faces
from mien.learn.evaluation.scores import truth_of
from mien.output.figures import figure, save
from mien.readings import Face, Image
from mien.recognize.classifier import Classifier
from mien.recognize.crops import Crops, crop_faces
from mien.recognize.faces import YuNetDetector
from mien.recognize.images import load_image
from mien.recognize.quality import blur_of, inside_of, pose_of, quality_of

Floats = NDArray[np.float64]

FALL: Final = 0.05
LEVELS: Final = {
    "resolution": (40, 32, 28, 24, 20, 16, 12, 8),
    "blur": (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
    "brightness": (-120, -100, -80, -60, -40, 40, 60, 80, 100, 120),
    "contrast": (-0.9, -0.8, -0.7, -0.6, -0.4, -0.2),
}
EDGES: Final = {
    "size_px": (4, 10, 14, 18, 22, 26, 30, 36, 44, 48.5),
    "blur": (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9),
    "light": (0, 10, 20, 30, 40, 50, 60, 80, 100, 130, 160, 180, 200, 210, 220, 230, 240, 255),
    "contrast": (0, 5, 10, 15, 20, 25, 30, 40, 60),
    "inside": (0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 1.0, 1.01),
    "yaw": (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 90),
}
"""Of the bins of each curve."""
OF: Final = {"resolution": "size_px", "blur": "blur", "brightness": "light", "contrast": "contrast"}
INSIDE: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
YAWS: Final = (-50.0, -35.0, -20.0, 0.0, 20.0, 35.0, 50.0)
MIN_FACES: Final = 40  # of a bin
UPRIGHT: Final = 10.0  # degrees, at most, of a face that is turned
CROP: Final = 1.4  # sides of YuNet's box, of the crop that the mesh is found in

RIGID: Final = {
    33: (-4.45, 2.66, 3.17),
    133: (-1.86, 2.59, 3.76),
    362: (1.86, 2.59, 3.76),
    263: (4.45, 2.66, 3.17),
    127: (-7.74, 2.36, -2.01),
    356: (7.74, 2.36, -2.01),
    151: (0.00, 6.55, 5.03),
    9: (0.00, 4.89, 5.39),
    168: (0.00, 3.27, 5.24),
    6: (0.00, 2.47, 5.79),
    1: (0.00, -1.13, 7.48),
    2: (0.00, -2.09, 6.06),
}
"""Points of MediaPipe's canonical face that no expression moves, in centimeters."""


@dataclass(frozen=True)
class Bin:
    """Faces of like worth, and the same ones unspoiled."""

    low: float
    high: float
    faces: int
    unspoiled: float
    fall: float
    error: float  # of the fall: 1.96 standard errors, drawn by faces


def bins(
    edges: Sequence[float], values: Floats, before: Floats, now: Floats, who: NDArray[np.int64]
) -> list[Bin]:
    """How far accuracy falls, by the worth of the faces.

    Args:
        edges: of the bins.
        values: (N,), of what was measured.
        before: (N,), 1 where the same face is read right unspoiled.
        now: (N,), 1 where it is read right.
        who: (N,), the number of the face, which may be there several times.
    """
    made = []
    for low, high in pairwise(edges):
        inside = (values >= low) & (values < high)
        n = int(inside.sum())
        if n < MIN_FACES:
            continue
        falls = before[inside] - now[inside]
        fall = float(falls.mean())
        of_faces = np.bincount(who[inside], falls - fall)
        error = 1.96 * float(np.sqrt(np.square(of_faces).sum())) / n
        made.append(Bin(low, high, n, float(before[inside].mean()), fall, error))
    return made


def corrupted(
    crops: Crops, targets: NDArray[np.int64], read: Callable[[Crops], NDArray[np.int64]]
) -> dict[str, list[Bin]]:
    """The curves of size, blur, light and contrast."""
    before = read(crops) == targets
    curves = {}
    for name, levels in LEVELS.items():
        values, now = [], []
        for level in levels:
            spoiled = corrupt(crops, name, level)
            now.append(read(spoiled) == targets)
            if name == "resolution":
                values.append(np.full(len(crops), float(level)))
            elif name == "blur":
                values.append(np.array([blur_of(crop) for crop in spoiled]))
            else:
                measure = np.mean if name == "brightness" else np.std
                values.append(measure(spoiled, axis=(1, 2)))
        times = len(levels)
        curves[OF[name]] = bins(
            EDGES[OF[name]],
            np.concatenate(values),
            np.tile(before, times).astype(float),
            np.concatenate(now).astype(float),
            np.tile(np.arange(len(crops)), times),
        )
    return curves


def cut_off(image: Image, face: Face, share: float, side: int) -> Image:
    """The image without what lies beyond a line through the box: left, right, top or bottom."""
    x0, y0, x1, y1 = face.box
    column, row = (round(a + (1 - share) * (b - a)) for a, b in ((x0, x1), (y0, y1)))
    return (
        image[:, max(column, 0) :],
        image[:, : round(x1 - (1 - share) * (x1 - x0))],
        image[max(row, 0) :],
        image[: round(y1 - (1 - share) * (y1 - y0))],
    )[side]


def found_again(detector: YuNetDetector, image: Image) -> Face | None:
    """The largest face of an image."""
    return max(detector.detect(image), key=lambda face: face.size_px, default=None)


# The mesh


class Mesh:
    """Finds 478 points on a face."""

    def __init__(self, path: str) -> None:
        self._session = onnx_session(path)

    def __call__(self, image: Image, face: Face) -> Floats:
        """(478, 3): x, y and depth, towards the back, in pixels of the image."""
        assert face.landmarks is not None
        (ax, ay), (bx, by) = face.landmarks[:2]
        angle, step = math.atan2(by - ay, bx - ax), CROP * face.size_px / 256
        cosine, sine, middle = step * math.cos(angle), step * math.sin(angle), 127.5
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        there = np.array(
            [
                [cosine, -sine, x - middle * (cosine - sine)],
                [sine, cosine, y - middle * (sine + cosine)],
            ]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(image, there, (256, 256), flags=how, borderMode=cv2.BORDER_REPLICATE)
        (points,) = self._session.run(["points"], {"crops": crop[None]})[0].astype(float)
        places = points[:, :2] @ there[:, :2].T + there[:, 2]
        return np.column_stack([places, points[:, 2] * step])


def mesh_pose(points: Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees, as `pose_of` has them, of a mesh.

    By the rotation that brings `RIGID` nearest to it (Kabsch 1976).
    """
    model = np.array(list(RIGID.values()))
    seen = points[list(RIGID)] * (1.0, -1.0, -1.0)  # y upwards, depth towards the viewer
    u, _, v = np.linalg.svd((seen - seen.mean(0)).T @ (model - model.mean(0)))
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
    roll = -math.atan2(rotation[1, 0], rotation[0, 0])
    x, y, z = turn(0.0, roll) @ rotation[:, 2]
    return math.degrees(math.atan2(x, z)), math.degrees(math.asin(y)), math.degrees(roll)


def turn(yaw: float, roll: float) -> Floats:
    """(3, 3): a rotation by radians, of x to the right, y upwards and z towards the viewer.

    First by the yaw, then by the roll, against the clock.
    """
    (a, b), (c, d) = ((math.cos(angle), math.sin(angle)) for angle in (yaw, roll))
    about_y = np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]])
    about_z = np.array([[c, -d, 0], [d, c, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y, np.float64)


def turned(image: Image, points: Floats, yaw: float) -> Image:
    """A photo whose head is turned aside by so many degrees more.

    The mesh turns; a ring around it, at the depth of the ears, turns with it, and what lies at the
    border of the image stays.
    """
    height, width = image.shape[:2]
    middle = points.mean(0)
    center = np.array([middle[0], middle[1], np.quantile(points[:, 2], 0.95)])
    size = np.ptp(points[:, 1])
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.c_[0.75 * np.cos(around), 0.95 * np.sin(around), np.zeros(24)] * size + center
    far = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    still = np.c_[1.6 * np.cos(far), 1.8 * np.sin(far), np.zeros(24)] * size + center
    source = np.concatenate([points, ring, still])
    triangles = Delaunay(source[:, :2]).simplices
    flip = np.array([1.0, -1.0, -1.0])
    rotation = turn(math.radians(yaw), 0.0)
    moving = len(points) + len(ring)
    place = source.copy()
    place[:moving] = ((source[:moving] - center) * flip @ rotation.T) * flip + center
    depth = place[triangles, 2].mean(1)
    out = image.copy()
    for corners in triangles[np.argsort(-depth)]:  # the nearest last
        here, there = source[corners, :2], place[corners, :2]
        x0, y0 = np.maximum(np.floor(there.min(0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(there.max(0)).astype(int) + 1, (width, height))
        if x1 <= x0 or y1 <= y0:
            continue
        back = cv2.getAffineTransform(
            (there - (x0, y0)).astype(np.float32), here.astype(np.float32)
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(
            image, back, (int(x1 - x0), int(y1 - y0)), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        mask = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, np.round(there - (x0, y0)).astype(np.int32), 1)
        out[y0:y1, x0:x1][mask > 0] = patch[mask > 0]
    return out


@dataclass(frozen=True)
class Photo:
    """A photo with a face."""

    image: Image
    face: Face
    target: int


class Reader:
    """Crops -> which of the seven emotions each shows."""

    def __init__(self, model: str) -> None:
        self._classifier = Classifier(model, threads=1)
        self.margin = self._classifier.spec.crop_margin

    def __call__(self, crops: Crops) -> NDArray[np.int64]:
        """(N,), as numbers of `mien.EMOTIONS`."""
        return np.asarray(self._classifier(crops).argmax(axis=1), np.int64)


def cut_off_curve(photos: Sequence[Photo], detector: YuNetDetector, read: Reader) -> list[Bin]:
    """By the share of the box inside, as it is measured on the photo that was cut off."""
    shares, now, who = [], [], []
    for number, photo in enumerate(photos):
        for step, share in enumerate(INSIDE):
            image = cut_off(photo.image, photo.face, share, (number + step) % 4)
            face = found_again(detector, image)
            if face is None:
                continue
            (crop,) = crop_faces(image, [face], detector.framing, margin=read.margin)
            shares.append(inside_of(face.box, (image.shape[1], image.shape[0])))
            now.append(crop)
            who.append(number)
    right = read(np.array(now)) == np.array([photos[number].target for number in who])
    before = whole(photos, detector, read)
    return bins(EDGES["inside"], np.array(shares), before[who], right.astype(float), np.array(who))


def whole(photos: Sequence[Photo], detector: YuNetDetector, read: Reader) -> Floats:
    """(N,), 1 where a photo as it is is read right."""
    cut = [crop_faces(p.image, [p.face], detector.framing, margin=read.margin) for p in photos]
    right = read(np.concatenate(cut)) == np.array([photo.target for photo in photos])
    return np.asarray(right, np.float64)


def pose_errors(told: Floats, true: Floats, what: str) -> None:
    """Print how far angles are from the true ones; (N, 3) degrees each."""
    for column, angle in enumerate(("yaw", "pitch", "roll")):
        wrong = told[:, column] - true[:, column]
        parts = []
        for low, high in ((0, 10), (10, 20), (20, 30), (30, 45), (45, 90)):
            there = (np.abs(true[:, column]) >= low) & (np.abs(true[:, column]) < high)
            if there.sum() >= 10:
                outwards = wrong[there] * np.sign(true[there, column])
                mean = np.abs(wrong[there]).mean()
                parts.append(f"{low}-{high}: {mean:.1f} ({outwards.mean():+.1f}), n {there.sum()}")
        print(f"{what}: {angle} off by {np.abs(wrong).mean():.1f} degrees; {'; '.join(parts)}")


def turned_curve(
    photos: Sequence[Photo], meshes: Sequence[Floats], detector: YuNetDetector, read: Reader
) -> list[Bin]:
    """By the yaw that is measured on photos that are turned; prints its errors, too."""
    told, true, crops, who, lost = [], [], [], [], dict.fromkeys(YAWS, 0)
    for number, (photo, points) in enumerate(zip(photos, meshes, strict=True)):
        start = mesh_pose(points)
        for yaw in YAWS:
            image = turned(photo.image, points, yaw) if yaw else photo.image
            face = found_again(detector, image)
            if face is None or face.landmarks is None:
                lost[yaw] += 1
                continue
            told.append(pose_of(face.landmarks))
            true.append((start[0] + yaw, *start[1:]))
            crops.append(crop_faces(image, [face], detector.framing, margin=read.margin)[0])
            who.append(number)
    print("turned:", len(photos), "photos; not found:", {a: n for a, n in lost.items() if n})
    pose_errors(np.array(told), np.array(true), "turned")
    right = read(np.array(crops)) == np.array([photos[number].target for number in who])
    yaws = np.abs(np.array(told)[:, 0])
    before = whole(photos, detector, read)
    return bins(EDGES["yaw"], yaws, before[who], right.astype(float), np.array(who))


def mirrored(photos: Sequence[Photo], detector: YuNetDetector) -> None:
    """Print how far the angles of a photo and of its mirror image disagree."""
    apart = []
    for photo in photos:
        face = found_again(detector, np.ascontiguousarray(photo.image[:, ::-1]))
        if face is not None and face.landmarks is not None and photo.face.landmarks is not None:
            (a, b, c), (d, e, f) = pose_of(photo.face.landmarks), pose_of(face.landmarks)
            apart.append((abs(a + d), abs(b - e), abs(c + f)))
    yaw, pitch, roll = np.mean(apart, axis=0)
    print(f"mirrored, n {len(apart)}: yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} apart")


def measured(of: str, photos: Sequence[Photo], detector: YuNetDetector, read: Reader) -> None:
    """Print how photos as they are are read, by one measure."""
    right, values = whole(photos, detector, read), []
    for photo in photos:
        (crop,) = crop_faces(photo.image, [photo.face], detector.framing, margin=read.margin)
        size = (photo.image.shape[1], photo.image.shape[0])
        values.append(getattr(quality_of(photo.face, crop, size), of))
    worth = np.abs(np.array(values, np.float64))
    print(f"photos as they are, by {of}:")
    for low, high in pairwise(EDGES[of]):
        there = (worth >= low) & (worth < high)
        if there.sum() >= 10:
            print(f"  {low:g} to {high:g}: {right[there].mean():.3f} right, n {there.sum()}")


def show(name: str, of: str, curve: Sequence[Bin]) -> None:
    """Print one curve."""
    print(f"{of}, {name}: faces, right unspoiled, fall in points (95 %)")
    for one in curve:
        print(
            f"  {one.low:g} to {one.high:g}: {one.faces:,}, {one.unspoiled:.3f}, "
            f"{100 * one.fall:.1f} +- {100 * one.error:.1f}{'  *' if one.fall > FALL else ''}"
        )


def draw(curves: dict[str, dict[str, list[Bin]]], stem: Path) -> None:
    """The curves as a figure, an axis for each measure."""
    of = [name for name in EDGES if any(name in own for own in curves.values())]
    with figure(9.0, 5.0, rows=2, columns=3) as (drawn, axes):
        for axis, name in zip(axes, of, strict=False):
            for label, own in curves.items():
                if points := own.get(name):
                    middles = [(one.low + one.high) / 2 for one in points]
                    falls = [100 * one.fall for one in points]
                    errors = [100 * one.error for one in points]
                    axis.errorbar(middles, falls, errors, marker="o", markersize=3, label=label)
            axis.axhline(100 * FALL, color="#c0392b", linewidth=0.8, linestyle="--")
            axis.set_title(name)
            axis.set_ylabel("fall, points")
            axis.legend(fontsize=8, frameon=False)
        for axis in axes[len(of) :]:
            axis.set_visible(False)
        save(drawn, stem, endings=(".png",))


def load_photos(path: str, detector: YuNetDetector) -> list[Photo]:
    """The photos in which a face is found."""
    photos = []
    for photo in list_images(path).images:
        image = load_image(photo.file, min_side_px=1)
        face = found_again(detector, image)
        if face is not None:
            photos.append(Photo(image, face, photo.target))
    return photos


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--mesh", help="ONNX file of the face landmarker")
    parser.add_argument("--model", default="mien")
    parser.add_argument("--faces", type=int, default=800, help="of val")
    parser.add_argument("--every", type=int, default=2, help="of the photos with a face, take each")
    parser.add_argument("--turned", type=int, default=80, help="photos that are turned")
    parser.add_argument("--figure", type=Path, help="name without an ending")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    detector, read = YuNetDetector(), Reader(options.model)
    photos = load_photos(options.photos, detector)[:: options.every]
    crops = np.concatenate(
        [crop_faces(p.image, [p.face], detector.framing, margin=read.margin) for p in photos]
    )
    targets = np.array([photo.target for photo in photos])
    val = truth_of("people", draw_faces(load_faces(options.data).split("val"), options.faces))
    curves: dict[str, dict[str, list[Bin]]] = {
        "val": corrupted(val.images, val.targets, read),
        "photos": corrupted(crops, targets, read),
    }
    curves["photos"]["inside"] = cut_off_curve(photos[::2], detector, read)
    for label, n in (("val", len(val)), ("photos", len(photos))):
        print(f"{label}: n {n:,}")
        for of, curve in curves[label].items():
            show(label, of, curve)
    measured("yaw", photos, detector, read)
    measured("blur", photos, detector, read)
    mirrored(photos, detector)
    if options.mesh:
        mesh = Mesh(options.mesh)
        meshes = [mesh(photo.image, photo.face) for photo in photos]
        told = np.array([pose_of(p.face.landmarks) for p in photos if p.face.landmarks])
        true = np.array([mesh_pose(points) for points in meshes])
        pose_errors(told, true, "against the mesh")
        front = np.flatnonzero(np.abs(true).max(axis=1) < UPRIGHT)
        front = front[np.linspace(0, len(front) - 1, options.turned).astype(int)]
        some = [photos[i] for i in front]
        curves["photos"]["yaw"] = turned_curve(some, [meshes[i] for i in front], detector, read)
        show("turned photos", "yaw", curves["photos"]["yaw"])
    if options.json:
        rows = {k: {of: [asdict(b) for b in c] for of, c in v.items()} for k, v in curves.items()}
        options.json.write_text(json.dumps(rows, indent=1))
    if options.figure:
        draw(curves, options.figure)


if __name__ == "__main__":
    main()
