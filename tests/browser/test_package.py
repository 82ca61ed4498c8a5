"""The npm package in Chromium, from a plain static server: its readings, sources and errors."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from browser.conftest import OUT, ROOT, Host, Log, watched
from mien.recognize.classifier import shipped_models
from mien.recognize.images import load_image

BOX_PX: Final = 0.5
PROBABILITY: Final = 0.02
LOSSLESS: Final[dict[str, Any]] = {"lossless": True, "exact": True}

BLANK: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>mien</title>
<link rel="icon" href="data:,"><main></main></html>"""

CAMERA: Final = """
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({video: true});
  await video.play();
"""

LOAD: Final = """async (options) => {
  const mien = await import("/mien.js");
  globalThis.mien = mien;
  globalThis.recognizer = await mien.Recognizer.load(options);
  globalThis.pixels = async ({pixels, width, height}) => {
    const rgb = new Uint8Array(await (await fetch(`/expected/${pixels}`)).arrayBuffer());
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      image.data.set([...rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    }
    return image;
  };
  globalThis.complaint = async (promise) => {
    try { await promise; return null; } catch (error) { return [error.name, error.message]; }
  };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `npx mien-assets` fills it, with what Python reads beside it."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(["node", str(ROOT / "js" / "scripts" / "assets.mjs"), str(folder)], check=True)
    script, expected = ROOT / "scripts" / "js_expected.py", folder / "expected"
    write = [sys.executable, str(script), "--out", str(expected)]
    subprocess.run(write, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    shutil.copytree(ROOT / "js" / "examples", folder / "examples")
    (folder / "examples" / "mien").symlink_to(folder)
    (folder / "index.html").write_text(BLANK)
    (folder / "paper.onnx").write_bytes(shipped_models()["paper"].read_bytes())
    (folder / "astronaut.jpg").write_bytes((ROOT / "examples" / "astronaut.jpg").read_bytes())
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Of a server of that folder."""
    with Host(site) as host:
        yield host.address


@pytest.fixture(scope="module")
def expected(site: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site / "expected" / "expected.json").read_text())
    return found


@pytest.fixture
def blank(context: BrowserContext, address: str) -> Iterator[tuple[Page, Log]]:
    """An empty page of that server."""
    with watched(context, address) as (page, log):
        page.goto(address)
        yield page, log


@pytest.fixture
def loaded(blank: tuple[Page, Log]) -> Page:
    """A page with a recognizer."""
    page, _ = blank
    page.evaluate(LOAD, {})
    return page


def assert_same(got: list[dict[str, Any]], wanted: list[dict[str, Any]], name: str) -> None:
    assert [face["emotion"] for face in got] == [face["emotion"] for face in wanted], name
    for face, right in zip(got, wanted, strict=True):
        assert face.keys() == right.keys()
        assert face["box"] == pytest.approx(right["box"], abs=BOX_PX), name
        for mine, point in zip(face["landmarks"], right["landmarks"], strict=True):
            assert mine == pytest.approx(point, abs=BOX_PX), name
        assert face["score"] == pytest.approx(right["score"], abs=PROBABILITY), name
        assert face["probabilities"] == pytest.approx(right["probabilities"], abs=PROBABILITY)
        assert face["unsure"] is right["unsure"]


def test_files_are_decoded_and_read_as_in_python(
    loaded: Page, site: Path, expected: dict[str, Any]
) -> None:
    read = "async (name) => recognizer.read(await (await fetch(name)).blob())"
    for image in expected["images"]:
        if image["file"]:
            name = Path(image["file"]).name
            (site / name).write_bytes(Path(image["file"]).read_bytes())
            assert_same(loaded.evaluate(read, f"/{name}"), image["readings"], name)


def test_whatever_shows_an_image_is_read(loaded: Page, expected: dict[str, Any]) -> None:
    (right,) = expected["images"][0]["readings"]
    sources = loaded.evaluate(
        """async () => {
          const image = new Image();
          image.src = "/astronaut.jpg";
          await image.decode();
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [512, 512];
          canvas.getContext("2d").drawImage(image, 0, 0);
          const offscreen = new OffscreenCanvas(512, 512);
          offscreen.getContext("2d").drawImage(image, 0, 0);
          const data = canvas.getContext("2d").getImageData(0, 0, 512, 512);
          const {width, height} = data;
          const bitmap = await createImageBitmap(canvas);
          const frame = new VideoFrame(canvas, {timestamp: 0});
          const sources = {image, canvas, offscreen, data, bitmap, frame,
                           bytes: {data: data.data, width, height}};
          const found = {};
          for (const [name, one] of Object.entries(sources)) {
            found[name] = await recognizer.read(one);
          }
          frame.close();
          found.again = [...await recognizer.read(data), ...await recognizer.read(bitmap)];
          return found;
        }"""
    )
    assert len(sources) == 8
    for name, readings in sources.items():
        assert_same(readings, [right] * (2 if name == "again" else 1), name)


def test_a_frame_of_webcodecs_that_is_turned_is_read_as_it_is_shown(loaded: Page) -> None:
    frame, shown = loaded.evaluate(
        """async () => {
          const image = await createImageBitmap(await (await fetch("/astronaut.jpg")).blob());
          const [upright, side] = [new OffscreenCanvas(400, 512), new OffscreenCanvas(512, 400)];
          upright.getContext("2d").drawImage(image, 0, 0);
          const context = side.getContext("2d");
          context.translate(0, 400);
          context.rotate(-Math.PI / 2);
          context.drawImage(image, 0, 0);
          const frame = new VideoFrame(new VideoFrame(side, {timestamp: 0}), {rotation: 90});
          return [await recognizer.read(frame), await recognizer.read(upright)];
        }"""
    )
    assert [face["emotion"] for face in shown] == ["happy"]
    assert_same(frame, shown, "a frame that is turned")


def test_a_photo_that_is_turned_by_exif_is_upright(
    loaded: Page, site: Path, expected: dict[str, Any]
) -> None:
    from PIL import Image as PILImage

    with PILImage.open(site / "astronaut.jpg") as portrait:
        turned = portrait.transpose(PILImage.Transpose.ROTATE_90).crop((0, 0, 512, 400))
        exif = PILImage.Exif()
        exif[0x0112] = 6
        turned.save(site / "turned.png", exif=exif)
        turned.save(site / "turned.jpg", exif=exif, quality=95)
    read = "async (name) => recognizer.read(await (await fetch(name)).blob())"
    (face,) = loaded.evaluate(read, "/turned.jpg")
    x0, y0, x1, y1 = face["box"]
    assert y1 - y0 > x1 - x0
    right_eye, left_eye = face["landmarks"][:2]
    assert abs(left_eye[1] - right_eye[1]) < 10 < left_eye[0] - right_eye[0]


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_every_orientation_is_turned_upright_as_in_python(
    blank: tuple[Page, Log], site: Path, ending: str
) -> None:
    from PIL import Image as PILImage

    page, _ = blank
    levels = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
    decode = """async (name) => {
      const {decodeImage} = await import("/mien.js");
      const image = await decodeImage(await (await fetch(name)).blob());
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const {data} = context.getImageData(0, 0, image.width, image.height);
      return [image.height, image.width, [...data]];
    }"""
    for orientation in range(1, 9):
        exif = PILImage.Exif()
        exif[0x0112] = orientation
        path = site / f"orientation-{orientation}.{ending}"
        PILImage.fromarray(levels).save(path, exif=exif, **({} if ending == "png" else LOSSLESS))
        height, width, data = page.evaluate(decode, f"/{path.name}")
        shown = np.array(data, np.uint8).reshape(height, width, 4)[..., :3]
        np.testing.assert_array_equal(shown, load_image(path), str(orientation))


@pytest.mark.parametrize("options", [{}, {"assets": "/"}])
def test_a_worker_of_the_page_reads_as_the_page_does(
    blank: tuple[Page, Log], site: Path, expected: dict[str, Any], options: dict[str, str]
) -> None:
    page, _ = blank
    (site / "own_worker.js").write_text(
        """import { Recognizer } from "/mien.js";
        self.onmessage = async ({ data }) => {
          const answer = await (await fetch("/astronaut.jpg")).blob();
          const load = Recognizer.load(data).then((recognizer) => recognizer.read(answer));
          self.postMessage(await load.catch((error) => error.message));
        };"""
    )
    readings = page.evaluate(
        """(options) => new Promise((resolve) => {
          const worker = new Worker("/own_worker.js", {type: "module"});
          worker.onmessage = ({data}) => resolve(data);
          worker.postMessage(options);
        })""",
        options,
    )
    assert_same(readings, expected["images"][0]["readings"], "in a worker")


def test_what_is_no_video_is_not_followed(loaded: Page) -> None:
    for source, name in (
        ("await navigator.mediaDevices.getUserMedia({video: true})", "MediaStream"),
        ("document.createElement('canvas')", "HTMLCanvasElement"),
        ("'video'", "string"),
        ("null", "null"),
    ):
        told = loaded.evaluate(f"async () => complaint(recognizer.stream({source}).next())")
        expected = "expected a video element, with requestVideoFrameCallback; got"
        assert told == ["OptionError", f"{expected} {name}"]


def test_a_camera_is_followed_and_read_until_it_or_its_signal_ends(blank: tuple[Page, Log]) -> None:
    page, _ = blank
    shown, until_the_signal = page.evaluate(
        f"""async () => {{
          await ({LOAD})({{threshold: 0.3}});
          {CAMERA}
          const shown = [];
          for await (const frame of recognizer.stream(video)) {{
            shown.push(frame);
            if (shown.length === 20) break;
          }}
          let count = 0;
          const signal = AbortSignal.timeout(1000);
          for await (const _ of recognizer.stream(video, {{signal}})) count++;
          for (const track of video.srcObject.getTracks()) track.stop();
          for await (const frame of recognizer.stream(video)) shown.push(frame);
          return [shown, count];
        }}"""
    )
    assert until_the_signal > 0
    assert len(shown) == 20
    seen = [frame for frame in shown if frame["faces"]]
    assert len(seen) >= 15
    assert {face["track"] for frame in seen for face in frame["faces"]} == {1}
    assert seen[-1]["faces"][0]["emotion"] == "happy"
    numbers = [frame["frame"] for frame in shown]
    assert numbers == sorted(set(numbers))
    assert all(frame["width"] > 0 and frame["read_ms"] > 0 for frame in shown)
    assert shown[-1]["frame"] == 19 + shown[-1]["dropped"]


def test_the_page_of_twenty_lines_reads_a_photo(
    context: BrowserContext, address: str, site: Path
) -> None:
    with watched(context, address) as (page, log):
        log.allow("favicon|404")
        page.goto(f"{address}/examples/photo.html")
        page.get_by_text("Ready.").wait_for()
        page.locator("input").set_input_files(site / "astronaut.jpg")
        page.get_by_text(re.compile(r"^happy 9\d %$")).wait_for()
        page.locator("input").set_input_files(site / "index.html")
        page.get_by_text("expected an image that the browser can show").wait_for()


@pytest.mark.parametrize("query", ["", "?overlay=1&threshold=0.2", "?camera=fake"])
def test_the_camera_page_draws_boxes_and_overlays_nothing_else(
    context: BrowserContext, address: str, query: str
) -> None:
    with watched(context, address) as (page, log):
        log.allow("favicon|404")
        page.goto(f"{address}/examples/webcam.html{query}")
        page.wait_for_function(
            """() => {
              const {width, height} = document.querySelector("canvas");
              if (width < 400) return false;
              const context = document.querySelector("canvas").getContext("2d");
              const {data} = context.getImageData(0, 0, width, height);
              return data.some((value, i) => i % 4 === 3 && value);
            }"""
        )
        overlay = "overlay" in query
        OUT.mkdir(exist_ok=True)
        name = "package-overlay.png" if overlay else "package-camera.png"
        page.screenshot(path=OUT / name, omit_background=overlay)
        assert page.locator("p").is_visible() is not overlay
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgba(0, 0, 0, 0)") is overlay
        assert page.evaluate("getComputedStyle(document.querySelector('video')).opacity") == str(
            int(not overlay)
        )


NO_IMAGES: Final = {
    "null": "whose data is a Uint8Array or Uint8ClampedArray; got null",
    "{data: new Uint16Array(768), width: 16, height: 16}": "got { data: Uint16Array }",
    "{data: new Uint8Array(768), width: '16', height: 16}": "whole numbers above 0; got '16' and",
    "'photo.jpg'": "got string",
    "document.body": "got HTMLBodyElement",
    "new Blob(['no image'])": "expected an image that the browser can show",
    "document.createElement('video')": "expected an image that the browser",
    "new ImageData(7, 9)": "at least 8 x 8 pixels; got 7 x 9",
    "createImageBitmap(new ImageData(7, 9))": "8 x 8 pixels; got 7 x 9",
}


def test_what_is_no_image_is_told(loaded: Page) -> None:
    for source, said in NO_IMAGES.items():
        name, message = loaded.evaluate(f"async () => complaint(recognizer.read(await {source}))")
        assert name == "ImageError", source
        assert said in message


CANNOT_LOAD: Final[list[tuple[dict[str, Any], str, str]]] = [
    ({"threshold": 2}, "OptionError", "threshold: expected 0 to 1; got 2"),
    ({"head": "votes"}, "OptionError", "expected people or label, which http"),
    ({"model": "/index.html"}, "ModelError", "index.html: expected a model made by"),
    ({"model": "/none.onnx"}, "ModelError", "none.onnx: expected a file; got status 404"),
    ({"model": "/paper.onnx", "wasm": "/none.wasm"}, "ModelError", "expected the runtime at http"),
    ({"model": [1]}, "OptionError", "or its bytes as a Uint8Array; got Array"),
    ({"assets": "/nowhere"}, "ModelError", "nowhere/worker.js: expected the worker that mien"),
    ({"assets": "http://"}, "OptionError", "expected an address; got 'http://'"),
    ({"timeoutMs": 1}, "ModelError", "within 1 ms; they have not come"),
    ({"timeoutMs": 2**31}, "OptionError", "timeoutMs: expected 0 to 2147483647; got 2147483648"),
]


def test_what_cannot_be_loaded_is_told(blank: tuple[Page, Log]) -> None:
    page, log = blank
    log.allow("(?i)404|wasm|ArrayBuffer instantiation|abort")
    load = "async (o) => (await import('/mien.js')).Recognizer.load(o)"
    for options, name, message in CANNOT_LOAD:
        told = page.evaluate(
            f"""async (options) => {{
              try {{ await ({load})(options); return ["", ""]; }}
              catch (error) {{ return [error.name, error.message]; }}
            }}""",
            options,
        )
        assert told[0] == name, options
        assert message in told[1]


def test_a_worker_that_an_update_left_behind_is_told_of(
    blank: tuple[Page, Log], site: Path
) -> None:
    page, log = blank
    version = json.loads((ROOT / "js" / "package.json").read_text())["version"]
    worker = (site / "worker.js").read_text()
    assert worker.count(f'"{version}"') == 1
    (site / "old").mkdir()
    for name in ("mien.onnx", "yunet.onnx"):
        (site / "old" / name).symlink_to(site / name)
    (site / "old" / "worker.js").write_text(worker.replace(f'"{version}"', '"0.0.1"'))
    page.evaluate(LOAD, {})
    log.check()
    page.evaluate(LOAD, {"assets": "/old"})
    (said,) = log.complaints
    assert f"/old/worker.js: expected a worker of version {version}, as mien in the page is" in said
    assert "it is 0.0.1. Run mien-assets again" in said
    log.allow("it is 0.0.1")


def test_a_recognizer_that_is_closed_says_so(loaded: Page) -> None:
    told = loaded.evaluate(
        """async () => {
          const reading = complaint(recognizer.read(new ImageData(64, 64)));
          await recognizer.close();
          return [await reading, await complaint(recognizer.read(new ImageData(64, 64)))];
        }"""
    )
    assert [name for name, _ in told] == ["ModelError"] * 2
    assert all("expected an open recognizer; it was closed" in message for _, message in told)


def test_a_model_of_ones_own_is_read_with_the_runtime_where_it_needs_that(
    loaded: Page, expected: dict[str, Any]
) -> None:
    asked: list[str] = []
    loaded.context.on("request", lambda request: asked.append(Path(request.url).name))
    read = """async ([p, options]) => {
      const own = await mien.Recognizer.load(options);
      const [face] = await own.read(await pixels(p));
      return [own.spec.name, face.emotion];
    }"""
    image = expected["images"][0]
    assert loaded.evaluate(read, [image, {}]) == ["mien", "happy"]
    assert "mien.onnx" in asked
    assert not {"runtime.js", "ort-wasm-simd-threaded.wasm"} & {*asked}
    own = {"model": "/paper.onnx", "wasm": "/ort-wasm-simd-threaded.wasm"}
    assert loaded.evaluate(read, [image, own]) == ["paper", "happy"]
    assert {"runtime.js", "ort-wasm-simd-threaded.wasm"} <= {*asked}
    readings, name = loaded.evaluate(
        """async (p) => {
          const bytes = new Uint8Array(await (await fetch("/mien.onnx")).arrayBuffer());
          const own = await mien.Recognizer.load({model: bytes});
          return [await own.read(await pixels(p)), own.spec.name];
        }""",
        image,
    )
    assert_same(readings, image["readings"], "its bytes")
    assert name == "mien"
