"""Whom the server answers, and how much it takes: before anything of a request is looked at.

Web pages of others are kept out in three ways. A name that is made to point here (DNS rebinding)
is not among the hosts that are allowed; a request that another page sends names that page as its
origin, and WebSockets, which browsers open across origins, are held to the same; and answers carry
no header that would let another page read them. Origins that the settings name are let in by the
last two. Elsewhere than on this machine a token is asked for. There are no cookies, so nobody's
browser can be used without their knowing.
"""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from mien.web.answers import Refusal
from mien.web.limits import MB
from mien.web.service import Service
from mien.web.settings import is_loopback

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

SUBPROTOCOL: Final = "mien"
TOKEN_PREFIX: Final = "token."
"""Of the second subprotocol that a WebSocket gives: browsers send no other header with it."""

CLOSE_POLICY: Final = 1008  # RFC 6455, 7.4.1, and so the next
CLOSE_BUSY: Final = 1013  # IANA's WebSocket Close Code Number Registry

_OTHER_BODY: Final = 65_536  # bytes of requests that should have no body at all
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?")

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware: passes on what is allowed, and refuses the rest with a reason.

    Args:
        app: behind it.
        service: with the settings: hosts, token and limits.
    """

    def __init__(self, app: App, service: Service) -> None:
        settings = service.settings
        self._app = app
        self._service = service
        self._limits = settings.limits
        self._token = settings.token
        self._names = {"localhost", settings.host.lower(), *map(str.lower, settings.allow_hosts)}
        self._origins = set(settings.allow_origins)
        self._only_loopback = is_loopback(settings.host)
        self._answering = 0
        self._body_bytes = {
            "/api/readings": self._limits.request_bytes,
            # A form has lines around what it holds.
            "/api/explanations": self._limits.image_bytes + MB,
            "/api/videos": self._limits.video_bytes + MB,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one WebSocket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        begun = False

        async def send_safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": _with_safe(message["headers"], headers)}
            await send(message)

        try:
            self._check_host(headers)
            self._check_connections()
            if scope["method"] not in _SAFE_METHODS:
                self._check_origin(headers)
            if not scope["path"].startswith("/api/"):
                await self._app(scope, self._bounded(scope, headers, receive), send_safely)
                return
            self._check_site(headers)
            self._check_token(_bearer(headers))
            receive = self._bounded(scope, headers, receive)
            if scope["path"].startswith("/api/videos"):  # which bounds its own time
                await self._app(scope, receive, send_safely)
                return
            if self._answering >= self._limits.requests:
                raise Refusal(
                    429, "busy", f"expected at most {self._limits.requests} requests at once"
                )
            self._answering += 1
            try:
                async with asyncio.timeout(self._limits.request_s) as time_left:
                    await self._app(scope, receive, send_safely)
            except TimeoutError:
                if not time_left.expired():
                    raise
                if begun:  # the client does not take it; the server cuts it off
                    return
                raise Refusal(
                    408,
                    "too_slow",
                    f"expected that it takes at most {self._limits.request_s:g} s; it took longer",
                ) from None
            finally:
                self._answering -= 1
        except Refusal as refusal:
            if begun:
                raise
            await _refuse(refusal, send_safely)
        except Exception as error:
            if begun:
                raise
            await _refuse(Refusal.of(error), send_safely)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        try:
            self._check_host(headers)
            self._check_connections()
            self._check_origin(headers)
            offered = [name for name in scope["subprotocols"] if name.startswith(TOKEN_PREFIX)]
            self._check_token(offered[0].removeprefix(TOKEN_PREFIX) if offered else None)
        except Refusal as refusal:
            # Accepted first, so that the reason reaches a page; nothing else is sent or read.
            await receive()
            name = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
            await send({"type": "websocket.accept", "subprotocol": name, "headers": []})
            code = CLOSE_BUSY if refusal.code == "busy" else CLOSE_POLICY
            # RFC 6455 leaves a reason 123 bytes.
            reason = refusal.message.encode("utf-8", "replace")[:120].decode("utf-8", "ignore")
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: dict[str, str]) -> None:
        found = _HOST.fullmatch(headers.get("host", ""))
        name = found[1].lower() if found else ""
        if not found or not (name in self._names or self._is_own_address(name.strip("[]"))):
            raise Refusal(
                403,
                "host",
                "expected a request for this machine by its address; got "
                f"{headers.get('host', '')[:100]!r}. `mien serve --allow-host NAME` allows a name",
            )

    def _check_connections(self) -> None:
        if self._service.connections() > (most := self._limits.connections):
            raise Refusal(429, "busy", f"expected at most {most} connections at once")

    def _is_own_address(self, name: str) -> bool:
        # Another's name can be made to point here, but an address is nobody else's name.
        try:
            return ip_address(name).is_loopback or not self._only_loopback
        except ValueError:
            return False

    def _check_origin(self, headers: dict[str, str]) -> None:
        origin = headers.get("origin")
        if origin is None or origin in self._origins:  # None: not a browser
            return
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or host.lower() != headers["host"].lower():
            raise Refusal(
                403, "origin", f"expected a request of this server's page; got {origin[:60]!r}"
            )

    def _check_site(self, headers: dict[str, str]) -> None:
        # What browsers say of a request without an origin, such as that of an <img>.
        if headers.get("origin") in self._origins:
            return
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Refusal(403, "origin", "expected a request of this server's page")

    def _check_token(self, given: str | None) -> None:
        if self._token is None:
            return
        if given is None:
            raise Refusal(401, "token", "expected the server's token; got none")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            raise Refusal(401, "token", "expected the server's token; got another")

    def _bounded(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """A body that ends in a refusal where it has too many bytes."""
        most = self._body_bytes.get(scope["path"], _OTHER_BODY)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise Refusal.too_large("the request", most, int(announced))
        came = 0

        async def receive_bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise Refusal.too_large("the request", most)
            return message

        return receive_bounded


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case; of several by one name the last, of `Host` and `Origin` none."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        twice = key in headers and key in ("host", "origin", "authorization")
        headers[key] = "" if twice else value.decode("latin-1")
    return headers


def _bearer(headers: dict[str, str]) -> str | None:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _with_safe(
    given: list[tuple[bytes, bytes]], request: dict[str, str]
) -> list[tuple[bytes, bytes]]:
    """Headers of an answer, with those for safety that it has not itself."""
    has = {name.lower() for name, _ in given}
    host = request.get("host", "")
    # Safari took 'self' not to include WebSockets until version 15.4.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"media-src 'self' blob:; connect-src 'self'{sockets}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    safe = {**_HEADERS, "Content-Security-Policy": policy}
    added = [(name.encode(), value.encode()) for name, value in safe.items()]
    return [*given, *(header for header in added if header[0].lower() not in has)]


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = refusal.body()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **refusal.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
