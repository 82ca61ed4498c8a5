"""A server, a Chromium with a made camera, and a page whose every word and request is noted."""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from browser.fake_camera import write_camera_video
from videos import make_video, moving_portrait, steady_times
from web_client import ServerProcess

ROOT: Final = Path(__file__).resolve().parents[2]
OUT: Final = ROOT / "test-web-out"  # screenshots, for people to look at
_PATIENCE_MS: Final = 15_000


class Host(ThreadingHTTPServer):
    """Serves a folder at `address` while it is entered, and notes in `asked` what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "Host":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    server: Host

    def log_message(self, *_: object) -> None:
        self.server.asked.append(self.path)


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    """A server that all tests share."""
    with ServerProcess() as running:
        yield running


FAKE_CAMERA: Final = "--use-fake-device-for-media-stream"


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Headless Chromium: that of `MIEN_CHROMIUM`, or Debian's."""
    named = os.environ.get("MIEN_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "expected Chromium: apt-get install chromium, or set MIEN_CHROMIUM to its path"
    # A container does not allow its sandbox.
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *arguments])


def launch_with_camera(playwright: Playwright, video: Path) -> Browser:
    """One whose camera shows a video and may be used without asking."""
    shown = f"--use-file-for-fake-video-capture={video}"
    return launch(playwright, FAKE_CAMERA, "--use-fake-ui-for-media-stream", shown)


@pytest.fixture(scope="session")
def camera_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake camera shows: a happy face, about 150 pixels wide, that moves."""
    return write_camera_video(tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, camera_video: Path) -> Iterator[Browser]:
    with launch_with_camera(playwright, camera_video) as launched:
        yield launched


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was never here."""
    with clean_context(browser) as made:
        yield made


@contextmanager
def clean_context(browser: Browser, **options: object) -> Iterator[BrowserContext]:
    """A browser without a past; see `Browser.new_context` for the options."""
    shown = {"viewport": {"width": 1280, "height": 860}} | options
    made = browser.new_context(**shown)  # type: ignore[arg-type]
    made.set_default_timeout(_PATIENCE_MS)
    yield made
    made.close()


class Log:
    """What a page complains of, and what it asks for from elsewhere."""

    def __init__(self, page: Page, address: str) -> None:
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.requests: list[str] = []
        self._address = address
        self._allowed: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def allow(self, pattern: str) -> None:
        """Take it for right that the browser says this, once a test has made it do so."""
        self._allowed.append(pattern)

    def check(self) -> None:
        """Nothing may have gone wrong, and nothing may have left the machine."""
        said = [c for c in self.complaints if not any(re.search(a, c) for a in self._allowed)]
        assert said == []
        assert self.foreign == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, url: str) -> None:
        self.requests.append(url)
        own = (self._address, self._address.replace("http", "ws", 1))
        if not url.startswith((*own, "blob:" + self._address, "data:")):
            self.foreign.append(url)


@contextmanager
def watched(context: BrowserContext, address: str) -> Iterator[tuple[Page, Log]]:
    """A page of the server, checked at its end for complaints and for foreign requests."""
    opened = context.new_page()
    log = Log(opened, address)
    yield opened, log
    opened.close()
    log.check()


@contextmanager
def visited(browser: Browser, address: str, **options: object) -> Iterator[tuple[Page, Log]]:
    """The page after its notice was read, in a browser without a past."""
    with clean_context(browser, **options) as context, watched(context, address) as (opened, log):
        opened.goto(address)
        read_notice(opened)
        yield opened, log


@pytest.fixture
def fresh_page(context: BrowserContext, server: ServerProcess) -> Iterator[tuple[Page, Log]]:
    """The page on a first visit: its notice is shown."""
    with watched(context, server.address) as (opened, log):
        opened.goto(server.address)
        yield opened, log


@pytest.fixture
def page_and_log(fresh_page: tuple[Page, Log]) -> tuple[Page, Log]:
    """The page after its notice was read, and what it complains of."""
    opened, log = fresh_page
    read_notice(opened)
    opened.locator("#status.well").wait_for()
    return opened, log


@pytest.fixture
def page(page_and_log: tuple[Page, Log]) -> Page:
    """The page after its notice was read."""
    return page_and_log[0]


@pytest.fixture
def log(page_and_log: tuple[Page, Log]) -> Log:
    """What `page` complains of."""
    return page_and_log[1]


def go_to(page: Page, tab: str) -> None:
    """Choose a tab by its name."""
    page.get_by_role("tab", name=tab).click()


def read_notice(page: Page) -> None:
    """As people do on their first visit."""
    page.get_by_role("button", name="I understand").click()


def start_camera(page: Page) -> None:
    """Start it, and wait for its happy face."""
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator("#webcam-faces .face-name")).to_have_text("happy")


def drop_paths(page: Page, place: str, *paths: Path) -> None:
    """Drop what is on the disk, folders too, as a hand does."""
    page.locator(place).scroll_into_view_if_needed()
    box = page.locator(place).bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def read_photo(page: Page, photo: Path) -> None:
    """Go to the tab, give it a photo of a happy face, and wait for that."""
    go_to(page, "Photo")
    page.set_input_files("#photo-input", photo)
    expect(page.locator("#photo-said")).to_have_text("1 photo, 1 face.")
    expect(page.locator("#photo-faces .face-name")).to_have_text("happy")


def ask_why(page: Page) -> None:
    """Ask what the reading of the first face rests on, and wait for that."""
    page.get_by_role("button", name="Why? Face 1").click()
    page.locator(".why canvas").first.wait_for()


def save_download(page: Page, button: str, folder: Path) -> Path:
    """Press a button that gives a file, and keep it under the name that it comes with."""
    with page.expect_download() as started:
        page.locator(button).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


@pytest.fixture(scope="session")
def short_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a happy face, then one second of nobody."""
    path = tmp_path_factory.mktemp("videos") / "talk.mp4"
    draw = moving_portrait(width=480, height=360, portrait_px=360, shown=lambda n: n < 100)
    make_video(path, draw, times_s=steady_times(125))
    return path


@pytest.fixture(scope="session")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute: long enough to be cancelled."""
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    draw = moving_portrait(lambda n: (n % 50, 0.0), width=640, height=480, portrait_px=480)
    make_video(path, draw, times_s=steady_times(600, 10.0), keyframe_every=100)
    return path
