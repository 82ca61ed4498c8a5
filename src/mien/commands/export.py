"""`mien export`."""

from pathlib import Path
from typing import Annotated

import typer

from mien.commands.shared import need_torch, status


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    to: Annotated[
        str,
        typer.Option("--to", help="onnx, which mien runs; h5, a Keras file; or safetensors."),
    ] = "onnx",
    name: Annotated[
        str | None,
        typer.Option("--name", help="What the model calls itself; else the file's name."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Data set to measure the file on; the scores go into it."),
    ] = None,
) -> None:
    """Write a run's best weights as a model file, checked against the network.

    Example: mien export runs/first --out first.onnx --data fer2013.csv

    Example: mien export runs/first --to h5 --out first.h5

    The Keras file takes gray levels, 0 to 255, shaped (N, 48, 48, 1), and gives probabilities of
    angry, disgust, fear, happy, sad, surprise and neutral, in this order.
    """
    need_torch("exporting")
    from mien.learn.datasets import load_faces
    from mien.learn.export import PARITY, export_model

    with status("reading the data"):
        faces = None if data is None else load_faces(data)
    with status("exporting and measuring"):
        spec = export_model(run, out, to=to, name=name, faces=faces)
    print(f"{out}: {spec.parameters:,} parameters, epoch {spec.epoch}, parity within {PARITY:.0e}")
    for split, score in spec.scores.items():
        print(
            f"{split}: accuracy {score.accuracy:.4f}, macro F1 {score.macro_f1:.4f}, n {score.n:,}"
        )
