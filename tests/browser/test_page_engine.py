"""The page of the server where the browser reads: no image is sent."""

from pathlib import Path

from playwright.sync_api import Page, Request, expect

from browser.conftest import Log, ask_why, go_to, read_photo, start_camera


def let_browser_read(page: Page) -> list[Request]:
    """Choose it, and note whatever is sent from then on."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method != "GET" else None)
    page.get_by_label("this browser").check()
    return sent


def test_the_server_reads_until_the_browser_is_chosen_which_sends_nothing(
    page: Page, log: Log, portrait: Path
) -> None:
    expect(page.get_by_label("the server")).to_be_checked()
    read_photo(page, portrait)
    assert any("/api/readings" in url for url in log.requests)
    assert not any("worker.js" in url for url in log.requests)
    page.get_by_role("button", name="Clear").click()
    sent = let_browser_read(page)
    read_photo(page, portrait)
    ask_why(page)
    assert sent == []
    assert not any("/api/live" in url for url in log.requests)


def test_a_camera_that_runs_changes_hands(page: Page, log: Log) -> None:
    go_to(page, "Webcam")
    let_browser_read(page)
    expect(page.get_by_text("Each frame is read in this browser")).to_be_visible()
    start_camera(page)
    assert not any("/api/live" in url for url in log.requests)
    with page.expect_websocket(lambda socket: socket.url.endswith("/api/live")):
        page.get_by_label("the server").check()
    page.wait_for_timeout(500)
    expect(page.locator("#webcam-faces .face-name")).to_have_text("happy")


_SMOOTHING_ASKED_FOR = """async (half_life_s) => {
  const { Recognizer } = await import("/static/package/mien.js");
  const load = Recognizer.load;
  const asked = new Promise((resolve) => {
    const streamFrames = (_, options) => (resolve(options), []);
    Recognizer.load = async () => ({ streamFrames });
  });
  const fresh = await import("/static/browser_reader.js?" + half_life_s); // has loaded nothing yet
  fresh.openLive({ half_life_s, threshold: 0 }, { opened() {} });
  const { signal, ...options } = await asked;
  Recognizer.load = load;
  return options;
}"""


def test_without_smoothing_no_label_is_held_as_by_the_server(page: Page) -> None:
    assert page.evaluate(_SMOOTHING_ASKED_FOR, 0) == {"halfLifeS": 0, "margin": 0}
    assert page.evaluate(_SMOOTHING_ASKED_FOR, 0.4) == {"halfLifeS": 0.4}


def test_the_choice_is_remembered_and_videos_stay_the_servers(page: Page) -> None:
    let_browser_read(page)
    page.reload()
    page.locator("#status.well").wait_for()
    expect(page.get_by_label("this browser")).to_be_checked()
    go_to(page, "Video")
    expect(page.get_by_text("The server reads all videos")).to_be_visible()
