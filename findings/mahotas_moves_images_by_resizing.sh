#!/bin/sh
# mahotas 1.4.19: resize_to(), resize_rgb_to(), imresize() and zoom() round each place, plus .5, to a whole pixel before
# they interpolate: of any order (0 to 5, cubic by default) they pick single pixels, the next one down and right. At
# its own size a portrait moves by 1 px and its last row and column are black; at twice its size it is in steps;
# landmarks found in it lie beside those of the photo, without a word. scipy.ndimage.zoom, of the same origin, is right.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mahotas==1.4.19 scipy==1.17.1 numpy==2.4.6 scikit-image==0.26.0
"$folder/venv/bin/python" -W error - <<'PYTHON'
import mahotas
import numpy as np
from mahotas.interpolate import zoom
from mahotas.resize import resize_rgb_to, resize_to
from scipy import ndimage
from skimage import data

SIDE = 64
slope = np.tile(2.0 * np.arange(SIDE), (SIDE, 1))  # each level tells its place
portrait = data.astronaut()[50:178, 150:278]


def row(image):
    return image[len(image) // 2, :5].round(2).tolist()


for order in (1, 3):
    for side in (64, 128):
        found, truth = resize_to(slope, (side, side), order=order), ndimage.zoom(slope, side / SIDE, order=order)
        print(f"order {order}, 64 px to {side}: begins with {row(found)}, in scipy with {row(truth)}; "
              f"ends with {found[side // 2, -1]:.0f}, in scipy with {truth[side // 2, -1]:.0f}")
        assert np.array_equal(found, mahotas.imresize(slope, (side, side), order=order))
        assert np.array_equal(found, zoom(slope, side / SIDE, order=order))
        levels = found[: side // 2, : side // 2]
        assert np.allclose(levels / 2, np.round(levels / 2), atol=1e-9)  # no level between two pixels
        assert np.allclose(truth[side // 2, -1], 126) and abs(found[side // 2, -1]) < 1e-9
        if side == SIDE:
            assert np.allclose(truth, slope)
            assert np.allclose(found[:-1, :-1], slope[1:, 1:])

same = resize_rgb_to(portrait, portrait.shape[:2])
moved = np.abs(same[:-1, :-1].astype(int) - portrait[1:, 1:]).max()
apart = np.abs(same.astype(int) - portrait).mean()
print(f"a portrait at its own size: {apart:.1f} levels off on average, within {moved} where it is moved by 1 px; "
      f"brightest of the last row and column {same[-1].max()} and {same[:, -1].max()}")
assert moved <= 1 and apart > 10 and same[-1].max() == same[:, -1].max() == 0
PYTHON
