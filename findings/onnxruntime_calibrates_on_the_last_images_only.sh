#!/bin/sh
# onnxruntime 1.32.0: quantize_static with extra_options CalibMaxIntermediateOutputs=n, meant to save
# memory, throws away what it has gathered after every n images before it has taken their ranges: only the
# rest counts. Of 101 images and n = 50 the range is that of the last image; brighter ones are cut off,
# without a word. (Of 100 images none is left, which raises an error.) Leave the option out.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cd "$folder"
venv/bin/python - 2>errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

random = np.random.default_rng(0)
images = [random.uniform(0, 1, (1, 1, 16, 16)).astype(np.float32) for _ in range(100)]
images.append(np.float32(0.25) * images[0])  # the last one is dark
weights = numpy_helper.from_array(random.normal(size=(4, 1, 3, 3)).astype(np.float32), "w")
ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 16, 16])]
ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 14, 14]))
nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
graph = helper.make_graph(nodes, "conv", ends[:1], ends[1:], [weights])
opset = [helper.make_opsetid("", 17)]
onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), "conv.onnx")


class Images(CalibrationDataReader):
    def __init__(self, some):
        self.rows = iter(some)

    def get_next(self):
        return next(({"x": image} for image in self.rows), None)


def outputs(path):
    session = onnxruntime.InferenceSession(path)
    return np.concatenate([session.run(None, {"x": image})[0] for image in images])


def input_range(some, **options):
    quantize_static("conv.onnx", "small.onnx", Images(some), extra_options=options)
    model = onnx.load("small.onnx")
    scale = next(node.input[1] for node in model.graph.node if list(node.input)[:1] == ["x"])
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    apart = np.abs(outputs("small.onnx") - outputs("conv.onnx")).mean()
    found = 255 * float(values[scale])
    print(f"{len(some)} images, {options or 'no option'}: range {found:.3f}, {apart:.3f} off on average")
    return found, apart


whole, whole_apart = input_range(images)
cut, cut_apart = input_range(images, CalibMaxIntermediateOutputs=50)
print(f"brightest pixel of all images {max(map(np.max, images)):.3f}, of the last {images[-1].max():.3f}")
assert abs(whole - max(map(np.max, images))) < 1e-3 and abs(cut - images[-1].max()) < 1e-3
assert cut_apart > 10 * whole_apart
PYTHON
