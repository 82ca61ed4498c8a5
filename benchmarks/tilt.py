"""How much of a head's tilt YuNet tells on faces as small as FER2013's.

    python benchmarks/tilt.py --data FER2013 [--count 400]

Turns faces of val by known angles and prints, for each enlargement, the median change of the angle
between the eyes that YuNet finds, and the share of faces in which it finds one.
`mien.learn.fairness.slices` enlarges by `ENLARGED`.
"""

import numpy as np
from numpy.typing import NDArray

from framing import enlarge
from mien.learn.data.datasets import load_faces
from mien.learn.evaluation.robustness import corrupt
from mien.recognize.yunet import YuNet
from program import options_of

ANGLES = (-30.0, -20.0, -10.0, 10.0, 20.0, 30.0)  # degrees, clockwise
ENLARGEMENTS = (4, 6, 8)
SCORE = 0.8


def tilts(network: YuNet, crops: NDArray[np.uint8], enlarged: int) -> NDArray[np.float64]:
    """(N,) degrees, clockwise; NaN where no face is found."""
    found = []
    for crop in crops:
        faces = network.find(enlarge(crop, enlarged), SCORE)[:1]
        if not len(faces):
            found.append(np.nan)
            continue
        right, left = faces[0, 4:8].reshape(2, 2)
        found.append(float(np.degrees(np.arctan2(*(left - right)[::-1]))))
    return np.array(found)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--count", type=int, default=400, help="faces of val to turn")
    options = parser.parse_args()
    crops = load_faces(options.data).split("val").images[: options.count]
    network = YuNet()
    for enlarged in ENLARGEMENTS:
        start = tilts(network, crops, enlarged)
        print(f"enlarged {enlarged} times: {np.isfinite(start).mean():.1%} of {len(crops)} found")
        for angle in ANGLES:
            turned = tilts(network, corrupt(crops, "rotation", angle), enlarged)
            told = float(np.nanmedian(turned - start))
            print(f"  turned by {angle:5.0f}: {told:6.1f}, {np.isfinite(turned).mean():.1%} found")


if __name__ == "__main__":
    main()
