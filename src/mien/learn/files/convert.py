"""A model that others have trained, made a model file of mien's once and for all."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mien import __version__
from mien.errors import OptionError, check_choice, needs_extra
from mien.learn.data.datasets import FaceSet

with needs_extra("train", "converting models"):
    from mien.learn.files.keras_h5 import onnx_of_keras
    from mien.learn.files.onnx_others import onnx_of_onnx

from mien.learn.files.others import NETWORKS, SCALINGS, Better, better_reading
from mien.output.files import write_bytes
from mien.recognize.classifier import KERAS_SUFFIXES, model_file
from mien.spec import METADATA_KEY, ModelSpec


def convert_model(
    path: str | Path,
    out: str | Path,
    *,
    labels: str | Sequence[str] | None = None,
    scaling: str | None = None,
    size_px: int | None = None,
    faces: FaceSet | None = None,
) -> tuple[ModelSpec, Better | None]:
    """Write a Keras or ONNX classifier of others as an ONNX file that knows labels and scaling.

    Args:
        path: .h5, .hdf5 or .keras, see `mien.learn.files.keras_h5.onnx_of_keras`, or .onnx, see
            `mien.learn.files.onnx_others.onnx_of_onnx`.
        out: the file to write, .onnx; an earlier one of that name is replaced.
        labels: of its outputs in order, a sequence or with commas: the seven emotions, and others,
            which are left out of a reading. Of Keras files by default alphabetical; of ONNX files
            needed.
        scaling: "1/255", "-1..1" or "none". Of Keras files by default "none" where the model begins
            by scaling, and "1/255" where it does not; of ONNX files needed.
        size_px: the side of a face where an ONNX file leaves it open.
        faces: labelled faces, to try other orders and scalings on.
    Returns:
        What the file says of itself, and what would read far better, if anything does.
    Raises:
        ModelError: it is no such model, or could run code; nothing is written then.
        OptionError: labels, scaling or size are needed or not as above.
        MissingExtraError: the packages are not installed.
        OutputError: `out` cannot be written.
    """
    path, out = model_file(path), Path(out)
    if out.suffix != ".onnx":
        raise OptionError(f"{out}: expected a name that ends in .onnx, which mien runs")
    if scaling is not None:
        check_choice("scaling", scaling, SCALINGS)
    if path.suffix.lower() in KERAS_SUFFIXES:
        if size_px is not None:
            raise OptionError("a Keras file knows it; leave it out", argument="size")
        model, spec = onnx_of_keras(path, labels=labels, scaling=scaling)
    else:
        model, spec = onnx_of_onnx(path, labels=labels, scaling=scaling, size_px=size_px)
    import onnx

    spec = replace(spec, mien_version=__version__)
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    content = model.SerializeToString()
    better = None
    if faces is not None and spec.network in NETWORKS:
        better = better_reading(content, faces)
    write_bytes(out, content)
    return spec, better
