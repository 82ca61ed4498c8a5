#!/bin/sh
# pybids 0.22.0: load_variables reads _physio.tsv.gz and _stim.tsv.gz, which have no line of names (the
# standard wants these in the .json beside), as if they had one: the first sample is lost, all others are
# one sample early, and a 0 stands at the end, so that the length is right. Of ratings of valence at 1 a
# second all are a second early, and the last one, .9, is 0. Nothing warns. Read these files with pandas and
# header=None.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pybids==0.22.0 numpy==2.4.6 pandas==2.3.3
cd "$folder"
venv/bin/python - <<'PYTHON'
import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from bids import BIDSLayout
from bids.variables import load_variables

SECONDS = 20
valence = np.round(np.linspace(-0.9, 0.9, SECONDS), 2)
place = Path("study/sub-01/func")
place.mkdir(parents=True)


def describe(path: Path, **fields) -> None:
    path.write_text(json.dumps(fields))


describe(Path("study/dataset_description.json"), Name="Valence", BIDSVersion="1.10.0")
scan = nibabel.Nifti1Image(np.zeros((2, 2, 2, SECONDS // 2), np.int16), np.eye(4))
nibabel.save(scan, place / "sub-01_task-film_bold.nii.gz")
describe(place / "sub-01_task-film_bold.json", RepetitionTime=2.0, TaskName="film")
pd.DataFrame({"onset": [0], "duration": [5], "trial_type": ["film"]}).to_csv(
    place / "sub-01_task-film_events.tsv", sep="\t", index=False
)
for suffix in ("physio", "stim"):
    name = f"sub-01_task-film_{suffix}"
    with gzip.open(place / f"{name}.tsv.gz", "wt") as file:
        file.writelines(f"{value}\n" for value in valence)
    describe(place / f"{name}.json", SamplingFrequency=1, StartTime=0, Columns=[f"valence_{suffix}"])

again = pd.read_csv(place / "sub-01_task-film_stim.tsv.gz", sep="\t", header=None)[0].to_numpy()
assert (again == valence).all()
layout = BIDSLayout("study")
runs = load_variables(layout, types=["physio", "stim"], levels="run", scan_length=SECONDS)
(run,) = runs.get_collections("run")
print(f"in the files:    {valence.tolist()}")
for suffix in ("physio", "stim"):
    read = run.variables[f"valence_{suffix}"].values.to_numpy().ravel()
    print(f"read, {suffix:6s}:    {read.tolist()}")
    assert len(read) == SECONDS and (read[:-1] == valence[1:]).all() and read[-1] == 0 != valence[-1]
PYTHON
