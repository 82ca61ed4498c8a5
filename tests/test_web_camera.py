"""The camera of the server's own, as pages see it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import ClientConnection

from fakes import a_tracked_reading
from mien.errors import OutputError
from mien.recognize.images import load_image
from mien.recognize.video.frames import Frame
from mien.recognize.video.live import LiveFrame
from mien.web.camera_page import CameraPage
from mien.web.settings import WebSettings
from named_pipes import wait_until
from web_client import PATIENCE_S, close_of, live_client

PATH = "/api/camera"


@pytest.fixture(scope="module")
def page() -> Iterator[CameraPage]:
    shown = CameraPage(WebSettings(port=0))
    yield shown
    shown.close()


def seen(index: int, level: int = 100) -> LiveFrame:
    image = np.full((60, 80, 3), (level, 0, 0), np.uint8)
    frame = Frame(index=index, time_s=index / 25, image=image)
    return LiveFrame(
        frame, [a_tracked_reading()], image, arrived_at=0.0, latency_s=0.005, fps=25.0, dropped=2
    )


def parts(page: CameraPage) -> tuple[str, str]:
    address, _, token = page.address.partition("/#token=")
    return address, token


@contextmanager
def watching(page: CameraPage) -> Iterator[ClientConnection]:
    address, token = parts(page)
    with live_client(address, token=token, path=PATH) as feed:
        wait_until(lambda: page.is_watched, "a page that is open")
        yield feed


def next_word(feed: Any) -> dict[str, Any]:
    while isinstance(message := feed.recv(timeout=PATIENCE_S), bytes):
        pass
    return dict(json.loads(message))


def test_a_page_gets_each_frame_with_its_readings(page: CameraPage) -> None:
    with watching(page) as feed:
        for index, level in enumerate((40, 220)):
            page.show(seen(index, level), recording_s=1.5)
            word = json.loads(feed.recv(timeout=PATIENCE_S))
            assert (word["type"], word["frame"], word["dropped"]) == ("readings", index, 2)
            assert (word["fps"], word["latency_ms"], word["recording_s"]) == (25.0, 5.0, 1.5)
            assert word["faces"] == [a_tracked_reading().to_dict()]
            shown = load_image(feed.recv(timeout=PATIENCE_S))
            assert shown.shape == (60, 80, 3) == (word["height"], word["width"], 3)
            assert abs(int(shown[30, 40, 0]) - level) < 8


def test_a_page_that_is_slow_misses_frames_and_gets_the_newest(page: CameraPage) -> None:
    with watching(page) as feed:
        for index in range(500):
            page.show(seen(index))
        word: dict[str, Any] = {"frame": -1}
        got = 0
        while word["frame"] < 499:
            word = next_word(feed)
            got += 1
        assert got < 500


def test_keys_reach_the_view_once(page: CameraPage) -> None:
    keys: list[str] = []

    def take() -> list[str]:
        keys.extend(page.pressed())
        return keys

    with watching(page) as feed:
        feed.send(json.dumps({"type": "key", "key": "s"}))
        wait_until(take, "a key")
        assert keys == ["s"]
        assert page.pressed() == []
        page.saved(Path("still.png"))
        assert next_word(feed) == {"type": "saved", "path": "still.png"}


@pytest.mark.parametrize(
    "message",
    ["no JSON", "[" * 100_000, "[]", '{"type": "key"}', '{"type": "key", "key": "x"}', b"\x00"],
)
def test_other_messages_end_the_connection_and_press_nothing(
    page: CameraPage, message: str | bytes
) -> None:
    with watching(page) as feed:
        feed.send(message)
        assert close_of(feed)[0] == 1008
    assert page.pressed() == []
    wait_until(lambda: not page.is_watched, "the end of the page")


def test_nobody_without_the_token_sees_or_ends_it(page: CameraPage) -> None:
    address, token = parts(page)
    assert address.startswith("http://127.0.0.1:")
    for guess in (None, token[:-1] + ("a" if token[-1] != "a" else "b")):
        with live_client(address, token=guess, path=PATH) as feed:
            assert close_of(feed)[0] == 1008
    health = f"{address}/api/health"
    assert httpx.get(health, timeout=PATIENCE_S).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(health, headers=headers, timeout=PATIENCE_S).json()["camera"] is True


class Noting(logging.Handler):
    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()


def test_the_end_of_the_view_is_told_to_pages_and_ends_the_server_but_no_log() -> None:
    handler = Noting()
    page = CameraPage(WebSettings(port=0))
    with watching(page) as feed:
        page.close()
        assert next_word(feed) == {"type": "ended"}
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{parts(page)[0]}/api/health", timeout=PATIENCE_S)
    assert not handler.is_closed


def test_a_port_in_use_is_a_sentence(page: CameraPage) -> None:
    port = int(parts(page)[0].rsplit(":", 1)[1])
    with pytest.raises(OutputError, match=f"127.0.0.1, port {port}: .*in use"):
        CameraPage(WebSettings(port=port))
