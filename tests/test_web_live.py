import json
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from image_files import saved
from mien.errors import OptionError
from mien.web.live import LiveSettings
from mien.web.settings import Limits, WebSettings
from named_pipes import wait_until
from videos import moving_portrait
from web_client import PATIENCE_S, Running, close_of, memory_bytes, serving

jpeg = partial(saved, kind="JPEG", quality=85)
FRAME = moving_portrait(width=320, height=240)
FRAMES = [jpeg(FRAME(number)) for number in range(20)]
SMALL = jpeg(np.full((48, 64, 3), 128, np.uint8))
LIMITS = Limits(live_clients=3, frame_bytes=300_000, bad_frames=5, stall_s=1.0)
server = serving(WebSettings(limits=LIMITS))


def reply_of(client: Any) -> dict[str, Any]:
    answer = json.loads(client.recv(timeout=PATIENCE_S))
    assert isinstance(answer, dict)
    return answer


def wait_until_gone(server: Running) -> None:
    wait_until(lambda: not server.service.live_clients, "the end of all clients")


def test_every_frame_is_answered_with_its_faces(server: Running) -> None:
    with server.live() as client:
        assert client.subprotocol == "mien"
        for number in range(3):
            client.send(FRAMES[number])
            answer = reply_of(client)
            said = {"type": "readings", "frame": number, "dropped": 0}
            assert answer.items() >= {**said, "width": 320, "height": 240}.items()
            assert answer["read_ms"] > 0
            [face] = answer["faces"]
            assert (face["track"], face["emotion"]) == (1, "happy")
            assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    wait_until_gone(server)


def test_the_newest_frame_wins_and_dropped_ones_are_counted(server: Running) -> None:
    with server.live() as client:
        for _ in range(10):
            for frame in FRAMES:
                client.send(frame)
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["frame"] != 199:
            answers.append(reply_of(client))
    assert answers[-1]["dropped"] == 200 - len(answers)
    assert [a["frame"] for a in answers] == sorted({a["frame"] for a in answers})
    times = [a["time_s"] for a in answers]
    assert times == sorted(times)


def test_settings_change_while_tracks_go_on(server: Running) -> None:
    with server.live() as client:
        client.send(FRAMES[0])
        assert not reply_of(client)["faces"][0]["unsure"]
        client.send(json.dumps({"type": "settings", "threshold": 1.0, "half_life_s": 0}))
        client.send(FRAMES[1])
        [face] = reply_of(client)["faces"]
        assert face["unsure"]
        assert face["track"] == 1
        assert face["probabilities"] == pytest.approx(face["raw_probabilities"])


@pytest.mark.parametrize(
    "message",
    [
        "nothing",
        "[]",
        "{}",
        '{"type": "settings", "threshold": 2}',
        '{"type": "settings", "threshold": NaN}',
        '{"type": "settings", "threshold": "1"}',
        '{"type": "settings", "threshold": 1' + 400 * "0" + "}",  # which no float holds
        '{"type": "settings", "half_life_s": -1}',
        '{"type": "settings", "other": 1}',
        "[" * 100_000,
    ],
)
def test_a_message_that_is_no_setting_is_said_so(message: str) -> None:
    with pytest.raises(OptionError, match="expected"):
        LiveSettings().changed(message)


def test_what_is_no_image_is_answered_and_the_connection_stays(server: Running) -> None:
    with server.live() as client:
        client.send(b"no image")
        answer = reply_of(client)
        assert (answer["type"], answer["code"], answer["frame"]) == ("error", "bad_image", 0)
        assert "expected a JPEG" in answer["message"]
        client.send('{"type": "settings", "threshold": 2}')
        assert reply_of(client)["code"] == "bad_message"
        client.send(FRAMES[0])
        assert reply_of(client)["faces"]


def test_too_many_bad_frames_close_it_and_one_that_is_too_big(server: Running) -> None:
    with server.live() as client:
        with suppress(ConnectionClosed):
            for _ in range(20 * LIMITS.bad_frames):  # those that come too fast are dropped
                client.send(b"no image")
                time.sleep(0.05)
        assert close_of(client)[0] == 1008
    with server.live() as client:
        client.send(b"x" * (LIMITS.frame_bytes + 1))
        assert close_of(client)[0] == 1009


def test_one_client_too_many_is_told_so(server: Running) -> None:
    wait_until_gone(server)
    with ExitStack() as stack:
        for _ in range(LIMITS.live_clients):
            client = stack.enter_context(server.live())
            client.send(SMALL)
            reply_of(client)
        assert close_of(stack.enter_context(server.live()))[0] == 1013
    wait_until_gone(server)


def test_settings_in_the_address_are_refused_not_forgotten(server: Running) -> None:
    for query in ("?threshold=0.5", "?" + "\N{SNOWMAN}" * 40):
        with server.live(path="/api/live" + query) as client:
            code, reason = close_of(client)
            assert code == 1008
            assert reason.startswith("expected no query parameters, as settings are messages; got")
    wait_until_gone(server)


def test_a_proxy_that_passes_on_no_websocket_is_told_so(server: Running) -> None:
    answer = server.get("/api/live")
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    assert answer.json()["error"] == {
        "code": "websocket",
        "message": "expected a WebSocket; got a plain request. A proxy has to pass on Upgrade",
    }


def test_frames_may_change_their_size(server: Running) -> None:
    sizes = [(64, 48), (320, 240), (9, 9), (8, 400), (640, 480), (320, 240)]
    with server.live() as client:
        for width, height in sizes:
            client.send(jpeg(np.full((height, width, 3), 90, np.uint8)))
            answer = reply_of(client)
            assert (answer["width"], answer["height"]) == (width, height)


def test_several_clients_share_the_network(server: Running) -> None:
    before = server.service.classifier.calls
    # A face that stays as it is would not be read again.
    changing = [jpeg((FRAME(n) * (1 - 0.3 * (n % 2))).astype(np.uint8)) for n in range(6)]

    def read(_: int) -> list[int]:
        faces = []
        with server.live() as client:
            for frame in changing:
                client.send(frame)
                faces.append(len(reply_of(client)["faces"]))
        return faces

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(read, range(3))) == [[1] * 6] * 3
    assert server.service.classifier.calls - before == 18
    wait_until_gone(server)


UPGRADE = (
    b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


def message(content: bytes) -> bytes:
    """A binary message of up to 64 kB, as RFC 6455 has clients frame it, masked with zeros."""
    return b"\x82\xfe" + len(content).to_bytes(2, "big") + bytes(4) + content


@pytest.mark.slow
def test_a_client_that_never_reads_costs_no_memory_and_is_ended(server: Running) -> None:
    # Of six faces each: answers that soon fill what the system keeps for the client.
    draw = moving_portrait(width=160, height=120)
    crowds = [jpeg(np.tile(draw(number), (2, 3, 1))) for number in range(20)]
    before, sent = memory_bytes(), 0
    with socket.socket() as raw:
        # Not so few that the system loses acknowledgements.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw.settimeout(PATIENCE_S)
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(UPGRADE)
        with suppress(ConnectionError):
            while sent < 100_000:
                raw.sendall(message(crowds[sent % len(crowds)]))
                sent += 1
                time.sleep(0.001)
    assert 500 < sent < 100_000
    assert memory_bytes() - before < 30_000_000
    wait_until_gone(server)


def test_nonsense_leaves_the_server_healthy(server: Running) -> None:
    random_ = random.Random(7)
    for number in range(150):
        size = random_.choice([0, 1, 2, 10, 200, 70_000])
        frame = bytearray(random_.randbytes(size))
        if number % 3 == 0 and size:  # the head of a message that never ends, or is huge
            frame[:2] = random_.choice([b"\x02\xfe", b"\x82\xff", b"\x01\x85", b"\x80\x80"])
        if number % 5 == 0:  # an image that breaks off, in a whole message
            cut = random_.randrange(len(FRAMES[0]))
            content = bytearray(FRAMES[0][:cut])
            for _ in range(20):
                if content:
                    content[random_.randrange(len(content))] = random_.randrange(256)
            frame = bytearray(message(bytes(content)))
        upgrade = UPGRADE[: len(UPGRADE) if number % 7 else random_.randrange(len(UPGRADE))]
        with server.connect(upgrade) as raw:
            raw.sendall(frame)
            if number % 2:
                raw.shutdown(socket.SHUT_WR)
    assert server.get("/api/health").json()["status"] == "ok"
    wait_until_gone(server)
    with server.live() as client:
        client.send(FRAMES[0])
        assert reply_of(client)["faces"]
