"""Figures of data sets."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.errors import counted
from mien.labels import EMOTIONS
from mien.learn.data.datasets import SPLITS, FaceSet
from mien.learn.data.duplicates import is_constant
from mien.output.figures import EMOTION_COLORS, figure, save
from mien.recognize.crops import SIZE_PX

_IN_A_ROW: Final = 12  # faces
_GAP_PX: Final = 3  # between two faces
_WHITE: Final = 255


def plot_class_counts(faces: FaceSet, stem: Path) -> list[Path]:
    """Bars for the faces of each emotion, as the paper's Figures 12 and 13.

    There is a panel for train, and one for all other faces together, which is what FER2013's
    folders and the paper call test.
    """
    there = [split for split in SPLITS if (faces.splits == split).any()]
    held_out = "+".join(split for split in there if split != "train")
    splits = [name for name in ("train" if "train" in there else "", held_out) if name]
    with figure(4.6 * len(splits), 3.4, columns=len(splits)) as (drawn, panels):
        for axes, split in zip(panels, splits, strict=True):
            counts = faces.split(split).class_counts()
            bars = axes.barh(EMOTIONS, counts, color=EMOTION_COLORS)
            labels = [f"{count:,} ({count / counts.sum():.1%})" for count in counts]
            axes.bar_label(bars, labels, padding=4, fontsize=9)
            axes.invert_yaxis()
            axes.margins(x=0.36)
            axes.grid(visible=False, axis="y")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.locator_params(axis="x", nbins=5)
            axes.set_title(f"{split.replace('+', ' + ')}: {counted(int(counts.sum()), 'face')}")
        return save(drawn, stem)


def plot_samples(faces: FaceSet, stem: Path, *, title: str = "") -> list[Path]:
    """A row of twelve faces for each emotion, as the paper's Figure 9.

    They are drawn by chance; a row has fewer where an emotion has fewer. Images of a single gray
    level are not drawn.
    """
    cell = SIZE_PX + _GAP_PX
    grid = _grid_of_samples(faces)
    with figure(0.62 * _IN_A_ROW + 1.0, 0.62 * len(EMOTIONS) + 0.5) as (drawn, (axes,)):
        axes.imshow(grid, cmap="gray", vmin=0, vmax=_WHITE, interpolation="nearest")
        middles = np.arange(len(EMOTIONS)) * cell + (SIZE_PX - 1) / 2
        axes.set_yticks(middles, EMOTIONS)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.set_title(title or f"Faces of {faces.name}, drawn by chance")
        return save(drawn, stem)


def _grid_of_samples(faces: FaceSet) -> NDArray[np.uint8]:
    """(height, width) uint8: the faces on white, a row for each emotion."""
    cell = SIZE_PX + _GAP_PX
    shape = (len(EMOTIONS) * cell - _GAP_PX, _IN_A_ROW * cell - _GAP_PX)
    grid = np.full(shape, _WHITE, np.uint8)
    varied = ~is_constant(faces.images)
    generator = np.random.default_rng(0)
    for target in range(len(EMOTIONS)):
        rows = np.flatnonzero(varied & (faces.targets == target))
        for place, row in enumerate(generator.permutation(rows)[:_IN_A_ROW]):
            top, left = target * cell, place * cell
            grid[top : top + SIZE_PX, left : left + SIZE_PX] = faces.images[row]
    return grid
