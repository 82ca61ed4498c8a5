"""`mien explain`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from mien.cli.options import RecognizerOptions
from mien.cli.shared import (
    CroppedOption,
    JsonOption,
    OverwriteOption,
    ThreadsOption,
    print_json,
    print_table,
)
from mien.errors import check_count
from mien.readings import Explanation


def explain(
    context: typer.Context,
    image: Annotated[Path, Argument(help="An image with a face.")],
    *,
    face: Annotated[int, "Which face, from 1, as `mien detect` numbers them."] = 1,
    emotion: Annotated[str | None, "Whose probability to explain, if not the likeliest."] = None,
    out: Annotated[Path | None, "Image of the heat map to write: .png or .jpg."] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    recognizer: RecognizerOptions,
    cropped: CroppedOption = False,
    threads: ThreadsOption = 1,
) -> None:
    """Show what the reading of a face rests on.

    Example: mien explain family.jpg --face 2 --out why.png

    The table has the probability of the emotion with each part of the face covered, and what would
    be read then. --out draws, and --json holds, how much of the probability rests on each of the
    48 x 48 pixels: what is lost when its surroundings are covered, and won when they alone are
    shown. It tells what the network looks at, not what the person feels.
    """
    from mien.recognize.explain import explain as explain_face

    check_count("--face", face, 1)
    if out is not None:
        from mien.output.files import check_free
        from mien.output.heat_map import check_image_name

        check_image_name(out, original=image)
        check_free(out, overwrite=overwrite)
    reader = recognizer.settings(context, cropped=cropped).open(threads=threads)
    found = explain_face(reader, image, face=face - 1, emotion=emotion)
    if out is not None:
        from mien.output.heat_map import save_explanation

        save_explanation(found, out)
    if as_json:
        print_json({"file": str(image), "face": face, **found.to_dict()}, indent=None)
    else:
        _print(found)


def _print(found: Explanation) -> None:
    assert found.reading is not None  # it was found in an image
    rows = [["nothing", f"{found.probability:.1%}", "", found.reading.emotion]]
    for part in found.parts:
        change = 100 * (part.probability - found.probability)
        rows.append([part.name, f"{part.probability:.1%}", f"{change:+.1f}", part.emotion])
    print_table(["covered", found.emotion, "points", "likeliest"], rows, left=(0, 3))
