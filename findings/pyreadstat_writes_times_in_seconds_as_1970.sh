#!/bin/sh
# pyreadstat 1.3.7: write_sav, write_dta and write_xport write a column of times that pandas keeps in whole seconds
# (datetime64[s]) as 1970-01-01 00:00:00 in every row, without a word. pandas 3 gives such columns of the days in a
# Stata file (read_stata), of NumPy's datetime64[s] and of Arrow's timestamp("s"): a day of birth or of a session that
# is read from .dta and written as .sav is lost. In ns, us and ms times are right: .astype("datetime64[us]") before.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyreadstat==1.3.7 pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import pandas as pd
import pyreadstat

ways = {
    "sav": (pyreadstat.write_sav, pyreadstat.read_sav),
    "dta": (pyreadstat.write_dta, pyreadstat.read_dta),
    "xpt": (pyreadstat.write_xport, pyreadstat.read_xport),
}
truth = np.array(["2024-07-01T12:00:00", "2026-01-02T08:30:15", "1999-12-31T23:59:59"], "datetime64[s]")
for unit in ("ns", "us", "ms", "s"):
    sessions = pd.DataFrame({"onset": truth.astype(f"datetime64[{unit}]")})
    assert sessions["onset"].dtype == f"datetime64[{unit}]" and (sessions["onset"].to_numpy() == truth).all()
    for ending, (write, read) in ways.items():
        write(sessions, f"sessions.{ending}")
        onsets = read(f"sessions.{ending}")[0]["onset"]
        right = (onsets.to_numpy() == truth).mean()
        print(f"datetime64[{unit}] in .{ending}: {right:.0%} right, first {onsets[0]}")
        assert right == (0 if unit == "s" else 1)
        assert unit != "s" or (onsets == pd.Timestamp(0)).all()

people = pd.DataFrame({"born": pd.to_datetime(["1987-03-14", "2001-11-30"])})
people.to_stata("people.dta", write_index=False, convert_dates={"born": "td"})
read = pd.read_stata("people.dta")
pyreadstat.write_sav(read, "people.sav")
written = pyreadstat.read_sav("people.sav")[0]["born"]
print(f"from Stata: {read['born'].dt.date.tolist()} as {read['born'].dtype}; in the .sav: {written.tolist()}")
assert (read["born"] == people["born"]).all() and read["born"].dtype == "datetime64[s]"
assert (written == pd.Timestamp(0)).all()
PYTHON
