"""Where detectors see the faces of FER2013, and what that costs a network.

    python benchmarks/framing.py --data FER2013 [--model NAME|FILE] [--count 3000]

Prints, for each detector, where boxes and landmarks lie in FER2013's frame of 48 x 48 pixels, and
from these the `Framing` that `mien.recognize.faces` holds. With a model it also prints the
accuracy on val when every face that is found is cut out again by that framing, beside the accuracy
on the same faces as they are: what imprecise framing costs.
"""

from dataclasses import replace

import cv2
import numpy as np

from mien.learn.data.datasets import FaceSet, load_faces
from mien.readings import Face, Image
from mien.recognize.classifier import Classifier
from mien.recognize.crops import SIZE_PX, crop_faces
from mien.recognize.faces import Detector, Framing, HaarDetector, YuNetDetector
from program import options_of

ENLARGED = 4  # times: both detectors want faces of some 100 pixels
LANDMARKS = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")


def enlarge(face: np.ndarray, times: int = ENLARGED) -> Image:
    """(48, 48) gray -> (48 times, 48 times, 3)."""
    size = (SIZE_PX * times, SIZE_PX * times)
    return np.repeat(cv2.resize(face, size, interpolation=cv2.INTER_CUBIC)[:, :, None], 3, axis=2)


def find(detector: Detector, faces: FaceSet) -> tuple[np.ndarray, list[Face]]:
    """Rows in which the detector finds a face, and the best face of each, in enlarged pixels."""
    rows, found = [], []
    for row, image in enumerate(faces.images):
        if best := detector.detect(enlarge(image))[:1]:
            rows.append(row)
            found.append(best[0])
    return np.array(rows), found


def measured_framing(found: list[Face]) -> Framing:
    """The framing under which the mean frame is FER2013's."""
    side_px = SIZE_PX * ENLARGED
    sizes = np.array([face.size_px for face in found])
    corners = np.array([face.box for face in found]).reshape(-1, 2, 2)
    shifts = (side_px / 2 - corners.mean(axis=1)) / sizes[:, None]
    shift_x, shift_y = np.median(shifts, axis=0).tolist()
    return Framing(side=float(1 / np.median(sizes / side_px)), shift_x=shift_x, shift_y=shift_y)


def print_positions(name: str, found: list[Face], count: int) -> None:
    boxes = np.array([face.box for face in found]) / ENLARGED
    print(f"{name}: {len(found)} of {count} found ({len(found) / count:.1%})")
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    quantities = {
        "box center x": boxes[:, [0, 2]].mean(1),
        "box center y": boxes[:, [1, 3]].mean(1),
        "box width": width,
        "box height": height,
    }
    if found[0].landmarks is not None:
        points = np.array([face.landmarks for face in found]) / ENLARGED
        for i, landmark in enumerate(LANDMARKS):
            quantities[f"{landmark} x"] = points[:, i, 0]
            quantities[f"{landmark} y"] = points[:, i, 1]
        eyes = points[:, 1] - points[:, 0]
        quantities["eyes' angle, degrees"] = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    for quantity, values in quantities.items():
        print(f"  {quantity:24} mean {values.mean():6.2f}  sd {values.std():5.2f}")
    framing = measured_framing(found)
    print(
        f"  framing: side {framing.side:.3f}, shift_x {framing.shift_x:+.3f}, "
        f"shift_y {framing.shift_y:+.3f}\n"
    )


def print_cost(detector: Detector, faces: FaceSet, classifier: Classifier) -> None:
    rows, found = find(detector, faces)
    targets = faces.targets[rows]

    def accuracy(crops: np.ndarray) -> float:
        return float((classifier(crops).argmax(1) == targets).mean())

    def recut(framing: Framing, *, upright: bool) -> np.ndarray:
        crops = []
        for row, face in zip(rows, found, strict=True):
            face = face if upright else replace(face, landmarks=None)
            crops.append(crop_faces(enlarge(faces.images[row]), [face], framing)[0])
        return np.stack(crops)

    print(f"val, {len(rows)} of {len(faces)} faces found: accuracy as they are ", end="")
    print(f"{accuracy(faces.images[rows]):.4f}; cut out again:")
    for scale in (0.8, 0.9, 1.0, 1.1, 1.2, 1.4):
        framing = replace(detector.framing, side=detector.framing.side * scale)
        line = f"  {scale:.1f} of the framing's side: {accuracy(recut(framing, upright=False)):.4f}"
        if found[0].landmarks is not None:
            line += f", upright {accuracy(recut(framing, upright=True)):.4f}"
        print(line)
    print()


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=3000, help="training images to look at")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faces = load_faces(options.data)
    train = faces.split("train")
    some = train.take(np.linspace(0, len(train) - 1, options.count).astype(np.int64))
    detectors: dict[str, Detector] = {
        "yunet": YuNetDetector(second_looks=False),
        "haar": HaarDetector(),
    }
    for name, detector in detectors.items():
        print_positions(name, find(detector, some)[1], len(some))
    if options.model:
        classifier = Classifier(options.model)
        for name, detector in detectors.items():
            print(name, end=": ")
            print_cost(detector, faces.split("val"), classifier)


if __name__ == "__main__":
    main()
