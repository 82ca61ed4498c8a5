"""The Video tab."""

import json
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Log, drop_paths, go_to, save_download, visited
from command_line import Mien, csv_rows
from mien.labels import COLORS
from videos import make_video, moving_portrait, steady_times
from web_client import ServerProcess


@pytest.fixture
def video_tab(page: Page) -> Page:
    go_to(page, "Video")
    return page


@pytest.fixture
def read(video_tab: Page, short_video: Path) -> Page:
    """The tab after the short video was read."""
    video_tab.set_input_files("#video-input", short_video)
    expect(video_tab.locator("#video-said")).to_contain_text("125 frames, 1 person")
    return video_tab


def test_a_video_is_sent_and_read_with_progress(video_tab: Page, long_video: Path) -> None:
    video_tab.evaluate(
        """() => {
          window.seen = [];
          const bar = document.querySelector("#video-bar");
          const note = () => {
            const doing = document.querySelector("#video-doing").textContent;
            window.seen.push([doing, bar.value]);
          };
          new MutationObserver(note).observe(bar, { attributes: true });
        }"""
    )
    video_tab.set_input_files("#video-input", long_video)
    expect(video_tab.locator("#video-detail")).to_contain_text("times as fast as it plays")
    expect(video_tab.locator("#video-stage")).to_be_visible()  # while it is still read
    expect(video_tab.locator("#video-said")).to_contain_text("600 frames", timeout=60_000)

    seen = video_tab.evaluate("window.seen")
    reading = [share for doing, share in seen if doing == "Reading the video"]
    assert "Sending the video" in {doing for doing, _ in seen}
    assert len(set(reading)) >= 4
    assert reading == sorted(reading)
    expect(video_tab.locator("#video-progress")).to_be_hidden()


def test_the_files_are_those_of_the_command_line(
    read: Page, short_video: Path, tmp_path: Path, mien: Mien
) -> None:
    given = save_download(read, "#video-csv", tmp_path)
    lines = save_download(read, "#video-jsonl", tmp_path).read_text().splitlines()
    (person,) = json.loads(save_download(read, "#video-summary-json", tmp_path).read_text())

    csv, jsonl, summary = (tmp_path / f"theirs.{ending}" for ending in ("csv", "jsonl", "json"))
    mien("video", short_video, "--csv", csv, "--jsonl", jsonl, "--summary", summary)
    assert given.name == "talk.csv"
    for mine, told in zip(csv_rows(given), csv_rows(csv), strict=True):
        assert list(mine) == list(told)
        for x, y in zip(mine.values(), told.values(), strict=True):
            same = x == y or float(x) == pytest.approx(float(y), rel=1e-5, abs=1e-5)
            assert same, (mine, told)
    theirs = jsonl.read_text().splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(json.loads(x)) for x in theirs]
    (their_person,) = json.loads(summary.read_text())
    assert person.keys() == their_person.keys()
    assert person["emotion"] == their_person["emotion"] == "happy"
    assert person["on_screen_s"] == pytest.approx(their_person["on_screen_s"])


def test_pointer_keys_and_rows_go_to_a_time_and_it_is_told_who_is_there(read: Page) -> None:
    bands = read.locator("#timeline .bands")
    bands.scroll_into_view_if_needed()
    box = bands.bounding_box()
    assert box is not None
    read.mouse.click(box["x"] + 26 + (box["width"] - 27) * 0.4, box["y"] + 20)  # 26: the names

    expect(read.locator("#video-time")).to_contain_text("0:02.0")
    assert read.locator("#video-player").evaluate("v => v.currentTime") == pytest.approx(
        2.0, abs=0.1
    )
    expect(read.locator("#video-faces .face-name")).to_have_text("happy")

    read.mouse.click(box["x"] + box["width"] * 0.93, box["y"] + 20)
    expect(read.locator("#video-none")).to_be_visible()
    expect(read.locator("#video-faces .face")).to_have_count(0)

    slider = read.get_by_role("slider", name="Timeline")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0.0")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1.0")
    text = slider.get_attribute("aria-valuetext") or ""
    assert text.startswith("0:01.0. The video shows one face: person 1 happy, 9")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "5.0")

    row = read.locator("#video-table tbody tr").first
    expect(row).to_contain_text("happy")
    expect(row).to_contain_text("100\u202f%")
    row.get_by_role("button").click()
    expect(read.locator("#video-time")).to_contain_text("0:00.0 /")

    read.wait_for_load_state("networkidle")
    slider.hover()
    expect(read.locator("#video-observed")).to_contain_text("1: happy 0:00.0 to ")


_DARK_IN_THE_PLACE_OF_A_SHAPE = """async (probabilities) => {
  const { Timeline } = await import("/static/timeline.js");
  const place = document.createElement("div");
  place.style.width = "427px";
  document.body.append(place);
  const timeline = new Timeline(place, { seek() {}, hover() {}, words: () => "" });
  timeline.begin(probabilities.length / 25);
  timeline.add(probabilities.map((probability, at) => ({
    time_s: at / 25, faces: [{ track: 1, emotion: "happy", probability }] })));
  const canvas = place.querySelector("canvas");
  const density = canvas.width / 427;
  const { data } = canvas.getContext("2d").getImageData(
    28 * density, 0, 16 * density, 40 * density);
  place.remove();
  let dark = 0;
  for (let at = 0; at < data.length; at += 4)
    if (data[at] + data[at + 1] + data[at + 2] < 150) dark += 1;
  return dark / density ** 2;
}"""


@pytest.mark.parametrize("lowest", [0.9, 0.2])
def test_the_shape_of_an_emotion_is_seen_on_its_band(read: Page, log: Log, lowest: float) -> None:
    log.allow("willReadFrequently")  # it is this test that reads the canvas
    probabilities = [1.0] * 90 + [lowest] * 10
    assert read.evaluate(_DARK_IN_THE_PLACE_OF_A_SHAPE, probabilities) > 30


_BOX_SEEN = """([red, green, blue]) => {
  const canvas = document.querySelector("#video-overlay");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let left = width;
  for (let at = 0; at < data.length; at += 4) {
    const off = [red, green, blue].map((value, which) => Math.abs(data[at + which] - value));
    if (data[at + 3] > 200 && Math.max(...off) < 8) left = Math.min(left, (at / 4) % width);
  }
  return left / width;
}"""


def test_the_boxes_are_laid_in_step_over_the_image(read: Page, log: Log) -> None:
    log.allow("willReadFrequently")  # it is this test that reads the canvas

    def left_at(seconds: float) -> float:
        read.evaluate("s => { document.querySelector('#video-player').currentTime = s }", seconds)
        read.wait_for_timeout(400)
        return float(read.evaluate(_BOX_SEEN, list(COLORS["happy"])))

    # The portrait moves by 2 pixels a frame, 50 a second, on an image 480 pixels wide.
    assert left_at(3.0) - left_at(1.0) == pytest.approx(100 / 480, abs=0.02)


def test_the_table_of_people_needs_no_scrolling_at_1200_pixels(read: Page) -> None:
    read.set_viewport_size({"width": 1200, "height": 860})
    table = read.get_by_role("region", name="Table of the people in the video")
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") == 0


def test_a_name_is_in_all_files(read: Page, tmp_path: Path) -> None:
    read.get_by_label("Name of person 1").fill("Anna")
    rows = csv_rows(save_download(read, "#video-csv", tmp_path))
    assert len(rows) == 125
    assert {row["name"] for row in rows if row["track"]} == {"Anna"}
    (person,) = json.loads(save_download(read, "#video-summary-json", tmp_path).read_text())
    assert person["name"] == "Anna"
    read.locator("#video-kind").select_option("ELAN")
    given = save_download(read, "#video-other", tmp_path)
    assert given.name == "talk.eaf"
    assert "Anna" in given.read_text()
    read.locator("#video-kind").select_option("Events")
    events = save_download(read, "#video-other", tmp_path)
    assert events.name == "talk-events.csv"
    assert {row["name"] for row in csv_rows(events)} == {"Anna"}
    expect(read.locator("#video-trouble")).to_be_hidden()


def test_cancel_keeps_what_was_read(video_tab: Page, long_video: Path, tmp_path: Path) -> None:
    video_tab.set_input_files("#video-input", long_video)
    expect(video_tab.locator("#video-detail")).to_contain_text("times as fast as it plays")
    video_tab.get_by_role("button", name="Cancel").click()

    expect(video_tab.locator("#video-said")).to_contain_text("What was read until then is here.")
    expect(video_tab.locator("#video-progress")).to_be_hidden()
    rows = save_download(video_tab, "#video-csv", tmp_path).read_text().splitlines()
    assert 1 < len(rows) < 601
    expect(video_tab.locator("#video-summary-json")).to_be_disabled()


def test_a_server_that_dies_in_the_middle_is_said_and_what_was_read_stays(
    browser: Browser, long_video: Path, tmp_path: Path
) -> None:
    with ServerProcess() as server, visited(browser, server.address) as (page, log):
        log.allow("ERR_CONNECTION|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE")
        go_to(page, "Video")
        page.set_input_files("#video-input", long_video)
        expect(page.locator("#video-detail")).to_contain_text("times as fast as it plays")
        with page.expect_event("requestfailed", lambda request: "api/rows" in request.url):
            server.end(signal.SIGKILL)
        expect(page.locator("#video-said")).to_contain_text("What was read until then is here.")
        trouble = page.locator("#video-trouble")
        expect(trouble).to_contain_text("long.mp4: The server does not answer.")
        rows = save_download(page, "#video-csv", tmp_path).read_text().splitlines()
        assert 1 < len(rows) < 601


def test_the_focus_stays_where_people_go_on(video_tab: Page, long_video: Path) -> None:
    video_tab.locator("#video-choose").focus()
    video_tab.set_input_files("#video-input", long_video)
    cancel = video_tab.get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    video_tab.keyboard.press("Enter")
    expect(video_tab.locator("#video-progress")).to_be_hidden()
    seen = video_tab.locator("#video-choose, #video-another").and_(video_tab.locator(":focus"))
    expect(seen).to_be_visible()


def test_a_video_that_the_browser_cannot_play_has_its_timeline_all_the_same(
    video_tab: Page, tmp_path: Path
) -> None:
    video = tmp_path / "old.avi"
    draw = moving_portrait(width=480, height=360, portrait_px=360)
    make_video(video, draw, times_s=steady_times(50), codec="mpeg4")
    video_tab.set_input_files("#video-input", video)
    expect(video_tab.locator("#video-said")).to_contain_text("50 frames, 1 person")

    expect(video_tab.locator("#video-unseen")).to_be_visible()
    video_tab.get_by_role("slider", name="Timeline").press("ArrowRight")
    expect(video_tab.locator("#video-time")).to_contain_text("0:01.0")
    expect(video_tab.locator("#video-faces .face-name")).to_have_text("happy")
    assert len(save_download(video_tab, "#video-csv", tmp_path).read_text().splitlines()) == 51


def test_a_folder_and_two_videos_at_once_are_told_and_what_was_read_stays(
    read: Page, log: Log, short_video: Path, long_video: Path, tmp_path: Path
) -> None:
    drop_paths(read, "#video-another", short_video, long_video)
    trouble = read.locator("#video-trouble")
    expect(trouble).to_have_text("expected one video at a time; got 2 files")
    expect(read.locator("#video-said")).to_contain_text("125 frames, 1 person")

    log.allow("ERR_ACCESS_DENIED")
    drop_paths(read, "#video-another", tmp_path)
    expect(trouble).to_contain_text(f"{tmp_path.name}: expected a file that can be read")
    expect(read.locator("#gone")).to_be_hidden()


def test_the_readings_of_a_frame_stand_as_long_as_it_is_shown(
    video_tab: Page, tmp_path: Path
) -> None:
    video = tmp_path / "slow.avi"  # which the browser does not play: times are exact
    draw = moving_portrait(width=480, height=360, portrait_px=360)
    make_video(video, draw, times_s=steady_times(4, 0.25), codec="mpeg4")
    video_tab.set_input_files("#video-input", video)
    expect(video_tab.locator("#video-said")).to_contain_text("4 frames, 1 person")
    expect(video_tab.locator("#video-unseen")).to_be_visible()  # until then its player has the time
    slider = video_tab.get_by_role("slider", name="Timeline")
    for _ in range(3):
        slider.press("ArrowRight")
    expect(video_tab.locator("#video-time")).to_contain_text("0:03.0")
    expect(video_tab.locator("#video-faces .face-name")).to_have_text("happy")


def test_a_file_that_is_no_video_is_told_in_words(
    video_tab: Page, log: Log, tmp_path: Path
) -> None:
    log.allow("status of 4")
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Sir or Madam")
    video_tab.set_input_files("#video-input", letter)

    trouble = video_tab.locator("#video-trouble")
    expect(trouble).to_contain_text("letter.mp4: expected a video")
    assert trouble.inner_text().count("letter.mp4") == 1
    expect(video_tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
