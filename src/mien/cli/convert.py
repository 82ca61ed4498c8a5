"""`mien convert`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mien.cli.row_options import FormatName
from mien.cli.shared import (
    FpsOption,
    JsonOption,
    OverwriteOption,
    UsableOnlyOption,
    need_torch,
    print_json,
    print_spec,
    read_data,
    say,
    say_unusable,
    status,
)
from mien.errors import OptionError, counted


@dataclass(frozen=True)
class TheirModelOptions:
    """What a model of another tool takes and gives."""

    labels: Annotated[
        str | None,
        "What its outputs are, in order and with commas: the seven emotions, and others, such as "
        "contempt, which are left out. Of a Keras file alphabetical if not given.",
    ] = None
    scaling: Annotated[
        str | None,
        "Of the pixels that it takes: 1/255, -1..1 or none. Of a Keras file 1/255 if not given, "
        "unless it scales itself.",
    ] = None
    size: Annotated[int | None, "Side of a face in pixels, where an ONNX file leaves it open."] = (
        None
    )
    data: Annotated[
        Path | None,
        "Labeled faces, to say whether another order or scaling reads far better (val, "
        "else train).",
    ] = None


@dataclass(frozen=True)
class RowOptions:
    """What becomes of rows."""

    to: Annotated[
        list[FormatName] | None,
        Option(
            case_sensitive=False,
            help="Of rows: the format of another tool, see docs/formats.md; may be given several "
            "times.",
        ),
    ] = None
    video: Annotated[
        Path | None, "Of rows: the video, for its length, its size and a link to it."
    ] = None
    fps: FpsOption = None
    usable_only: UsableOnlyOption = False


def convert(
    file: Annotated[
        Path,
        Argument(
            help="A classifier of faces: .h5, .hdf5, .keras or .onnx. Or the rows of a video: "
            ".csv, .jsonl or .parquet of `mien video`, or .csv of another tool. Or those of "
            "images: .csv or JSON of `mien detect`, a data set of `mien batch`."
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        "File to write; of rows called like them and beside them if not given, or if there are "
        "several formats.",
    ] = None,
    rows: RowOptions,
    theirs: TheirModelOptions,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a model of a classifier of another tool, or files for other tools of rows.

    Example: mien convert theirs.h5 --out theirs.onnx

    Example: mien convert theirs.onnx --labels sad,happy,angry,fear,disgust,surprise,neutral --scaling none --out ours.onnx

    Example: mien convert rows.csv --to eaf --video interview.mp4

    Example: mien convert faces.csv --to fex

    Every command reads the model that comes out, at once and without Keras. It takes one input of
    gray or RGB squares of any size, and gives probabilities or logits. Faces are resized, gray is
    repeated for the three channels, and what is none of the seven emotions is left out, so that
    the others sum to 1.

    Rows become intervals for ELAN (eaf), Praat (textgrid), BORIS (boris) and BIDS (bids), or tables
    with the columns of py-feat (fex) and OpenFace (openface). Rows of images become fex alone.
    """  # noqa: E501
    from mien.output.files import check_free
    from mien.rows.files import SUFFIXES
    from mien.rows.images import is_image_rows

    of_images = is_image_rows(file)
    if of_images or file.suffix.lower() in SUFFIXES:
        of_models = {f"--{field.name}": getattr(theirs, field.name) for field in fields(theirs)}
        _refuse(of_models, "a model", file)
        paths = _row_files(file, out, rows, overwrite=overwrite)
        if of_images:
            _convert_images(file, paths, rows, as_json=as_json)
        else:
            _convert_rows(file, paths, rows, as_json=as_json)
        return
    of_rows = {f"--{name.replace('_', '-')}": value or None for name, value in vars(rows).items()}
    _refuse(of_rows, f"rows ({', '.join(SUFFIXES)})", file)
    if out is None:
        raise OptionError(f"{file}: expected --out with the ONNX file to write")
    check_free(out, overwrite=overwrite, read=[file, theirs.data])
    _convert_model(file, out, theirs, as_json=as_json)


def _refuse(options: Mapping[str, object], expected: str, file: Path) -> None:
    """Raise OptionError where options of another kind of file are given."""
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"expected {expected} to convert; got {file}", argument=name)


def _row_files(
    file: Path, out: Path | None, rows: RowOptions, *, overwrite: bool
) -> dict[str, Path]:
    """The file of each format: that of --out, or one beside the rows that is called like them."""
    from mien.output.files import check_free
    from mien.rows.formats import FORMATS, files_of

    formats = list(dict.fromkeys(rows.to or ()))
    if not formats:
        names = ", ".join(FormatName)
        raise OptionError(f"{file}: expected --to with the format to write: {names}")
    if out is not None and len(formats) > 1:
        raise OptionError(
            f"--out {out}: expected one --to, whose file it names; got {', '.join(formats)}. "
            "Without --out their files are beside the rows and called like them"
        )
    stem = file.resolve() if file.is_dir() else file.with_suffix("")
    paths: dict[str, Path] = {}
    for name in formats:
        paths[name] = out or stem.with_name(stem.name + FORMATS[name].endings[0])
        for written in files_of(name, paths[name]):
            check_free(written, overwrite=overwrite, read=[file, rows.video])
    return paths


def _convert_rows(file: Path, paths: Mapping[str, Path], how: RowOptions, *, as_json: bool) -> None:
    from mien.rows.formats import FormatWriter, files_of
    from mien.rows.people import merged
    from mien.rows.table import RowFile
    from mien.rows.usable import UnusableTotals

    media = None
    if how.video is not None:
        from mien.recognize.video.frames import measured, probe
        from mien.recognize.video.outputs import media_of

        media = media_of(measured(probe(how.video)))
    rows = RowFile(file, fps=how.fps, tell=say)
    unusable, frames, last_s = UnusableTotals(), 0, 0.0
    people: set[str] = set()
    with FormatWriter(paths, media) as writer:
        for block in merged(rows):
            if how.usable_only:
                unusable.add(block)
                block = block.usable()
            writer.add(block)
            people |= {block.name_of(track) for track in set(block.tracks.tolist())}
            frames, last_s = frames + len(block.frames), float(block.times_s[-1])
        if media is not None and media.length_s is not None and media.length_s < last_s - 1.0:
            raise OptionError(
                f"--video {how.video}: expected the video of {file}, whose rows reach "
                f"{last_s:.2f} s; it ends at {media.length_s:.2f} s"
            )
        if how.usable_only:
            say_unusable(unusable)
        writer.finish()
    written_files = [written for name in paths for written in files_of(name, paths[name])]
    if as_json:
        files = [str(written) for written in written_files]
        print_json({"files": files, "people": len(people), "frames": frames})
    else:
        *others, last = map(str, written_files)
        names = f"{', '.join(others)} and {last}" if others else last
        whom = counted(len(people), "person", "people")
        print(f"{names}: {whom}, {counted(frames, 'frame')}")


def _convert_images(
    file: Path, paths: Mapping[str, Path], how: RowOptions, *, as_json: bool
) -> None:
    from mien.rows.formats.fex import write_image_fex
    from mien.rows.images import read_image_rows

    _refuse({"--video": how.video, "--fps": how.fps}, "rows of a video", file)
    if other := next((name for name in paths if name != FormatName.fex), None):
        raise OptionError(
            f"--to {other}: expected rows of a video; those of images, as in {file}, become fex "
            "alone"
        )
    path = paths[FormatName.fex]
    images = read_image_rows(file)
    written = write_image_fex((i.usable() for i in images) if how.usable_only else images, path)
    if written.errors:
        have = "has" if written.errors == 1 else "have"
        say(f"{written.errors:,} of them could not be read, and {have} an empty row")
    if as_json:
        print_json({"files": [str(path)], **written._asdict()})
    else:
        print(f"{path}: {counted(written.faces, 'face')}, {counted(written.images, 'image')}")


def _convert_model(model: Path, out: Path, theirs: TheirModelOptions, *, as_json: bool) -> None:
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
        print_spec(spec, out)
    else:
        size_mb = out.stat().st_size / 1e6
        print(f"{out}: {spec.recipe}; {spec.parameters:,} parameters, {size_mb:.2f} MB")
