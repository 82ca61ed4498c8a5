#!/bin/sh
# shap 0.51.0: maskers.Image("inpaint_telea") and ("inpaint_ns") cut pixels off to whole numbers before
# they fill in: of an image of floats from 0 to 1 the model is shown black, also where nothing is masked.
# Nothing warns, and what comes out looks like an explanation: of a model that reads one quarter of an
# image, three quarters of the values lie elsewhere. "blur(8,8)" keeps floats; or give pixels from 0 to
# 255, and divide in the model.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet shap==0.51.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import shap

SIDE = 32
image = np.full((1, SIDE, SIDE, 3), 0.3, np.float32)
image[:, :16, :16] = 0.8  # the only part that the model looks at
image += np.random.default_rng(0).uniform(0, 0.1, image.shape).astype(np.float32)
shown = []


def quarter(images):
    shown.append(images.reshape(len(images), -1).max(1))
    return images[:, :16, :16].mean((1, 2, 3))[:, None] / scale


for scale, kind in (1, "inpaint_telea"), (1, "inpaint_ns"), (255, "inpaint_telea"), (1, "blur(8,8)"):
    shown.clear()
    explainer = shap.Explainer(quarter, shap.maskers.Image(kind, image[0].shape), output_names=["quarter"])
    found = explainer(image * np.float32(scale), max_evals=300, batch_size=50, silent=True)
    black = np.mean(np.concatenate(shown) == 0)
    values = np.abs(found.values[0]).sum((2, 3))
    elsewhere = 1 - values[:16, :16].sum() / values.sum()
    total = found.base_values.item() + found.values.sum()
    truth = image[:, :16, :16].mean()
    print(f"{kind}, pixels up to {scale}: {black:.0%} of the images that the model saw are black,", end=" ")
    print(f"{elsewhere:.0%} of the values lie elsewhere; sum {total:.2f}, the model says {truth:.2f}")
    if scale == 1 and "inpaint" in kind:
        assert black > 0.95 and elsewhere > 0.7 and abs(total) < 0.01
    else:
        assert black == 0 and elsewhere < 0.25 and abs(total - truth) < 0.01
PYTHON
