#!/bin/sh
# kornia 0.9.0: geometry.transform.center_crop is a warp, not a cut. Where an odd number of rows and
# columns is left over (224 of 255, 48 of 63), the crop lies half a pixel off the grid and each pixel is
# the mean of four: noise loses half of its spread, stripes of one pixel become gray, without a word. With
# mode="nearest" some rows come twice and others are gone. augmentation.CenterCrop of the same size cuts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet kornia==0.9.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W error::UserWarning - <<'PYTHON'
import torch
from kornia.augmentation import CenterCrop
from kornia.geometry.transform import center_crop

noise = torch.rand(1, 1, 255, 255, generator=torch.Generator().manual_seed(0))
stripes = torch.zeros(1, 1, 255, 255)
stripes[..., ::2] = 1


def is_a_cut(crop, image):
    size, left_over = crop.shape[-1], image.shape[-1] - crop.shape[-1]
    starts = (left_over // 2, (left_over + 1) // 2)
    cuts = [image[..., y : y + size, x : x + size] for y in starts for x in starts]
    return any(torch.allclose(crop, cut, atol=1e-3) for cut in cuts)


for size in (225, 224):
    crop, cut = center_crop(noise, (size, size)), CenterCrop(size)(noise)
    gray = center_crop(stripes, (size, size))
    spread = crop.std() / noise.std()
    print(f"{size} of 255: a cut: {is_a_cut(crop, noise)}, spread {spread:.2f} of the image's;", end=" ")
    print(f"stripes of 0 and 1 become {gray.min():.2f} to {gray.max():.2f}")
    assert is_a_cut(cut, noise)
    if size == 225:
        assert is_a_cut(crop, noise)
        continue
    starts = ((255 - size) // 2, (255 - size) // 2 + 1)
    parts = [noise[..., y : y + size, x : x + size] for y in starts for x in starts]
    assert torch.allclose(crop, sum(parts) / 4, atol=1e-3)
    assert torch.allclose(gray, torch.full_like(gray, 0.5), atol=1e-3)
    near = center_crop(noise, (size, size), mode="nearest")
    twice = (near[..., 1:, :] == near[..., :-1, :]).all(3).sum()
    print(f'mode="nearest": {twice} rows are repeated')
    assert twice > 10 and not is_a_cut(near, noise)
PYTHON
