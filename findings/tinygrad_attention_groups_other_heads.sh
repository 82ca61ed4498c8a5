#!/bin/sh
# tinygrad 0.14.0: ONNX's Attention with fewer heads of keys than of queries (grouped queries, torch's
# scaled_dot_product_attention with enable_gqa=True) gives the heads the keys of others: of 4 over 2 the order is
# 0, 1, 0, 1, where ONNX, onnxruntime and torch have 0, 0, 1, 1. Heads 1 and 2 are wrong, without a word; with as
# many keys as queries, or one for all, it is right. (onnx itself had that order once: pull request 7274 there.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tinygrad==0.14.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
DEV=PYTHON venv/bin/python - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tinygrad import Tensor
from tinygrad.nn.onnx import OnnxRunner

QUERIES, STEPS, SIZE = 4, 5, 6
random = np.random.default_rng(0)


def attention(query, keys, values):
    weights = np.exp(query @ keys.T / np.sqrt(SIZE))
    return weights / weights.sum(1, keepdims=True) @ values


for heads in (1, 2, 4):
    shapes = {"q": [1, QUERIES, STEPS, SIZE], "k": [1, heads, STEPS, SIZE], "v": [1, heads, STEPS, SIZE]}
    given = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes["q"]))
    graph = helper.make_graph([helper.make_node("Attention", ["q", "k", "v"], ["y"])], "a", ends[:3], ends[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "attention.onnx")
    ort = onnxruntime.InferenceSession("attention.onnx").run(None, given)[0][0]
    tiny = OnnxRunner("attention.onnx")({name: Tensor(one) for name, one in given.items()})["y"].numpy()[0]
    read = {}
    for who, found in (("onnxruntime", ort), ("tinygrad", tiny)):
        for head in range(QUERIES):
            apart = [
                abs(found[head] - attention(given["q"][0, head], given["k"][0, one], given["v"][0, one])).max()
                for one in range(heads)
            ]
            assert min(apart) < 1e-4
            read.setdefault(who, []).append(int(np.argmin(apart)))
    print(f"{QUERIES} heads of queries over {heads}: {read}, at most {abs(tiny - ort).max():.2f} off")
    assert read["onnxruntime"] == [head // (QUERIES // heads) for head in range(QUERIES)]
    assert read["tinygrad"] == [head % heads for head in range(QUERIES)]
PYTHON
