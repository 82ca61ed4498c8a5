#!/bin/sh
# duckdb 2.0.1: 'readings/*.parquet' has the columns and types of the first file. Where that one has whole
# numbers (an action unit that somebody never showed), those of all others are rounded: .4 and 2.4 come as 0
# and 2, a mean of .57 as .33, and a column that only later files have is left out, without a word. Of CSV
# files the fractions come; pandas and polars raise. read_parquet(..., union_by_name=true) keeps numbers and
# columns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==2.0.1 pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
mkdir readings
venv/bin/python - <<'PYTHON'
import duckdb
import pandas as pd
import polars as pl

people = {
    "ada": pd.DataFrame({"frame": [0, 1, 2], "AU12": [0, 0, 0]}),
    "ben": pd.DataFrame({"frame": [0, 1, 2], "AU12": [0.4, 1.4, 2.4], "AU06": [0.3, 0.8, 1.9]}),
    "cleo": pd.DataFrame({"frame": [0, 1, 2], "AU12": [0.2, 0.4, 0.3], "AU06": [0.1, 0.2, 0.1]}),
}
for name, rows in people.items():
    rows.to_parquet(f"readings/{name}.parquet")
    rows[["frame", "AU12"]].to_csv(f"readings/{name}.csv", index=False)
together = pd.concat(people.values())


def read(source: str) -> pd.DataFrame:
    result = duckdb.sql(f"from {source}")
    return pd.DataFrame(result.fetchall(), columns=result.columns)


def raises(reader) -> str | None:
    try:
        reader()
    except Exception as error:
        return type(error).__name__


by_name = "read_parquet('readings/*.parquet', union_by_name=true)"
seen = {source: read(source) for source in ("'readings/*.parquet'", "'readings/*.csv'", by_name)}
print(f"by hand: AU12 {together['AU12'].tolist()}, mean {together['AU12'].mean():.2f}")
for source, rows in seen.items():
    print(f"{source}: {list(rows.columns)}, AU12 {rows['AU12'].tolist()}, mean {rows['AU12'].mean():.2f}")
only_parquet = [f"readings/{name}.parquet" for name in people]
for reader in (pd.read_parquet, pl.read_parquet):
    try:
        reader(only_parquet)
    except Exception as error:
        print(f"{reader.__module__}: {str(error)[:80]}")
    else:
        raise AssertionError(reader)
rounded, of_csv, united = seen.values()
assert rounded["AU12"].tolist() == [0, 0, 0, 0, 1, 2, 0, 0, 0] and "AU06" not in rounded
assert of_csv["AU12"].tolist() == united["AU12"].tolist() == together["AU12"].tolist()
assert united["AU06"].notna().sum() == 6
PYTHON
