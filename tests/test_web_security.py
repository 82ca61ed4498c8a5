import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp
from websockets.typing import Origin, Subprotocol

from mien.errors import OptionError
from mien.recognize.classifier import DEFAULT_MODEL, shipped_models
from mien.web.app import create_app
from mien.web.security import say_goodbye
from mien.web.settings import Limits, WebSettings
from mien.web.videos import JSON_LINES
from named_pipes import wait_until
from web_client import (
    AUTHORIZED,
    PATIENCE_S,
    TOKEN,
    Running,
    close_of,
    code_of,
    live_client,
    running,
    serving,
)

LIMITS = Limits(image_bytes=50_000, request_bytes=100_000, video_bytes=80_000)
server = serving(WebSettings(limits=LIMITS))
locked = serving(WebSettings(token=TOKEN, allow_hosts=("lab.example",)))
OTHERS = "http://localhost:3000"
# A server for pages of one other origin, too.
friendly = serving(WebSettings(token=TOKEN, allow_origins=(OTHERS,)))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "a b"])
def test_a_name_that_points_here_is_not_enough(server: Running, host: str) -> None:
    for path in ("/", "/api/health", "/openapi.json", "/static/style.css"):
        assert code_of(server.get(path, headers={"Host": host})) == (403, "host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]", "127.1.2.3"])
def test_this_machine_has_several_names(server: Running, host: str) -> None:
    assert server.get("/api/health", headers={"Host": host}).status_code == 200


def test_a_name_may_be_allowed(locked: Running) -> None:
    answer = locked.get("/api/health", headers={**AUTHORIZED, "Host": "lab.example:8642"})
    assert answer.status_code == 200
    answer = locked.get("/api/health", headers={**AUTHORIZED, "Host": "example"})
    assert code_of(answer) == (403, "host")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "http://[", "", "x"],
)
def test_pages_of_others_cannot_send(server: Running, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "image/jpeg"}
    for path in ("/api/readings", "/api/explanations", "/api/videos"):
        assert code_of(server.post(path, headers=headers, content=b"x")) == (403, "origin")
    answer = server.delete("/api/videos/1", headers=headers)
    assert code_of(answer) == (403, "origin")
    own = headers | {"Origin": server.address}
    assert server.post("/api/readings", headers=own, content=b"x").status_code == 422


ALLOW_ORIGIN = "access-control-allow-origin"


def test_pages_of_an_origin_that_is_named_can_use_the_api(friendly: Running) -> None:
    asked = {
        "Origin": OTHERS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-filename",
    }
    answer = httpx.options(f"{friendly.address}/api/readings", headers=asked)  # has no token yet
    assert answer.status_code == 200
    assert answer.headers[ALLOW_ORIGIN] == OTHERS
    assert {"authorization", "content-type", "x-filename"} <= {
        name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")
    }
    headers = {"Origin": OTHERS, "Sec-Fetch-Site": "cross-site"}
    for answer in (
        friendly.get("/api/health", headers=headers | AUTHORIZED),
        friendly.post("/api/readings", headers=headers | AUTHORIZED, files={"images": b"x"}),
        friendly.get("/api/health", headers=headers),
    ):
        assert answer.headers[ALLOW_ORIGIN] == OTHERS
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers
    assert code_of(answer) == (401, "token")
    for method in ("GET", "HEAD", "DELETE"):
        asked["Access-Control-Request-Method"] = method
        assert httpx.options(f"{friendly.address}/api/health", headers=asked).status_code == 200
    row = {"frame": 0, "time_s": 0, "track": None}
    own = headers | AUTHORIZED | {"Content-Type": JSON_LINES}
    file = friendly.post("/api/rows?kind=csv", headers=own, content=json.dumps(row))
    assert "content-disposition" in file.headers
    exposed = file.headers["access-control-expose-headers"].lower().split(", ")
    assert {"content-disposition", "retry-after"} <= {*exposed}
    with live_client(friendly.address, token=TOKEN, origin=Origin(OTHERS)) as client:
        client.send(b"x")
        assert "bad_image" in str(client.recv(timeout=PATIENCE_S))


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3001", "https://localhost:3000", "http://localhost", "null", "", OTHERS * 2],
)
def test_an_origin_that_is_named_lets_no_other_in(friendly: Running, origin: str) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"} | AUTHORIZED
    answers = [
        friendly.get("/api/health", headers=headers),
        friendly.post("/api/readings", headers=headers, files={"images": b"x"}),
    ]
    for answer in answers:
        assert code_of(answer) == (403, "origin")
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answers.append(httpx.options(f"{friendly.address}/api/readings", headers=asked))
    for answer in answers:
        assert ALLOW_ORIGIN not in answer.headers
    assert closed_with(friendly.address, token=TOKEN, origin=Origin(origin)) == 1008


def test_an_origin_that_is_named_needs_the_host_and_the_token_like_all(friendly: Running) -> None:
    headers = {"Origin": OTHERS, "Host": "localhost.evil.example"} | AUTHORIZED
    assert code_of(friendly.get("/api/health", headers=headers)) == (403, "host")
    assert closed_with(friendly.address, origin=Origin(OTHERS)) == 1008
    assert closed_with(friendly.address, token="another-token", origin=Origin(OTHERS)) == 1008
    # What a page embeds names no origin, and its answer could not be kept from the page.
    headers = {"Sec-Fetch-Site": "cross-site"} | AUTHORIZED
    assert code_of(friendly.get("/api/health", headers=headers)) == (403, "origin")


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "", "app.example.org", "https://", "https://app.example.org/"),
        "https://*.b",
        *("HTTPS://app.example.org", "https://a.b:443", "http://a.b:80", "file://", "https://a b"),
        *("https://a.b,https://c.d", "https://user@a.b", "https://a.b?x", "https://a.b:123456"),
    ],
)
def test_what_no_browser_calls_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(OptionError, match=r"allow_origins: expected an origin as browsers name it"):
        WebSettings(allow_origins=(origin,))


def test_origins_may_be_of_any_scheme_and_port() -> None:
    origins = ("https://a.b", "http://a.b:443", "http://[::1]:3000", "chrome-extension://abcdef")
    assert WebSettings(allow_origins=origins).allow_origins == origins


def test_what_browsers_say_of_a_request_is_heard(server: Running) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert code_of(server.get("/api/health", headers=headers)) == (403, "origin")
    # A link from elsewhere may open the page itself.
    assert server.get("/?from=elsewhere", headers=headers).status_code == 200
    assert server.get("/api/health", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def closed_with(address: str, **options: Any) -> int:
    with live_client(address, **options) as client:
        return close_of(client)[0]


def test_websockets_of_others_are_closed_with_1008(server: Running, locked: Running) -> None:
    for origin in ("http://evil.example", "null", "http://[" + "x" * 200):
        assert closed_with(server.address, origin=Origin(origin)) == 1008
    assert closed_with(locked.address) == 1008
    assert closed_with(locked.address, token="another-token") == 1008
    with live_client(locked.address, token=TOKEN, origin=Origin(locked.address)) as client:
        client.send(b"x")
        assert "bad_image" in str(client.recv(timeout=PATIENCE_S))
        assert client.subprotocol == Subprotocol("mien")


@pytest.mark.parametrize("gone", [OSError("the client has gone"), RuntimeError("closed already")])
def test_a_goodbye_to_a_client_that_has_gone_is_no_error(gone: Exception) -> None:
    """Its connection can break at any moment, so after the last look at it, too."""
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.close":
            raise gone

    async def talk() -> None:
        socket = WebSocket({"type": "websocket"}, receive, send)
        await socket.accept()
        await say_goodbye(socket, 1000, "the view has ended")

    asyncio.run(talk())
    assert sent == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer another", f"Basic {TOKEN}", TOKEN, "Bearer \xff"]
)
def test_without_the_token_nothing_is_answered(locked: Running, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    for path in ("/api/health", "/api/models", "/api/nothing"):
        answer = locked.get(path, headers=headers)
        assert code_of(answer) == (401, "token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = locked.post("/api/readings", headers=headers, content=b"x")
    assert code_of(answer) == (401, "token")
    answer = locked.get("/api/health", headers={"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code == 200


def test_answers_forbid_scripts_frames_and_other_pages(server: Running) -> None:
    for answer in (server.get("/"), server.get("/api/health"), server.get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_the_worker_alone_may_compile_webassembly(server: Running) -> None:
    """Which its own answer allows; it can do nothing else, and the page cannot."""
    policy = server.get("/static/package/worker.js").headers["content-security-policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ]
    for path in ("/", "/static/main.js", "/static/browser_reader.js"):
        assert "unsafe" not in server.get(path).headers["content-security-policy"]


def test_a_browser_gets_the_models_of_the_package_and_no_other_file(server: Running) -> None:
    model = server.get("/static/package/mien.onnx")
    assert model.content == shipped_models()[DEFAULT_MODEL].read_bytes()
    assert server.get("/static/package/yunet.onnx").status_code == 200
    for name in ("paper.onnx", "models/mien.onnx", "..%2Fengine.js"):
        assert server.get(f"/static/package/{name}").status_code == 404


@pytest.mark.parametrize(
    ("changed", "can"),
    [
        ({}, True),
        ({"threshold": 0.5}, True),
        ({"model": "paper"}, False),
        ({"detector": "haar"}, False),
        ({"min_face_px": 40.0}, False),
        ({"full_size": True}, False),
    ],
)
def test_a_browser_reads_where_it_reads_the_same(changed: dict[str, Any], can: bool) -> None:
    assert WebSettings(**changed).is_plain is can


HEAD = (
    b"POST /api/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@pytest.mark.parametrize(("path", "size"), [("/api/readings", 120_000), ("/api/videos", 90_000)])
def test_a_body_too_large_is_refused_as_it_comes(server: Running, path: str, size: int) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(size // 1000):
            yield b"x" * 1000

    headers = {"Content-Type": "application/octet-stream"}
    answer = server.post(path, content=chunks(), headers=headers)
    assert code_of(answer) == (413, "too_large")
    assert "MB" in answer.json()["error"]["message"]


def test_a_body_too_large_is_refused_by_what_it_announces(server: Running) -> None:
    with server.connect(HEAD % 99999999999) as raw:
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_a_large_image_that_is_sent_elsewhere_is_told_so(server: Running) -> None:
    content, kind = b"x" * 100_000, {"Content-Type": "image/jpeg"}
    for path in ("/api/nothing", "/readings", "/api/readings/"):
        answer = server.post(path, content=content, headers=kind)
        assert code_of(answer) == (404, "not_found")
        assert answer.json()["error"]["message"] == f"there is no '{path}' here"
    assert server.post("/", content=content, headers=kind).status_code == 405
    with server.connect(HEAD.replace(b"/api/readings", b"/api/nothing") % 99999999999) as raw:
        assert raw.recv(100).startswith(b"HTTP/1.1 404")


def test_a_request_that_takes_too_long_is_ended() -> None:
    with running(WebSettings(limits=Limits(request_s=0.2))) as server:
        start = time.monotonic()
        with server.connect(HEAD % 1000 + b"half of it") as raw:
            assert raw.recv(100).startswith(b"HTTP/1.1 408")
        assert 0.1 < time.monotonic() - start < 10.0


def test_too_many_requests_at_once_are_told_so() -> None:
    with running(WebSettings(limits=Limits(requests=2))) as server:

        def status() -> int:
            return server.get("/api/models").status_code

        with server.connect(HEAD % 1000), server.connect(HEAD % 1000):
            wait_until(lambda: status() != 200, "a server that is busy")
            answer = server.get("/api/models")
            assert code_of(answer) == (429, "busy")
            assert answer.headers["retry-after"] == "1"
        wait_until(lambda: status() == 200, "a server that is no longer busy")


def test_all_bodies_together_are_bounded() -> None:
    with running(WebSettings(limits=Limits(memory_bytes=30_000))) as small:
        for size, refusal in ((40_000, (429, "busy")), (100, (422, "unreadable"))):
            headers = {"Content-Type": "image/jpeg"}
            answer = small.post("/api/readings", content=b"x" * size, headers=headers)
            assert code_of(answer) == refusal
            wait_until(lambda: small.service.held_bytes == 0, "memory that is given back")


def test_a_failure_tells_the_client_nothing_of_the_program(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("a secret of the program")

    monkeypatch.setattr(server.service, "health", fail)
    answer = server.get("/api/health")
    assert code_of(answer) == (500, "internal")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers


# Within the program of somebody else


JPEG = {"Content-Type": "image/jpeg"}


async def asked(app: ASGIApp, path: str, content: bytes, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, root_path=options.pop("root_path", ""))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post(path, content=content, **options)


@pytest.mark.parametrize("is_mounted", [True, False])
def test_an_application_below_another_path_is_as_closed(is_mounted: bool) -> None:
    app: Any = create_app(WebSettings(token=TOKEN, limits=LIMITS))
    root_path = "" if is_mounted else "/faces"  # of a proxy
    if is_mounted:
        inner, app = app, FastAPI()
        app.mount("/faces", inner)

    def code(size: int, headers: dict[str, str]) -> tuple[int, str]:
        options = {"headers": JPEG | headers, "root_path": root_path}
        return code_of(asyncio.run(asked(app, "/faces/api/readings", b"x" * size, **options)))

    assert code(10, {}) == (401, "token")
    assert code(LIMITS.request_bytes + 1, AUTHORIZED) == (413, "too_large")
    assert code(LIMITS.image_bytes, AUTHORIZED) == (422, "unreadable")


def test_an_application_lives_as_often_as_it_is_started(portrait: Path) -> None:
    app = create_app()

    async def live() -> int:
        async with app.router.lifespan_context(app):
            answer = await asked(app, "/api/readings", portrait.read_bytes(), headers=JPEG)
            return answer.status_code

    assert [asyncio.run(live()) for _ in range(2)] == [200, 200]
