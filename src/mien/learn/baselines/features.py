"""Numbers for a face, as they were made before networks learned them.

Gray levels, Gabor filters, the discrete cosine transform, principal, independent and linear
discriminant analysis are the paper's; local binary patterns and histograms of oriented gradients
stand beside them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.crops import SIZE_PX, Crops
from mien.errors import MissingExtraError
from mien.labels import EMOTIONS

try:
    from scipy.fft import dctn
    from skimage.feature import hog, local_binary_pattern
    from skimage.filters import gabor_kernel
    from sklearn.decomposition import PCA, FastICA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
except ImportError as error:
    raise MissingExtraError("comparing classical pipelines", "train", error) from error

Features: TypeAlias = NDArray[np.floating[Any]]
"""(N, D) floats: a row of D numbers for each face."""


def raw_pixels(crops: Crops) -> Features:
    """The gray levels themselves, as shares of white: (N, 48, 48) uint8 -> (N, 2304)."""
    return (crops.reshape(len(crops), -1) / np.float32(255)).astype(np.float32)


GABOR_FREQUENCIES: Final = (1 / 4, 1 / 8, 1 / 16)  # cycles per pixel
GABOR_ORIENTATIONS: Final = 6  # over half a turn
GABOR_GRID: Final = 10  # points along each side


def gabor_magnitudes(crops: Crops) -> Features:
    """How strongly 18 Gabor wavelets answer at each point of a 10 x 10 grid: (N, 1800).

    Three frequencies and six orientations after Lyons et al. (1998, doi:10.1109/AFGR.1998.670949),
    with a bandwidth of one octave, on a grid in place of hand-placed points. The magnitude of the
    complex answer does not depend on the phase, so small shifts change it little.
    """
    shares = raw_pixels(crops)
    shares = shares - shares.mean(axis=1, keepdims=True)  # else the window's border answers
    return np.concatenate(
        [
            np.hypot(shares @ kernel.real, shares @ kernel.imag)
            for frequency in GABOR_FREQUENCIES
            for kernel in _gabor_wavelets(frequency)
        ],
        axis=1,
    )


def _gabor_wavelets(frequency: float) -> Iterator[NDArray[np.complex64]]:
    """One (2304, 100) array for each orientation: a column is the wavelet around a grid point."""
    step = SIZE_PX / GABOR_GRID
    centres = (np.arange(GABOR_GRID) * step + step / 2).astype(int)
    for orientation in range(GABOR_ORIENTATIONS):
        wavelet: NDArray[np.complex128] = gabor_kernel(  # type: ignore[no-untyped-call]
            frequency, theta=np.pi * orientation / GABOR_ORIENTATIONS
        )
        wide = np.pad(wavelet.astype(np.complex64), SIZE_PX)
        middle_y, middle_x = wide.shape[0] // 2, wide.shape[1] // 2
        yield np.stack(
            [
                wide[middle_y - y : middle_y - y + SIZE_PX, middle_x - x : middle_x - x + SIZE_PX]
                for y, x in product(centres, centres)
            ],
            axis=-1,
        ).reshape(SIZE_PX * SIZE_PX, -1)


DCT_SIDE: Final = 16  # coefficients kept along each side, the lowest frequencies


def dct_coefficients(crops: Crops) -> Features:
    """The 256 lowest frequencies of the discrete cosine transform: (N, 48, 48) uint8 -> (N, 256).

    Ahmed, Natarajan and Rao (1974, doi:10.1109/T-C.1974.223784), type II, orthonormal.
    """
    shares = crops / np.float32(255)
    low: NDArray[np.float32] = dctn(shares, axes=(1, 2), norm="ortho")[:, :DCT_SIDE, :DCT_SIDE]
    return low.reshape(len(crops), -1).astype(np.float32)


LBP_CELL_PX: Final = 8


def lbp_histograms(crops: Crops) -> Features:
    """Histograms of local binary patterns in cells of 8 x 8 pixels: (N, 48, 48) uint8 -> (N, 2124).

    The 59 uniform patterns of eight neighbours at two pixels (Ojala et al. 2002,
    doi:10.1109/TPAMI.2002.1017623), counted cell by cell as Shan, Gong and McOwan (2009,
    doi:10.1016/j.imavis.2008.08.005) do for expressions; each histogram sums to 1.
    """
    patterns = 59
    cells = SIZE_PX // LBP_CELL_PX
    of_cell = np.arange(SIZE_PX) // LBP_CELL_PX
    offset = (of_cell[:, None] * cells + of_cell) * patterns  # (48, 48)
    histograms = np.empty((len(crops), cells * cells * patterns), np.float32)
    for row, crop in enumerate(crops):
        codes: NDArray[np.float64] = local_binary_pattern(  # type: ignore[no-untyped-call]
            crop, P=8, R=2, method="nri_uniform"
        )
        histograms[row] = np.bincount(
            (codes.astype(np.int64) + offset).ravel(), minlength=histograms.shape[1]
        )
    return histograms / np.float32(LBP_CELL_PX**2)


def hog_descriptors(crops: Crops) -> Features:
    """Histograms of oriented gradients: (N, 48, 48) uint8 -> (N, 900).

    Dalal and Triggs (2005, doi:10.1109/CVPR.2005.177): nine orientations in cells of 8 x 8 pixels,
    normalised in blocks of 2 x 2 cells.
    """
    descriptors = [
        hog(c, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for c in crops
    ]
    return np.array(descriptors, np.float32)


@dataclass(frozen=True)
class Feature:
    """A way to turn faces into numbers.

    Attributes:
        about: what it is, for people who choose.
        build: (faces to fit on, seed) -> a transformer of scikit-learn: (N, 48, 48) uint8 in,
            (N, D) floats out.
    """

    about: str
    build: Callable[[int, int], Any]


COMPONENTS: Final = 100  # of PCA and ICA, and of the PCA before LDA


def _fixed(function: Callable[[Crops], Features]) -> Callable[[int, int], Any]:
    """A feature that learns nothing."""
    return lambda faces, seed: FunctionTransformer(function)


def _pca(components: int, seed: int, **settings: Any) -> Any:
    return PCA(components, svd_solver="randomized", random_state=seed, **settings)


def _eigenfaces(faces: int, seed: int) -> Any:
    components = min(COMPONENTS, faces - 1)
    return make_pipeline(FunctionTransformer(raw_pixels), _pca(components, seed, whiten=True))


def _independent_components(faces: int, seed: int) -> Any:
    components = min(COMPONENTS, faces - 1)
    ica = FastICA(components, whiten="unit-variance", max_iter=300, tol=1e-3, random_state=seed)
    return make_pipeline(FunctionTransformer(raw_pixels), ica)


def _fisherfaces(faces: int, seed: int) -> Any:
    # Belhumeur et al. leave N - c dimensions, so that the scatter within classes has full rank.
    components = max(1, min(COMPONENTS, faces - len(EMOTIONS)))
    pca = _pca(components, seed)
    return make_pipeline(FunctionTransformer(raw_pixels), pca, LinearDiscriminantAnalysis())


FEATURES: Final[dict[str, Feature]] = {
    "raw": Feature("gray levels", _fixed(raw_pixels)),
    "gabor": Feature(
        "magnitudes of Gabor wavelets on a grid (Lyons et al. 1998)", _fixed(gabor_magnitudes)
    ),
    "dct": Feature("low frequencies (Ahmed et al. 1974)", _fixed(dct_coefficients)),
    "pca": Feature(
        "eigenfaces, whitened (Turk and Pentland 1991, doi:10.1162/jocn.1991.3.1.71)", _eigenfaces
    ),
    "ica": Feature(
        "independent components (Bartlett et al. 2002, doi:10.1109/TNN.2002.804287)",
        _independent_components,
    ),
    "lda": Feature(
        "fisherfaces: linear discriminants of principal components "
        "(Belhumeur et al. 1997, doi:10.1109/34.598228)",
        _fisherfaces,
    ),
    "lbp": Feature(
        "histograms of local binary patterns (Shan et al. 2009)", _fixed(lbp_histograms)
    ),
    "hog": Feature(
        "histograms of oriented gradients (Dalal and Triggs 2005)", _fixed(hog_descriptors)
    ),
}
"""The features by name, in the paper's order; the last two it does not name."""
