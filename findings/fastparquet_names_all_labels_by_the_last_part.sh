#!/bin/sh
# fastparquet 2026.9.0: a column of categories has in each part of a Parquet file (row group) numbers and a list of
# names of its own, and all numbers are read by the last part's list. Session 1 (fear, happy, sad), then session 2
# (angry, happy, sad) added by append=True or as a second file: each "fear" of session 1 is read as "angry", without
# a word; of other lists 2 of 3 labels are wrong. (Issue 949 there.) The file is right: pyarrow and polars read it so.
# Give every part all categories, or read with categories=[].
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastparquet==2026.9.0 pandas==3.1.1 numpy==2.4.6 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
"$folder/venv/bin/python" -W error -W "ignore:unclosed file" - <<'PYTHON'
import fastparquet
import pandas as pd
import polars as pl


def session(*labels: str, **options) -> pd.DataFrame:
    return pd.DataFrame({"emotion": pd.Categorical(labels * 20, **options)})


def compare(path: str | list[str], parts: list[pd.DataFrame], **options) -> float:
    truth = [label for part in parts for label in part["emotion"]]
    read = fastparquet.ParquetFile(path).to_pandas(**options)["emotion"].tolist()
    return sum(label == right for label, right in zip(read, truth, strict=True)) / len(truth)


one, two, three = session("fear", "happy", "sad"), session("angry", "happy", "sad"), session("sad", "angry", "fear")
fastparquet.write("one.parquet", one)
for name, second in (("two", two), ("three", three)):
    path = f"{name}_added.parquet"
    fastparquet.write(path, one)
    fastparquet.write(path, second, append=True)
    fastparquet.write(f"{name}.parquet", second)
    print("fastparquet:", fastparquet.ParquetFile(path).to_pandas()["emotion"].head(3).tolist())
    print("pyarrow:    ", pd.read_parquet(path, engine="pyarrow")["emotion"].head(3).tolist())
    added = compare(path, [one, second])
    files = compare(["one.parquet", f"{name}.parquet"], [one, second])
    texts = compare(path, [one, second], categories=[])
    print(f"right: {added:.0%} of one file, {files:.0%} of two, {texts:.0%} of one with categories=[]")
    for label in (pl.read_parquet(path)["emotion"], pd.read_parquet(path, engine="pyarrow")["emotion"]):
        assert label.to_list() == [*one["emotion"], *second["emotion"]]
    assert added == files < 0.9 and texts == 1
emotions = ["angry", "fear", "happy", "sad"]
parts = [session("fear", "happy", "sad", categories=emotions), session("angry", "happy", "sad", categories=emotions)]
fastparquet.write("all.parquet", parts[0])
fastparquet.write("all.parquet", parts[1], append=True)
print(f"with all categories in each part: {compare('all.parquet', parts):.0%}")
assert compare("all.parquet", parts) == 1
PYTHON
