"""What people would say, pooled from the label and the FER+ votes in different ways.

    python benchmarks/people.py --data FER2013 --photos PHOTOS [--model mine.onnx]

For each share of the votes, and for some offsets of the emotions, on val: the accuracy against the
labels, and against what most taggers chose; at the temperature where it is least the mean -log
likelihood of one tagger's vote, that of the label beside it, and the calibration error of a random
tagger. On photos of real people, which docs/real-photos.md describes, read as `mien evaluate
--find-faces` does: accuracy, mean class recall, and the recall of each emotion. `VOTES_SHARE` and
`OFFSETS` of `mien.learn.evaluation.calibration` were chosen so. It never reads test. Last, with
these two and frames whose sides are some percent smaller or larger: the accuracy on the photos, and
the share of them that is read as another emotion.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from mien.labels import EMOTIONS
from mien.learn.data.datasets import list_images, load_faces
from mien.learn.evaluation.calibration import (
    OFFSETS,
    VOTES_SHARE,
    fit_pool,
    negative_log_likelihood,
    pooled,
)
from mien.learn.evaluation.photos import PhotoScores, count_readings, score_photos
from mien.learn.evaluation.scores import Agreement, ferplus_targets, score_taggers
from mien.recognize.classifier import Classifier
from mien.recognize.crops import Crops
from program import options_of
from real_photos import find

SHARES = (0.0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0)
NO_OFFSETS = (0.0,) * len(EMOTIONS)
SURPRISE = tuple(0.8 * (emotion == "surprise") for emotion in EMOTIONS)
SIDES = (0.95, 0.965, 1.05, 1.065)  # of frames, in sides of mien's own
POOLS = (
    *((share, NO_OFFSETS) for share in SHARES),
    (0.7, SURPRISE),
    (0.8, SURPRISE),
    (VOTES_SHARE, OFFSETS),
)


def logits_of(model: str, crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of the label, (N, 7), and of the votes, (N, 8)."""
    answers = Classifier(model, threads=0).read_all(crops)
    label, votes = (
        np.log(np.maximum(answers[name], np.finfo(np.float32).tiny)) for name in ("label", "votes")
    )
    return label, votes


def main() -> None:
    parser = options_of(__doc__, model="mien")
    parser.add_argument("--photos", required=True)
    options = parser.parse_args()
    val = load_faces(options.data).split("val")
    assert val.votes is not None
    images = list_images(options.photos).images
    found = find(images)
    targets = [image.target for image in images]
    majority = ferplus_targets(val)
    of_val, of_photos = logits_of(options.model, val.images), logits_of(options.model, found.crops)
    named = [EMOTIONS[target] for target in sorted(set(targets))]

    def scores(read: NDArray[np.int64]) -> PhotoScores:
        emotions = iter(read)
        words = [None if box is None else EMOTIONS[next(emotions)] for box in found.boxes]
        return score_photos(count_readings(targets, words), resamples=1)

    print(f"val, n {len(val):,}; {len(images):,} photos, {found.boxes.count(None)} without a face")
    print("share  label  most  -log vote  -log label  error   T    | photos  mean  ", *named)
    for share, offsets in POOLS:
        pool = fit_pool(*of_val, val.votes, votes_share=share, offsets=offsets)
        logits = pooled(*of_val, pool)
        rows = softmax(logits / pool.temperature, axis=1)
        taggers = score_taggers(rows, val)
        of_label = negative_log_likelihood(logits, val.targets, pool.temperature)
        read = pooled(*of_photos, pool).argmax(axis=1)
        photos = scores(read)
        recall = "  ".join(f"{photos.recall[name]:.3f}" for name in named)
        of_taggers = Agreement.of(rows.argmax(axis=1), majority)
        print(
            f"{share:<5g}  {(rows.argmax(axis=1) == val.targets).mean():.4f} "
            f"{of_taggers.accuracy:.4f}  {taggers.negative_log_likelihood:.4f}  "
            f"{of_label:.4f}  {taggers.reliability.expected_calibration_error:.4f}  "
            f"{pool.temperature:.3f} | {photos.accuracy:.4f}  {photos.mean_class_recall:.4f}  "
            f"{recall}  {' '.join(f'{offset:g}' for offset in offsets if any(offsets))}"
        )
    print("side   photos  changed")  # by the last of the pools, the package's own
    for side in SIDES:
        other = pooled(*logits_of(options.model, find(images, side=side).crops), pool)
        moved = other.argmax(axis=1)
        print(f"{side:<5g}  {scores(moved).accuracy:.4f}  {(moved != read).mean():.4f}")


if __name__ == "__main__":
    main()
