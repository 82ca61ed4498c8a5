#!/bin/sh
# datasets 5.2.0: load_dataset("parquet", data_files={"train": ..., "test": ...}), or of a folder, takes the
# names of ClassLabel that the first file holds for all of them and reads the numbers of the others by these,
# though each file has its own list: saved in another order, "happy" of the test set is read as "sad", without
# a word. cast_column to another ClassLabel renames, too. Alone the file is read right, and
# concatenate_datasets raises. Load files apart; align_labels_with_mapping puts them in one order.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0
cd "$folder"
export HF_HOME="$folder/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
venv/bin/python - <<'PYTHON'
import os

from datasets import ClassLabel, Dataset, concatenate_datasets, load_dataset

WORDS = ["happy", "sad", "fear", "happy"]
orders = {"train": ["happy", "sad", "fear"], "test": ["fear", "happy", "sad"]}
os.mkdir("faces")
saved = {}
for split, names in orders.items():
    words = Dataset.from_dict({"face": list(range(4)), "label": WORDS})
    saved[split] = words.cast_column("label", ClassLabel(names=names))
    saved[split].to_parquet(f"faces/{split}.parquet")


def words_of(data):
    names = data.features["label"].names
    return [names[row["label"]] for row in data]


files = {split: f"faces/{split}.parquet" for split in orders}
together = load_dataset("parquet", data_files=files)
seen = {
    "saved": words_of(saved["test"]),
    "loaded with train": words_of(together["test"]),
    "of the folder": words_of(load_dataset("faces")["test"]),
    "streamed": words_of(load_dataset("parquet", data_files=files, streaming=True)["test"]),
    "cast": words_of(saved["test"].cast_column("label", saved["train"].features["label"])),
    "loaded alone": words_of(load_dataset("parquet", data_files=files["test"], split="train")),
}
order = {name: number for number, name in enumerate(orders["train"])}
seen["aligned"] = words_of(saved["test"].align_labels_with_mapping(order, "label"))
for how, words in seen.items():
    print(f"test, {how}: {words}")
assert words_of(together["train"]) == WORDS
right = [how for how, words in seen.items() if words == WORDS]
assert right == ["saved", "loaded alone", "aligned"]
wrong = [words for words in seen.values() if words != WORDS]
assert wrong == [["sad", "fear", "happy", "sad"]] * 4
try:
    concatenate_datasets(list(saved.values()))
except ValueError as error:
    print(f"concatenate_datasets: {str(error)[:60]} ...")
else:
    raise AssertionError("no error")
PYTHON
