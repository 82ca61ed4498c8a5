#!/bin/sh
# datasets 5.2.0: map() takes its result from the cache when data and function have the hash of before, and
# a function that is imported enters that hash by its name alone. Change its code or a constant that it
# uses, run again, and the rows of the old code come back, without a word; the same function in the
# script itself is run anew. Give new_fingerprint or load_from_cache_file=False, or delete the cache.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 pandas==3.1.1
cd "$folder"
export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
export PYTHONDONTWRITEBYTECODE=1
venv/bin/python -c 'import pandas; pandas.DataFrame({"side": [10, 20]}).to_parquet("faces.parquet")'
cat > run.py <<'PYTHON'
import sys

from datasets import load_dataset
PYTHON
cp run.py own.py
cat >> run.py <<'PYTHON'
from crops import widen
PYTHON
for margin in 1 2 3; do
  code="    return {'side': row['side'] * margin}"
  test $margin = 3 && code="    return {'side': row['side'] - 5}" # not the constant: the code
  printf 'margin = %s\n\n\ndef widen(row):\n%s\n' "$margin" "$code" > crops.py
  cat own.py crops.py > own_now.py
  for script in run.py own_now.py; do
    cp $script now.py
    cat >> now.py <<'PYTHON'
faces = load_dataset("parquet", data_files="faces.parquet", split="train")
print(faces.map(widen)["side"][:])
PYTHON
    echo "$script $(venv/bin/python now.py)" | tee -a seen.txt
  done
done
cat > expected.txt <<'TEXT'
run.py [10, 20]
own_now.py [10, 20]
run.py [10, 20]
own_now.py [20, 40]
run.py [10, 20]
own_now.py [5, 15]
TEXT
diff expected.txt seen.txt
