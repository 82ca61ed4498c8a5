"""The Model tab."""

import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import Log, go_to
from mien.recognize.catalog import model_card


@pytest.fixture
def model_tab(page: Page) -> Page:
    go_to(page, "Model")
    page.locator("#model-card table").first.wait_for()
    return page


def test_shows_card_and_scores_of_the_model_in_use_and_what_it_is_not_for(model_tab: Page) -> None:
    expect(model_tab.locator("#models [aria-current]")).to_contain_text("mien (in use)")
    expect(model_tab.locator("#model-tiles")).to_contain_text("71.22\u202f%")
    card = model_tab.locator("#model-card")
    expect(card.get_by_role("heading", name="Model card: mien")).to_be_visible()
    headings = [line[3:] for line in model_card("mien").splitlines() if line.startswith("## ")]
    assert card.locator("h3").all_inner_texts() == headings
    caution = model_tab.get_by_role("complementary", name="What it is not for")
    expect(caution).to_contain_text("Do not use it to judge people")


def test_no_figure_is_broken_on_a_phone_where_another_model_can_be_looked_at(
    model_tab: Page,
) -> None:
    model_tab.set_viewport_size({"width": 380, "height": 780})
    heights = model_tab.locator("#model-card td:not(.text)").evaluate_all(
        """cells => cells.filter((cell) => cell.textContent).map((cell) => {
          const text = document.createRange();
          text.selectNodeContents(cell);
          return text.getBoundingClientRect().height / parseFloat(getComputedStyle(cell).fontSize);
        })"""
    )
    assert len(heights) > 100
    assert max(heights) < 2.0  # one line
    model_tab.locator("#models button", has_text="paper").first.click()
    expect(model_tab.get_by_role("heading", name="Model card: paper")).to_be_visible()
    expect(model_tab.locator("#models [aria-current]")).to_be_focused()


def test_the_card_is_of_the_model_that_was_chosen_last_however_late_another_comes(
    model_tab: Page,
) -> None:
    asked: list[Route] = []
    model_tab.route("**/api/models/paper", lambda route: asked.append(route))
    buttons = model_tab.locator("#models button")
    buttons.nth(1).click()
    expect(buttons.nth(1)).to_have_attribute("aria-current", "true")
    buttons.nth(0).click()
    expect(model_tab.get_by_role("heading", name="Model card: mien")).to_be_visible()
    with model_tab.expect_response("**/api/models/paper"):
        asked[0].continue_()
    model_tab.wait_for_timeout(200)
    expect(model_tab.get_by_role("heading", name="Model card: mien")).to_be_visible()


def test_nothing_of_a_card_runs_or_is_fetched(page: Page, log: Log) -> None:
    # Chromium reports what it does not run of documents that are only parsed, too (156.0.8078.108).
    log.allow("Executing inline event handler violates")
    evil = (
        "<h1>Card</h1><img src='https://example.com/a.png' onerror='window.ran = 1'>"
        "<script>window.ran = 1</script><p onclick='window.ran = 1'>text</p>"
        "<a href='javascript:window.ran = 1'>link</a><form action='/x'><input></form>"
    )

    def answer(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "card_html": evil})

    page.route("**/api/models/mien", answer)
    go_to(page, "Model")
    card = page.locator("#model-card")
    expect(card).to_contain_text("text")

    assert card.evaluate("c => c.innerHTML") == "<h2>Card</h2><p>text</p>link"
    assert page.evaluate("window.ran") is None
