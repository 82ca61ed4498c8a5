"""Image + face -> 478 points of the face and how far each of its movements goes.

MediaPipe's face landmarker (Face Mesh V2 and Blendshape V2, Google 2022) on ONNX Runtime, without
MediaPipe; `scripts/movements_onnx.py` wrote the file. docs/movements.md says what each movement is
worth, and what it is not: no action unit that a coder has certified, and no reader of emotions.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.environment import MOST_THREADS, data_file, onnx_session
from mien.errors import check_count
from mien.readings import MOVEMENTS, Face, FaceQuality, FacialMovements, Image
from mien.recognize.crops import Square, cut_square, square_of
from mien.recognize.faces import Framing
from mien.recognize.quality import with_mesh

MOVEMENTS_FILE: Final = Path(__file__).parents[1] / "assets" / "movements.onnx"

SIDE_PX: Final = 256
"""Of the crops that the network takes."""

_SIDE: Final = 1.4  # of a crop, in sides of the frame that the classifier has
_DOWN: Final = 0.055  # from that frame's middle to the crop's, in sides of the crop
# Where MediaPipe's own tracker ends up: its square is 1.5 times the face that it found.

_MIN_PRESENCE: Final = 0.5  # MediaPipe's own: below it, the crop shows no face
_BATCH: Final = 8  # crops that go through the network together; more take memory, and no less time

LEFT_OUT: Final = {
    "_neutral": "MediaPipe says to ignore it",
    "cheekPuff": "it never moves; its card has another network give it, whose output is not there",
    "cheekSquintLeft": "it never moves",
    "cheekSquintRight": "it never moves",
    "jawForward": "it hardly moves",
    "jawRight": "it hardly moves, where jawLeft does",
    "mouthClose": "it hardly moves",
    "noseSneerLeft": "it never moves",
    "noseSneerRight": "it never moves",
}
"""Outputs of the network that are not told, and why."""

_IN_THE_FILE: Final = sorted((*MOVEMENTS, *LEFT_OUT))
"""`kBlendshapeNames` of MediaPipe's face_blendshapes_graph.cc."""

_TOLD: Final = [_IN_THE_FILE.index(name) for name in MOVEMENTS]

# Points that hardly move against the skull, at the right of the face and at the left, with
# MediaPipe's weight for them and the place of the right one on its canonical face in cm (x to the
# left of the face, y up, z out of it): geometry_pipeline_metadata_landmarks.binarypb of the same
# bundle.
_RIGHT_AND_LEFT: Final = {
    (4, 4): (0.0709, (0.000, -0.463, 7.587)),
    (6, 6): (0.0321, (0.000, 2.473, 5.789)),
    (10, 10): (0.0084, (0.000, 8.262, 4.482)),
    (33, 263): (0.0587, (-4.446, 2.664, 3.173)),
    (54, 284): (0.0077, (-6.279, 6.615, 1.426)),
    (67, 297): (0.0091, (-3.524, 8.006, 3.729)),
    (117, 346): (0.0098, (-5.259, 0.946, 2.974)),
    (119, 348): (0.0146, (-3.301, 0.862, 3.873)),
    (121, 350): (0.0186, (-1.821, 1.468, 4.224)),
    (127, 356): (0.0052, (-7.743, 2.365, -2.005)),
    (129, 358): (0.1206, (-1.786, -0.978, 4.850)),
    (132, 361): (0.0056, (-7.271, -2.891, -2.252)),
    (133, 362): (0.0533, (-1.856, 2.585, 3.758)),
    (136, 365): (0.0669, (-5.085, -7.179, 0.715)),
    (143, 372): (0.0148, (-6.408, 2.236, 1.561)),
    (147, 376): (0.0143, (-6.235, -1.944, 1.664)),
    (198, 420): (0.0255, (-1.247, 0.230, 5.681)),
    (205, 425): (0.0473, (-3.833, -1.537, 4.138)),
}
_SKULL: Final = dict(
    sorted(
        (point, (weight, (x if point == right else -x, y, z)))
        for (right, left), (weight, (x, y, z)) in _RIGHT_AND_LEFT.items()
        for point in (right, left)
    )
)


class Movements:
    """Reads the points and movements of faces.

        image = load_image("portrait.jpg")
        faces = YuNetDetector().detect(image)
        (moved, *_) = Movements()(image, faces, YuNetDetector.framing)
        print(moved.by_name()["mouthSmileLeft"], moved.points[1])  # the tip of the nose

    Threads may share it, processes a copy.

    Args:
        threads: processor threads for the network; 0 takes every core.
    Raises:
        OptionError: `threads` is no whole number from 0 to 1024.
    """

    def __init__(self, *, threads: int = 1) -> None:
        check_count("threads", threads, 0, MOST_THREADS)
        self._threads = threads
        self._session = onnx_session(str(data_file(MOVEMENTS_FILE)), threads=threads)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Movements, threads=self._threads), ()

    def __call__(
        self, image: Image, faces: Sequence[Face], framing: Framing
    ) -> list[FacialMovements | None]:
        """Read faces of one image.

        Args:
            image: (H, W, 3) uint8, RGB.
            faces: in pixels of `image`.
            framing: of the detector that found them.
        Returns:
            What each face does; None where the network sees no face in its crop.
        Raises:
            ImageError: `image` is not (H, W, 3) uint8.
        """
        squares = [movement_square(face, framing) for face in faces]
        return self.read_crops([movement_crop(image, square) for square in squares], squares)

    def read_crops(
        self, crops: Sequence[Image], squares: Sequence[Square]
    ) -> list[FacialMovements | None]:
        """Read faces that are cut out.

        Args:
            crops: each (256, 256, 3) uint8, RGB, of `movement_crop`.
            squares: where each was cut; the points are then in pixels of that image.
        Returns:
            As for an image.
        """
        read: list[FacialMovements | None] = []
        for first in range(0, len(crops), _BATCH):
            batch = np.stack(crops[first : first + _BATCH])
            outputs = self._session.run(["points", "presence", "movements"], {"crops": batch})
            for points, presence, moved in zip(*outputs, strict=True):
                square = squares[len(read)]
                read.append(
                    FacialMovements(tuple(moved[_TOLD].tolist()), _in_image(points, square))
                    if presence >= _MIN_PRESENCE  # not where it is NaN
                    else None
                )
        return read


def movement_square(face: Face, framing: Framing) -> Square:
    """Where the network looks: a square about the face in which the eyes are level.

    One rule for images and videos. With YuNet it is 1.42 long sides of the box.

    Args:
        face: in pixels of an image.
        framing: of the detector that found it.
    """
    frame = square_of(face, framing)
    side = _SIDE * frame.side
    down = _DOWN * side
    x = frame.x - math.sin(frame.angle) * down
    y = frame.y + math.cos(frame.angle) * down
    return Square(x, y, frame.angle, side)


def movement_crop(image: Image, square: Square) -> Image:
    """What the network looks at, (256, 256, 3) uint8, RGB: a `movement_square`, by `cut_square`."""
    return cut_square(image, square, SIDE_PX)


def _in_image(points: NDArray[np.float32], square: Square) -> NDArray[np.float32]:
    """(478, 3): of points in pixels of a crop, in pixels of the image that it was cut from."""
    scale = square.side / SIDE_PX
    cosine, sine = scale * math.cos(square.angle), scale * math.sin(square.angle)
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, scale]])
    middle = np.array([SIDE_PX / 2, SIDE_PX / 2, 0.0])
    return np.asarray((points - middle) @ turn + (square.x, square.y, 0.0), np.float32)


class Pose(NamedTuple):
    """How a head is held, in degrees.

    Attributes:
        yaw: by which it is turned aside, positive where it looks to the right of the image.
        pitch: by which it is raised, positive where it looks up.
        roll: by which it is tilted, positive where its top leans to the right of the image.
    """

    yaw: float
    pitch: float
    roll: float


def pose_of(points: NDArray[np.float32]) -> Pose:
    """How a head is held, from the points of the face.

    The rotation that brings the points which hardly move against the skull closest to those of
    MediaPipe's canonical face (Kabsch 1976, doi:10.1107/S0567739476001873), with its weights.

    Args:
        points: (478, 3), of `FacialMovements`.
    """
    weights = np.array([weight for weight, _ in _SKULL.values()])[:, None]
    canonical = np.array([place for _, place in _SKULL.values()])
    seen = np.asarray(points, np.float64)[list(_SKULL)] * (1.0, -1.0, -1.0)  # up, and to the viewer
    centered = [a - (weights * a).sum(0) / weights.sum() for a in (seen, canonical)]
    left, _, right = np.linalg.svd((centered[0] * weights).T @ centered[1])
    flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    turn = left @ flip @ right
    yaw = math.atan2(-turn[2, 0], math.hypot(turn[0, 0], turn[1, 0]))
    pitch = math.atan2(-turn[2, 1], turn[2, 2])
    roll = math.atan2(-turn[1, 0], turn[0, 0])
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))


def with_pose(quality: FaceQuality, moved: FacialMovements | None) -> FaceQuality:
    """What an image was worth by the pose that its mesh tells; the same where there is no mesh.

    Args:
        quality: of a face.
        moved: what the same face does.
    """
    if moved is None or moved.points is None:
        return quality
    return with_mesh(quality, pose_of(moved.points))
