"""`mien convert`."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.shared import JsonOption, need_torch, read_data, say, status


def convert(
    model: Annotated[
        Path, typer.Argument(help="A classifier of faces: .h5, .hdf5, .keras or .onnx.")
    ],
    out: Annotated[Path, typer.Option("--out", help="ONNX file to write.")],
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="What its outputs are, in order and with commas: the seven emotions, and others, "
            "such as contempt, which are left out. Of a Keras file alphabetical if not given.",
        ),
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            "--scaling",
            help="Of the pixels that it takes: 1/255, -1..1 or none. Of a Keras file 1/255 if not "
            "given, unless it scales itself.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", help="Side of a face in pixels, where an ONNX file leaves it open."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Labeled faces, to say whether another order or scaling reads far better (val, "
            "else train).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model file of a Keras or ONNX classifier that another tool has trained.

    Example: mien convert theirs.h5 --out theirs.onnx

    Example: mien convert theirs.onnx --labels sad,happy,angry,fear,disgust,surprise,neutral --scaling none --out ours.onnx

    Every command reads the file that comes out, at once and without Keras. It takes one input of
    gray or RGB squares of any size, and gives probabilities or logits. Faces are resized, gray is
    repeated for the three channels, and what is none of the seven emotions is left out, so that
    the others sum to 1.
    """  # noqa: E501
    need_torch("converting")
    from mien.learn.files.convert import convert_model

    faces = None
    if data is not None:
        faces = read_data(data)
        faces = faces.split("val" if (faces.splits == "val").any() else "train")
    with status("converting"):
        spec, better = convert_model(
            model, out, labels=labels, scaling=scaling, size_px=size, faces=faces
        )
    if better is not None:
        say(f"{spec.name}: {better}")
    if as_json:
        import json

        about = {"file": str(out), "bytes": out.stat().st_size}
        print(json.dumps({**about, **json.loads(spec.to_json())}, indent=2))
    else:
        size_mb = out.stat().st_size / 1e6
        print(f"{out}: {spec.recipe}; {spec.parameters:,} parameters, {size_mb:.2f} MB")
