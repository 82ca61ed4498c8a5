"""A torch module that reads crops -> the same as an ONNX graph."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from mien.errors import needs_extra
from mien.learn.files.stores import quiet
from mien.recognize.crops import SIZE_PX

if TYPE_CHECKING:
    import onnx

OPSET: Final = 20


def to_onnx(module: nn.Module, *, outputs: Sequence[str] = ("probabilities",)) -> "onnx.ModelProto":
    """Write a module down as an ONNX graph, without traces of this machine.

    Args:
        module: (N, 48, 48) uint8 -> (N, 7) float32, or a tuple with such arrays; in evaluation
            mode, on the processor.
        outputs: a name for each.
    Returns:
        A model with the input `crops` and the named outputs, for any N.
    Raises:
        MissingExtraError: torch's exporter lacks the packages that it is built on.
    """
    with needs_extra("train", "exporting to ONNX"):
        import onnx
        import onnxscript  # noqa: F401  (torch's exporter is built on it)

    example = torch.zeros(2, SIZE_PX, SIZE_PX, dtype=torch.uint8)
    # It warns that torchvision is not installed.
    with quiet("torch.onnx"), redirect_stdout(io.StringIO()):
        program: Any = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["crops"],
            output_names=list(outputs),
            dynamic_shapes={"crops": {0: torch.export.Dim("faces")}},
            verbose=False,
        )
    model: onnx.ModelProto = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # traces of this machine's source files
        node.doc_string = ""
    return model
