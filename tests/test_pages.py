"""Templates: what every page and text that mien writes relies on."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from PIL import Image as PILImage

import mien.output
from command_line import in_python
from mien.output.pages import (
    Cell,
    Dots,
    Figure,
    Part,
    Table,
    data_uri,
    facts_table,
    markdown_page,
    render,
)

TEMPLATES = Path(mien.output.__file__).parent / "templates"
FACTS = facts_table([("model", "<paper>"), ("seed", 0)])


def a_page(**changes: object) -> str:
    """The page of a video in which nobody is, but for what is changed."""
    values: dict[str, object] = {
        "title": "video",
        "facts": [],
        "bands": [],
        "tracks": 0,
        "length": "0:01",
        "ticks": [],
        "emotions": {},
        "people": Table([]),
        "left_out": 0,
        "stills": [],
        "images_left_out": False,
        "people_csv": "video-people.csv",
        "command": None,
        "data": {},
        "made": FACTS,
        "observed": {"is_known": False},
        "statistics": Table([]),
    }
    return render("video.html", **values | changes)


def test_words_are_not_taken_for_html_wherever_they_stand() -> None:
    evil = '"><script>alert(1)</script>'
    cell = Cell(
        evil,
        small=evil,
        bar=[Part(0.5, "red", evil)],
        image=Figure("data:,", evil),
        dots=Dots(150, 9.0, 20.0, None, (15.0, 25.0), evil),
    )
    people = Table([[evil, cell]], head=[evil, Cell(evil)], caption=evil)
    page = a_page(
        title=evil, facts=[evil], people=people, made=facts_table([(evil, evil)]), data={evil: evil}
    )

    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert page.count("&lt;script&gt;") == 14


def test_pages_may_load_nothing_and_only_two_run_a_script() -> None:
    page = render("document.html", title="a", body="b")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)

    assert policy is not None
    assert policy[1] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    scripted = {path.name for path in TEMPLATES.iterdir() if "<script" in path.read_text()}
    assert scripted == {"audit.html", "video.html"}
    for name in scripted:
        allowed = "{% block policy %}; script-src 'unsafe-inline'{% endblock %}"
        assert allowed in (TEMPLATES / name).read_text()


def test_what_a_template_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render("document.html", body="")


def test_markdown_becomes_a_page_with_its_figures_inside(tmp_path: Path) -> None:
    PILImage.new("L", (2, 2)).save(tmp_path / "a.png")
    text = "# Title\n\nSome words.\n\n| a | b |\n| --- | ---: |\n| c | 1 |\n\n![x](a.png)\n"
    page = markdown_page(text, tmp_path)

    assert "<title>Title</title>" in page
    assert page.count('<div class="scroll"><table>') == page.count("</table></div>") == 1
    assert f'src="{data_uri((tmp_path / "a.png").read_bytes())}"' in page


def test_templates_are_loaded_when_the_first_page_is_written() -> None:
    code = "import sys, mien.cli.app, mien.cli.detect, mien.cli.video, mien.output.pages"
    code += ", mien.recognize.video.report; print('jinja2' in sys.modules)"
    done = in_python("-c", code, check=True)
    assert done.stdout == "False\n"
