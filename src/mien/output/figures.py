"""How every figure looks, and how it is written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.errors import needs_extra
from mien.labels import COLORS, EMOTIONS
from mien.output.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EMOTION_COLORS: Final = tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in map(COLORS.get, EMOTIONS))  # type: ignore[misc]
"""One color for each emotion, in the order of `EMOTIONS`."""

COLOR_OF: Final = dict(zip(EMOTIONS, EMOTION_COLORS, strict=True))
"""Emotion -> its color, as CSS writes it."""

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

    Raises:
        MissingExtraError: matplotlib is not installed; `extra` is the part of mien that brings it.
    """
    with needs_extra(extra, "drawing figures"):
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    with matplotlib.rc_context(_STYLE):
        drawn = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False)
        yield drawn, list(axes.flat)


def legend_below(drawn: "Figure", handles: Sequence[Any] | None = None, **look: Any) -> None:
    """A legend below a figure, where nothing that is drawn can be under it.

    Args:
        drawn: made by `figure`.
        handles: what is told; None takes all that has a label.
        look: what else matplotlib is told of it.
    """
    if handles is None:
        handles = [one for axes in drawn.axes for one in axes.get_legend_handles_labels()[0]]
    drawn.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, **look
    )


def emotion_legend(drawn: "Figure") -> None:
    """Say below a figure which color is which emotion."""
    from matplotlib.patches import Patch

    handles = [Patch(color=color, label=label) for label, color in COLOR_OF.items()]
    legend_below(drawn, handles, handlelength=1.0, handleheight=1.0)


def figure_files(path: Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """What a figure becomes: the file of that name, or of a name without an ending all kinds."""
    if path.suffix.lower() in ENDINGS:
        return [path]
    return [path.with_name(path.name + ending) for ending in endings]


def save(drawn: "Figure", path: Path, *, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Write a figure, made by `figure` and inside its `with`, each file whole or not at all.

    Args:
        drawn: the figure.
        path: of a `.png` or `.svg`; to any other name `endings` are added. Its folder is made.
        endings: of the files to write, among `ENDINGS`.
    Returns:
        The files.
    Raises:
        OutputError: they cannot be written.
    """
    paths = figure_files(path, endings)
    for file in paths:
        kind = file.suffix[1:].lower()
        metadata = {"Date": None} if kind == "svg" else None
        with atomic_write(file) as part:
            drawn.savefig(part, dpi=DPI, format=kind, metadata=metadata)
        drawn.set_layout_engine("none")  # the next file keeps the places: to find them takes long
    return paths
