#!/bin/sh
# safetensors 0.8.0: safetensors.numpy.save_file writes an array in the order in which it lies in memory,
# under its shape. Of one that is transposed (weights from Keras for PyTorch, an array of Fortran's order,
# as scikit-learn's PCA gives) the file holds the right numbers in wrong places, without a word: a layer
# then agrees with itself in 1 of 7 faces. 0.7.0 wrote them right; safetensors.torch raises. (Issue 825
# there.) Call numpy.ascontiguousarray first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.7.0 0.8.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet safetensors==$version numpy==2.4.6
done
cat > "$folder/convert.py" <<'PYTHON'
import sys

import numpy as np
from safetensors.numpy import load_file, save_file

random = np.random.default_rng(0)
kernel = random.normal(size=(128, 7)).astype(np.float32)  # Keras' Dense: (inputs, outputs)
filters = random.normal(size=(3, 3, 16, 32)).astype(np.float32)  # Keras' Conv2D: (height, width, in, out)
for_torch = {
    "dense": kernel.T,
    "convolution": filters.transpose(3, 2, 0, 1),
    "fortran": np.asfortranarray(kernel),
    "as it was": kernel,
    "transposed and copied": np.ascontiguousarray(kernel.T),
}
path = f"{sys.argv[1]}.safetensors"
save_file(for_torch, path)
again = load_file(path)
right = {name: bool((again[name] == array).all()) for name, array in for_torch.items()}
faces = random.normal(size=(7000, 128)).astype(np.float32)
same = ((faces @ kernel).argmax(1) == (faces @ again["dense"].T).argmax(1)).mean()
for name, array in for_torch.items():
    assert again[name].shape == array.shape and set(again[name].flat) == set(array.flat)
print(f"safetensors {sys.argv[2]}: {right}; the same label for {same:.0%} of 7000 random faces")
if sys.argv[2] == "0.7.0":
    assert all(right.values()) and same == 1
else:
    assert list(right.values()) == [False, False, False, True, True] and 0.1 < same < 0.2
PYTHON
for version in 0.7.0 0.8.0; do
  "$folder/$version/bin/python" "$folder/convert.py" "$folder/layers" $version
done
