"""One page of HTML that needs no other file: what all reports look like, in light and dark."""

import base64
import html
from typing import Final

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2127; background: white;
  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; margin-bottom: .2rem; overflow-wrap: anywhere; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid #dfe2e7; }
a { color: #2a6bb5; }
.dim, small { color: #6b7079; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #e4e6ea; text-align: right; }
th { background: #f5f6f8; vertical-align: bottom; font-weight: 600; }
td:first-child, th:first-child, td.left, th.left { text-align: left; }
td small { display: block; }
.swatch { display: inline-block; width: .7em; height: .7em; margin-right: .35em;
  border-radius: .15em; }
.caution { border-left: 4px solid #e56e1e; padding: .6rem 1rem; background: #fdf4ec; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #e6e8eb; } th { background: #23262c; }
  th, td, h2 { border-color: #373b43; } .dim, small { color: #a3a9b3; } a { color: #7fb2e8; }
  .caution { background: #2b241d; }
}
"""


def html_page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole page.

    Args:
        title: plain text.
        body: HTML; `dim`, `scroll`, `caution`, `left` and `swatch` are classes that it can use.
        style: CSS of this page alone; it comes last, and so wins.
        script: JavaScript, at the end.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}{style}</style></head>\n"
        f"<body>\n{body}\n" + (f"<script>{script}</script>" if script else "") + "</body></html>\n"
    )


def data_uri(content: bytes, kind: str = "png") -> str:
    """A picture as an address that holds it whole.

    Args:
        content: of the picture's file.
        kind: "png" or "jpeg".
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
