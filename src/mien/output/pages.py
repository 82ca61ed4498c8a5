"""Pages of HTML and texts in Markdown, from the templates in `templates/`.

A page needs no other file and asks nothing of a network. Templates are given plain values: numbers,
words, and the tables, bars and figures below.
"""

import base64
import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from mien.environment import data_file
from mien.errors import counted, needs_extra
from mien.output.files import json_text

if TYPE_CHECKING:
    import numpy as np
    from jinja2 import Environment
    from numpy.typing import NDArray

_WIDTH: Final = 100  # of the lines of a text in Markdown
_AS_IT_IS: Final = ("|", "#", "![", "```")  # begin tables, headings, figures and code


@dataclass(frozen=True)
class Part:
    """A part of a bar."""

    share: float  # of the length of the bar, 0 to 1
    color: str = ""  # as CSS writes it; the page's own without one
    title: str = ""  # shown by a mouse that rests on it


@dataclass(frozen=True)
class Figure:
    """An image inside a page."""

    uri: str  # see `data_uri`
    alt: str  # what it shows
    kind: str = ""  # its classes in the style sheet


@dataclass(frozen=True)
class Dots:
    """A small chart of shares on one axis, each place in pixels from its left."""

    width_px: int  # of the whole
    line: float  # of a dashed line across
    dot: float | None  # None without one, as `ring`
    ring: float | None
    interval: tuple[float, float] | None  # around the dot
    alt: str  # what it shows


@dataclass(frozen=True)
class Cell:
    """A cell of a table that holds more than words."""

    text: str = ""
    small: str = ""  # words below
    kind: str = ""  # its classes in the style sheet
    color: str = ""  # of a swatch before the words
    tint: float | None = None  # how strongly it is colored, 0 to 1
    bar: Sequence[Part] | None = None  # below the words, as those that follow
    image: Figure | None = None
    dots: Dots | None = None
    span: int = 1  # columns that it takes


Row: TypeAlias = Sequence[Cell | str]


@dataclass(frozen=True)
class Table:
    """A table, in a page or, of words alone, in Markdown."""

    rows: Sequence[Row]
    head: Row = ()  # names of the columns; empty without a head
    left: Sequence[int] = (0,)  # columns set left, by number; those of numbers are set right
    caption: str = ""  # above it
    kind: str = ""  # its classes in the style sheet


def facts_table(facts: Iterable[tuple[str, object]]) -> Table:
    """A table of names and what stands behind each."""
    return Table([[name, str(value)] for name, value in facts], left=(0, 1), kind="facts")


def percent(share: float, digits: int = 2) -> str:
    """A share from 0 to 1 in percent."""
    return f"{100 * share:.{digits}f} %"


def data_uri(content: bytes, kind: str = "png") -> str:
    """An image as an address that holds it whole.

    Args:
        content: of the image's file.
        kind: "png" or "jpeg".
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def uri_content(uri: str) -> bytes:
    """The file of an image that an address of `data_uri` holds.

    Raises:
        ValueError: it is no such address.
    """
    return base64.b64decode(uri.partition(",")[2], validate=True)


def png_uri(image: "NDArray[np.uint8]") -> str:
    """An image as an address that holds it as PNG.

    Args:
        image: (H, W) gray or (H, W, 4) blue, green, red and how opaque.
    """
    from mien.opencv import cv2

    return data_uri(cv2.imencode(".png", image)[1].tobytes())


def render(template: str, **values: object) -> str:
    """What a template makes of values.

    Args:
        template: name of a file in `templates/`; one that ends in .html escapes what it is given,
            and the text of one that ends in .md is put into lines of a readable length.
        values: by the names that the template has for them.
    """
    text = _environment().get_template(template).render(values)
    return _in_lines(text) if template.endswith(".md") else text


def markdown_page(text: str, folder: Path) -> str:
    """A text in Markdown as a page, its figures inside it.

    Args:
        text: with tables; its first line is the title.
        folder: that the paths of its figures, PNG or JPEG, begin at.
    Raises:
        MissingExtraError: the package `markdown` is not installed.
    """
    with needs_extra("train", "writing the report"):
        import markdown
    body = markdown.markdown(text, extensions=["tables", "fenced_code"])
    body = body.replace("<table>", '<div class="scroll"><table>')
    body = body.replace("</table>", "</table></div>")

    def inside(match: "re.Match[str]") -> str:
        content = (folder / html.unescape(match[1])).read_bytes()
        return f'src="{data_uri(content, "png" if match[1].endswith(".png") else "jpeg")}"'

    body = re.sub(r'src="([^":]+\.(?:png|jpg))"', inside, body)
    return render("document.html", title=text.splitlines()[0].lstrip("# "), body=body)


@cache
def _environment() -> "Environment":
    # Here, as most commands write no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    try:
        loader = PackageLoader("mien.output")
    except ValueError:  # there is no such folder
        data_file(Path(__file__).parent / "templates" / "base.html")
        raise
    environment = Environment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_function"] = json_text
    environment.policies["json.dumps_kwargs"] = {}  # not sorted: a page that is read keeps orders
    environment.filters["counted"] = counted
    environment.filters["number"] = format
    environment.filters["percent"] = percent
    return environment


def _in_lines(text: str) -> str:
    """Markdown whose paragraphs and bullets are in lines of a readable length.

    Blocks have empty lines between them; tables, headings, figures and code stay as they are.
    """
    blocks = re.split(r"\n\s*\n", text.strip())
    for number, block in enumerate(blocks):
        if block.startswith("- "):
            items = re.split(r"\n(?=- )", block)
            blocks[number] = "\n".join(_wrapped(item, "  ") for item in items)
        elif not block.startswith(_AS_IT_IS):
            blocks[number] = _wrapped(block)
    return "\n\n".join(blocks) + "\n"


def _wrapped(text: str, indent: str = "") -> str:
    """Text in lines, those after the first indented; code in it stays on one line."""
    whole = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), " ".join(text.split()))
    lines = textwrap.fill(
        whole,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\0", " ")
