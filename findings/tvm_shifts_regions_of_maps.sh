#!/bin/sh
# apache-tvm 0.27.0.post1: of ONNX's RoiAlign with half_pixel (torchvision's roi_align with aligned=True, which cuts the
# part of a face out of a map) it takes half a pixel off before it scales the box, not after: in a map of an eighth of
# the frame's size each region lies .44 of the map's pixels, 3.5 of the frame's, too far right and down, without a
# word. With spatial_scale=1 it is right. onnxruntime and onnx's reference agree. Scale the boxes before the layer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q apache-tvm==0.27.0.post1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - 2>"$folder/errors.txt" <<'PYTHON' || { cat "$folder/errors.txt"; exit 1; }
import numpy as np
import onnxruntime
import tvm
from onnx import TensorProto, checker, helper, numpy_helper, reference
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

rows, columns = np.mgrid[0:60, 0:80].astype(np.float32)
places = np.stack([columns, rows])[None]  # a map whose channels say where each of its pixels lies
faces = np.array([[40, 60, 120, 160], [304, 96, 400, 224]], np.float32)  # pixels of a frame of 640 x 480


def model(boxes, scale, corner):
    boxes_in_frame = numpy_helper.from_array(boxes, "boxes")
    image = numpy_helper.from_array(np.zeros(2, np.int64), "image")
    options = {"coordinate_transformation_mode": corner, "spatial_scale": scale, "sampling_ratio": 2}
    node = helper.make_node("RoiAlign", ["map", "boxes", "image"], ["y"], output_height=4, output_width=4, **options)
    ends = [helper.make_tensor_value_info("map", TensorProto.FLOAT, places.shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2, 4, 4]))
    graph = helper.make_graph([node], "regions", ends[:1], ends[1:], [boxes_in_frame, image])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def by_tvm(network):
    module = relax.transform.LegalizeOps()(from_onnx(network))
    machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
    return machine["main"](tvm.runtime.tensor(places)).numpy()


for corner in ("half_pixel", "output_half_pixel"):
    for scale in (1.0, 1 / 4, 1 / 8):
        network = model(faces / 8 / scale, scale, corner)
        checker.check_model(network, full_check=True)
        truth = onnxruntime.InferenceSession(network.SerializeToString()).run(None, {"map": places})[0]
        assert np.allclose(reference.ReferenceEvaluator(network).run(None, {"map": places})[0], truth, atol=1e-4)
        right, down = (by_tvm(network) - truth).mean((0, 2, 3))
        print(f"{corner}, spatial_scale {scale}: {right:+.3f} px of the map right, {down:+.3f} down")
        shift = (1 - scale) / 2 if corner == "half_pixel" else 0
        assert np.allclose([right, down], shift, atol=1e-3)
PYTHON
