"""`mien convert`."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import FormatName
from mien.cli.shared import FpsOption, JsonOption, need_torch, read_data, say, status
from mien.errors import OptionError, OutputError


@dataclass(frozen=True)
class TheirModelOptions:
    """What a model of another tool takes and gives."""

    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="What its outputs are, in order and with commas: the seven emotions, and others, "
            "such as contempt, which are left out. Of a Keras file alphabetical if not given.",
        ),
    ] = None
    scaling: Annotated[
        str | None,
        typer.Option(
            "--scaling",
            help="Of the pixels that it takes: 1/255, -1..1 or none. Of a Keras file 1/255 if not "
            "given, unless it scales itself.",
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option("--size", help="Side of a face in pixels, where an ONNX file leaves it open."),
    ] = None
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Labeled faces, to say whether another order or scaling reads far better (val, "
            "else train).",
        ),
    ] = None


def convert(
    file: Annotated[
        Path,
        typer.Argument(
            help="A classifier of faces: .h5, .hdf5, .keras or .onnx. Or the rows of a video: "
            ".csv, .jsonl or .parquet of `mien video`, or .csv of another tool."
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File to write; of rows called like them and beside them if not given."
        ),
    ] = None,
    to: Annotated[
        FormatName | None,
        typer.Option("--to", help="Of rows: the format of another tool, see docs/formats.md."),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            "--video", help="Of rows: the video, for its length, its size and a link to it."
        ),
    ] = None,
    fps: FpsOption = None,
    theirs: TheirModelOptions,
    as_json: JsonOption = False,
) -> None:
    """Make a model of a classifier of another tool, or files for other tools of the rows of a video.

    Example: mien convert theirs.h5 --out theirs.onnx

    Example: mien convert theirs.onnx --labels sad,happy,angry,fear,disgust,surprise,neutral --scaling none --out ours.onnx

    Example: mien convert rows.csv --to eaf --video interview.mp4

    Every command reads the model that comes out, at once and without Keras. It takes one input of
    gray or RGB squares of any size, and gives probabilities or logits. Faces are resized, gray is
    repeated for the three channels, and what is none of the seven emotions is left out, so that
    the others sum to 1.

    Rows become intervals for ELAN (eaf), Praat (textgrid), BORIS (boris) and BIDS (bids), or tables
    with the columns of py-feat (fex) and OpenFace (openface).
    """  # noqa: E501
    from mien.rows.files import SUFFIXES

    is_rows = file.suffix.lower() in SUFFIXES
    of_models = {f"--{field.name}": getattr(theirs, field.name) for field in fields(theirs)}
    of_rows = {"--to": to, "--video": video, "--fps": fps}
    other = next((n for n, v in (of_models if is_rows else of_rows).items() if v is not None), None)
    if other is not None:
        kind = "a model" if is_rows else f"rows of a video ({', '.join(SUFFIXES)})"
        raise OptionError(f"{other}: expected {kind} to convert; got {file}")
    if is_rows:
        if to is None:
            raise OptionError(
                f"{file}: expected --to with the format to write: {', '.join(FormatName)}"
            )
        _convert_rows(file, out, to, video, fps=fps, as_json=as_json)
    else:
        if out is None:
            raise OptionError(f"{file}: expected --out with the ONNX file to write")
        _convert_model(file, out, theirs, as_json=as_json)


def _convert_rows(
    file: Path,
    out: Path | None,
    to: FormatName,
    video: Path | None,
    *,
    fps: float | None,
    as_json: bool,
) -> None:
    from mien.rows.formats import FORMATS, files_of, write_format
    from mien.rows.table import read_rows

    path = out or file.with_name(file.stem + FORMATS[to].endings[0])
    read = [one for one in (file, video) if one is not None and one.exists()]
    for written in files_of(to, path):
        if written.exists() and any(map(written.samefile, read)):
            raise OutputError(f"{written}: would replace what is read")
    media = None
    if video is not None:
        from mien.recognize.video.frames import measured, probe
        from mien.recognize.video.outputs import media_of

        media = media_of(measured(probe(video)))
    rows = read_rows(file, fps=fps, tell=say)
    last_s = float(rows.times_s.max(initial=0.0))
    if media is not None and media.length_s is not None and media.length_s < last_s - 1.0:
        raise OptionError(
            f"--video {video}: expected the video of {file}, whose rows reach {last_s:.2f} s; "
            f"it ends at {media.length_s:.2f} s"
        )
    written_files = write_format(rows, to, path, media)
    people = len({rows.name_of(track) for track in rows.tracks.tolist()})
    if as_json:
        import json

        files = [str(written) for written in written_files]
        print(json.dumps({"files": files, "people": people, "frames": len(rows.frames)}, indent=2))
    else:
        names = " and ".join(map(str, written_files))
        whom = f"{people} {'person' if people == 1 else 'people'}"
        print(f"{names}: {whom}, {len(rows.frames):,} frames")


def _convert_model(
    model: Path,
    out: Path,
    theirs: TheirModelOptions,
    *,
    as_json: bool,
) -> None:
    need_torch("converting")
    from mien.learn.files.convert import convert_model

    faces = None
    if theirs.data is not None:
        faces = read_data(theirs.data)
        faces = faces.split("val" if (faces.splits == "val").any() else "train")
    with status("converting"):
        spec, better = convert_model(
            model,
            out,
            labels=theirs.labels,
            scaling=theirs.scaling,
            size_px=theirs.size,
            faces=faces,
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
