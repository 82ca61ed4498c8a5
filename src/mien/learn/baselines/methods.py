"""Ways to tell classes apart by numbers, as the field had them before deep networks.

Support vector machines, AdaBoost, neural networks and sparse representation are the paper's;
nearest neighbours stand beside them. Its hidden Markov models are left out: they read sequences,
and these are single faces.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.errors import MissingExtraError
from mien.learn.baselines.features import Features
from mien.learn.data.datasets import draw_stratified

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.linear_model import orthogonal_mp_gram
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, normalize
    from sklearn.svm import SVC, LinearSVC
    from sklearn.tree import DecisionTreeClassifier
except ImportError as error:
    raise MissingExtraError("comparing classical pipelines", "train", error) from error

Targets: TypeAlias = NDArray[np.int64]
"""(N,) int64, indices into `mien.labels.EMOTIONS`."""


class SparseRepresentation(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The class whose training faces rebuild a face best (Wright et al. 2009).

    Sparse representation-based classification, doi:10.1109/TPAMI.2008.79, algorithm 1: a face is
    written as a sum of few training faces, and goes to the class whose part of the sum leaves the
    least of it over. The sum is found by orthogonal matching pursuit in place of the paper's l1
    programme, over a dictionary of bounded size.

    Args:
        most_atoms: training faces in the dictionary; more are drawn from, each class by its share.
        most_terms: training faces in one sum.
        random_state: of the draw.
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


@dataclass(frozen=True)
class Method:
    """A way to tell classes apart.

    Attributes:
        about: what it is, for people who choose.
        build: (D, faces to fit on, seed) -> a classifier of scikit-learn on (N, D) floats, which
            scales them itself.
        most_faces: it is fitted on so many at most, drawn from train, each class by its share.
    """

    about: str
    build: Callable[[int, int, int], Any]
    most_faces: int | None = None


def _linear_svm(dimensions: int, faces: int, seed: int) -> Any:
    # Scaled rows have a squared length of about D; with C / D the margin is as soft for each D.
    return make_pipeline(StandardScaler(), LinearSVC(C=0.2 / dimensions, random_state=seed))


def _rbf_svm(dimensions: int, faces: int, seed: int) -> Any:
    return make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale"))


def _adaboost(dimensions: int, faces: int, seed: int) -> Any:
    tree = DecisionTreeClassifier(max_depth=5, max_features="sqrt", random_state=seed)
    return AdaBoostClassifier(tree, n_estimators=200, learning_rate=0.5, random_state=seed)


def _nearest(dimensions: int, faces: int, seed: int) -> Any:
    neighbours = KNeighborsClassifier(min(15, faces), metric="cosine", weights="distance")
    return make_pipeline(StandardScaler(), neighbours)


def _perceptron(dimensions: int, faces: int, seed: int) -> Any:
    return make_pipeline(
        StandardScaler(), MLPClassifier((256,), alpha=1.0, max_iter=60, random_state=seed)
    )


def _sparse(dimensions: int, faces: int, seed: int) -> Any:
    return make_pipeline(StandardScaler(), SparseRepresentation(random_state=seed))


METHODS: Final[dict[str, Method]] = {
    "svm-linear": Method("linear support vector machine, one against the rest", _linear_svm),
    "svm-rbf": Method(
        "support vector machine with a Gaussian kernel (Cortes and Vapnik 1995, "
        "doi:10.1007/BF00994018); at most 10,000 training faces, for its time grows with their "
        "square",
        _rbf_svm,
        most_faces=10_000,
    ),
    "adaboost": Method(
        "200 trees of depth 5, boosted (SAMME: Zhu et al. 2009, doi:10.4310/SII.2009.v2.n3.a8)",
        _adaboost,
    ),
    "mlp": Method("one hidden layer of 256 units, 60 epochs of Adam", _perceptron),
    "src": Method(
        "sparse representation (Wright et al. 2009, doi:10.1109/TPAMI.2008.79) over a dictionary "
        "of at most 2,000 training faces",
        _sparse,
        most_faces=2_000,
    ),
    "knn": Method(
        "15 nearest neighbours by angle (Cover and Hart 1967, doi:10.1109/TIT.1967.1053964)",
        _nearest,
    ),
}
"""The classifiers by name, in the paper's order; the last it does not name."""
