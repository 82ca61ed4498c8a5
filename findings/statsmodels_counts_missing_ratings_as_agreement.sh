#!/bin/sh
# statsmodels 0.15.0: aggregate_raters and to_table take nan, a rating that is missing, for one category
# more. Of 300 clips 100 were rated by nobody (no face to be seen): there all raters have nan, and "agree".
# Three who guess at random have a Fleiss' kappa of .41, not .01, two of them a Cohen's of .46, not .10;
# nothing warns. krippendorff.alpha leaves nan out, scikit-learn's kappa raises. Drop such clips before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 krippendorff==0.9.0 numpy==2.4.6 pandas==2.3.3
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from krippendorff import alpha
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa, to_table

CLIPS, RATED, RATERS, EMOTIONS = 300, 200, 3, 3
ratings = np.random.default_rng(0).integers(EMOTIONS, size=(CLIPS, RATERS)).astype(float)
ratings[RATED:] = np.nan

agreement = {}
for which, of_clips in (("all", ratings), ("rated", ratings[:RATED])):
    counts, categories = aggregate_raters(of_clips)
    table, _ = to_table(of_clips[:, :2])
    agreement[which] = {
        "Fleiss": round(float(fleiss_kappa(counts)), 2),
        "Cohen": round(float(cohens_kappa(table).kappa), 2),
        "Krippendorff": round(float(alpha(of_clips.T, level_of_measurement="nominal")), 2),
    }
    print(f"{which} clips: categories {categories}, agreement {agreement[which]}")
assert agreement["rated"] == {"Fleiss": 0.01, "Cohen": 0.1, "Krippendorff": 0.02}
assert agreement["all"] == {"Fleiss": 0.41, "Cohen": 0.46, "Krippendorff": 0.02}
PYTHON
