#!/bin/sh
# statsmodels 0.15.0: GEE with cov_struct=Autoregressive(grid=False) takes time= and weighs, by its docs, two ratings of
# a person with dep_params ** (distance in time). It weighs them by how many rows lie between, whatever the times are.
# With rows of a person in another order, as trials are shown, the slope of 40 people is .51 +- .08, not .50 +- .04; of
# times 0, 3, 4 and 7 it is .41, not .39. Nothing warns. (grid=True looks at no time at all: .36 for a correlation of
# .77.) Sort by time, and have a row for each step.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf

PEOPLE, TIMES = 40, 8
random = np.random.default_rng(0)
x, noise = random.normal(size=(2, PEOPLE, TIMES))
for time in range(1, TIMES):
    noise[:, time] += 0.8 * noise[:, time - 1]
person, time = np.divmod(np.arange(PEOPLE * TIMES), TIMES)
in_order = pd.DataFrame({"person": person, "time": time, "x": x.ravel(), "y": (1 + 0.5 * x + noise).ravel()})


def slope(rows: pd.DataFrame, kept: float, by: str) -> float:
    """The slope that weighs by kept ** (distance), of `by`: "time", or "row" within a person."""
    left, right = np.zeros((2, 2)), np.zeros(2)
    for _, one in rows.groupby("person"):
        place = one["time"].to_numpy() if by == "time" else np.arange(len(one))
        weights = np.linalg.inv(kept ** np.abs(np.subtract.outer(place, place)))
        design = np.stack([np.ones(len(one)), one["x"]], axis=1)
        left, right = left + design.T @ weights @ design, right + design.T @ weights @ one["y"].to_numpy()
    return float(np.linalg.solve(left, right)[1])


tables = {"in order": in_order, "shuffled": in_order.sample(frac=1, random_state=0),
          "times 0, 3, 4, 7": in_order[in_order["time"].isin([0, 3, 4, 7])]}
for name, rows in tables.items():
    for grid in (False, True):
        structure = sm.cov_struct.Autoregressive(grid=grid)
        fit = smf.gee("y ~ x", "person", rows, time="time", cov_struct=structure).fit()
        kept, found = float(structure.dep_params), float(fit.params["x"])
        by_time, by_row = slope(rows, kept, "time"), slope(rows, kept, "row")
        print(f"{name}, grid={grid}: slope {found:.3f} +- {fit.bse['x']:.3f}, correlation {kept:.2f}; "
              f"by hand: {by_time:.3f} by time, {by_row:.3f} by row")
        assert abs(found - by_row) < 1e-3
        assert abs(by_time - by_row) < 1e-9 if name == "in order" else abs(found - by_time) > 3e-3
        if name == "shuffled":
            assert fit.bse["x"] > 0.06 and (kept < 0.5 if grid else kept > 0.7)
PYTHON
