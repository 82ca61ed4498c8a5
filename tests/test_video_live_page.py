import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from mien.errors import OutputError
from mien.video.live_page import HOST, LivePage

IMAGE = np.full((60, 80, 3), (200, 40, 40), np.uint8)


@pytest.fixture
def page() -> Iterator[LivePage]:
    shown = LivePage()
    yield shown
    shown.close()


def status_of(address: str, *, post: bool = False) -> int:
    request = urllib.request.Request(address, method="POST" if post else "GET")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_page_needs_nothing_from_elsewhere(page: LivePage) -> None:
    with urllib.request.urlopen(page.address, timeout=5) as answer:
        text = answer.read().decode()
    assert 'src="view"' in text
    assert "http" not in text.replace("http-equiv", "")


def test_pictures_come_one_after_the_other(page: LivePage) -> None:
    with urllib.request.urlopen(f"{page.address}view", timeout=5) as answer:
        for level in (40, 220):
            page.show(np.full((60, 80, 3), (level, 0, 0), np.uint8))
            length = 0
            while (line := answer.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            content = np.frombuffer(answer.read(length), np.uint8)
            bgr = cv2.imdecode(content, cv2.IMREAD_COLOR)
            assert bgr is not None
            assert bgr.shape == (60, 80, 3)
            assert abs(int(bgr[30, 40, 2]) - level) < 8
            answer.readline()


def test_keys_reach_the_viewer_once(page: LivePage) -> None:
    assert page.pressed() == []
    assert status_of(f"{page.address}key/s", post=True) == 200
    assert status_of(f"{page.address}key/q", post=True) == 200
    assert page.pressed() == ["s", "q"]
    assert page.pressed() == []


def test_nobody_without_the_address_sees_or_ends_it(page: LivePage) -> None:
    root = page.address.rsplit("/", 2)[0]
    for address in (root + "/", f"{root}/view", f"{root}/guess/view", f"{page.address}other"):
        assert status_of(address) == 404
    for address in (f"{root}/key/q", f"{page.address}key/x", f"{page.address}key/"):
        assert status_of(address, post=True) == 404
    assert page.pressed() == []
    assert page.address.startswith("http://127.0.0.1:")


def test_the_end_of_the_view_ends_the_pictures() -> None:
    page = LivePage()
    page.show(IMAGE)
    before = threading.active_count()
    with urllib.request.urlopen(f"{page.address}view", timeout=5) as answer:
        answer.readline()
        page.close()
        while answer.read(4096):
            pass
    deadline = time.monotonic() + 2
    while threading.active_count() >= before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() < before


def test_a_port_that_is_taken_is_said(page: LivePage) -> None:
    port = int(page.address.split(":")[2].split("/")[0])
    with pytest.raises(OutputError, match=f"port {port}: no page can be shown there"):
        LivePage(port)
    with pytest.raises(OutputError, match="port 70000"):
        LivePage(70_000)
    assert HOST == "127.0.0.1"
