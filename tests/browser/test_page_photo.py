"""The Photo tab."""

import base64
import csv
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from browser.conftest import Log, drop_paths, go_to, read_photo, save_download
from command_line import Mien
from mien.labels import COLORS
from mien.recognize.images import load_image

_SEND = """([files, kind]) => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  const target = kind === "paste" ? document : document.querySelector("#photo-drop h2");
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}"""


def _hand_over(page: Page, kind: str, *paths: Path) -> None:
    """Drop files on the page, or paste them."""
    files = [[p.name, "image/jpeg", base64.b64encode(p.read_bytes()).decode()] for p in paths]
    page.evaluate(_SEND, [files, kind])


@pytest.fixture
def two_faces(portrait: Path, tmp_path: Path) -> Path:
    """An image with the portrait twice, once mirrored."""
    image = cv2.imread(str(portrait))
    assert image is not None
    path = tmp_path / "pair.jpg"
    cv2.imwrite(str(path), np.hstack([image, image[:, ::-1]]))
    return path


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((120, 160, 3), 127, np.uint8))
    return path


@pytest.fixture
def photo_tab(page: Page) -> Page:
    go_to(page, "Photo")
    return page


@pytest.fixture
def read(photo_tab: Page, portrait: Path) -> Page:
    """The tab after the portrait was read."""
    read_photo(photo_tab, portrait)
    return photo_tab


_NOTE_WORDS = """() => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
    window.written.push(text);
    write.call(this, text, ...where);
  };
}"""


def _written(page: Page, count: int) -> list[str]:
    """The last words on the canvas; it is drawn a little after the list of faces."""
    for _ in range(100):  # the page's policy forbids what playwright waits for expressions with
        written: list[str] = page.evaluate("window.written")
        if len(written) >= count:
            break
        page.wait_for_timeout(50)
    return written[-count:]


def test_faces_have_the_numbers_of_their_cards_and_no_words_where_there_is_no_room(
    photo_tab: Page, portrait: Path, two_faces: Path, tmp_path: Path
) -> None:
    photo_tab.evaluate(_NOTE_WORDS)
    photo_tab.set_input_files("#photo-input", two_faces)
    expect(photo_tab.locator("#photo-faces .face-who")).to_have_text(["face 1", "face 2"])
    written = _written(photo_tab, 4)
    assert [words.split()[0] for words in written] == ["2", "happy", "1", "happy"]

    crowd = np.tile(load_image(portrait)[40:190, 160:300], (3, 5, 1))
    cv2.imwrite(str(tmp_path / "crowd.png"), crowd[..., ::-1])
    photo_tab.set_viewport_size({"width": 380, "height": 780})
    photo_tab.get_by_role("button", name="Clear").click()
    photo_tab.evaluate("window.written = []")
    photo_tab.set_input_files("#photo-input", tmp_path / "crowd.png")
    expect(photo_tab.locator("#photo-said")).to_have_text("1 photo, 15 faces.")
    expect(photo_tab.locator("#photo-faces .face-who")).to_have_count(15)
    written = _written(photo_tab, 30)
    assert written[::2] == [f"{number}" for number in range(15, 0, -1)]
    assert "" in written[1::2]

    photo_tab.set_input_files("#photo-input", portrait)
    expect(photo_tab.locator("#photo-strip .tag").first).to_have_text("15 faces")
    shown = photo_tab.locator("#photo-strip button").first
    expect(shown).to_have_attribute("aria-label", re.compile("15 faces"))

    photo_tab.evaluate("window.written = []")
    photo_tab.get_by_role("button", name="Clear").click()
    read_photo(photo_tab, portrait)  # one face alone needs no number
    assert _written(photo_tab, 1)[0].startswith("happy 97")


_PLATES = """async ([boxes, how]) => {
  const { drawFaces } = await import("/static/faces.js");
  const probabilities = { happy: 1 };
  const faces = boxes.map((box) => ({ box, emotion: "happy", probability: 1, probabilities }));
  const context = document.createElement("canvas").getContext("2d");
  const plates = [];
  let shape;
  context.roundRect = (...sides) => (shape = sides);
  context.fill = (path) => path || plates.push(shape);
  drawFaces(context, faces, how);
  return plates.map(([x, y, width, height]) => [x, y, x + width, y + height]);
}"""


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(one[i] < other[i + 2] and other[i] < one[i + 2] for i in (0, 1))


@pytest.mark.parametrize("side", [16, 30, 60, 300])
def test_no_plate_covers_eyes_or_another_plate(page: Page, side: int) -> None:
    width, height = 340, 300
    steps = [range(0, most - side + 1, side + 22) for most in (width, height)]
    boxes = [[x, y, x + side, y + side] for y in steps[1] for x in steps[0]]
    how = {"scale": 1, "width": width, "height": height, "letterPx": 13}
    plates = page.evaluate(_PLATES, [boxes, how])
    assert len(plates) > len(boxes) / 2
    faces = [[x0, y0 + (y1 - y0) / 4, x1, y1] for x0, y0, x1, y1 in boxes]
    for i, plate in enumerate(plates):
        assert not any(_overlap(plate, other) for other in faces + plates[:i])
    for selected in (0, len(boxes) - 1):  # what is pointed out is drawn last, in any case
        x0, y0, x1, y1 = page.evaluate(_PLATES, [boxes, how | {"selected": selected}])[-1]
        assert _overlap([x0 - 1, y0 - 1, x1 + 1, y1 + 1], boxes[selected])


def test_no_plate_is_cut_off_where_an_image_is_narrow(page: Page) -> None:
    how = {"scale": 1, "width": 60, "height": 600, "letterPx": 13}
    plates = page.evaluate(_PLATES, [[[8, 100, 48, 150], [10, 300, 52, 352]], how])
    assert len(plates) == 2
    assert all(left >= 0 and right <= 60 for left, _, right, _ in plates)


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_that_is_dropped_or_pasted_is_read(
    photo_tab: Page, portrait: Path, kind: str
) -> None:
    _hand_over(photo_tab, kind, portrait)

    expect(photo_tab.locator("#photo-faces .face-name")).to_have_text("happy")
    expect(photo_tab.locator("#photo-canvas")).to_have_attribute(
        "aria-label", "astronaut.jpg shows one face: happy, 97\u202f%."
    )


def test_several_photos_are_read_and_each_can_be_looked_at(
    photo_tab: Page, portrait: Path, two_faces: Path, nobody: Path
) -> None:
    photo_tab.set_input_files("#photo-input", [portrait, two_faces, nobody])
    expect(photo_tab.locator("#photo-said")).to_have_text("3 photos, 3 faces.")

    expect(photo_tab.locator("#photo-caption")).to_contain_text("astronaut.jpg")  # the first
    thumbnails = photo_tab.locator("#photo-strip button")
    expect(thumbnails).to_have_count(3)
    thumbnails.nth(1).click()
    expect(photo_tab.locator("#photo-faces .face")).to_have_count(2)
    thumbnails.nth(2).click()
    expect(photo_tab.locator("#photo-none")).to_have_text("No face was found.")
    photo_tab.locator("#photo-table button", has_text="astronaut.jpg").click()
    expect(photo_tab.locator("#photo-caption")).to_contain_text("512 \u00d7 512")


def _rows(text: str) -> list[dict[str, str | float]]:
    """Rows with numbers as numbers: the digits may be written otherwise."""

    def value(field: str) -> str | float:
        try:
            return float(field)
        except ValueError:
            return field

    return [{k: value(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]


def test_csv_and_json_are_those_of_the_command_line(
    photo_tab: Page,
    portrait: Path,
    two_faces: Path,
    nobody: Path,
    tmp_path: Path,
    mien: Mien,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo_tab.set_input_files("#photo-input", [portrait, two_faces, nobody])
    expect(photo_tab.locator("#photo-said")).to_have_text("3 photos, 3 faces.")
    given = save_download(photo_tab, "#photo-csv", tmp_path).read_text()
    images = json.loads(save_download(photo_tab, "#photo-json", tmp_path).read_text())

    monkeypatch.chdir(tmp_path)
    (tmp_path / portrait.name).write_bytes(portrait.read_bytes())
    photos = (portrait.name, two_faces.name, nobody.name)
    their_images = json.loads(mien("detect", *photos, "--csv", "theirs.csv", "--json").stdout)
    theirs = (tmp_path / "theirs.csv").read_text()
    assert given.splitlines()[0] == theirs.splitlines()[0]
    # But for the last digits of a float32: faces may have been read in another batch.
    assert _rows(given) == [
        {k: pytest.approx(v, abs=2e-5) if isinstance(v, float) else v for k, v in row.items()}
        for row in _rows(theirs)
    ]
    for image, right in zip(images, their_images, strict=True):
        assert list(image) == list(right)
        assert {**image, "faces": []} == {**right, "faces": []}
        for face, true in zip(image["faces"], right["faces"], strict=True):
            assert face.keys() == true.keys()
            assert face["box"] == pytest.approx(true["box"], abs=1e-3)
            assert face["emotion"] == true["emotion"] == "happy"


def test_the_png_is_the_photo_at_its_size_with_the_box_on_it(
    read: Page, portrait_image: np.ndarray, tmp_path: Path
) -> None:
    path = save_download(read, "#photo-png", tmp_path)

    drawn = load_image(path).astype(int)
    assert path.name == "astronaut-mien.png"
    assert drawn.shape == (512, 512, 3)
    changed = np.abs(drawn - portrait_image).max(axis=2) > 40
    assert 0.002 < changed.mean() < 0.1
    box = drawn[62:173, 178:184]  # its left side
    assert (np.abs(box - COLORS["happy"]).max(axis=2) < 30).any(axis=1).mean() > 0.8


def test_a_threshold_needs_no_other_request_and_is_in_the_csv(
    read: Page, log: Log, tmp_path: Path
) -> None:
    before = len([url for url in log.requests if "readings" in url])
    read.locator("#photo-threshold").press("End")

    expect(read.locator("#photo-faces .face-name")).to_have_text("unsure")
    expect(read.locator("#photo-table tbody")).to_contain_text("unsure")
    assert len([url for url in log.requests if "readings" in url]) == before == 1
    rows = _rows(save_download(read, "#photo-csv", tmp_path).read_text())
    assert [row["unsure"] for row in rows] == ["true"]
    assert rows[0]["emotion"] == "happy"  # the likeliest all the same


@pytest.mark.parametrize(("wish", "how"), [("reduce", "auto"), ("no-preference", "smooth")])
def test_a_face_that_is_clicked_comes_into_view_without_motion_where_none_is_wanted(
    read: Page, wish: Literal["reduce", "no-preference"], how: str
) -> None:
    read.emulate_media(reduced_motion=wish)
    read.evaluate("Element.prototype.scrollIntoView = (given) => { window.given = given; }")
    canvas = read.locator("#photo-canvas")
    scale = canvas.evaluate("canvas => canvas.clientWidth") / 512
    canvas.click(position={"x": 225 * scale, "y": 118 * scale})
    assert read.evaluate("window.given.behavior") == how


def test_a_face_that_is_clicked_tells_what_its_reading_rests_on(read: Page) -> None:
    canvas = read.locator("#photo-canvas")
    width = canvas.evaluate("canvas => canvas.clientWidth")
    scale = width / 512
    canvas.click(position={"x": 225 * scale, "y": 118 * scale})

    image = read.locator(".why canvas").first
    expect(image).to_have_attribute(
        "aria-label", re.compile(r"With the (nose|mouth|chin) covered happy has \d+")
    )
    expect(read.locator(".why")).to_contain_text("of its probability of 97\u202f% rests on it")
    expect(read.locator(".parts li")).to_have_count(5)
    with_heat = image.evaluate("canvas => canvas.toDataURL()")
    read.get_by_label("Show the heat").uncheck()
    assert image.evaluate("canvas => canvas.toDataURL()") != with_heat
    read.get_by_role("button", name="Why? Face 1").click()
    expect(read.locator(".why")).to_have_count(0)


def test_a_file_that_is_no_image_is_named_and_the_others_are_read(
    log: Log, photo_tab: Page, portrait: Path, tmp_path: Path
) -> None:
    log.allow("422")  # browsers note every answer that is not well
    broken = tmp_path / "letter.jpg"
    broken.write_text("Dear Sir or Madam")
    photo_tab.set_input_files("#photo-input", [broken, portrait])

    expect(photo_tab.locator("#photo-trouble")).to_contain_text("letter.jpg: ")
    expect(photo_tab.locator("#photo-said")).to_have_text("1 photo, 1 face.")
    rows = _rows(save_download(photo_tab, "#photo-csv", tmp_path).read_text())
    assert [bool(row["error"]) for row in rows] == [True, False]


@pytest.mark.parametrize("reads", ["the server", "this browser"])
def test_a_turned_webp_is_shown_and_read_upright(
    photo_tab: Page, log: Log, portrait_image: np.ndarray, tmp_path: Path, reads: str
) -> None:
    from PIL import Image as PILImage

    exif = PILImage.Exif()
    exif[0x0112] = 6  # so that a quarter clockwise makes it upright
    path = tmp_path / "turned.webp"
    PILImage.fromarray(np.rot90(portrait_image[:400])).save(path, exif=exif, quality=90)
    photo_tab.get_by_label(reads).check()
    photo_tab.set_input_files("#photo-input", path)
    expect(photo_tab.locator("#photo-faces .face-name")).to_have_text("happy")
    expect(photo_tab.locator("#photo-caption")).to_contain_text("512 \u00d7 400 pixels")
    drawn = load_image(save_download(photo_tab, "#photo-png", tmp_path)).astype(int)
    assert drawn.shape == (400, 512, 3)
    assert np.abs(drawn - portrait_image[:400]).mean() < 8


@pytest.mark.parametrize("reads", ["the server", "this browser"])
def test_a_folder_and_a_photo_that_has_changed_are_told_and_the_server_is_not_blamed(
    photo_tab: Page, log: Log, portrait: Path, tmp_path: Path, reads: str
) -> None:
    log.allow("ERR_ACCESS_DENIED|ERR_UPLOAD_FILE_CHANGED")
    photo_tab.get_by_label(reads).check()
    folder = tmp_path / "holiday"
    folder.mkdir()
    drop_paths(photo_tab, "#photo-drop", folder)
    expect(photo_tab.locator("#photo-trouble")).to_have_text(
        "holiday: expected a file that can be read; it is a folder, or was changed or moved since "
        "it was chosen"
    )

    photo = tmp_path / "photo.jpg"
    photo.write_bytes(portrait.read_bytes())
    drop_paths(photo_tab, "#photo-drop", photo)
    expect(photo_tab.locator("#photo-faces .face-name")).to_have_text("happy")
    os.utime(photo, (1e9, 1e9))
    photo_tab.get_by_role("button", name="Why? Face 1").click()
    expect(photo_tab.locator(".why")).to_contain_text("expected a file that can be read")
    expect(photo_tab.locator("#gone")).to_be_hidden()


def test_an_image_that_is_too_large_is_not_even_sent(
    photo_tab: Page, log: Log, tmp_path: Path
) -> None:
    photo_tab.route("**/api/health", _with_small_limit)
    photo_tab.reload()
    photo_tab.locator("#status.well").wait_for()
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(3_000))
    photo_tab.set_input_files("#photo-input", large)

    expect(photo_tab.locator("#photo-trouble")).to_contain_text("expected at most 0 MB")
    assert not [url for url in log.requests if "readings" in url]


def _with_small_limit(route: Route) -> None:
    answer = route.fetch().json()
    route.fulfill(json={**answer, "limits": {**answer["limits"], "image_bytes": 2_000}})


def test_clear_begins_anew(read: Page) -> None:
    read.get_by_role("button", name="Clear").click()

    expect(read.get_by_role("heading", name="Drop photos here")).to_be_visible()
    expect(read.locator("#photo-choose")).to_be_focused()


def test_everything_can_be_done_with_the_keyboard_alone(photo_tab: Page, portrait: Path) -> None:
    photo_tab.on("filechooser", lambda _: None)  # before the key: asking for it takes a moment
    photo_tab.locator("#photo-choose").focus()
    with photo_tab.expect_file_chooser() as asked:
        photo_tab.keyboard.press("Enter")
    asked.value.set_files([portrait, portrait])
    expect(photo_tab.locator("#photo-said")).to_have_text("2 photos, 2 faces.")
    expect(photo_tab.get_by_role("button", name="Add photos")).to_be_focused()
    photo_tab.locator("#photo-strip button").nth(1).focus()
    photo_tab.keyboard.press("Enter")
    chosen = photo_tab.locator("#photo-strip button").nth(1)
    expect(chosen).to_have_attribute("aria-current", "true")  # its faces are shown from now on
    expect(chosen).to_be_focused()
    photo_tab.get_by_role("button", name="Why? Face 1").focus()
    photo_tab.keyboard.press("Space")

    expect(photo_tab.locator(".why canvas").first).to_be_visible()
