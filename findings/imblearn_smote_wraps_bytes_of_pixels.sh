#!/bin/sh
# imbalanced-learn 0.14.2: SMOTE, BorderlineSMOTE, SVMSMOTE and ADASYN subtract neighbors in the type of X. Of
# pixels of bytes a step of -5 is 251, and what should lie between two faces lies anywhere: 40 % of the pixels
# made are off, on average over all by 26 gray levels, and smooth faces come out as noise, without a word. Of the
# same numbers as int16 or floats all lie between. Give X.astype("float32").
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" -W error::RuntimeWarning - <<'PYTHON'
import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE

random = np.random.default_rng(0)
rows, columns = np.mgrid[0:24, 0:24] / 24


def faces(count, slope):
    light = random.uniform(60, 160, (count, 1, 1))
    shade = random.uniform(-40, 40, (count, 1, 1))
    return (light + slope * rows + shade * columns).round().astype(np.uint8).reshape(count, -1)


images = np.concatenate([faces(300, 20), faces(30, 40)])
labels = np.repeat([0, 1], [300, 30])  # 1 is the rare emotion
rare = images[labels == 1].astype(float)


def roughness(made):  # mean step between pixels side by side
    return np.abs(np.diff(made.astype(float).reshape(-1, 24, 24), axis=2)).mean()


for Sampler in (SMOTE, BorderlineSMOTE, SVMSMOTE, ADASYN):
    made = {}
    for kind in (np.uint8, np.int16, np.float64):
        found, _ = Sampler(random_state=0).fit_resample(images.astype(kind), labels)
        assert found.dtype == kind and (found[: len(images)] == images).all()
        made[np.dtype(kind).name] = found[len(images) :].astype(float)
    steps = {name: round(float(roughness(some)), 2) for name, some in made.items()}
    off = {name: np.abs(some - made["float64"]) for name, some in made.items()}
    print(f"{Sampler.__name__}: {len(made['uint8'])} images; step of neighbors, true faces",
          f"{roughness(rare):.2f}, made {steps}; bytes {off['uint8'].mean():.1f} levels off,",
          f"{(off['uint8'] > 1).mean():.0%} of pixels, int16 {off['int16'].mean():.1f}")
    assert off["uint8"].mean() > 8 and off["int16"].max() <= 1 and steps["uint8"] > 2 * steps["float64"]
PYTHON
