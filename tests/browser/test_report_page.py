"""The report of a video, opened as a file: people are named, merged and excluded on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser.conftest import clean_context, watched
from browser.test_page_accessibility import looked_at
from command_line import Mien, csv_rows
from fakes import a_tracked_reading
from mien.readings import TrackedReading
from mien.recognize.video.frames import Frame
from mien.recognize.video.outputs import Outputs
from mien.recognize.video.report import Highlights
from mien.recognize.video.row_sink import RowSink
from test_video_report import a_frame

RETURNS = 70  # the frame from which the first person is track 3


def faces_of(number: int) -> list[TrackedReading]:
    """Two people for ten seconds; the first is away for two, and comes back as another track."""
    second = a_tracked_reading(2, "sad", box=(900.0, 100.0, 1200.0, 400.0))
    if 50 <= number < RETURNS:
        return [second]
    track, emotion = (1, "happy") if number < 50 else (3, "surprise")
    return [a_tracked_reading(track, emotion, box=(100.0, 100.0, 400.0, 400.0)), second]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With talk.html, and the rows beside it."""
    made = tmp_path_factory.mktemp("report")
    outputs = Outputs(csv=made / "talk.csv", report=made / "talk.html")
    sink, highlights = RowSink(outputs, title="talk.mp4"), Highlights()
    for number in range(100):
        readings = faces_of(number)
        frame: Frame = a_frame(number, readings[0].box)
        sink.write(frame.index, frame.time_s, readings)
        highlights.add(frame, readings)
    facts, settings = {"length": "0:10.0"}, {"model": "none"}
    sink.write_sums(facts=facts, images=highlights.images(), settings=settings)
    sink.finish()
    return made


@pytest.fixture
def report(browser: Browser, folder: Path) -> Iterator[Page]:
    """The page, which may complain of nothing and ask for nothing."""
    address = (folder / "talk.html").as_uri()
    with clean_context(browser) as context, watched(context, folder.as_uri()) as (page, log):
        page.goto(address)
        yield page
        # Nothing but pages that the test opens, and what they hold.
        assert all(u.startswith((folder.as_uri(), "data:", "blob:")) for u in log.requests)


def name(page: Page, track: int) -> Locator:
    return page.get_by_label(f"Name of track {track}")


def row(page: Page, track: int) -> list[str]:
    """What stands in the cells of a track after its name."""
    cells = page.locator("#people tbody tr").nth(track - 1).locator("td")
    return [" ".join(text.split()) for text in cells.all_inner_texts()[2:]]


def bands(page: Page) -> list[str]:
    """The people of the timeline, and how often each is there."""
    return page.locator(".timeline .person:visible > div:first-child").all_inner_texts()


def test_two_tracks_of_one_name_are_one_person(report: Page) -> None:
    before = [row(report, track) for track in (1, 2, 3)]
    name(report, 1).fill("Anna")
    name(report, 3).fill(" Anna ")
    expect(report.get_by_role("status")).to_have_text("Anna is tracks 1, 3.")
    assert bands(report) == ["Anna\n80% of the time", "person 2\n100% of the time"]
    assert report.locator(".timeline .person:visible").first.locator("img").count() == 2
    none = "0% 0.05"
    shares = [none, none, none, "63% 0.46", none, "38% 0.29", none]
    assert row(report, 1) == ["0:08.0", "0:00.0", "0:09.9", *shares]
    assert row(report, 2) == before[1]
    assert set(row(report, 3)) == {""}
    expect(report.locator("figcaption").first).to_contain_text(": Anna, happy 70%")

    name(report, 3).fill("")
    assert [row(report, track) for track in (1, 2, 3)] == before
    assert bands(report)[-1] == "person 3\n30% of the time"
    name(report, 1).fill("")
    name(report, 3).fill("person 1")  # as one without a name is called
    expect(report.get_by_role("status")).to_have_text("person 1 is tracks 1, 3.")


def test_events_are_counted_together_for_tracks_of_one_name(report: Page) -> None:
    table = report.locator("#events tbody tr")
    before = table.all_inner_texts()
    assert [text.split("\t") for text in before] == [
        ["person 1", "happy", "100.0%", "1", "5.0 s", "12.0"],
        ["person 2", "sad", "100.0%", "1", "10.0 s", "6.0"],
        ["person 3", "surprise", "100.0%", "1", "3.0 s", "20.0"],
    ]
    name(report, 1).fill("Anna")
    name(report, 3).fill("Anna")
    assert [text.split("\t") for text in table.all_inner_texts()] == [
        ["Anna", "happy", "62.5%", "1", "5.0 s", "7.5"],
        ["Anna", "surprise", "37.5%", "1", "3.0 s", "7.5"],
        ["person 2", "sad", "100.0%", "1", "10.0 s", "6.0"],
    ]
    assert report.locator(".timeline .person:visible").first.locator(".events span").count() == 2
    for track in (1, 3):
        name(report, track).fill("")
    assert table.all_inner_texts() == before


def test_who_is_excluded_leaves_timeline_and_images(report: Page) -> None:
    report.get_by_label("exclude track 2").press("Space")
    assert bands(report) == ["person 1\n50% of the time", "person 3\n30% of the time"]
    expect(report.locator("figure:visible")).to_have_count(0)  # that person is in all of them
    for track in (1, 3):
        report.get_by_label(f"exclude track {track}").check()
    expect(report.get_by_role("status")).to_contain_text("All are excluded")


def test_two_people_of_one_frame_are_said_to_be_two(report: Page) -> None:
    name(report, 1).fill("Anna")
    name(report, 2).fill("Anna")
    sentence = "Tracks 1 and 2 are both called Anna, but 0:00.0 shows both"
    expect(report.get_by_role("status")).to_contain_text(sentence)
    expect(name(report, 2)).to_have_attribute("aria-invalid", "true")
    report.get_by_label("exclude track 2").check()
    expect(report.get_by_role("status")).to_be_empty()
    expect(name(report, 1)).to_have_attribute("aria-invalid", "false")


def test_the_file_and_the_command_write_what_the_page_shows(
    report: Page, folder: Path, mien: Mien, monkeypatch: pytest.MonkeyPatch
) -> None:
    name(report, 1).press_sequentially('\u00c4nne, "A"')
    report.keyboard.press("Tab")
    expect(report.get_by_label("exclude track 1")).to_be_focused()
    name(report, 3).fill('\u00c4nne, "A"')
    report.get_by_label("exclude track 2").check()
    with report.expect_download() as started:
        report.get_by_role("button", name="Download talk-people.csv").press("Enter")
    assert started.value.suggested_filename == "talk-people.csv"
    started.value.save_as(folder / "talk-people.csv")

    monkeypatch.chdir(folder)
    command = report.locator("pre").inner_text().split()
    assert mien(*command[1:]).status == 0
    (person,) = csv_rows(folder / "talk-named-summary.csv")
    assert (person["name"], person["frames"]) == ('\u00c4nne, "A"', "80")
    shown = row(report, 1)
    report.goto((folder / "talk-named.html").as_uri())
    assert row(report, 1) == shown
    expect(name(report, 1)).to_have_value('\u00c4nne, "A"')
    expect(report.locator("img.face")).to_have_count(1)
    report.goto((folder / "talk.html").as_uri())


def test_paper_has_all_columns_and_colors_and_is_white(browser: Browser, folder: Path) -> None:
    a4 = {"width": 718, "height": 1000}
    with clean_context(browser, color_scheme="dark", viewport=a4) as context:
        page = context.new_page()
        page.goto((folder / "talk.html").as_uri())
        page.emulate_media(media="print")
        style = "(e, name) => getComputedStyle(e)[name]"
        assert page.locator("body").evaluate(style, "backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("td").first.evaluate(style, "printColorAdjust") == "exact"
        wider = "es => es.map((e) => e.scrollWidth > e.clientWidth)"
        assert not any(page.locator(".scroll").evaluate_all(wider))


def test_without_scripts_the_page_is_as_it_was_written(browser: Browser, folder: Path) -> None:
    with clean_context(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((folder / "talk.html").as_uri())
        expect(page.locator("#people tbody tr").first).to_contain_text("person 1")
        expect(page.locator(".naming:visible")).to_have_count(0)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 380)])
def test_the_report_has_no_serious_fault(
    browser: Browser, folder: Path, theme: str, width: int
) -> None:
    address = (folder / "talk.html").as_uri()
    with looked_at(browser, address, "report-", theme, width, bypass_csp=True) as (page, look):
        look("new")
        name(page, 1).fill("Anna")
        name(page, 2).fill("Anna")
        page.get_by_label("exclude track 3").check()
        look("named")
