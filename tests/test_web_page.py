"""The page's files, without a browser; tests/browser looks at it in one."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mien.web
from mien.labels import COLORS, EMOTIONS

STATIC = Path(mien.web.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
FILES = sorted(
    path
    for folder in (STATIC, STATIC.parent / "browser")
    for path in folder.rglob("*")
    if path.is_file()
)


def test_the_page_has_words_and_colors_of_the_library_in_their_order_each_with_a_shape() -> None:
    text = (STATIC / "emotions.js").read_text()
    listed = text[: text.index("export const UNSURE")]
    found = re.findall(r'name: "(\w+)",\s*color: "(#\w{6})"', listed)
    assert found == [(name, "#{:02x}{:02x}{:02x}".format(*COLORS[name])) for name in EMOTIONS]
    shapes = re.findall(r'shape:\s*"([^"]+)"', text)
    assert len(shapes) == len(EMOTIONS) + 1  # and one for unsure
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_another_server(path: Path) -> None:
    addresses = re.findall(r"""(?:https?:|wss?:)?//[\w.-]+\.\w+[^\s"'`)]*""", path.read_text())

    own = ("http://www.w3.org/", "http://127.0.0.1")  # the name of SVG, and this machine
    assert [address for address in addresses if not address.startswith(own)] == []


class _Inline(HTMLParser):
    """Notes what a strict Content-Security-Policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.linked: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.linked += [v for k, v in given.items() if k in ("src", "href") and v and v[0] != "#"]
        self.ids += [v for k, v in given.items() if k == "id" and v]


def test_the_page_has_nothing_inline_and_whatever_it_and_its_scripts_name_is_there() -> None:
    parsed = _Inline()
    parsed.feed((STATIC / "index.html").read_text())
    assert parsed.found == []
    files = [link.removeprefix("static/") for link in parsed.linked if "static/" in link]
    for script in SCRIPTS:
        files += re.findall(r'from "\./([\w.]+)"', script.read_text())
    takes_id = r'(?:byId|onClick|showTrouble|bindSlider)\(\s*"([\w-]+)"'
    wanted = {name for script in SCRIPTS for name in re.findall(takes_id, script.read_text())}

    assert {name for name in files if not (STATIC / name).is_file()} == set()
    assert wanted - set(parsed.ids) == set()
    assert len(set(parsed.ids)) == len(parsed.ids)
