#!/bin/sh
# pycocotools 2.0.11: COCOeval notes for each detection the id of the annotation that it found, and 0 for
# none. Where a file numbers its annotations from 0 on, as enumerate() does, the detection that finds the
# first one counts as wrong, without a word: 20 faces, all found exactly, have an AP of .89, not 1, and one
# face alone 0. Numbers from 1 on give 1; ids of images and categories may be 0. Add 1 to the ids.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycocotools==2.0.11 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BOX = [10, 10, 50, 60]


def ap_and_recall(faces: int, first_id: int, first_image: int = 1, category: int = 1):
    """Of as many images with a face each, all of which are found exactly."""
    images = range(first_image, first_image + faces)
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image, "width": 100, "height": 100} for image in images],
        "categories": [{"id": category, "name": "face"}],
        "annotations": [
            {"id": first_id + row, "image_id": image, "category_id": category, "bbox": BOX, "area": 3000,
             "iscrowd": 0} for row, image in enumerate(images)
        ],
    }
    found = [
        {"image_id": image, "category_id": category, "bbox": BOX, "score": 0.9 - 0.01 * row}
        for row, image in enumerate(images)
    ]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert "arning" not in said.getvalue()
    return round(float(evaluation.stats[0]), 2), round(float(evaluation.stats[8]), 2)


seen = {}
for faces in (20, 1):
    for first_id in (1, 0):
        seen[faces, first_id] = ap_and_recall(faces, first_id)
        print(f"{faces} faces, ids from {first_id} on: AP and recall {seen[faces, first_id]}")
assert seen == {(20, 1): (1, 1), (20, 0): (0.89, 0.95), (1, 1): (1, 1), (1, 0): (0, 0)}
assert ap_and_recall(20, 1, first_image=0, category=0) == (1, 1)
PYTHON
