"""Every tab with something in it, in light and dark: what axe-core finds, and how it looks."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import (
    OUT,
    ROOT,
    ask_why,
    clean_context,
    go_to,
    read_notice,
    start_camera,
    watched,
)
from web_client import ServerProcess

TABS = ("Webcam", "Photo", "Video", "Model")


def axe_core() -> str:
    """The text of axe-core: `MIEN_AXE`, or where `make test-web` puts it."""
    path = Path(os.environ.get("MIEN_AXE", ROOT / "build" / "axe-core" / "axe.min.js"))
    assert path.is_file(), f"expected axe-core at {path}; `make test-web` puts it there"
    return path.read_text()


def serious_findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical, in words."""
    result: dict[str, Any] = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{found['id']} ({found['impact']}): {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


@contextmanager
def looked_at(
    browser: Browser, address: str, name: str, theme: str, width: int, **options: object
) -> Iterator[tuple[Page, Callable[[str], None]]]:
    """A page on its first visit, and what looks at it; in the end no look may have found a fault.

    Each look leaves a screenshot. What is wider than the window is a fault, too.
    """
    OUT.mkdir(exist_ok=True)
    faults: list[str] = []
    options |= {"viewport": {"width": width, "height": 860}, "color_scheme": theme}
    with clean_context(browser, **options) as context, watched(context, address) as (page, _):
        context.add_init_script(axe_core())

        def look(at: str) -> None:
            found = serious_findings(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append("it is wider than the window")
            faults.extend(f"{at}: {fault}" for fault in found)
            page.screenshot(path=OUT / f"{name}{at.lower()}-{theme}-{width}.png", full_page=True)

        page.goto(address)
        yield page, look
    assert faults == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("dark", 360)])
def test_no_tab_has_a_serious_fault(
    browser: Browser,
    server: ServerProcess,
    portrait: Path,
    short_video: Path,
    theme: str,
    width: int,
) -> None:
    with looked_at(browser, server.address, "", theme, width) as (page, look):
        expect(page.get_by_role("dialog", name="Before you begin")).to_be_visible()
        look("notice")
        read_notice(page)
        for name in TABS[:3]:
            go_to(page, name)
            look(f"{name}-empty")
        _fill(page, portrait, short_video)
        for name in TABS:
            go_to(page, name)
            look(name)
            if name == "Webcam":
                page.locator("#webcam-stop").click()  # it is looked at; the others need the cores


def _fill(page: Page, portrait: Path, video: Path) -> None:
    """Put something into every tab."""
    go_to(page, "Photo")
    page.set_input_files("#photo-input", [portrait, portrait])
    expect(page.locator("#photo-said")).to_have_text("2 photos, 2 faces.")
    ask_why(page)
    go_to(page, "Video")
    page.set_input_files("#video-input", video)
    expect(page.locator("#video-said")).to_contain_text("125 frames")
    page.get_by_role("slider", name="Timeline").press("ArrowRight")
    go_to(page, "Model")
    page.locator("#model-card table").first.wait_for()
    go_to(page, "Webcam")
    start_camera(page)
    page.wait_for_timeout(500)
