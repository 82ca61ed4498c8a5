"""What the documentation site shows beside docs/: called by MkDocs, see `hooks` in mkdocs.yml.

The README is the site's first page, and the changelog, the log, the notebook and others are pages
of it, though they lie elsewhere. Links between them are written for a reader of the repository;
here they are turned into links between pages, which `mkdocs build --strict` then checks with the
rest. A link to a file that is no page keeps its words only.
"""

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

BESIDE_DOCS: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "LOG.md": "log.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""File in the repository -> page of the site."""

LINKED: Final = {
    "LICENSE": "licences.md",
    "NOTICE": "licences.md",
    "docs/models": "models/index.md",
}
"""File or folder that is no page -> the page that says as much."""

NOTEBOOK: Final = "tutorial.ipynb"

_LINK: Final = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^()\s]+)\)")
_FENCE: Final = re.compile(r"^ {0,3}(```+|~~~+)")
_HEADING: Final = re.compile(r"^# +(.+)$", re.MULTILINE)
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/."""
    docs = Path(config.docs_dir)
    for name, page in BESIDE_DOCS.items():
        if (docs.parent / name).is_file():
            text = (docs.parent / name).read_text(encoding="utf-8")
            files.append(File.generated(config, page, content=links_for_site(text, name, docs)))
    files.append(File.generated(config, "models/index.md", content=cards_page(docs / "models")))
    notebook = files.get_file_from_path(NOTEBOOK)
    if notebook is not None:
        files.remove(notebook)
        text, images = notebook_page(docs / NOTEBOOK)
        text = links_for_site(text, f"docs/{NOTEBOOK}", docs)
        files.append(File.generated(config, "tutorial.md", content=text))
        for name, content in images.items():
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page of docs/; those of other pages are turned already."""
    if page.file.generated_by:
        return markdown
    return links_for_site(markdown, f"docs/{page.file.src_uri}", Path(config.docs_dir))


def links_for_site(markdown: str, source: str, docs: Path) -> str:
    """Turn links between files of the repository into links between pages of the site.

    What stands in fenced code is left alone, and a link to nothing, for MkDocs to find. `source` is
    the path of the file from the root of the repository, beside whose docs/ the others lie.
    """
    here = _page_of(source)
    fence = ""
    lines = []
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        elif not fence:
            line = _LINK.sub(lambda link: _turned(link, source, here, docs.parent), line)
        lines.append(line)
    return "\n".join(lines)


def _turned(link: re.Match[str], source: str, here: str, root: Path) -> str:
    target, _, anchor = link["target"].partition("#")
    if not target or ":" in target:  # within the page, or an address
        return link[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path.startswith("..") or not (root / path).exists():
        return link[0]
    page = _page_of(path)
    if not page:
        return link["text"].strip("[]")
    relative = posixpath.relpath(page, posixpath.dirname(here) or ".")
    return f"{link['text']}({relative}{'#' + anchor if anchor else ''})"


def _page_of(path: str) -> str:
    """The page, or image, of the site for a file of the repository; empty if it has none."""
    if page := {**BESIDE_DOCS, **LINKED}.get(path):
        return page
    if path == f"docs/{NOTEBOOK}":
        return "tutorial.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else ""


def cards_page(folder: Path) -> str:
    """A page with a line for each model card in a folder."""
    lines = [
        "# Model cards",
        "",
        "What each model in the package is for, and what not, and how good it is:",
        "",
    ]
    for card in sorted(folder.glob("*.md")):
        title = _HEADING.search(card.read_text(encoding="utf-8"))
        lines.append(f"- [{title[1] if title else card.stem}]({card.name})")
    lines += ["", "`mien card MODEL --data FER2013` writes the card of another."]
    return "\n".join(lines)


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook that was run as Markdown, and what its cells draw by the path on the site."""
    parts: list[str] = []
    images: dict[str, bytes] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            parts.append(_shown(output, path.stem, images))
    return "\n\n".join(part for part in parts if part), images


def _shown(output: dict[str, Any], stem: str, images: dict[str, bytes]) -> str:
    """One output of a cell as Markdown; an image is put among `images`."""
    data = output.get("data", {})
    for kind, ending in _ENDINGS.items():
        if kind in data:
            encoded = "".join(data[kind])
            name = f"{stem}-{len(images) + 1}.{ending}"
            images[f"images/{name}"] = (
                encoded.encode() if ending == "svg" else base64.b64decode(encoded)
            )
            return f"![What the code above draws](images/{name})"
    text = "".join(output.get("text", data.get("text/plain", "")))
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
