"""What the paper reports, table by table, and the mistake behind its classification reports.

Njoku, Odii, Nwokorie, Onukwugha, Jibiri and Mcwilliams: Facial Image Emotion Recognition and
Detection Using Conv. Relu Features Extraction and ANN Classification Deep Learning Model. Scope
14(1), March 2024. Numbers are as printed, also where they are wrong.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.labels import EMOTIONS
from mien.learn.data.datasets import FaceSet
from mien.learn.evaluation.scores import ClassScore
from mien.readings import Probabilities

PARAMETERS: Final = 2_489_095
IMAGES: Final = {"train": 28_709, "val+test": 7_178}
"""Its training images, and those of PublicTest and PrivateTest, on which it validates."""

VAL_ACCURACY: Final = 0.6538  # on the latter

TABLE_2: Final = (
    ("Conv2d", (48, 48, 32), 320),
    ("Conv2d_1", (46, 46, 64), 18_496),
    ("Max_pooling2d", (23, 23, 64), 0),
    ("Dropout", (23, 23, 64), 0),
    ("Conv2d_2", (21, 21, 128), 73_856),
    ("Max_pooling2d_1", (10, 10, 128), 0),
    ("Dropout_1", (10, 10, 128), 0),
    ("Conv2d_3", (8, 8, 256), 295_168),
    ("Max_pooling2d_2", (4, 4, 256), 0),
    ("Dropout_2", (4, 4, 256), 0),
    ("Flatten", (4096,), 0),
    ("Dense", (512,), 2_097_664),
    ("Dropout_3", (512,), 0),
    ("Dense_1", (7,), 3_591),
)
"""Layer, output shape of one face, parameters."""

TABLE_3: Final = (
    (0, 1.796232, 0.260906, 1.709540, 0.317522),
    (1, 1.702466, 0.317118, 1.570815, 0.400946),
    (2, 1.614819, 0.367542, 1.498884, 0.427595),
    (3, 1.552526, 0.399100, 1.443179, 0.447405),
    (4, 1.487143, 0.425742, 1.386566, 0.475307),
    (95, 0.770499, 0.715138, 0.998365, 0.654157),
    (96, 0.764864, 0.716184, 0.990512, 0.657227),
    (97, 0.760478, 0.718346, 0.990424, 0.655971),
    (98, 0.755445, 0.719601, 1.004973, 0.652204),
    (99, 0.761355, 0.718660, 0.997931, 0.653599),
)
"""Epoch from 0, loss, accuracy, val_loss, val_accuracy; it prints the first and last five."""


TABLE_4: Final = {
    "angry": ClassScore(0.14, 0.14, 0.14, 3995),
    "disgust": ClassScore(0.01, 0.01, 0.01, 436),
    "fear": ClassScore(0.15, 0.12, 0.14, 4097),
    "happy": ClassScore(0.25, 0.27, 0.26, 7215),
    "neutral": ClassScore(0.17, 0.20, 0.19, 4965),
    "sad": ClassScore(0.16, 0.15, 0.16, 4830),
    "surprise": ClassScore(0.12, 0.12, 0.12, 3171),
}
"""Its report on the 28,709 training images; its accuracy line says 0.18."""

TABLE_5: Final = {
    "angry": ClassScore(0.14, 0.15, 0.15, 958),
    "disgust": ClassScore(0.01, 0.01, 0.01, 111),
    "fear": ClassScore(0.15, 0.13, 0.14, 1024),
    "happy": ClassScore(0.26, 0.26, 0.26, 1774),
    "neutral": ClassScore(0.19, 0.21, 0.20, 1233),
    "sad": ClassScore(0.19, 0.17, 0.18, 1247),
    "surprise": ClassScore(0.11, 0.11, 0.12, 831),
}
"""Its report on the 7,178 validation images; its accuracy line says 0.18."""

REPORT_ACCURACY: Final = 0.18

CLASS_COUNTS: Final = {
    "angry": 4593,  # a slip: 3,995 + 958 are 4,953, which also makes the sum 35,887
    "disgust": 547,
    "fear": 5121,
    "happy": 8989,
    "sad": 6077,
    "surprise": 4002,
    "neutral": 6198,
}
"""The number of images of each emotion that the paper gives for FER2013."""


def shuffled_report(
    probabilities: Probabilities, faces: FaceSet
) -> tuple[Probabilities, NDArray[np.int64]]:
    """Pair predictions with labels as the paper's report did, to show where its 0.18 comes from.

    Keras's `flow_from_directory` gives the images in a shuffled order unless told otherwise, while
    `generator.classes` lists the labels in the order of the folders. `model.predict(generator)`
    compared with `generator.classes` pairs each prediction with the label of another image:
    predictions and labels are then independent, the accuracy comes to the sum over the classes of
    (share labelled so) x (share read so), and precision and recall of a class to those shares.

    Args:
        probabilities: (N, 7), row i of face i.
        faces: the N faces.
    Returns:
        Predictions in a shuffled order and labels in the order of the folders: what a report made
        that way compares.
    """
    shuffled = np.random.default_rng(0).permutation(len(faces))
    by_folder = sorted(range(len(EMOTIONS)), key=lambda target: EMOTIONS[target])
    rank = np.argsort(by_folder)[faces.targets]
    folder_order = np.argsort(rank, kind="stable")
    return probabilities[shuffled], faces.targets[folder_order]
