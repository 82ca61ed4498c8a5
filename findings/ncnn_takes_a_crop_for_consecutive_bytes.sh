#!/bin/sh
# ncnn 1.0.20261020 (Python): Mat.from_pixels and from_pixels_resize read width * height * 3 bytes from
# where an array begins, whatever its strides. A view such as image[top:bottom, left:right], by which faces
# are cut out of frames, becomes a sheared strip of the frame's rows, of the right size, without a word;
# ncnn.Mat(array) does the same with floats. Give np.ascontiguousarray(image[top:bottom, left:right]).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ncnn==1.0.20261020 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import ncnn
import numpy as np

frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
face = frame[10:50, 20:60]  # 40 by 40 pixels, far from the end of the frame
start = (10 * 160 + 20) * 3
strip = frame.reshape(-1)[start : start + face.size].reshape(face.shape)
BGR = ncnn.Mat.PixelType.PIXEL_BGR


def pixels(array):
    height, width = array.shape[:2]
    return np.array(ncnn.Mat.from_pixels(array, BGR, width, height)).transpose(1, 2, 0)


def halved(array):
    height, width = array.shape[:2]
    return np.array(ncnn.Mat.from_pixels_resize(array, BGR, width, height, width // 2, height // 2))


def floats(array):
    return np.array(ncnn.Mat(array))


copied = np.ascontiguousarray(face)
right, wrong = (np.mean(np.all(pixels(one) == face, 2)) for one in (copied, face))
print(f"from_pixels: {right:.1%} of the pixels of a copy are right, {wrong:.1%} of those of a view")
assert right == 1 and wrong < 0.05
assert np.array_equal(pixels(face), strip)  # the rows of the frame, one after the other
apart = np.abs(halved(face) - halved(copied)).mean()
print(f"from_pixels_resize: {apart:.0f} gray levels between a view and a copy of it")
assert apart > 20 and np.array_equal(halved(face), halved(strip))
planes = frame.transpose(2, 0, 1).astype(np.float32)
view = planes[:, 10:50, 20:60]
print(f"Mat: {np.mean(floats(view) == view):.1%} of the floats of a view are right")
assert np.array_equal(floats(np.ascontiguousarray(view)), view) and np.mean(floats(view) == view) < 0.05
PYTHON
