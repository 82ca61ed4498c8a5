"""From which size, blur, light, contrast, turn and share inside on faces are read worse.

    python benchmarks/quality.py --photos PHOTOS [--data FER2013] [--faces 800] [--every 2]
        [--turned 160] [--scan HEAD.glb SKIN.jpg] [--renders 300] [--figure STEM]

With FER2013, faces of val, with what most taggers chose, and the faces found in photos of real
people (docs/real-photos.md) are spoiled by the corruptions of `mien robustness`, and photos are cut
off at the face. Of each face `mien.recognize.quality` measures what it was worth then. Faces of
like worth are put together, and their accuracy is held against that of the very same faces
unspoiled. The constants of `mien.recognize.quality` are the values from which on it falls by more
than five points. It never reads test.

The pose that five points tell is held against that of MediaPipe's mesh. Both are held against
photos that are rolled in the plane by known angles, and against photos of faces from the front that
are turned in space, as "face profiling" does (Zhu et al. 2016, arXiv:1511.07212, section 5): what
is read of these tells from which turn on faces are read worse. With HEAD.glb, a head that was
scanned (one mesh of triangles, which looks along z, y upwards, and sees to the ears), and SKIN.jpg,
its colors, both are held against renders of known pose, distance, light and size (seed 0).

Needs the extra `train`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from mien.learn.data.datasets import FaceSet, list_images, load_faces
from mien.learn.data.labeled_images import largest_face
from mien.learn.evaluation.robustness import corrupt, draw_faces
from mien.learn.evaluation.scores import truth_of
from mien.output.figures import figure, save
from mien.readings import Face, Image
from mien.recognize.classifier import Classifier
from mien.recognize.crops import Crops, crop_faces
from mien.recognize.faces import WholeImage, YuNetDetector
from mien.recognize.images import load_image
from mien.recognize.movements import Movements
from mien.recognize.movements import pose_of as pose_of_mesh
from mien.recognize.quality import blur_of, inside_of, pose_of
from program import options_of
from scan import Scan

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
    "pitch": (-90, -50, -40, -35, -30, -25, -20, -10, 0, 10, 20, 25, 30, 35, 40, 50, 90),
}
"""Of the bins of each curve."""
OF: Final = {"resolution": "size_px", "blur": "blur", "brightness": "light", "contrast": "contrast"}
INSIDE: Final = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
YAWS: Final = (-50.0, -40.0, -30.0, -20.0, 20.0, 30.0, 40.0, 50.0)
PITCHES: Final = (-45.0, -35.0, -25.0, -15.0, 15.0, 25.0, 35.0, 45.0)
ROLLS: Final = (-40.0, -20.0, -10.0, 10.0, 20.0, 40.0)
METHODS: Final = ("points", "mesh")
TURNED: Final = 20.0  # degrees
LIMITS: Final = {"yaw": (0, 20, 25, 30, 35, 90), "pitch": (-90, -25, -20, -10, 10, 20, 25, 90)}
"""Of wider bins, by what the mesh tells."""
MIN_FACES: Final = 40  # of a bin
UPRIGHT: Final = 10.0  # degrees, at most, of a face that is turned


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

    (N,) each: what was measured, 1 where the same face is read right unspoiled, 1 where it is read
    right now, and the number of the face, which may be there several times.
    """
    made = []
    for low, high, inside in parted(edges, values):
        if (n := int(inside.sum())) >= MIN_FACES:
            falls = before[inside] - now[inside]
            fall = float(falls.mean())
            of_faces = np.bincount(who[inside], falls - fall)
            error = 1.96 * float(np.sqrt(np.square(of_faces).sum())) / n
            made.append(Bin(low, high, n, float(before[inside].mean()), fall, error))
    return made


def parted(
    edges: Sequence[float], values: Floats
) -> Iterator[tuple[float, float, NDArray[np.bool_]]]:
    """Each part between edges, and which of the values lie in it."""
    for low, high in pairwise(edges):
        yield low, high, (values >= low) & (values < high)


def corrupted(
    crops: Crops, targets: NDArray[np.int64], read: Callable[[Crops], NDArray[np.int64]]
) -> dict[str, list[Bin]]:
    """The curves of size, blur, light and contrast."""
    before = (read(crops) == targets).astype(float)
    curves = {}
    for name, levels in LEVELS.items():
        values, now = [], []
        for level in levels:
            spoiled = corrupt(crops, name, level)
            now.append((read(spoiled) == targets).astype(float))
            if name == "resolution":
                values.append(np.full(len(crops), float(level)))
            elif name == "blur":
                values.append(np.array([blur_of(crop) for crop in spoiled]))
            else:
                measure = np.mean if name == "brightness" else np.std
                values.append(measure(spoiled, axis=(1, 2)))
        who = np.tile(np.arange(len(crops)), len(levels))
        found = np.concatenate(values), before[who], np.concatenate(now)
        curves[OF[name]] = bins(EDGES[OF[name]], *found, who)
    return curves


def cut_off(image: Image, face: Face, share: float, side: int) -> Image:
    """The image without what lies beyond a line through the box: left, right, top or bottom."""
    x0, y0, x1, y1 = face.box
    across, down = (1 - share) * (x1 - x0), (1 - share) * (y1 - y0)
    return (
        image[:, max(round(x0 + across), 0) :],
        image[:, : round(x1 - across)],
        image[max(round(y0 + down), 0) :],
        image[: round(y1 - down)],
    )[side]


# Poses


@dataclass(frozen=True)
class Told:
    """The largest face of an image, and its pose by each of `METHODS`."""

    face: Face
    poses: Floats  # (2, 3): yaw, pitch and roll in degrees; NaN where the mesh sees no face
    mesh: Floats | None  # (478, 3), in pixels


class Teller:
    """Finds the largest face of an image and tells its pose."""

    def __init__(self) -> None:
        self._detector, self._movements = YuNetDetector(), Movements()

    def __call__(self, image: Image) -> Told | None:
        """None where YuNet finds no face."""
        face = largest_face(image, self._detector)
        if face is None or face.landmarks is None:
            return None
        (moved,) = self._movements(image, [face], self._detector.framing)
        poses = np.array([pose_of(face.landmarks), (math.nan,) * 3])
        if moved is None or moved.points is None:
            return Told(face, poses, None)
        poses[1] = pose_of_mesh(moved.points)
        return Told(face, poses, moved.points.astype(np.float64))


def turn(yaw: float, pitch: float, roll: float = 0.0) -> Floats:
    """(3, 3): the rotation of a head by degrees, of x to the right, y upwards, z to the viewer."""
    a, b, c = (math.radians(angle) for angle in (pitch, yaw, -roll))
    raised = [[1, 0, 0], [0, math.cos(a), math.sin(a)], [0, -math.sin(a), math.cos(a)]]
    aside = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    tilted = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
    return np.asarray(np.array(tilted) @ np.array(aside) @ np.array(raised), np.float64)


def turned(image: Image, points: Floats, rotation: Floats) -> tuple[Image, Floats]:
    """A photo whose head is turned, and its mesh then.

    The mesh turns; a ring around it, at the depth of the ears, turns with it, and what lies at the
    border of the image stays.
    """
    height, width = image.shape[:2]
    center = np.append(points[:, :2].mean(0), np.quantile(points[:, 2], 0.95))
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.c_[np.cos(around), np.sin(around), np.zeros(24)] * np.ptp(points[:, 1])
    ring, still = circle * (0.75, 0.95, 0) + center, circle * (1.6, 1.8, 0) + center
    source = np.concatenate([points, ring, still])
    triangles = Delaunay(source[:, :2]).simplices
    flip = np.array([1.0, -1.0, -1.0])
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
        there = there - (x0, y0)
        back = cv2.getAffineTransform(there.astype(np.float32), here.astype(np.float32))
        size, how = (int(x1 - x0), int(y1 - y0)), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(image, back, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, np.round(there).astype(np.int32), 1)
        out[y0:y1, x0:x1][mask > 0] = patch[mask > 0]
    return out, place[: len(points)]


@dataclass(frozen=True)
class Photo:
    """A photo with a face."""

    image: Image
    face: Face
    crop: NDArray[np.uint8]  # (48, 48)
    target: int


class Reader:
    """Crops -> which of the seven emotions each shows."""

    def __init__(self, model: str) -> None:
        self._classifier = Classifier(model, threads=1)

    def __call__(self, crops: Crops) -> NDArray[np.int64]:
        """(N,), as numbers of `mien.EMOTIONS`."""
        return np.asarray(self._classifier(crops).argmax(axis=1), np.int64)

    def crop(self, image: Image, face: Face) -> NDArray[np.uint8]:
        """(48, 48): a face that YuNet found, as the classifier has it."""
        margin = self._classifier.spec.crop_margin
        (crop,) = crop_faces(image, [face], YuNetDetector.framing, margin=margin)
        return np.asarray(crop, np.uint8)


def cut_off_curve(photos: Sequence[Photo], read: Reader) -> list[Bin]:
    """By the share of the box inside, as it is measured on the photo that was cut off."""
    detector, shares, now, who = YuNetDetector(), [], [], []
    for number, photo in enumerate(photos):
        for step, share in enumerate(INSIDE):
            image = cut_off(photo.image, photo.face, share, (number + step) % 4)
            if face := largest_face(image, detector):
                shares.append(inside_of(face.box, (image.shape[1], image.shape[0])))
                now.append(read.crop(image, face))
                who.append(number)
    right = read(np.array(now)) == np.array([photos[number].target for number in who])
    before = whole(photos, read)
    return bins(EDGES["inside"], np.array(shares), before[who], right.astype(float), np.array(who))


def whole(photos: Sequence[Photo], read: Reader) -> Floats:
    """(N,), 1 where a photo as it is is read right."""
    right = read(np.array([photo.crop for photo in photos])) == [p.target for p in photos]
    return np.asarray(right, np.float64)


def pose_errors(told: Floats, true: Floats, what: str) -> None:
    """Print how far angles are from the true ones, their mean and median; (N, 3) degrees each.

    Behind it by the true angle, with how far it is told too large, and how many there are.
    """
    seen = ~np.isnan(told).any(1)
    print(f"{what}: n {seen.sum()} of {len(told)}")
    told, true = told[seen], true[seen]
    for column, angle in enumerate(("yaw", "pitch", "roll")):
        wrong = told[:, column] - true[:, column]
        wide, parts = np.abs(wrong), []
        for low, high, there in parted((0, 10, 20, 30, 45, 90), np.abs(true[:, column])):
            if there.sum() >= 10:
                outwards = wrong[there] * np.sign(true[there, column])
                mean = wide[there].mean()
                parts.append(f"{low}-{high}: {mean:.1f} ({outwards.mean():+.1f}), n {there.sum()}")
        print(
            f"  {angle} off by {wide.mean():.1f} degrees (median {np.median(wide):.1f}, 9 of 10 "
            f"below {np.quantile(wide, 0.9):.1f}, mean {wrong.mean():+.1f}); {'; '.join(parts)}"
        )


def turned_curves(
    photos: Sequence[Photo], meshes: Sequence[Floats], teller: Teller, read: Reader
) -> dict[str, dict[str, list[Bin]]]:
    """By the yaw and pitch that each method tells of turned photos; prints their errors, too."""
    before = whole(photos, read)
    curves: dict[str, dict[str, list[Bin]]] = {label: {} for label in METHODS}
    for angle, name, steps in ((0, "yaw", YAWS), (1, "pitch", PITCHES)):
        told, true, right, who, lost = [], [], [], [], dict.fromkeys(steps, 0)
        for number, (photo, points) in enumerate(zip(photos, meshes, strict=True)):
            for step in (0.0, *steps):
                rotation = turn(*((step, 0.0), (0.0, step))[angle])
                image, then = (
                    turned(photo.image, points, rotation) if step else (photo.image, points)
                )
                found = teller(image)
                if found is None:
                    lost[step] += 1
                    continue
                told.append(found.poses)
                true.append(pose_of_mesh(then.astype(np.float32)))
                right.append(read(read.crop(image, found.face)[None])[0] == photo.target)
                who.append(number)
        print(f"turned in {name}: {len(photos)} photos; not found: {lost}")
        poses, own, now = np.array(told), np.array(who), np.array(right, np.float64)
        for method, label in enumerate(METHODS):
            pose_errors(poses[:, method], np.array(true), f"turned in {name}, {label}")
            values = poses[:, method, angle]
            values = np.abs(values) if name == "yaw" else values
            curves[label][name] = bins(EDGES[name], values, before[own], now, own)
            show(f"turned photos, {label}", name, curves[label][name])
            show("the same", name, bins(LIMITS[name], values, before[own], now, own))
        if (unseen := np.isnan(poses[:, 1, 0])).any():
            fall = 100 * (before[own] - now)[unseen].mean()
            print(f"where the mesh sees no face: n {unseen.sum()}, fall in points {fall:.1f}")
    return curves


def rolled(photos: Sequence[Photo], teller: Teller) -> None:
    """Print how far the roll follows photos that are rolled in the plane about the face."""
    told, true = [], []
    for photo in photos:
        level = teller(photo.image)
        x0, y0, x1, y1 = photo.face.box
        for step in ROLLS if level is not None else ():
            how = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), -step, 1.0)
            size = (photo.image.shape[1], photo.image.shape[0])
            image = cv2.warpAffine(photo.image, how, size, borderMode=cv2.BORDER_REPLICATE)
            found = teller(np.asarray(image, np.uint8))
            if found is not None and level is not None:
                told.append(found.poses - level.poses)
                true.append((0.0, 0.0, step))
    for method, label in enumerate(METHODS):
        pose_errors(np.array(told)[:, method], np.array(true), f"rolled, {label}")


def scanned(scan: Scan, renders: int, teller: Teller) -> None:
    """Print how far the poses of a scanned head are off, in as many renders."""
    straight = teller(scan(turn(0.0, 0.0), heads=4.0, light=np.array((0.0, 0.0, 1.0)), side=300))
    if straight is not None:
        poses = dict(zip(METHODS, straight.poses.round(1).tolist(), strict=True))
        print(f"scanned head, held straight: {poses}")
    chance = np.random.default_rng(0)
    told, true, lost = [], [], 0
    for _ in range(renders):
        pose = tuple(chance.uniform((-60, -40, -40), (60, 40, 40)).tolist())
        light = np.array([chance.uniform(-1, 1), chance.uniform(-0.2, 1), 1.0])
        heads, side = float(chance.uniform(2.0, 6.0)), int(chance.integers(120, 400))
        light /= np.linalg.norm(light)
        found = teller(scan(turn(*pose), heads=heads, light=light, side=side))
        if found is None:
            lost += 1
            continue
        told.append(found.poses)
        true.append(pose)
    print(f"scanned head: {renders} renders, {lost} not found")
    for method, label in enumerate(METHODS):
        pose_errors(np.array(told)[:, method], np.array(true), f"scanned head, {label}")


def mirrored(photos: Sequence[Photo]) -> None:
    """Print how far the angles of a photo and of its mirror image disagree."""
    detector, apart = YuNetDetector(), []
    for photo in photos:
        face = largest_face(np.ascontiguousarray(photo.image[:, ::-1]), detector)
        if face is not None and face.landmarks is not None and photo.face.landmarks is not None:
            (a, b, c), (d, e, f) = pose_of(photo.face.landmarks), pose_of(face.landmarks)
            apart.append((abs(a + d), abs(b - e), abs(c + f)))
    yaw, pitch, roll = np.mean(apart, axis=0)
    print(f"mirrored, n {len(apart)}: yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} apart")


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
    with figure(12.0, 5.0, rows=2, columns=4) as (drawn, axes):
        for axis, name in zip(axes, of, strict=False):
            for label, own in curves.items():
                rows = [
                    ((b.low + b.high) / 2, 100 * b.fall, 100 * b.error) for b in own.get(name, ())
                ]
                if rows:
                    middles, falls, errors = zip(*rows, strict=True)
                    axis.errorbar(middles, falls, errors, marker="o", markersize=3, label=label)
            axis.axhline(100 * FALL, color="#c0392b", linewidth=0.8, linestyle="--")
            axis.set_title(name)
            axis.set_ylabel("fall, points")
            axis.legend(fontsize=8, frameon=False)
        for axis in axes[len(of) :]:
            axis.set_visible(False)
        save(drawn, stem, endings=(".png",))


def load_photos(path: str, read: Reader) -> list[Photo]:
    """The photos in which a face is found."""
    detector, photos = YuNetDetector(), []
    for photo in list_images(path).images:
        image = load_image(photo.file, min_side_px=1)
        if face := largest_face(image, detector):
            photos.append(Photo(image, face, read.crop(image, face), photo.target))
    return photos


def as_they_are(what: str, poses: Floats, right: Floats, targets: NDArray[np.int64]) -> None:
    """Print how faces that nobody turned are read, by the yaw and pitch that the mesh tells.

    Faces that are held otherwise may show other emotions: they are held against the accuracy that
    all faces of their emotions have.
    """
    seen = np.isfinite(poses[:, 0])
    print(f"{what} as they are: the mesh sees {seen.sum()} of {len(poses)}")
    usual = np.zeros(len(poses))
    for target in np.unique(targets):
        usual[targets == target] = right[seen & (targets == target)].mean()
    falls = usual - right
    for column, name in ((0, "yaw"), (1, "pitch")):
        values = np.abs(poses[:, column]) if name == "yaw" else poses[:, column]
        low, middle, high = np.nanquantile(values, (0.1, 0.5, 0.9))
        print(f"  {name}: median {middle:.1f}, 8 of 10 from {low:.1f} to {high:.1f}")
        for low, high, there in parted(LIMITS[name], values):
            if (n := int(there.sum())) < MIN_FACES:
                print(f"  {name} {low:g} to {high:g}: too few, n {n}")
            else:
                fall, error = 100 * falls[there].mean(), 196 * falls[there].std() / math.sqrt(n)
                print(
                    f"  {name} {low:g} to {high:g}: {right[there].mean():.3f} right, "
                    f"fall {fall:.1f} +- {error:.1f}, n {n}"
                )


def framed(faces: FaceSet, read: Reader) -> None:
    """Print the same of faces that are cut out already."""
    detector, movements = WholeImage(), Movements()
    poses = np.full((len(faces), 3), math.nan)
    for number, crop in enumerate(faces.images):
        image = np.repeat(crop.reshape(*crop.shape[:2], 1), 3, axis=2)
        (moved,) = movements(image, detector.detect(image), detector.framing)
        if moved is not None and moved.points is not None:
            poses[number] = pose_of_mesh(moved.points)
    right = (read(faces.images) == faces.targets).astype(np.float64)
    as_they_are("val", poses, right, faces.targets)


def held_by_pose(
    photos: Sequence[Photo], read: Reader, many: int
) -> dict[str, dict[str, list[Bin]]]:
    """Print what is measured of poses; the curves of turned photos, by each of `METHODS`."""
    teller = Teller()
    found = [teller(photo.image) for photo in photos]
    poses = np.array([np.full((2, 3), math.nan) if one is None else one.poses for one in found])
    both = poses[~np.isnan(poses[:, 1, 0])]
    pose_errors(both[:, 0], both[:, 1], "five points against the mesh")
    targets = np.array([photo.target for photo in photos])
    as_they_are("photos", poses[:, 1], whole(photos, read), targets)
    points, mesh = (np.abs(poses[:, method, 0]) > TURNED for method in (0, 1))
    print(
        f"turned by more than {TURNED:g} by the mesh: {mesh.sum()}, of which the points tell "
        f"{points[mesh].mean():.3f}, and {points[~mesh].mean():.3f} of the others"
    )
    front = np.flatnonzero(np.abs(poses[:, 1]).max(axis=1) < UPRIGHT)
    front = front[np.linspace(0, len(front) - 1, many).astype(int)]
    some = [photos[i] for i in front]
    rolled(some, teller)
    meshes = [one.mesh for i in front if (one := found[i]) is not None and one.mesh is not None]
    return turned_curves(some, meshes, teller, read)


def main() -> None:
    parser = options_of(__doc__, data=False, model="mien")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--data", help="FER2013, for what is not a pose")
    parser.add_argument("--scan", nargs=2, metavar=("HEAD.glb", "SKIN.jpg"))
    parser.add_argument("--renders", type=int, default=300, help="of the scan")
    parser.add_argument("--faces", type=int, default=800, help="of val")
    parser.add_argument("--every", type=int, default=2, help="of the photos, spoil each")
    parser.add_argument("--turned", type=int, default=160, help="photos that are turned")
    parser.add_argument("--figure", type=Path, help="name without an ending")
    options = parser.parse_args()
    read = Reader(options.model)
    if options.scan:
        scanned(Scan(*options.scan), options.renders, Teller())
    every = load_photos(options.photos, read)
    curves: dict[str, dict[str, list[Bin]]] = {}
    if options.data:
        photos = every[:: options.every]
        crops = np.array([photo.crop for photo in photos])
        faces = load_faces(options.data).split("val")
        val = truth_of("people", draw_faces(faces, options.faces), "val")
        curves["val"] = corrupted(val.images, val.targets, read)
        curves["photos"] = corrupted(crops, np.array([photo.target for photo in photos]), read)
        curves["photos"]["inside"] = cut_off_curve(photos[::2], read)
        for label, n in (("val", len(val)), ("photos", len(photos))):
            print(f"{label}: n {n:,}")
            for of, curve in curves[label].items():
                show(label, of, curve)
        framed(truth_of("people", faces, "val"), read)
    mirrored(every)
    curves |= held_by_pose(every, read, options.turned)
    if options.figure:
        draw(curves, options.figure)


if __name__ == "__main__":
    main()
