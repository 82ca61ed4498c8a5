"""The frame of the page: tabs, notice, colors, a server that goes, a token."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect

from browser.conftest import (
    Host,
    Log,
    go_to,
    launch,
    read_notice,
    read_photo,
    start_camera,
    visited,
    watched,
)
from browser.fake_camera import PORTRAIT
from mien.web.app import create_app
from mien.web.server import listen
from web_client import TOKEN, ServerProcess

TABS = ("Webcam", "Photo", "Video", "Model")


def test_the_first_visit_tells_what_is_processed_and_it_can_be_read_again(
    fresh_page: tuple[Page, Log],
) -> None:
    page, _ = fresh_page
    notice = page.get_by_role("dialog", name="Before you begin")
    expect(notice).to_contain_text("Only on the machine that runs this server")
    expect(notice).to_contain_text("People who are filmed or photographed must be told")
    expect(notice.get_by_role("button", name="I understand")).to_be_focused()
    # Chromium takes no keys until the page has been painted.
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    page.keyboard.press("Enter")
    expect(notice).to_be_hidden()

    page.reload()
    page.locator("#status.well").wait_for()
    expect(notice).to_be_hidden()
    page.get_by_role("button", name="What is processed, and where").click()
    expect(notice).to_be_visible()


def test_arrow_keys_go_from_tab_to_tab_and_the_address_follows_and_opens_its_tab(
    page: Page, server: ServerProcess
) -> None:
    page.get_by_role("tab", name="Webcam").focus()
    for name in (*TABS[1:], TABS[0]):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        assert page.url.endswith(f"#{name.lower()}")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Model")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("tabpanel", name="Webcam")).to_be_visible()
    page.goto(f"{server.address}/#video")
    expect(page.get_by_role("tabpanel", name="Video")).to_be_visible()
    expect(page.get_by_role("tab", name="Video")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_hangs_over_the_edge_of_a_narrow_screen(
    page: Page, portrait: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.set_input_files("#photo-input", portrait)
    for name in TABS:
        go_to(page, name)
        if name == "Webcam":
            expect(page.get_by_role("button", name="Start the camera")).to_be_in_viewport(ratio=1)
        if name == "Photo":
            expect(page.locator("#photo-faces .face-name")).to_have_text("happy")
        if name == "Model":
            page.locator("#model-card table").first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, name


def test_is_as_the_desktop_is_dark_and_without_motion_and_light_where_that_is_chosen(
    browser: Browser, server: ServerProcess
) -> None:
    options = {"color_scheme": "dark", "reduced_motion": "reduce"}
    with visited(browser, server.address, **options) as (page, _):
        ground = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(ground) == "rgb(16, 18, 21)"
        page.get_by_label("Colors of the page").select_option("light")
        assert page.evaluate(ground) == "rgb(244, 245, 247)"
        page.reload()
        assert page.evaluate(ground) == "rgb(244, 245, 247)"
        start_camera(page)
        fill = page.locator("#webcam-faces .bar i").first
        assert fill.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"


def test_what_colors_say_is_seen_where_the_system_sets_the_colors(
    browser: Browser, server: ServerProcess, portrait: Path
) -> None:
    with visited(browser, server.address, forced_colors="active") as (page, _):
        style = "(e, part) => getComputedStyle(e, part).backgroundColor"
        button = page.locator("#webcam-record")
        assert button.evaluate(style, "::before") != button.evaluate(style, "")
        go_to(page, "Photo")
        tabs = [page.get_by_role("tab", name=name) for name in ("Photo", "Webcam")]
        assert tabs[0].evaluate(style) != tabs[1].evaluate(style)
        page.set_input_files("#photo-input", [portrait, portrait])
        borders = "es => es.map((e) => getComputedStyle(e).borderColor)"
        expect(page.locator("#photo-strip button")).to_have_count(2)
        assert len({*page.locator("#photo-strip button").evaluate_all(borders)}) == 2
        bars = page.locator("#photo-faces .bar i")
        assert len({bar.evaluate(style) for bar in bars.all()}) == 7


@pytest.mark.parametrize("width", [320, 1200])
def test_what_gets_the_focus_is_not_under_the_header(
    page: Page, portrait: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 560})
    go_to(page, "Photo")
    page.set_input_files("#photo-input", portrait)
    expect(page.locator("#photo-faces .face-name")).to_have_text("happy")
    page.get_by_role("link", name="API").focus()
    covered = """() => {
      const header = document.querySelector(".top");
      const [focused, { bottom }] = [document.activeElement, header.getBoundingClientRect()];
      const { top, height } = focused.getBoundingClientRect();
      const isSmall = height < innerHeight - bottom;
      if (header.contains(focused)) return null;
      return [focused.id || focused.textContent, isSmall && top < bottom];
    }"""
    seen = {}
    while (found := page.evaluate(covered)) is not None:
        seen[found[0]] = found[1]
        page.keyboard.press("Shift+Tab")
    assert seen.keys() >= {"photo-more", "photo-csv", "photo-faces", "Why?"}
    assert not any(seen.values()), seen


def test_says_when_the_server_is_gone_and_goes_on_when_it_is_back(browser: Browser) -> None:
    with (
        ExitStack() as until_the_page_is_closed,
        ServerProcess() as server,
        visited(browser, server.address) as (page, log),
    ):
        log.allow("ERR_CONNECTION_REFUSED")
        log.allow("WebSocket connection to .* failed")
        start_camera(page)

        server.end()
        gone = page.get_by_role("alert").filter(has_text="The server does not answer")
        expect(gone).to_be_visible()
        expect(page.locator("#status")).to_contain_text("no server")
        again = ServerProcess("--port", server.address.rpartition(":")[2])
        until_the_page_is_closed.enter_context(again)
        expect(gone).to_be_hidden(timeout=20_000)
        expect(page.locator("#webcam-trouble")).to_be_hidden()
        page.locator("#webcam-latency", has_text="ms").wait_for()


def test_photos_wait_for_a_server_that_went_and_another_model_of_it_is_known(
    browser: Browser, portrait: Path
) -> None:
    with (
        ExitStack() as until_the_page_is_closed,
        ServerProcess() as server,
        visited(browser, server.address) as (page, log),
    ):
        log.allow("ERR_CONNECTION|ERR_EMPTY_RESPONSE")
        page.get_by_label("this browser").check()
        go_to(page, "Model")
        expect(page.locator("#models [aria-current]")).to_have_text(re.compile(r"mien \(in use\)"))
        page.get_by_label("the server").check()
        server.end()
        go_to(page, "Photo")
        page.set_input_files("#photo-input", [portrait] * 5)
        expect(page.locator("#status")).to_contain_text("no server")
        expect(page.locator("#photo-trouble")).to_be_hidden()

        port = server.address.rpartition(":")[2]
        again = ServerProcess("--port", port, "--model", "paper")
        until_the_page_is_closed.enter_context(again)
        expect(page.locator("#photo-said")).to_have_text("5 photos, 5 faces.", timeout=20_000)
        expect(page.locator("#photo-trouble")).to_be_hidden()
        expect(page.locator("#engine")).to_be_hidden()  # it has the networks of another model
        go_to(page, "Model")
        expect(page.locator("#models button").first).to_have_text(re.compile(r"paper \(in use\)"))


def test_takes_the_token_from_the_address_and_asks_for_it_where_there_is_none(
    context: BrowserContext, portrait: Path
) -> None:
    with (
        ServerProcess("--token", TOKEN) as guarded,
        watched(context, guarded.address) as (page, log),
    ):
        log.allow("401")
        page.goto(guarded.address)
        read_notice(page)
        dialog = page.get_by_role("dialog", name="This server asks for its token")
        dialog.get_by_label("Token").fill(TOKEN)
        dialog.get_by_role("button", name="Go on").click()
        page.locator("#status.well").wait_for()

        page.evaluate("sessionStorage.clear()")
        page.goto("about:blank")
        page.goto(f"{guarded.address}/#token={TOKEN}")
        page.locator("#status.well").wait_for()
        assert "token" not in page.url
        start_camera(page)
        read_photo(page, portrait)


_OTHERS_PAGE = """async ([address, token]) => {
  const body = await (await fetch("/portrait.jpg")).blob();
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "image/jpeg" };
  const answer = await fetch(`${address}/api/readings`, { method: "POST", body, headers });
  const socket = new WebSocket(
    `${address.replace("http", "ws")}/api/live`, ["mien", `token.${token}`]);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onclose = reject; });
  socket.send(body);
  const live = await new Promise((resolve, reject) => {
    socket.onmessage = (event) => resolve(JSON.parse(event.data));
    socket.onclose = (event) => reject(new Error(event.reason));
  });
  socket.close();
  return [(await answer.json()).images[0].faces[0].emotion, live.faces[0].emotion];
}"""


def test_pages_of_an_allowed_origin_read_and_those_of_others_do_not(
    context: BrowserContext, portrait: Path, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>Another page</title>")
    (tmp_path / "portrait.jpg").write_bytes(portrait.read_bytes())
    with Host(tmp_path) as pages:
        named = f"http://localhost:{pages.server_port}"
        with ServerProcess("--token", TOKEN, "--allow-origin", named) as server:
            page = context.new_page()
            page.goto(named)
            assert page.evaluate(_OTHERS_PAGE, [server.address, TOKEN]) == ["happy", "happy"]
            page.goto(pages.address)  # another origin, though the same files
            with pytest.raises(Error, match="Failed to fetch"):
                page.evaluate(_OTHERS_PAGE, [server.address, TOKEN])
            page.close()


def test_large_letters_have_their_room(playwright: Playwright, server: ServerProcess) -> None:
    with (
        launch(playwright, "--blink-settings=defaultFontSize=32") as browser,
        visited(browser, server.address) as (page, _),
    ):
        page.locator("#status.well").wait_for()
        size = page.locator("body").evaluate("e => getComputedStyle(e).fontSize")
        assert size == "30px"
        boxes = [page.locator(place).bounding_box() for place in ("#tab-model", "#status")]
        (tab, status) = (box for box in boxes if box is not None)
        beside = tab["x"] + tab["width"] <= status["x"]
        assert beside or status["y"] + status["height"] <= tab["y"]


def test_paper_has_every_row_and_the_bars_and_is_white(
    browser: Browser, server: ServerProcess, short_video: Path
) -> None:
    a4 = {"width": 718, "height": 1000}
    with visited(browser, server.address, color_scheme="dark", viewport=a4) as (page, _):
        page.get_by_label("Colors of the page").select_option("dark")
        go_to(page, "Photo")
        page.set_input_files("#photo-input", [PORTRAIT] * 20)
        expect(page.locator("#photo-said")).to_have_text("20 photos, 20 faces.", timeout=60_000)
        go_to(page, "Video")
        page.set_input_files("#video-input", short_video)
        expect(page.locator("#video-said")).to_contain_text("125 frames", timeout=60_000)
        page.emulate_media(media="print")
        style = "(e, name) => getComputedStyle(e)[name]"
        assert page.locator("body").evaluate(style, "backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator(".bar i").first.evaluate(style, "printColorAdjust") == "exact"
        expect(page.locator("#video-csv")).to_be_hidden()
        overlay, player = (page.locator(f"#video-{name}") for name in ("overlay", "player"))
        width = "e => Math.round(e.getBoundingClientRect().width)"
        assert overlay.evaluate(width) == player.evaluate(width)
        cut = "e => [e.scrollWidth > e.clientWidth, e.scrollHeight > e.clientHeight]"
        people = page.get_by_role("region", name="Table of the people in the video")
        assert people.evaluate(cut) == [False, False]
        page.emulate_media(media="screen")
        go_to(page, "Photo")
        page.emulate_media(media="print")
        assert page.get_by_role("region", name="Table of all faces").evaluate(cut) == [False, False]


@contextmanager
def mounted() -> Iterator[str]:
    """The origin of somebody else's program that has the page below `/faces/`."""
    theirs = FastAPI()
    theirs.mount("/faces", create_app())
    server = uvicorn.Server(uvicorn.Config(theirs, log_level="error", ws="websockets-sansio"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_a_page_below_a_path_of_anothers_program_asks_for_nothing_beside_it(
    context: BrowserContext, portrait: Path, short_video: Path
) -> None:
    with mounted() as origin, watched(context, origin) as (page, log):
        page.goto(f"{origin}/faces/")
        read_notice(page)
        page.locator("#status.well").wait_for()
        start_camera(page)
        read_photo(page, portrait)
        go_to(page, "Video")
        page.set_input_files("#video-input", short_video)
        expect(page.locator("#video-said")).to_contain_text("125 frames", timeout=60_000)
        go_to(page, "Model")
        expect(page.locator("#model-card")).to_contain_text("Model card")
        described = page.get_by_role("link", name="API").evaluate("link => link.href")
        assert page.request.get(described).json()["info"]["title"] == "mien"
        own = (f"{origin}/faces/", f"{origin}/faces/".replace("http", "ws", 1), "blob:")
        assert [url for url in log.requests if not url.startswith(own)] == []
