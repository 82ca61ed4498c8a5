"""A text in Markdown -> one page of HTML that needs no other file."""

import html
import re
from pathlib import Path
from typing import Final

from mien.errors import MissingExtraError
from mien.html_page import data_uri, html_page

_STYLE: Final = """
body { line-height: 1.55; max-width: 62rem; }
h2 { margin-top: 2.5rem; }
table { font-size: .86rem; } th, td { padding: .25rem .6rem; text-align: left; }
img { max-width: 100%; height: auto; }
pre { background: #f5f6f8; padding: .8rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) { pre { background: #23262c; } img { background: white; } }
"""


def to_page(text: str, folder: Path) -> str:
    """A text as one HTML file: its figures are inside it, and it asks nothing of a network.

    Args:
        text: Markdown, with tables; its first line is the title.
        folder: that the paths of its figures, PNG or JPEG, begin at.
    Raises:
        MissingExtraError: the package `markdown` is not installed.
    """
    try:
        import markdown
    except ImportError as error:
        raise MissingExtraError("writing the report", "train", error) from error

    body = markdown.markdown(text, extensions=["tables", "fenced_code"])
    body = body.replace("<table>", '<div class="scroll"><table>')
    body = body.replace("</table>", "</table></div>")

    def inside(found: "re.Match[str]") -> str:
        content = (folder / html.unescape(found[1])).read_bytes()
        return f'src="{data_uri(content, "png" if found[1].endswith(".png") else "jpeg")}"'

    body = re.sub(r'src="([^":]+\.(?:png|jpg))"', inside, body)
    return html_page(text.splitlines()[0].lstrip("# "), body, style=_STYLE)
