"""The Webcam tab, with a made camera."""

import csv
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from browser.conftest import (
    FAKE_CAMERA,
    Log,
    go_to,
    launch,
    read_notice,
    save_download,
    start_camera,
    visited,
    watched,
)
from mien.labels import COLORS, EMOTIONS
from mien.output.records import VIDEO_TABLE
from mien.recognize.images import load_image
from mien.rows.files import read_frames
from videos import make_video, moving_portrait, steady_times
from web_client import ServerProcess


@pytest.fixture
def live(page: Page) -> Page:
    """The page with its camera on and a face read."""
    start_camera(page)
    return page


def _shown(page: Page, folder: Path) -> np.ndarray:
    return load_image(save_download(page, "#webcam-snapshot", folder))


def test_a_face_is_read_within_two_seconds_and_followed_by_the_keyboard_alone(page: Page) -> None:
    page.locator("#webcam-begin").focus()
    page.keyboard.press("Enter")
    started = time.monotonic()
    page.locator("#webcam-faces .face-name", has_text="happy").wait_for()
    assert time.monotonic() - started < 2.0

    expect(page.locator("#webcam-fps")).not_to_have_text("\u2013")
    expect(page.locator("#webcam-latency")).to_contain_text("ms")
    expect(page.locator("#webcam-count")).to_have_text("1")
    expect(page.locator("#webcam-dropped")).to_have_text("0")
    page.wait_for_timeout(2200)  # it changes every two seconds, so that it can be listened to
    label = page.locator("#webcam-canvas").get_attribute("aria-label")
    assert "person 1 happy" in (label or "")
    assert "now happy" in (page.locator("#minute").get_attribute("aria-label") or "")
    rows = page.locator("#webcam-faces .bars li").all_inner_texts()
    assert [row.split()[0] for row in rows] == list(EMOTIONS)
    assert all("%" in row for row in rows)

    expect(page.locator("#webcam-stop")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Start the camera")).to_be_focused()
    expect(page.locator("#webcam-stop")).to_be_hidden()
    assert page.locator("#webcam-video").evaluate("video => video.srcObject === null")
    expect(page.locator("#webcam-snapshot")).to_be_disabled()


def test_a_snapshot_has_the_box_in_its_color_and_is_mirrored_but_not_its_words(
    live: Page, tmp_path: Path
) -> None:
    mirrored = _shown(live, tmp_path)
    near = np.abs(mirrored.astype(int) - COLORS["happy"]).max(axis=2) < 12
    assert mirrored.shape[0] >= 400
    assert near.sum() > 500  # the plate alone is larger

    live.get_by_label("Mirror the image").uncheck()
    live.wait_for_timeout(300)
    plain = _shown(live, tmp_path)

    # The portrait's flag is red, and at the left where nothing is swapped.
    def redness(image: np.ndarray) -> tuple[float, float]:
        red = (image[..., 0].astype(int) - image[..., 1]) > 90
        middle = red.shape[1] // 2
        return red[:, : middle // 2].mean(), red[:, middle + middle // 2 :].mean()

    assert np.argmax(redness(plain)) != np.argmax(redness(mirrored))


def test_a_high_threshold_makes_the_face_unsure_and_is_remembered(live: Page) -> None:
    live.locator("#webcam-smoothing").press("Home")
    live.locator("#webcam-threshold").press("End")

    expect(live.locator("#webcam-faces .face-name")).to_have_text("unsure")
    live.reload()
    expect(live.locator("#webcam-smoothing-value")).to_have_text("none")


def test_a_recording_has_the_rows_of_the_command_line(live: Page, tmp_path: Path) -> None:
    live.get_by_role("button", name="Record CSV").click()
    live.wait_for_timeout(600)
    go_to(live, "Model")  # it goes on where another tab is shown
    live.wait_for_timeout(900)
    go_to(live, "Webcam")
    path = save_download(live, "#webcam-record", tmp_path)

    with path.open(newline="") as file:
        assert tuple(next(csv.reader(file))) == VIDEO_TABLE
    frames = list(read_frames(path))
    assert len(frames) >= 4
    assert max(b.time_s - a.time_s for a, b in pairwise(frames)) < 0.8
    assert frames[0].frame == 0
    assert frames[0].time_s == 0.0
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert {r.emotion for frame in frames for r in frame.readings} == {"happy"}


def test_a_recording_gives_nobody_the_number_of_another_where_another_one_reads_on(
    live: Page, tmp_path: Path
) -> None:
    live.get_by_role("button", name="Record CSV").click()
    live.wait_for_timeout(600)
    with live.expect_response("**/mien.onnx"):
        live.get_by_label("this browser").check()  # which counts from 1 anew
    live.wait_for_timeout(2500)
    frames = list(read_frames(save_download(live, "#webcam-record", tmp_path)))

    numbers = [r.track for frame in frames for r in frame.readings]
    assert numbers == sorted(numbers)
    assert set(numbers) == {1, 2}
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))


def test_says_what_to_do_when_the_camera_is_refused(
    playwright: Playwright, server: ServerProcess
) -> None:
    with (
        launch(playwright, FAKE_CAMERA, "--deny-permission-prompts") as browser,
        visited(browser, server.address) as (page, _),
    ):
        begin = page.get_by_role("button", name="Start the camera")
        begin.click()

        expect(page.locator("#webcam-trouble")).to_contain_text("was not allowed to use the camera")
        expect(begin).to_be_visible()


def test_says_when_the_live_connection_is_refused(page: Page, log: Log) -> None:
    page.route_web_socket("**/api/live", lambda socket: socket.close(code=1013, reason="full"))
    page.get_by_role("button", name="Start the camera").click()

    expect(page.locator("#webcam-trouble")).to_contain_text("start the camera again")
    expect(page.locator("#webcam-record")).to_be_disabled()  # there is nothing to record
    expect(page.get_by_role("button", name="Start the camera")).to_be_focused()
    assert page.locator("#webcam-video").evaluate("video => video.srcObject === null")


def test_a_webcam_without_a_window_is_shown_here(context: BrowserContext, tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    still = moving_portrait(lambda number: (0.0, 0.0))
    make_video(video, still, times_s=steady_times(25 * 60))
    command = [sys.executable, "-m", "mien", "webcam", "--page", "--source", str(video)]
    process = subprocess.Popen(
        [*command, "--real-time", "--stills", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while "http://" not in said:
            said = process.stderr.readline()
            assert said, "it ended before it gave an address"
        address = said.split()[1]
        with watched(context, address.partition("/#")[0]) as (page, log):
            page.goto(address)
            read_notice(page)
            expect(page.locator("#webcam-faces .face-name")).to_have_text("happy")
            expect(page.locator("#webcam-stop")).to_be_hidden()
            assert _shown(page, tmp_path).std() > 20  # an image, not an empty canvas

            page.keyboard.press("s")
            expect(page.locator("#webcam-said")).to_contain_text("mien-")
            page.keyboard.press("q")
            log.allow("ERR_CONNECTION_REFUSED")  # the server ends with its view
            expect(page.get_by_role("heading", name="The camera was ended")).to_be_visible()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert len(list(tmp_path.glob("mien-*.png"))) >= 1
