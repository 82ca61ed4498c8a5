"""How every figure looks, and how it is written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import MissingExtraError
from mien.labels import COLORS, EMOTIONS
from mien.output.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EMOTION_COLORS: Final = tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in map(COLORS.get, EMOTIONS))  # type: ignore[misc]
"""One color for each emotion, in the order of `EMOTIONS`."""

DPI: Final = 150

ENDINGS: Final = (".png", ".svg")
"""The kinds of file that a figure is written as."""

_STYLE: Final[dict[Any, Any]] = {
    "figure.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6ea",
    "axes.edgecolor": "#9aa0a8",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mien",  # the same figure gives the same file
}


@contextmanager
def figure(
    width_in: float = 7.0,
    height_in: float = 4.0,
    *,
    rows: int = 1,
    columns: int = 1,
    extra: str = "train",
) -> "Iterator[tuple[Figure, list[Axes]]]":
    """A figure in the house's style and its axes, row by row; closed at the end.

    It is drawn without a screen, whatever matplotlib is set to.

    Args:
        width_in: in inches, as is `height_in`.
        height_in: see there.
        rows: of axes.
        columns: of axes.
        extra: the part of mien whose installation brings matplotlib, for the message.
    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing figures", extra, error) from error

    with matplotlib.rc_context(_STYLE):
        drawn = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False)
        yield drawn, list(axes.flat)


def figure_files(path: Path) -> list[Path]:
    """What a figure becomes: the file of that name, or of a name without an ending both kinds."""
    if path.suffix.lower() in ENDINGS:
        return [path]
    return [path.with_name(path.name + ending) for ending in ENDINGS]


def save(drawn: "Figure", stem: Path, *, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Write a figure as `stem.png` and `stem.svg`, each whole or not at all.

    Args:
        drawn: made by `figure`, inside its `with`.
        stem: path without an ending; its folder is made.
        endings: of the files to write, among `ENDINGS`.
    Returns:
        The files.
    Raises:
        OutputError: they cannot be written.
    """
    paths = [stem.with_name(f"{stem.name}{ending}") for ending in endings]
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        with atomic_write(path, make_folders=True) as part:
            drawn.savefig(part, dpi=DPI, format=path.suffix[1:], metadata=metadata)
    return paths
