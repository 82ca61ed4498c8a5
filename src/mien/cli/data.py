"""`mien data`: looking at data sets, checking them, fetching them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from mien.cli.shared import (
    FindFacesOption,
    JsonOption,
    VotesOption,
    bar,
    left_out_line,
    print_json,
    print_table,
    printable,
    read_data,
    status,
    tell_written,
)
from mien.errors import counted
from mien.labels import EMOTIONS

if TYPE_CHECKING:
    from mien.learn.data.datasets import FaceSet
    from mien.learn.data.duplicates import Check

DataArgument = Annotated[Path, Argument(help="A data set, as for `mien train --data`.")]


def data_info(
    path: DataArgument,
    votes: VotesOption = None,
    find_faces: FindFacesOption = False,
    plots: Annotated[
        Path | None, "Folder for charts of the counts and samples of the faces."
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Count the faces of each emotion in each split.

    Example: mien data info fer2013.csv --plots figures
    """
    from mien.learn.data.datasets import SPLITS

    faces = read_data(path, votes=votes, find_faces=find_faces, quiet=True)
    there = [split for split in SPLITS if (faces.splits == split).any()]
    counts = {split: faces.split(split).class_counts().tolist() for split in there}
    counts["all"] = faces.class_counts().tolist()
    with_votes = 0 if faces.votes is None else int((faces.votes.sum(axis=1) > 0).sum())
    if as_json:
        by_label = {
            split: {"n": sum(row), **dict(zip(EMOTIONS, row, strict=True))}
            for split, row in counts.items()
        }
        about = {"name": faces.name, "with_votes": with_votes, "left_out": faces.left_out}
        print_json({**about, "notes": faces.notes, **by_label})
    else:
        rows = [
            [split, f"{sum(row):,}", *(f"{count:,}" for count in row)]
            for split, row in counts.items()
        ]
        print_table(["split", "faces", *EMOTIONS], rows, left=(0,))
        print(f"FER+ votes: {with_votes:,} of {counted(len(faces), 'face')}")
        _print_left_out(faces)
    if plots is not None:
        from mien.learn.plots.data import plot_class_counts, plot_samples

        with status("drawing"):
            files = plot_class_counts(faces, plots / "class-counts")
            files += plot_samples(faces, plots / "samples")
        tell_written(*files)


def _print_left_out(faces: "FaceSet") -> None:
    for line in filter(None, (*faces.notes, left_out_line(faces))):
        print(printable(line))


def data_check(
    path: DataArgument,
    votes: VotesOption = None,
    find_faces: FindFacesOption = False,
    exact_only: Annotated[bool, "Do not look for near duplicates, which takes longer."] = False,
    out: Annotated[Path | None, "CSV file with a row for each pair of duplicates."] = None,
    as_json: JsonOption = False,
) -> None:
    """Find duplicates, conflicting labels and what is not a face.

    Example: mien data check fer2013.csv --votes fer2013new.csv --out duplicates.csv

    Duplicates are looked for within and across the splits. A near copy is the same image scaled,
    cropped, compressed, brightened or watermarked; a mirrored one is that in a mirror.
    """
    from mien.learn.data.duplicates import check, write_pairs
    from mien.output.files import check_free

    if out is not None:
        check_free(out, overwrite=True, read=[path, votes])
    faces = read_data(path, votes=votes, find_faces=find_faces, quiet=True)
    with bar("comparing the faces") as report:
        found = check(faces, near=not exact_only, report=report)
    if out is not None:
        write_pairs(found, faces, out)
    if as_json:
        print_json({"name": faces.name, **found.to_dict()})
    else:
        _print_check(found)
        _print_left_out(faces)
    if out is not None:
        tell_written(out)


def _print_check(found: "Check") -> None:
    print(f"{counted(found.n, 'face')}, {found.n_unique:,} different", end="")
    if found.n_distinct is not None:
        print(f"; {found.n_distinct:,} if near duplicates count as the same", end="")
    print("\n")
    for title, across in (
        ("faces with an exact copy in", found.exact_across),
        ("faces with an exact, near or mirrored copy in", found.near_across),
    ):
        if across is not None:
            rows = [
                [split, f"{found.splits[split]:,}", *(f"{copies:,}" for copies in others.values())]
                for split, others in across.items()
            ]
            print(title)
            print_table(["split", "faces", *found.splits], rows, left=(0,))
            print()
    rows = [
        ["images that stand in the set more than once", f"{len(found.exact):,}"],
        ["  of these with more than one label", f"{found.conflicts:,}"],
    ]
    if found.near is not None:
        mirrored = sum(pair.kind == "mirrored" for pair in found.near)
        rows += [
            ["pairs of near duplicates", f"{len(found.near) - mirrored:,}"],
            ["pairs of mirrored duplicates", f"{mirrored:,}"],
            ["  of both with different labels", f"{found.near_conflicts:,}"],
        ]
    rows.append(["images of a single gray level", f"{len(found.constant):,}"])
    if found.not_faces is not None:
        rows.append(["not a face, say most FER+ votes", f"{len(found.not_faces):,}"])
    print_table(rows[0], rows[1:], left=(0,))


def data_download(
    name: Annotated[
        str, Argument(help="fer2013 (folders of images) or fer2013-csv (with both test splits).")
    ],
    out: Annotated[Path, "Folder for it: new, or empty."],
) -> None:
    """Fetch FER2013 from Kaggle.

    Example: mien data download fer2013 --out data/fer2013

    fer2013-csv asks for a Kaggle account and for the rules of its competition to be accepted. Where
    Kaggle gives nothing, one line says what to do by hand.
    """
    from mien.learn.data.download import download

    with status(f"fetching {name} from Kaggle"):
        folder = download(name, out)
    print(f"{folder}: fetched; look at it with: mien data info {folder}")
