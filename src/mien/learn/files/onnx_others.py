"""ONNX models of others -> model files of mien's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from mien.errors import ModelError, OptionError, needs_extra
from mien.labels import EMOTIONS
from mien.learn.files.others import (
    FACTOR,
    LEAST,
    OFFSET,
    SCALINGS,
    gives_logits,
    label_names,
    run,
    spec_of,
)
from mien.recognize.classifier import first_line
from mien.recognize.crops import SIZE_PX, Crops
from mien.spec import METADATA_KEY, ModelSpec

if TYPE_CHECKING:
    import onnx

PARITY: Final = 1e-4  # largest difference of a probability between faces together and one by one
OPSET: Final = 7  # the oldest in which numbers are spread over arrays as in NumPy
LARGEST_PX: Final = 1024  # of a face that a model may ask for

# Of onnx.TensorProto. INT8 holds half of the gray levels.
_FLOAT_KINDS: Final = (1, 10, 11, 16)  # FLOAT, FLOAT16, DOUBLE, BFLOAT16
_WHOLE_KINDS: Final = (2, *range(4, 8), 12, 13)  # UINT8, UINT16 to INT64, UINT32 and UINT64


def onnx_of_onnx(
    path: Path,
    *,
    labels: str | Sequence[str] | None,
    scaling: str | None,
    size_px: int | None = None,
) -> tuple["onnx.ModelProto", ModelSpec]:
    """Put what mien gives before an ONNX classifier of others, and what mien takes behind it.

    It has one input (N, C, S, S) or (N, S, S, C), C 1 or 3, N any or 1, and an output (N, K) with
    a label for each column: probabilities, or logits that a softmax must follow. For
    `convert_model`, which says the rest.

    Returns:
        An ONNX model, its columns in the order of `EMOTIONS`, and what is known of it.
    """
    with needs_extra("train", "converting models"):
        import onnx

    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's, and the system's for weights that lie beside it
        raise ModelError(f"{path}: expected an ONNX model; {first_line(error)}") from error
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise ModelError(f"{path}: mien wrote this file, and reads it as it is")
    if labels is None or scaling is None:
        raise OptionError(
            f"{path}: an ONNX file does not say what its outputs are, nor how it takes its pixels; "
            "give --labels, all of them in order and with commas, and --scaling 1/255, -1..1 or "
            "none"
        )
    names = label_names(labels)
    _free_our_names(model.graph, path)
    theirs = _Theirs(model, path, names, size_px)
    theirs.check_scaling(scaling)
    sample = np.random.default_rng(0).integers(0, 256, (5, SIZE_PX, SIZE_PX), dtype=np.uint8)
    sample[0] = 255
    sample[1:] = np.sort(sample[1:], axis=2)  # gradients, nearer to images than noise is
    try:
        logits, built = theirs.as_ours(sample, SCALINGS[scaling])
    except (ModelError, OptionError):
        raise
    except Exception as error:  # ONNX Runtime has a class for each kind, all without a base
        raise ModelError(f"{path}: it cannot be run; {first_line(error)}") from error
    spec = spec_of(
        path.stem,
        "onnx",
        labels=names,
        scaling=scaling,
        logits=logits,
        parameters=theirs.parameters,
        macs=theirs.macs,
    )
    return built, spec


def _free_our_names(graph: "onnx.GraphProto", path: Path) -> None:
    """Call otherwise what has a name that what mien puts around it has, in inner graphs, too."""

    def free(name: str | bytes) -> str:
        if isinstance(name, bytes):  # as protobuf gives what is none in UTF-8
            raise ModelError(f"{path}: expected names in UTF-8; got {name!r}")
        ours = name in ("crops", "probabilities") or name.startswith("mien_")
        return f"theirs_{name}" if ours else name

    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = free(value.name)
    for node in graph.node:
        node.input[:] = map(free, node.input)
        node.output[:] = map(free, node.output)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _free_our_names(inner, path)


class _Theirs:
    """An ONNX classifier of others: what goes in and comes out of it."""

    def __init__(
        self, model: "onnx.ModelProto", path: Path, names: tuple[str, ...], size_px: int | None
    ) -> None:
        self._model, self._path, self._names = model, path, names
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in weights]
        shapes = [_shape(value) for value in inputs]
        if len(inputs) != 1 or len(shapes[0]) != 4 or {1, 3}.isdisjoint(shapes[0][1::2]):
            raise ModelError(
                f"{path}: expected one input (N, C, S, S) or (N, S, S, C) with 1 or 3 channels; "
                f"got {_shown(shapes)}"
            )
        (self._input,), (shape,) = inputs, shapes
        self._first = shape[1] in (1, 3)  # the channels come before the pixels
        self._channels = (shape[1] if self._first else shape[3]) or 1
        self._together = shape[0] is None  # any number of faces at once
        sides = shape[2:] if self._first else shape[1:3]
        self._side = self._size(sides, size_px)
        if shape[0] not in (None, 1):
            raise ModelError(f"{path}: expected one face at a time, or any number; got {shape[0]}")
        outputs = [_shape(value) for value in graph.output]
        fits = [
            value.name
            for value, found in zip(graph.output, outputs, strict=True)
            if len(found) == 2 and found[1] in (None, len(names))
        ]
        if len(fits) != 1:
            raise OptionError(
                f"expected one for each column of the output of {path.name}, "
                f"{_shown(outputs)}; got {len(names)}",
                argument="labels",
            )
        (self._output,) = fits
        opset = {entry.domain: entry.version for entry in model.opset_import}.get("", 1)
        if opset < OPSET:
            raise ModelError(
                f"{path}: expected ONNX of opset {OPSET} or newer; got {opset}. "
                "onnx.version_converter makes it newer"
            )

    def check_scaling(self, scaling: str) -> None:
        """Refuse a kind of input that holds no gray levels, or not the numbers of a scaling."""
        import onnx

        kind = self._input.type.tensor_type.elem_type
        names = {number: name.lower() for name, number in onnx.TensorProto.DataType.items()}
        name = names.get(kind, f"kind {kind}")
        if kind not in (*_FLOAT_KINDS, *_WHOLE_KINDS):
            raise ModelError(
                f"{self._path}: expected an input of floats, or of whole numbers that gray levels "
                f"from 0 to 255 fit into; got {name}"
            )
        if kind in _WHOLE_KINDS and SCALINGS[scaling] != (1.0, 0.0):
            raise OptionError(
                f"expected none, for {self._path.name} takes whole numbers ({name}); "
                f"got {scaling!r}",
                argument="scaling",
            )

    def _size(self, sides: list[int | None], size_px: int | None) -> int:
        known = {side for side in sides if side is not None}
        if size_px is not None:
            known.add(size_px)
        if not known:
            raise OptionError(
                f"{self._path.name} takes faces of any size; give the one that it was "
                "trained with, in pixels",
                argument="size",
            )
        if len(known) > 1 or not 1 <= max(known) <= LARGEST_PX:
            raise OptionError(
                f"expected a square of at most {LARGEST_PX} pixels; {self._path.name} takes "
                f"{' x '.join('any' if side is None else str(side) for side in sides)}"
                + ("" if size_px is None else f", and {size_px} was given"),
                argument="size",
            )
        return known.pop()

    @property
    def _one_face(self) -> list[int]:
        """The sizes of its input for one face."""
        pair = [self._side, self._side]
        return [1, self._channels, *pair] if self._first else [1, *pair, self._channels]

    @property
    def parameters(self) -> int:
        """Numbers in it that are not whole."""
        import onnx

        kinds = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
        kinds |= {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}  # of a network in 8 bits
        tensors = self._model.graph.initializer
        return sum(int(np.prod(t.dims)) for t in tensors if t.data_type in kinds)

    @property
    def macs(self) -> int:
        """Of one face, in convolutions and products with matrices whose shapes are known."""
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        (value,) = [v for v in model.graph.input if v.name == self._input.name]
        for dimension, size in zip(value.type.tensor_type.shape.dim, self._one_face, strict=True):
            dimension.dim_value = size
        graph = onnx.shape_inference.infer_shapes(model).graph
        sizes = {t.name: int(np.prod(t.dims)) for t in graph.initializer}
        maps = {v.name: _shape(v) for v in (*graph.value_info, *graph.output)}
        count = 0
        for node in graph.node:
            if node.op_type in ("Conv", "Gemm", "MatMul"):
                places = maps.get(node.output[0], [])[2:] if node.op_type == "Conv" else []
                weights = max((sizes.get(name, 0) for name in node.input[:2]), default=0)
                count += weights * int(np.prod([place or 0 for place in places]))
        return count

    def as_ours(
        self, sample: Crops, scaling: tuple[float, float]
    ) -> tuple[bool, "onnx.ModelProto"]:
        """The model between what mien gives and takes, and whether it gives logits.

        Some take one face at a time whatever they say; then each face goes through by itself.
        """
        for each in (False, True) if self._together else (True,):
            bare = self._built(scaling, each=each).SerializeToString()
            try:
                found = run(bare, sample)
                alone = np.concatenate([run(bare, sample[i : i + 1]) for i in range(len(sample))])
            except Exception:  # ONNX Runtime's, which share no base
                if each:
                    raise
                continue
            if found.shape == alone.shape and np.abs(found - alone).max() <= PARITY * max(
                1.0, float(np.abs(alone).max())
            ):
                break
        if found.shape != (len(sample), len(self._names)):
            raise OptionError(
                f"expected {found.shape[1]}, one for each column of the output of "
                f"{self._path.name}; got {len(self._names)}",
                argument="labels",
            )
        logits = gives_logits(found, str(self._path))
        return logits, self._built(scaling, each=each, logits=logits)

    def _built(
        self, scaling: tuple[float, float], *, each: bool, logits: bool | None = None
    ) -> "onnx.ModelProto":
        """The whole; without `logits` it gives what the model itself does, to be looked at."""
        import onnx
        from onnx import TensorProto, helper

        constants: dict[str, NDArray[Any]] = {
            FACTOR: np.array(scaling[0], np.float32),
            OFFSET: np.array(scaling[1], np.float32),
            "mien_order": np.array([self._names.index(emotion) for emotion in EMOTIONS]),
            "mien_least": np.array(LEAST, np.float32),
            "mien_ones": np.ones((len(EMOTIONS), 1), np.float32),
            "mien_columns": np.array([-1, len(self._names)]),
        }
        pixels = "mien_each" if each else self._input.name
        nodes = self._before(constants, pixels)
        own = self._model.graph
        read = self._output
        if each:
            nodes += self._one_by_one(constants, pixels)
            read = "mien_read"
        else:
            nodes += own.node
        scores = "mien_scores"
        nodes.append(helper.make_node("Cast", [read], [scores], to=TensorProto.FLOAT))
        if logits is None:
            nodes.append(helper.make_node("Identity", [scores], ["probabilities"]))
        else:
            nodes.append(helper.make_node("Gather", [scores, "mien_order"], ["mien_seven"], axis=1))
            if logits:
                nodes.append(helper.make_node("Softmax", ["mien_seven"], ["probabilities"], axis=1))
            else:
                nodes += [
                    helper.make_node("Add", ["mien_seven", "mien_least"], ["mien_some"]),
                    helper.make_node("MatMul", ["mien_some", "mien_ones"], ["mien_sum"]),
                    helper.make_node("Div", ["mien_some", "mien_sum"], ["probabilities"]),
                ]
        columns = "K" if logits is None else len(EMOTIONS)
        tensors = [onnx.numpy_helper.from_array(a, name) for name, a in constants.items()]
        graph = helper.make_graph(
            nodes,
            "mien",
            [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["N", SIZE_PX, SIZE_PX])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", columns])],
            [*tensors, *([] if each else own.initializer)],
        )
        return helper.make_model(
            graph,
            opset_imports=self._model.opset_import,
            ir_version=max(self._model.ir_version, 8),
            functions=self._model.functions,
        )

    def _before(self, constants: dict[str, NDArray[Any]], pixels: str) -> list[Any]:
        """From the crops to what the model takes, in nodes that every opset has."""
        from onnx import TensorProto, helper

        levels, side, kind = "mien_levels", self._side, self._input.type.tensor_type.elem_type
        nodes = [helper.make_node("Cast", ["crops"], [levels], to=TensorProto.FLOAT)]
        if side != SIZE_PX:
            # To shrink or enlarge is linear in rows and in columns: two products with a matrix.
            rows, size, less = torch.eye(SIZE_PX)[None, None], (side, SIZE_PX), side < SIZE_PX
            resized = F.interpolate(rows, size, mode="bilinear", antialias=less)
            matrix = resized[0, 0].numpy()
            constants["mien_rows"], constants["mien_lines"] = matrix, matrix.T.copy()
            nodes += [
                helper.make_node("MatMul", ["mien_rows", levels], ["mien_tall"]),
                helper.make_node("MatMul", ["mien_tall", "mien_lines"], ["mien_sized"]),
            ]
            levels = "mien_sized"
        shape, axis = ([-1, 1, side, side], 1) if self._first else ([-1, side, side, 1], 3)
        constants["mien_shape"] = np.array(shape)
        nodes += [
            helper.make_node("Mul", [levels, FACTOR], ["mien_scaled"]),
            helper.make_node("Add", ["mien_scaled", OFFSET], ["mien_moved"]),
            helper.make_node("Reshape", ["mien_moved", "mien_shape"], ["mien_gray"]),
            helper.make_node("Concat", ["mien_gray"] * self._channels, ["mien_pixels"], axis=axis),
        ]
        read = "mien_pixels"
        if kind in _WHOLE_KINDS:  # a cast would cut off what is behind the point
            constants["mien_half"] = np.array(0.5, np.float32)
            nodes += [
                helper.make_node("Add", [read, "mien_half"], ["mien_above"]),
                helper.make_node("Floor", ["mien_above"], ["mien_whole"]),
            ]
            read = "mien_whole"
        return [*nodes, helper.make_node("Cast", [read], [pixels], to=kind)]

    def _one_by_one(self, constants: dict[str, NDArray[Any]], pixels: str) -> list[Any]:
        """A loop over faces around the model, which is in it with its weights."""
        from onnx import TensorProto, helper

        constants["mien_one"] = np.array(self._one_face)
        constants["mien_0"] = np.array(0)
        constants["mien_true"] = np.array(True)
        own = self._model.graph
        inside = [
            helper.make_node("Gather", [pixels, "mien_number"], ["mien_flat"], axis=0),
            helper.make_node("Reshape", ["mien_flat", "mien_one"], [self._input.name]),
            *own.node,
            helper.make_node("Identity", ["mien_go"], ["mien_on"]),
            # The first opsets want a loop to carry something on.
            helper.make_node("Identity", ["mien_kept"], ["mien_carried"]),
        ]
        answer = next(value for value in own.output if value.name == self._output)
        whole, flag = TensorProto.INT64, TensorProto.BOOL
        given, told = (
            [helper.make_tensor_value_info(name, kind, []) for name, kind in scalars.items()]
            for scalars in (
                {"mien_number": whole, "mien_go": flag, "mien_kept": whole},
                {"mien_on": flag, "mien_carried": whole},
            )
        )
        body = helper.make_graph(inside, "mien_face", given, [*told, answer], own.initializer)
        return [
            helper.make_node("Shape", ["crops"], ["mien_counts"]),
            helper.make_node("Gather", ["mien_counts", "mien_0"], ["mien_count"], axis=0),
            helper.make_node(
                "Loop", ["mien_count", "mien_true", "mien_0"], ["mien_last", "mien_all"], body=body
            ),
            helper.make_node("Reshape", ["mien_all", "mien_columns"], ["mien_read"]),
        ]


def _shape(value: "onnx.ValueInfoProto") -> list[int | None]:
    """The sizes of a value; None for one that is open."""
    sizes = value.type.tensor_type.shape.dim
    return [size.dim_value if size.dim_value > 0 else None for size in sizes]


def _shown(shapes: list[list[int | None]]) -> str:
    texts = [f"({', '.join('N' if n is None else str(n) for n in shape)})" for shape in shapes]
    return ", ".join(texts) or "none"
