"""The documentation site: built whole once, then looked at as a browser would."""

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mien
import site_hooks
from command_line import in_python

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.tools]

REQUESTING = {  # element -> attributes that a browser fetches
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "form": ("action",),
}


def build(config: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    # --quiet would silence what --strict counts.
    words = ("-m", "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", out)
    return in_python(*words, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", out)
    assert done.returncode == 0, done.stderr
    return out


class Requests(HTMLParser):
    """Collects what a page asks a browser to fetch, and its policy."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        self.addresses += [values[name] or "" for name in REQUESTING.get(tag, ()) if name in values]


def pages(site: Path) -> Iterator[Path]:
    return site.rglob("*.html")


def test_no_page_asks_for_anything_from_elsewhere(site: Path) -> None:
    outside = re.compile(r"^\s*(?:[a-z]+:)?//", re.IGNORECASE)
    for page in pages(site):
        requests = Requests()
        requests.feed(page.read_text(encoding="utf-8"))
        assert [address for address in requests.addresses if outside.match(address)] == [], page
        assert "default-src 'self'" in requests.policy, page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), sheet


def test_everything_public_is_in_the_api_reference(site: Path) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    named = set(re.findall(r'id="mien\.(?:[a-z_]+\.)*([A-Za-z_]+)"', text))
    assert set(mien.__all__) - {"DEFAULT_MODEL"} <= named
    assert "Recognizer.__call__" in text  # what everybody calls


def test_sections_of_docstrings_are_told_apart_and_fields_are_described(site: Path) -> None:
    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    assert "Raises: ModelError" not in text  # as one paragraph, where Griffe saw no section
    recipe = (site / "api" / "learn.html").read_text(encoding="utf-8")
    # Comments at a field, and above one.
    assert "divides the logits of teachers and student" in recipe
    assert "by the overfitting gap" in recipe


def test_the_pages_of_the_repository_are_there(site: Path) -> None:
    for name in ("index", "changelog", "log", "contributing", "tutorial", "cli", "models/mien"):
        assert (site / f"{name}.html").is_file(), name
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any(entry["location"].startswith("how-it-works.html#") for entry in index["docs"])


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "models").mkdir(parents=True)
    broken = ("nowhere.md", "other.md#nowhere", "image.png")
    page, heading, image = broken
    links = f"[no page]({page}) [no heading]({heading}) ![no]({image})"
    (docs / "page.md").write_text(f"# Page\n\n{links}\n")
    (docs / "other.md").write_text("# Other\n")
    (tmp_path / "README.md").write_text("# Start\n\n[a page](docs/page.md#page)\n")
    whole = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = re.search(r"^validation:\n(?:  .+\n)+", whole, re.MULTILINE)
    assert validation is not None
    config = tmp_path / "mkdocs.yml"
    hook = ROOT / "scripts" / "site_hooks.py"
    config.write_text(f"site_name: broken\nhooks: [{hook}]\n{validation[0]}")
    done = build(config, tmp_path / "site")
    assert done.returncode != 0
    for address in broken:
        assert re.search(rf"WARNING.*page\.md.*'{address}'", done.stderr), address

    (docs / "page.md").write_text("# Page\n\n[a page](other.md#other), [start](../README.md)\n")
    assert build(config, tmp_path / "site").returncode == 0


def test_links_of_the_repository_become_links_of_the_site(tmp_path: Path) -> None:
    for name in ("docs/models/mien.md", "docs/training.md", "README.md", "LOG.md", "src/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    docs = tmp_path / "docs"

    def turned(markdown: str, source: str) -> str:
        return site_hooks.links_for_site(markdown, source, docs)

    assert turned("[t](docs/training.md#a)", "README.md") == "[t](training.md#a)"
    assert turned("[cards](docs/models/)", "README.md") == "[cards](models/index.md)"
    assert turned("![p](docs/training.md)", "README.md") == "![p](training.md)"
    assert turned("[log](../LOG.md#b)", "docs/training.md") == "[log](log.md#b)"
    assert turned("[t](../training.md)", "docs/models/mien.md") == "[t](../training.md)"
    assert turned("[start](../../README.md)", "docs/models/mien.md") == "[start](../index.md)"
    assert turned("see [`a.py`](src/a.py).", "README.md") == "see `a.py`."
    elsewhere = "[here](#x), [x](https://x.org/y)"
    assert turned(elsewhere, "LOG.md") == elsewhere
    assert turned("[gone](docs/gone.md)", "README.md") == "[gone](docs/gone.md)"
    fenced = "```md\n[t](docs/training.md)\n```"
    assert turned(fenced, "README.md") == fenced


def test_a_notebook_becomes_a_page_with_its_images(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "text": ["seven\n", "lines\n"]},
        {"output_type": "execute_result", "data": {"image/png": "iVBORw==", "text/plain": ["<I>"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": ["draw()"], "outputs": outputs},
    ]
    path = tmp_path / "tutorial.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    text, images = site_hooks.notebook_page(path)
    assert text.startswith("# Title\ntext\n\n```python\ndraw()\n```\n\n```text\nseven\nlines\n```")
    assert text.endswith("(images/tutorial-1.png)")
    assert images == {"images/tutorial-1.png": b"\x89PNG"}
