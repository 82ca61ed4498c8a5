#!/bin/sh
# kornia 0.9.0: AugmentationSequential(..., data_keys=["input", "keypoints"]) with RandomThinPlateSpline,
# RandomFisheye or RandomElasticTransform bends the image and hands the keypoints, and boxes, back as they
# came, without a word, where RandomAffine and RandomPerspective move them along: landmarks of a face of 150
# px are 16 px off on average. Give a heatmap of each landmark, as channels.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kornia==0.9.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import kornia.augmentation as augmentations
import torch

warnings.filterwarnings("ignore", message="Default grid_sample")  # torch's, of another matter
HEIGHT, WIDTH = 240, 320
landmarks = torch.tensor([[x, y] for y in (70.0, 110, 150) for x in (100, 150, 200)])
columns, rows = torch.arange(WIDTH).float(), torch.arange(HEIGHT).float()[:, None]
distances = (columns - landmarks[:, :1, None]) ** 2 + (rows - landmarks[:, 1:, None]) ** 2
dots = torch.exp(-distances / 18)[None]  # an image with a channel for each landmark


def middles(image: torch.Tensor) -> torch.Tensor:
    """Where the dots are now, by their pixels."""
    mass = image.sum((1, 2))
    x, y = (image * columns).sum((1, 2)) / mass, (image * rows).sum((1, 2)) / mass
    return torch.stack([x, y], 1)


def off_px(augmentation, data_keys=("input", "keypoints")) -> tuple[float, bool]:
    """How far the keypoints are from the dots on average, and whether they were moved at all."""
    sequence = augmentations.AugmentationSequential(augmentation, data_keys=list(data_keys))
    off, moved = [], False
    for seed in range(20):
        torch.manual_seed(seed)
        image, keypoints = sequence(dots, landmarks[None])
        keypoints = keypoints.reshape(-1, 2)
        whole = image[0].sum((1, 2)) > 0.5 * dots[0].sum((1, 2))  # not those pushed out of the image
        off.append((keypoints - middles(image[0])).norm(dim=1)[whole])
        moved |= not torch.equal(keypoints, landmarks)
    return round(float(torch.cat(off).mean()), 1), moved


some = torch.tensor([-0.3, 0.3])
bent = {
    "RandomThinPlateSpline": augmentations.RandomThinPlateSpline(p=1.0),
    "RandomFisheye": augmentations.RandomFisheye(some, some, torch.tensor([0.9, 1.0]), p=1.0),
    "RandomElasticTransform": augmentations.RandomElasticTransform(p=1.0),
    "RandomAffine": augmentations.RandomAffine(20, scale=(0.8, 1.2), p=1.0),
    "RandomPerspective": augmentations.RandomPerspective(0.3, p=1.0),
}
seen = {name: off_px(augmentation) for name, augmentation in bent.items()}
for name, (off, moved) in seen.items():
    print(f"{name}: keypoints {'moved' if moved else 'as they came'}, {off} px off on average")
assert [moved for _, moved in seen.values()] == [False, False, False, True, True]
assert seen["RandomThinPlateSpline"][0] > 10 and seen["RandomFisheye"][0] > 5
assert seen["RandomAffine"][0] < 1 > seen["RandomPerspective"][0]
PYTHON
