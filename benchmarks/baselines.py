"""The classical pipelines that the paper names, a feature and then a classifier, beside a network.

    python benchmarks/baselines.py --data FER2013 --split test --limit 10000

Everything that learns is fitted on train alone, and the settings are fixed: nothing is chosen on
the faces that are evaluated. Each feature is tried with each classifier; accuracy and macro F1 are
printed as tables in Markdown. With 5,000 faces that takes some eight minutes on one core; Ctrl-C
ends it with what is finished so far.

The paper has gray levels, Gabor filters, the discrete cosine transform, principal, independent and
linear discriminant analysis; support vector machines, AdaBoost, neural networks and sparse
representation. Local binary patterns, histograms of oriented gradients and nearest neighbors stand
beside them. Its hidden Markov models are left out: they read sequences, and these are single faces.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from skimage.feature import hog, local_binary_pattern
from skimage.filters import gabor_kernel
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA, FastICA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import orthogonal_mp_gram
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, normalize
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from mien.errors import MienError, OptionError
from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet, draw_stratified, load_faces
from mien.learn.evaluation.scores import evaluate_probabilities
from mien.recognize.classifier import Classifier
from mien.recognize.crops import SIZE_PX, Crops
from program import INTERRUPTED, options_of, table

Features: TypeAlias = NDArray[np.floating[Any]]
"""(N, D) floats: a row of D numbers for each face."""

Targets: TypeAlias = NDArray[np.int64]
"""(N,) int64, indices into `mien.labels.EMOTIONS`."""


# Features


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
    centers = (np.arange(GABOR_GRID) * step + step / 2).astype(int)
    for orientation in range(GABOR_ORIENTATIONS):
        wavelet: NDArray[np.complex128] = gabor_kernel(  # type: ignore[no-untyped-call]
            frequency, theta=np.pi * orientation / GABOR_ORIENTATIONS
        )
        wide = np.pad(wavelet.astype(np.complex64), SIZE_PX)
        middle_y, middle_x = wide.shape[0] // 2, wide.shape[1] // 2
        yield np.stack(
            [
                wide[middle_y - y : middle_y - y + SIZE_PX, middle_x - x : middle_x - x + SIZE_PX]
                for y, x in product(centers, centers)
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

    The 59 uniform patterns of eight neighbors at two pixels (Ojala et al. 2002,
    doi:10.1109/TPAMI.2002.1017623), counted cell by cell as Shan, Gong and McOwan (2009,
    doi:10.1016/j.imavis.2008.08.005) do for expressions; each histogram sums to 1.
    """
    patterns, cells = 59, SIZE_PX // LBP_CELL_PX
    of_cell = np.arange(SIZE_PX) // LBP_CELL_PX
    offset = (of_cell[:, None] * cells + of_cell) * patterns  # (48, 48)
    codes_of: Any = partial(local_binary_pattern, P=8, R=2, method="nri_uniform")
    histograms = [
        np.bincount((codes_of(crop).astype(int) + offset).ravel(), minlength=cells**2 * patterns)
        for crop in crops
    ]
    return np.array(histograms, np.float32) / np.float32(LBP_CELL_PX**2)


def hog_descriptors(crops: Crops) -> Features:
    """Histograms of oriented gradients: (N, 48, 48) uint8 -> (N, 900).

    Dalal and Triggs (2005, doi:10.1109/CVPR.2005.177): nine orientations in cells of 8 x 8 pixels,
    normalized in blocks of 2 x 2 cells.
    """
    descriptors = [
        hog(c, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for c in crops
    ]
    return np.array(descriptors, np.float32)


COMPONENTS: Final = 100  # of PCA and ICA, and of the PCA before LDA


def _fixed(function: Callable[[Crops], Features]) -> Callable[[int, int], Any]:
    """A feature that learns nothing."""
    return lambda faces, seed: FunctionTransformer(function)


def _of_pixels(*steps: Any) -> Any:
    """A feature that is learned from the gray levels."""
    return make_pipeline(FunctionTransformer(raw_pixels), *steps)


_pca = partial(PCA, svd_solver="randomized")


def _eigenfaces(faces: int, seed: int) -> Any:
    """Principal components, whitened (Turk and Pentland 1991, doi:10.1162/jocn.1991.3.1.71)."""
    return _of_pixels(_pca(min(COMPONENTS, faces - 1), random_state=seed, whiten=True))


def _independent_components(faces: int, seed: int) -> Any:
    """Bartlett et al. 2002, doi:10.1109/TNN.2002.804287."""
    settings = {"whiten": "unit-variance", "max_iter": 300, "tol": 1e-3, "random_state": seed}
    return _of_pixels(FastICA(min(COMPONENTS, faces - 1), **settings))


def _fisherfaces(faces: int, seed: int) -> Any:
    """Linear discriminants of components (Belhumeur et al. 1997, doi:10.1109/34.598228)."""
    # They leave N - c dimensions, so that the scatter within classes has full rank.
    components = max(1, min(COMPONENTS, faces - len(EMOTIONS)))
    return _of_pixels(_pca(components, random_state=seed), LinearDiscriminantAnalysis())


FEATURES: Final[dict[str, Callable[[int, int], Any]]] = {
    "raw": _fixed(raw_pixels),
    "gabor": _fixed(gabor_magnitudes),
    "dct": _fixed(dct_coefficients),
    "pca": _eigenfaces,
    "ica": _independent_components,
    "lda": _fisherfaces,
    "lbp": _fixed(lbp_histograms),
    "hog": _fixed(hog_descriptors),
}
"""Name -> (faces to fit on, seed) -> a transformer of scikit-learn, (N, 48, 48) uint8 to (N, D).

In the paper's order; the last two it does not name."""


# Classifiers


class SparseRepresentation(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The class whose training faces rebuild a face best (Wright et al. 2009).

    Sparse representation-based classification, doi:10.1109/TPAMI.2008.79, algorithm 1: a face is
    written as a sum of few training faces, and goes to the class whose part of the sum leaves the
    least of it over. The sum is found by orthogonal matching pursuit in place of the paper's l1
    program, over a dictionary of bounded size, in which each class has its share.
    """

    BATCH: Final = 256  # faces whose residuals are in memory at once

    def __init__(self, most_atoms: int = 2000, most_terms: int = 30, random_state: int = 0) -> None:
        self.most_atoms = most_atoms
        self.most_terms = most_terms
        self.random_state = random_state

    def fit(self, features: Features, targets: Targets) -> Self:
        """Keep the dictionary: (atoms, D), rows of length 1."""
        rows = draw_stratified(targets, self.most_atoms, seed=self.random_state)
        self.atoms_ = normalize(features[rows].astype(np.float64))
        self.atom_targets_ = targets[rows]
        self.gram_ = self.atoms_ @ self.atoms_.T
        self.classes_ = np.unique(targets)
        return self

    def predict(self, features: Features) -> Targets:
        """(N, D) -> (N,) int64."""
        batches = np.array_split(features, max(1, -(-len(features) // self.BATCH)))
        return np.concatenate([self._predict_batch(batch) for batch in batches])

    def _predict_batch(self, features: Features) -> Targets:
        faces = normalize(features.astype(np.float64))  # (n, D)
        with warnings.catch_warnings():
            # FER2013 has faces twice: the pursuit says that it stops early where atoms are equal.
            warnings.simplefilter("ignore", RuntimeWarning)
            codes = orthogonal_mp_gram(
                self.gram_,
                self.atoms_ @ faces.T,
                n_nonzero_coefs=min(self.most_terms, *self.atoms_.shape),
            )
        codes = codes.reshape(len(self.atoms_), len(faces))  # one face comes without its axis
        left_over = [
            np.square(faces - codes[own].T @ self.atoms_[own]).sum(axis=1)
            for own in (self.atom_targets_ == target for target in self.classes_)
        ]
        return np.asarray(self.classes_[np.argmin(left_over, axis=0)], np.int64)


def _linear_svm(dimensions: int, faces: int, seed: int) -> Any:
    # Scaled rows have a squared length of about D; with C / D the margin is as soft for each D.
    return LinearSVC(C=0.2 / dimensions, random_state=seed)


def _adaboost(dimensions: int, faces: int, seed: int) -> Any:
    """SAMME: Zhu et al. 2009, doi:10.4310/SII.2009.v2.n3.a8."""
    tree = DecisionTreeClassifier(max_depth=5, max_features="sqrt", random_state=seed)
    return AdaBoostClassifier(tree, n_estimators=200, learning_rate=0.5, random_state=seed)


def _perceptron(dimensions: int, faces: int, seed: int) -> Any:
    return MLPClassifier((256,), alpha=1.0, max_iter=60, random_state=seed)


def _nearest(dimensions: int, faces: int, seed: int) -> Any:
    """By angle (Cover and Hart 1967, doi:10.1109/TIT.1967.1053964)."""
    return KNeighborsClassifier(min(15, faces), metric="cosine", weights="distance")


METHODS: Final[dict[str, Callable[[int, int, int], Any]]] = {
    "svm-linear": _linear_svm,
    "svm-rbf": lambda dimensions, faces, seed: SVC(C=1.0, gamma="scale"),  # Cortes, Vapnik 1995
    "adaboost": _adaboost,
    "mlp": _perceptron,
    "src": lambda dimensions, faces, seed: SparseRepresentation(random_state=seed),
    "knn": _nearest,
}
"""Name -> (D, faces to fit on, seed) -> a classifier of scikit-learn on (N, D) floats.

All but AdaBoost are given scaled features. In the paper's order; the last it does not name."""

MOST_FACES: Final = {"svm-rbf": 10_000, "src": 2_000}
"""Training faces at most of those whose time grows with their square, each class by its share."""


# Comparing


@dataclass(frozen=True)
class Result:
    """What one pipeline, the floor, or a network makes of the evaluated faces."""

    feature: str  # a name in `FEATURES`; empty for a network and for the floor
    classifier: str  # a name in `METHODS`, the name of the network, or "always happy"
    accuracy: float | None = None  # on the evaluated faces; None if it failed
    macro_f1: float | None = None
    predict_us: float | None = None  # to read a face, from pixels to label, all faces in one call
    note: str = ""  # that a fit did not converge, or why it failed

    @property
    def name(self) -> str:
        """`hog + svm-linear`, or the network's name."""
        return f"{self.feature} + {self.classifier}" if self.feature else self.classifier


def compare(
    train: FaceSet,
    test: FaceSet,
    features: Sequence[str] = tuple(FEATURES),
    methods: Sequence[str] = tuple(METHODS),
    *,
    seed: int = 0,
) -> Iterator[Result]:
    """Fit every feature with every classifier on `train` and evaluate each on `test`.

    A feature is computed once for all classifiers; its time counts in each of them. A pipeline that
    fails gives a result with a note, and the rest go on.
    """

    @lru_cache(maxsize=1)
    def extracted(feature: str) -> tuple[Features, Features, float, list[str]]:
        """Of train and test, microseconds a face, and what to note."""
        with _complaints() as caught:
            extractor = FEATURES[feature](len(train), seed)
            of_train = extractor.fit_transform(train.images, train.targets)
            fitted = time.perf_counter()
            of_test = extractor.transform(test.images)
            extracted_us = 1e6 * (time.perf_counter() - fitted) / len(test)
        return of_train, of_test, extracted_us, [f"{feature} did not converge"] if caught else []

    def fitted(feature: str, method: str) -> Result:
        features, of_test, extracted_us, note = extracted(feature)
        targets, notes = train.targets, list(note)
        if len(targets) > MOST_FACES.get(method, len(targets)):
            rows = draw_stratified(targets, MOST_FACES[method], seed=seed)
            features, targets = features[rows], targets[rows]
            notes.append(f"fitted on {len(rows):,} faces")
        classifier = METHODS[method](features.shape[1], len(features), seed)
        if method != "adaboost":
            classifier = make_pipeline(StandardScaler(), classifier)
        with _complaints() as caught:
            classifier.fit(features, targets)
            began = time.perf_counter()
            predicted = classifier.predict(of_test)
            predict_us = extracted_us + 1e6 * (time.perf_counter() - began) / len(test)
        if caught and method != "mlp":  # whose number of epochs is a setting
            notes.append(f"{method} did not converge")
        scores = _scores(CERTAIN[predicted], test.targets)
        return Result(feature, method, **scores, predict_us=predict_us, note="; ".join(notes))

    for feature, method in product(features, methods):
        try:
            yield fitted(feature, method)
        except Exception as error:  # of any of three libraries
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield Result(feature, method, note=f"failed: {reason}")


CERTAIN: Final = np.eye(len(EMOTIONS), dtype=np.float32)
"""A row of probabilities for each emotion."""


def _complaints() -> Any:
    """Collects the warnings of fits that do not converge, whatever the process does with them."""
    return warnings.catch_warnings(record=True, action="always", category=ConvergenceWarning)


def _scores(probabilities: NDArray[np.float32], targets: Targets) -> dict[str, Any]:
    scores = evaluate_probabilities(probabilities, targets)
    return {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}


def measure_floor(train: FaceSet, test: FaceSet) -> Result:
    """The commonest emotion in train, whatever the face."""
    commonest = int(train.class_counts().argmax())
    scores = _scores(CERTAIN[np.full(len(test), commonest)], test.targets)
    return Result("", f"always {EMOTIONS[commonest]}", **scores)


def measure_network(classifier: Classifier, test: FaceSet) -> Result:
    """The same measures for a network that was trained elsewhere, to stand beside the pipelines."""
    started = time.perf_counter()
    probabilities = classifier(test.images)
    predict_us = 1e6 * (time.perf_counter() - started) / len(test)
    scores = _scores(probabilities, test.targets)
    return Result("", classifier.spec.name, **scores, predict_us=predict_us)


# The program


def tables(results: Sequence[Result], beside: Sequence[Result]) -> str:
    """Accuracy and macro F1, a row for each feature, and what stands beside the pipelines."""
    methods = list(dict.fromkeys(result.classifier for result in results))
    lines: list[str] = []
    for title, measure in (("accuracy", "accuracy"), ("macro F1", "macro_f1")):
        values = {(r.feature, r.classifier): getattr(r, measure) for r in results}
        rows = []
        for feature in dict.fromkeys(result.feature for result in results):
            shown = (values.get((feature, method), "") for method in methods)
            cells = ["failed" if value is None else value and f"{value:.3f}" for value in shown]
            rows.append([feature, *cells])
        lines += [table([title, *methods], rows), ""]
    done = [result for result in results if result.accuracy is not None]
    rows = []
    for one in [*sorted(done, key=_accuracy)[-1:], *beside]:
        name = f"best: {one.name}" if one.feature else one.name
        speed = "" if one.predict_us is None else f"{one.predict_us:,.0f}"
        rows.append([name, f"{one.accuracy:.3f}", f"{one.macro_f1:.3f}", speed])
    return "\n".join([*lines, table(["", "accuracy", "macro F1", "µs a face"], rows)])


def _accuracy(result: Result) -> float:
    return result.accuracy or 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, and print; the exit status is 2 if a pipeline failed."""
    parser = options_of(__doc__)
    parser.add_argument("--split", default="val", help="val, test or val+test")
    for name, known in (("--features", FEATURES), ("--classifiers", METHODS)):
        parser.add_argument(name, nargs="+", choices=known, default=list(known))
    parser.add_argument("--model", default="paper", help="a network to set beside them, or none")
    parser.add_argument("--limit", type=int, help="training faces, each emotion by its share")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if "train" in options.split.split("+"):
        raise OptionError(
            f"expected a split beside train, which is fitted on; got {options.split!r}"
        )
    faces = load_faces(options.data)
    train, test = faces.split("train"), faces.split(options.split)
    beside = [measure_floor(train, test)]
    if options.model != "none":
        beside.append(measure_network(Classifier(options.model, threads=0, head="label"), test))
    if options.limit is not None:
        train = train.take(draw_stratified(train.targets, options.limit, seed=options.seed))
    results: list[Result] = []
    status = 0
    try:
        for result in compare(
            train, test, options.features, options.classifiers, seed=options.seed
        ):
            results.append(result)
            print(
                f"{result.name}: {_accuracy(result):.3f} {result.note}", file=sys.stderr, flush=True
            )
            status = 2 if result.accuracy is None else status
    except KeyboardInterrupt:
        status = INTERRUPTED
    print(f"fitted on {len(train):,} faces, read {len(test):,} of {faces.name} {options.split}\n")
    print(tables(results, beside))
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MienError as error:
        sys.exit(f"baselines: {error}")
