import base64
import io
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as PILImage

from image_files import OTHER_FILES, heic, saved
from mien import EMOTIONS, Classifier, ModelError, Recognizer, __version__, shipped_models
from mien.readings import Image
from mien.recognize.video.files import VideoOptions
from mien.web.app import FOLDER
from mien.web.settings import Limits, WebSettings
from mien.web.videos import encoder
from named_pipes import wait_until
from videos import make_video, moving_portrait, steady_times
from web_client import (
    PATIENCE_S,
    Running,
    code_of,
    events_of,
    memory_bytes,
    running,
    serving,
    video_events,
)

LIMITS = Limits(
    image_bytes=2_000_000,
    image_pixels=2_000_000,
    request_bytes=20_000_000,
    images=4,
    video_bytes=10_000_000,
    video_pixels=320 * 240,
    video_s=120.0,
    videos=2,
)
server = serving(WebSettings(limits=LIMITS))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the portrait."""
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    make_video(path, moving_portrait(), times_s=steady_times(50))
    return path


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    images = [moving_portrait(width=160, height=120)(n) for n in range(20)]
    make_video(path, lambda n: images[n % 20], times_s=steady_times(2500))
    return path


def image(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    return saved(np.full((height, width, 3), 128, np.uint8), kind)


def raw(
    server: Running, content: bytes, kind: str = "image/jpeg", path: str = "/api/readings"
) -> httpx.Response:
    return server.post(path, content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/api/health", "/api/models", "/api/none"])
def test_what_can_be_got_can_be_asked_for_its_head(server: Running, path: str) -> None:
    head, got = server.request("HEAD", path), server.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-security-policy"):
        assert head.headers[name] == got.headers[name]
    # The time since its start, to a millisecond, has some digits more or less.
    apart = int(head.headers["content-length"]) - int(got.headers["content-length"])
    assert abs(apart) <= (5 if path == "/api/health" else 0)


def test_health_says_what_the_server_takes(server: Running) -> None:
    health = server.get("/api/health").json()
    said = {"status": "ok", "version": __version__, "model": "mien", "camera": False}
    assert health.items() >= {**said, "browser": True}.items()
    assert health["limits"]["image_bytes"] == LIMITS.image_bytes
    assert set(health["limits"]) >= {"image_pixels", "images", "video_bytes", "video_s"}


def test_models_say_what_their_files_say_with_cards_that_the_policy_allows(server: Running) -> None:
    models = server.get("/api/models").json()["models"]
    assert {model["name"] for model in models} == set(shipped_models())
    assert [model["in_use"] for model in models] == [True, *[False] * (len(models) - 1)]
    assert models[0]["name"] == "mien"
    assert models[0]["labels"] == list(EMOTIONS)
    assert {score["split"] for score in models[0]["scores"]} >= {"val", "test"}
    model = server.get("/api/models/mien").json()
    assert "<h1>" in model["card_html"]
    assert "<table>" in model["card_html"]
    for forbidden in ("style=", "<script", "<img", "javascript:", "onclick"):
        assert forbidden not in model["card_html"]
    answer = server.get("/api/models/nothing")
    assert code_of(answer) == (404, "not_found")
    assert "expected a model among mien, paper" in answer.json()["error"]["message"]


def test_an_image_is_read_as_the_library_reads_it(server: Running, portrait: Path) -> None:
    answer = raw(server, portrait.read_bytes()).json()
    assert (answer["model"], answer["threshold"]) == ("mien", 0.0)
    [found] = answer["images"]
    assert (found["name"], found["width"], found["height"]) == ("image", 512, 512)
    assert found["error"] is None
    assert found["ms"] > 0
    [expected] = Recognizer()(portrait)
    assert found["faces"] == [json.loads(json.dumps(expected.to_dict()))]
    answer = raw(server, portrait.read_bytes(), path="/api/readings?compound=true").json()
    assert answer["images"][0]["faces"][0]["compound"] == expected.compound


@pytest.mark.parametrize(("kind", "name"), [("heic", "a.heic"), ("AVIF", "a.avif")])
def test_photos_of_phones_are_read(
    kind: str, name: str, server: Running, portrait_image: Image
) -> None:
    content = heic(portrait_image) if kind == "heic" else saved(portrait_image, kind)
    form = server.post("/api/readings", files={"images": (name, content, f"image/{kind.lower()}")})
    for answer in (form, raw(server, content, f"image/{kind.lower()}")):
        [found] = answer.json()["images"]
        assert (found["width"], found["height"], found["error"]) == (512, 512, None)
        assert [face["emotion"] for face in found["faces"]] == ["happy"]


def test_many_images_keep_their_order_and_one_that_fails_stops_no_other(
    server: Running, portrait: Path
) -> None:
    files = [
        ("images", ("happy.jpg", portrait.read_bytes(), "image/jpeg")),
        ("images", ("../../etc/passwd", b"no image", "image/jpeg")),
        ("images", ("grüße.png", image(), "image/png")),
        ("images", ("large.png", image(2000, 1500), "image/png")),
    ]
    answer = server.post("/api/readings", files=files, params={"threshold": 0.99})
    assert answer.status_code == 200
    found = answer.json()["images"]
    assert [p["name"] for p in found] == ["happy.jpg", "../../etc/passwd", "grüße.png", "large.png"]
    assert [len(p["faces"]) for p in found] == [1, 0, 0, 0]
    assert found[0]["faces"][0]["unsure"]
    assert "it is none of them" in found[1]["error"]
    assert found[2]["error"] is None
    assert "expected at most 2,000,000 pixels" in found[3]["error"]
    assert "max_pixels" not in found[3]["error"]
    answer = raw(server, OTHER_FILES["video.mp4"][0], "application/octet-stream")
    assert answer.status_code == 422
    assert "it is a video: `mien video` reads it" in answer.json()["error"]["message"]


def test_a_fault_of_the_model_is_none_of_the_client(
    server: Running, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModelError("/secret/place/model.onnx: it cannot be run")

    monkeypatch.setattr(server.service.unshared, "_run", fail)
    answer = raw(server, portrait.read_bytes())
    assert code_of(answer) == (500, "internal")
    assert "secret" not in answer.text


def test_the_name_of_a_raw_image_stands_in_a_header(server: Running) -> None:
    headers = {"Content-Type": "image/png", "X-Filename": "gr%C3%BC%C3%9Fe%0A.png"}
    answer = server.post("/api/readings", content=image(), headers=headers)
    assert answer.json()["images"][0]["name"] == "grüße.png"


@pytest.mark.parametrize(
    ("content", "kind", "query", "status", "code"),
    [
        (b"", "image/jpeg", "", 422, "empty"),
        (b"x", "image/jpeg", "", 422, "unreadable"),
        (b"x", "text/plain", "", 415, "content_type"),
        (b"x", "", "", 415, "content_type"),
        (b"x", "multipart/form-data", "", 400, "form"),
        (b"x", "multipart/form-data; boundary=b", "", 400, "form"),
        (b"--b\r\n", "multipart/form-data; boundary=b", "", 400, "form"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "", 422, "empty"),
        (b"x" * 2_000_001, "image/jpeg", "", 413, "too_large"),
        (image(2000, 1500), "image/png", "", 413, "too_large"),
        (image(4, 4), "image/png", "", 422, "unreadable"),
        (image(), "image/png", "?threshold=nan", 422, "argument"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_client(
    server: Running, content: bytes, kind: str, query: str, status: int, code: str
) -> None:
    answer = raw(server, content, kind, f"/api/readings{query}")
    assert code_of(answer) == (status, code)
    wait_until(lambda: server.service.held_bytes == 0, "memory that is given back")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", "readings?threshold=2", "threshold: expected less than or equal to 1; got '2'"),
        ("POST", "readings?threshold=x", "threshold: expected a valid number; got 'x'"),
        ("POST", "readings?cropped=maybe", "cropped: expected a valid boolean; got 'maybe'"),
        ("POST", "explanations?face=1.5", "face: expected a valid integer; got '1.5'"),
        ("POST", "rows", "kind: expected a value; got none"),
        ("POST", "rows?kind=x", "kind: expected 'csv', 'jsonl', .* or 'openface'; got 'x'"),
        ("GET", "health?x", "expected no query parameters; got 'x'"),
        ("GET", "models/mien?name=paper", "expected no query parameters; got 'name'"),
        ("POST", "readings?Compound=1", ".* among threshold, cropped, compound; got 'Compound'"),
        ("POST", "explanations?faces=1", ".* query parameters among face, cropped; got 'faces'"),
        ("POST", "videos?every=1", ".* among threshold, half_life_s, every_s; got 'every'"),
        ("DELETE", "videos/0-1?now", "expected no query parameters; got 'now'"),
        ("POST", "readings?threshold=0&threshold=1", "threshold: expected one value.*"),
        ("POST", "readings?=1", ".* got ''"),
    ],
)
def test_what_came_as_an_argument_is_told(
    server: Running, method: str, path: str, message: str
) -> None:
    headers = {"Content-Type": "video/mp4" if "videos" in path else "image/png"}
    answer = server.request(method, f"/api/{path}", headers=headers, content=image())
    assert code_of(answer) == (422, "argument")
    assert re.fullmatch(message, answer.json()["error"]["message"])
    assert not server.service.videos


def test_forms_are_held_to_their_field_and_number(server: Running) -> None:
    one = ("a.png", image(), "image/png")
    refused: list[tuple[Any, tuple[int, str], str]] = [
        ([("images", one)] * 5, (413, "too_many"), "expected at most 4 images"),
        ({"other": one}, (422, "field"), "expected files in the field 'images'; got 'other'"),
        ({"images": (None, b"a.jpg")}, (422, "field"), "in the field 'images'; got text"),
    ]
    for files, code, said in refused:
        answer = server.post("/api/readings", files=files)
        assert code_of(answer) == code
        assert said in answer.json()["error"]["message"]


def test_images_of_a_form_are_never_on_the_disk(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("an image goes to the disk")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.rollover", fail)
    content = image(800, 700, "BMP")
    assert len(content) > 1_500_000
    answer = server.post("/api/readings", files={"images": ("a.bmp", content, "image/bmp")})
    assert [found["error"] for found in answer.json()["images"]] == [None]


def test_forty_at_once_are_all_answered(server: Running, portrait: Path) -> None:
    content = portrait.read_bytes()

    def read(number: int) -> tuple[str, str]:
        files = {"images": (f"{number}.jpg", content, "image/jpeg")}
        [found] = server.post("/api/readings", files=files).json()["images"]
        return found["name"], found["faces"][0]["emotion"]

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(read, range(40)))
    assert answers == [(f"{number}.jpg", "happy") for number in range(40)]
    wait_until(lambda: server.service.held_bytes == 0, "memory that is given back")


def test_an_explanation_says_where_the_reading_rests(server: Running, portrait: Path) -> None:
    found = raw(server, portrait.read_bytes(), path="/api/explanations").json()
    assert (found["method"], found["emotion"], found["size_px"]) == ("occlusion", "happy", 48)
    heat = np.array(found["heat"])
    assert heat.shape == (48, 48)
    assert np.abs(heat).max() <= 1
    assert np.unravel_index(heat.argmax(), heat.shape)[0] > 20  # the mouth, not the forehead
    kind, _, data = found["crop_png"].partition(",")
    assert kind == "data:image/png;base64"
    assert PILImage.open(io.BytesIO(base64.b64decode(data))).size == (48, 48)
    answer = raw(server, portrait.read_bytes(), path="/api/explanations?face=3")
    assert code_of(answer) == (422, "no_face")
    answer = raw(server, image(), path="/api/explanations")
    assert "expected a face" in answer.json()["error"]["message"]


def test_a_face_that_is_cut_out_already_is_read_whole(server: Running) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    face_png = saved(levels, "PNG")
    assert raw(server, face_png, "image/png").json()["images"][0]["faces"] == []
    answer = raw(server, face_png, "image/png", "/api/readings?cropped=true").json()
    (face,) = answer["images"][0]["faces"]
    assert (face["box"], face["landmarks"]) == ([0, 0, 48, 48], None)
    expected = Classifier()(levels[None])[0]
    assert list(face["probabilities"].values()) == pytest.approx(expected.tolist(), rel=1e-5)
    answer = raw(server, face_png, "image/png", "/api/explanations?cropped=1")
    assert answer.json()["box"] == [0, 0, 48, 48]


def stream_of(server: Running, video: Path, query: str = "", **headers: str) -> httpx.Response:
    return server.post(
        f"/api/videos{query}",
        content=video.read_bytes(),
        headers={"Content-Type": "video/mp4", **headers},
    )


def frames_of(events: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [frame for name, data in events if name == "frames" for frame in data["frames"]]


def test_a_video_that_was_joined_is_as_long_as_it_is(server: Running, tmp_path: Path) -> None:
    """Its clock jumps back, which FFmpeg takes for 26 hours."""
    video = tmp_path / "video.ts"
    content = b""
    for start_s in (50.0, 0.0):
        make_video(video, times_s=steady_times(25, start_s=start_s), b_frames=2)
        content += video.read_bytes()
    video.write_bytes(content)
    told = list(events_of(stream_of(server, video)))
    times_s = [frame["time_s"] for frame in frames_of(told)]
    assert times_s == pytest.approx(steady_times(50), abs=1e-3)
    assert told[-1][0] == "result"
    assert told[-1][1]["duration_s"] == pytest.approx(2.0, abs=1e-3)


def test_a_video_is_told_as_it_is_read(server: Running, video: Path) -> None:
    answer = stream_of(server, video, **{"X-Filename": "my%20video.mp4"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = list(events_of(answer))
    assert [name for name, _ in events if name != "frames"] == ["accepted", "result"]
    said = {"name": "my video.mp4", "width": 320, "height": 240, "frames": 50}
    assert events[0][1].items() >= {**said, "fps": 25.0, "duration_s": 2.0}.items()
    frames = frames_of(events)
    assert [frame["index"] for frame in frames] == list(range(50))
    assert all(frame["faces"][0]["track"] == 1 for frame in frames)
    assert events[-2][1]["done_s"] == pytest.approx(1.96)
    result = events[-1][1]
    assert result["frames"] == 50
    assert result["people"][0]["emotion"] == "happy"
    assert not server.service.videos


def test_rows_of_a_video_are_those_of_mien_video(
    server: Running, video: Path, tmp_path: Path
) -> None:
    from mien.recognize.video.files import write_video
    from mien.recognize.video.outputs import Outputs

    text = stream_of(server, video, Accept="text/csv")
    lines = stream_of(server, video, Accept="application/x-ndjson")
    outputs = Outputs(csv=tmp_path / "rows.csv", jsonl=tmp_path / "rows.jsonl")
    write_video(Recognizer(), video, outputs, VideoOptions())
    assert text.text == (tmp_path / "rows.csv").read_text()
    assert lines.text == (tmp_path / "rows.jsonl").read_text()
    assert text.headers["content-type"].startswith("text/csv")
    assert lines.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/event-stream, text/csv; q=0.1", "text/event-stream"),
        ("TEXT/CSV; header=present; Q=.9, application/x-ndjson;q=0.5, */*;q=0.1", "text/csv"),
        ("text/csv;q=0", "text/event-stream"),
        ("application/x-ndjson;q=0.001", "application/x-ndjson"),
        ("", "text/event-stream"),
    ],
)
def test_of_what_is_accepted_the_weightiest_is_given(accept: str, kind: str) -> None:
    assert encoder(accept, "id", "a.mp4")[0].partition(";")[0] == kind


def test_nobody_is_on_screen_for_longer_than_a_video_lasts(server: Running, tmp_path: Path) -> None:
    path = tmp_path / "screen.mkv"  # in which the last frame takes as long as one at 25 a second
    make_video(path, moving_portrait(), times_s=[0.0, 0.04, 2.0])
    result = list(events_of(stream_of(server, path)))[-1][1]
    assert result["duration_s"] == pytest.approx(2.04)
    assert [person["on_screen_s"] for person in result["people"]] == [pytest.approx(2.04)]


def test_a_video_may_be_thinned_out_and_come_in_a_form(server: Running, video: Path) -> None:
    files = {"video": ("a.mp4", video.read_bytes(), "video/mp4")}
    query = "?every_s=0.5&half_life_s=0&threshold=1"
    events = list(events_of(server.post(f"/api/videos{query}", files=files)))
    assert events[0][1]["name"] == "a.mp4"
    frames = frames_of(events)
    assert [frame["time_s"] for frame in frames] == pytest.approx([0, 0.52, 1.0, 1.52], abs=0.03)
    face = frames[0]["faces"][0]
    assert face["unsure"]
    assert face["probabilities"] == pytest.approx(face["raw_probabilities"], abs=1e-6)


def test_a_form_with_a_large_video_that_is_cut_short_is_refused(server: Running) -> None:
    """What came of it is on the disk already, and is gone with the answer."""
    head = '--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
    kind = "multipart/form-data; boundary=b"
    answer = raw(server, head.encode() + bytes(3_000_000), kind, "/api/videos")
    assert code_of(answer) == (400, "form")
    assert "it is cut short" in answer.json()["error"]["message"]
    assert not server.service.videos


def wait_until_idle(server: Running) -> None:
    wait_until(lambda: not server.service.videos, "the end of all videos")


def test_a_video_is_cancelled_by_its_id_or_by_closing_the_connection(
    server: Running, long_video: Path
) -> None:
    url = f"{server.address}/api/videos"
    with video_events(server.address, long_video) as events:
        _, accepted = next(events)
        assert httpx.delete(f"{url}/{accepted['id']}").status_code == 204
        *_, (name, data) = events
    assert (name, data["error"]["code"]) == ("failed", "cancelled")
    gone = httpx.delete(f"{url}/{accepted['id']}")
    assert code_of(gone) == (404, "not_found")
    assert gone.json()["error"]["message"].endswith(f"is being read; got '{accepted['id']}'")
    wait_until_idle(server)
    with video_events(server.address, long_video) as events:
        assert next(events)[0] == "accepted"
        assert server.service.videos
    wait_until_idle(server)


def test_no_more_videos_at_once_than_allowed(
    server: Running, video: Path, long_video: Path
) -> None:
    with (
        video_events(server.address, long_video) as first,
        video_events(server.address, long_video) as second,
    ):
        assert [next(first)[0], next(second)[0]] == ["accepted", "accepted"]
        answer = stream_of(server, video)
        assert code_of(answer) == (429, "busy")
        assert server.get("/api/health").status_code == 200
    wait_until_idle(server)
    assert stream_of(server, video).status_code == 200


def test_what_is_no_video_or_too_much_of_one_is_an_error(
    server: Running, video: Path, portrait: Path, tmp_path: Path
) -> None:
    def of(width: int, height: int, times_s: list[float]) -> bytes:
        path = tmp_path / "video.mp4"
        make_video(path, moving_portrait(width=width, height=height), times_s=times_s)
        return path.read_bytes()

    playlist = f"#EXTM3U\n#EXTINF:10,\n{video}\n".encode()
    several = f"ffconcat version 1.0\nfile {video.name}\n".encode()
    wrong = [
        (b"", 422, "expected a video; nothing came"),
        (b"no video", 422, "expected a video"),
        (portrait.read_bytes(), 422, "expected a video"),
        (playlist, 422, "expected a video"),
        (several, 422, "expected a video"),
        (video.read_bytes()[:300], 422, "expected a video"),
        (of(640, 480, steady_times(3)), 413, "expected frames of at most 76,800 pixels"),
        (of(64, 48, steady_times(5, 0.02)), 413, "expected at most 2 minutes"),
        (b"x" * 10_000_001, 413, "expected at most"),
    ]
    for content, status, said in wrong:
        answer = raw(server, content, "application/octet-stream", "/api/videos")
        assert said in answer.json()["error"]["message"]
        assert answer.status_code == status
    assert raw(server, b"x", "text/plain", "/api/videos").status_code == 415
    wait_until_idle(server)


def test_the_page_and_only_its_files_are_served(server: Running) -> None:
    index = server.get("/")
    assert index.status_code == 200
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    tag = index.headers["etag"]
    assert server.get("/", headers={"If-None-Match": tag}).status_code == 304
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    parts = [path for path in FOLDER.rglob("*") if path.suffix in kinds]
    assert {path.suffix for path in parts} == set(kinds)
    for path in parts:
        answer = server.get(f"/static/{path.relative_to(FOLDER).as_posix()}")
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].startswith(kinds[path.suffix])
    for outside in (
        *("/static/", "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"),
        *("/static//etc/passwd", "/static/%00", "/static/nothing.js"),
        *("/app.py", "/docs", "/redoc"),
    ):
        assert code_of(server.get(outside)) == (404, "not_found")
    assert code_of(server.post("/")) == (405, "method")


@pytest.mark.slow
def test_a_client_that_never_reads_its_video_is_ended(long_video: Path) -> None:
    content = long_video.read_bytes()
    with running(WebSettings(limits=Limits(stall_s=0.5))) as server, socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw.settimeout(PATIENCE_S)
        raw.connect(("127.0.0.1", server.port))
        head = f"POST /api/videos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n"
        raw.sendall(f"{head}Content-Type: video/mp4\r\n\r\n".encode() + content)
        before, most = memory_bytes(), 0
        deadline = time.monotonic() + 4 * PATIENCE_S  # the video is read beside other tests
        wait_until(lambda: server.service.videos, "a video that is read")
        while server.service.videos and time.monotonic() < deadline:
            most = max(most, memory_bytes())
            time.sleep(0.02)
        assert not server.service.videos
        assert most - before < 60_000_000  # frames of the decoder among them
        # What was sent before it is given up says that it is not all: the last chunk is missing.
        text = b"".join(iter(lambda: raw.recv(65_536), b""))
        assert b"event: frames" in text
        assert b"event: result" not in text
        assert not text.endswith(b"0\r\n\r\n")


def test_a_video_that_is_too_long_in_spite_of_its_header_ends_in_an_error(
    video: Path, long_video: Path
) -> None:
    with running(WebSettings(limits=Limits(video_frames=20))) as server:
        *_, (name, data) = events_of(stream_of(server, video))
        assert (name, data["error"]["code"]) == ("failed", "too_large")
        assert "expected at most 20 frames" in data["error"]["message"]
        # Rows have no place for an error: they break off.
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            stream_of(server, video, Accept="text/csv")
    with running(WebSettings(limits=Limits(read_s=0.1))) as server:
        *_, (name, data) = events_of(stream_of(server, long_video))
        assert name == "failed"
        assert "expected at most 0.1 s to read it" in data["error"]["message"]
