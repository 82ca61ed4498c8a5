#!/bin/sh
# MNN 3.6.1: its command mnnconvert, run to convert a model, first runs "pip install -U aliyun-log-python-sdk" where
# that is missing, by whichever pip is first on the PATH: not its own environment's, unless that is activated. By its
# source (MNN/tools/utils/log.py) it then sends the machine's id, the arguments and the sizes of the models to a
# server. Nothing asks, the help does not tell. _tools.mnnconvert(arguments) of the package converts and does neither.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet MNN==3.6.1 onnx==1.23.2 numpy==2.4.6
cd "$folder"
mkdir first
# Another environment's pip, which only notes what it is asked for.
printf '#!/bin/sh\necho "$@" >>"%s/asked.txt"\n' "$folder" >first/pip
chmod +x first/pip
venv/bin/python - <<'PYTHON'
import onnx
from onnx import TensorProto, helper

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", ends[:1], ends[1:])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "relu.onnx")
PYTHON
convert() {
    rm -f relu.mnn asked.txt
    PATH="$folder/first:$PATH" "$@" -f ONNX --modelFile relu.onnx --MNNModel relu.mnn --bizCode x >said.txt 2>&1
    test -s relu.mnn
    asked=$(test ! -f asked.txt || sort -u asked.txt)
}
convert venv/bin/mnnconvert
echo "mnnconvert asked the first pip on the PATH for: $asked"
test "$asked" = "install -U aliyun-log-python-sdk"
convert venv/bin/python -c "import sys, _tools; _tools.mnnconvert(sys.argv)"
echo "its inner function asked for: ${asked:-nothing}"
test -z "$asked"
grep -q machine_id venv/lib/python3*/site-packages/MNN/tools/utils/log.py
