#!/bin/sh
# hmmlearn 0.3.3: bic() and aic() of a GMMHMM count the weights of its mixtures as if all states had the same ones,
# n_mix - 1 for n_components * (n_mix - 1), so that many states with many parts look cheaper than they are. Of a video
# of 2000 frames, five expressions and mixtures of four, 12 of 79 numbers are left out and the BIC is 91 too low, where
# a difference of 10 counts as very strong. Nothing warns. Of one state, which is a mixture alone, scikit-learn has the
# same; GaussianHMM is right. Add (n_components - 1) * (n_mix - 1) * log(frames).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet hmmlearn==0.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from hmmlearn.hmm import GMMHMM, GaussianHMM
from sklearn.mixture import GaussianMixture

FRAMES, FEATURES = 2000, 1
random = np.random.default_rng(0)
smile = np.repeat(random.normal(0, 3, 40), 50)[:, None] + random.normal(size=(FRAMES, FEATURES))


def model(states: int, parts: int) -> GMMHMM:
    made = GMMHMM(states, n_mix=parts)
    made.startprob_ = random.dirichlet(np.ones(states))
    made.transmat_ = random.dirichlet(np.ones(states), states)
    made.weights_ = random.dirichlet(np.ones(parts), states)
    made.means_ = random.normal(0, 3, (states, parts, FEATURES))
    made.covars_ = random.uniform(0.5, 2, (states, parts, FEATURES))
    made.n_features = FEATURES
    return made


for states, parts in [(1, 1), (1, 4), (2, 1), (2, 2), (5, 1), (5, 4)]:
    made = model(states, parts)
    # of each row that adds up to 1 the last number is not free
    free = sum(table.size - table.size // table.shape[-1] for table in (made.startprob_, made.transmat_, made.weights_))
    free += made.means_.size + made.covars_.size
    by_hand = -2 * made.score(smile) + free * np.log(FRAMES)
    missing = (by_hand - made.bic(smile)) / np.log(FRAMES)
    print(f"{states} states, mixtures of {parts}: {free} free numbers, {missing:.0f} not counted; "
          f"BIC {made.bic(smile):.1f}, by hand {by_hand:.1f}")
    assert abs(missing - (states - 1) * (parts - 1)) < 1e-6
    assert abs(made.aic(smile) - (-2 * made.score(smile) + 2 * (free - missing))) < 1e-6
    if states == 1:
        same = GaussianMixture(parts, covariance_type="diag", max_iter=1, weights_init=made.weights_[0]).fit(smile)
        same.weights_, same.means_, same.covariances_ = made.weights_[0], made.means_[0], made.covars_[0]
        same.precisions_cholesky_ = 1 / np.sqrt(made.covars_[0])
        assert abs(same.bic(smile) - made.bic(smile)) < 1e-4
plain = GaussianHMM(5, random_state=0).fit(smile)
assert abs(plain.bic(smile) - (-2 * plain.score(smile) + (4 + 20 + 5 + 5) * np.log(FRAMES))) < 1e-6
PYTHON
