"""Whom the server answers, and how much it takes: before anything of a request is looked at.

Web pages of others are kept out in three ways. A name that is made to point here (DNS rebinding)
is not among the hosts that are allowed; a request that another page sends names that page as its
origin, and WebSockets, which browsers open across origins, are held to the same; and answers carry
no header that would let another page read them. Origins that the settings name are let in by the
last two. Elsewhere than on this machine a token is asked for. There are no cookies, so nobody's
browser can be used without their knowing.

Starlette's `TrustedHostMiddleware` knows names alone, not "every address of this machine", and
answers as text; uvicorn's `limit_concurrency` answers without these headers. So both are done here.
"""

import asyncio
import hmac
import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.errors import counted
from mien.web.errors import ApiError
from mien.web.service import Service
from mien.web.settings import MB, is_loopback

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


class SecurityMiddleware:
    """ASGI middleware: passes on what is allowed, and answers the rest with a reason."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
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
            "/api/rows": self._limits.request_bytes,
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
        headers = Headers(scope=scope)
        path = _path(scope)
        if scope["method"] == "HEAD" and path.startswith("/api/"):
            scope = {**scope, "method": "GET"}  # uvicorn leaves the body of its answer out
        is_video = path.startswith("/api/videos")  # they bound their own time, and go to the disk
        most = self._body_bytes.get(path, _OTHER_BODY)
        got = held = 0
        begun = False

        async def receive_bounded() -> Message:
            nonlocal got, held
            message = await receive()
            size = len(message.get("body", b""))
            got += size
            if got > most:
                raise ApiError.too_large("the request", most)
            if not is_video:
                self._service.hold(size)
                held += size
            return message

        async def send_safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add_safe(MutableHeaders(scope=message), headers)
            await send(message)

        try:
            self._check(scope, headers)
            # Elsewhere nobody reads a body: that there is no such path is the better answer.
            announced = headers.get("content-length", "") if path in self._body_bytes else ""
            if announced.isdecimal() and int(announced) > most:
                raise ApiError.too_large("the request", most, int(announced))
            if is_video or not path.startswith("/api/"):
                await self._app(scope, receive_bounded, send_safely)
            else:
                await self._within_limits(scope, receive_bounded, send_safely)
        except Exception as error:
            if begun:  # if the client does not take it in time, the server cuts it off
                if isinstance(error, ApiError) and error.status == 408:
                    return
                raise
            await ApiError.of(error).response()(scope, receive, send_safely)
        finally:
            self._service.held_bytes -= held

    async def _within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, if there are not too many, for as long as it may take."""
        limits = self._limits
        if self._answering >= limits.requests:
            raise ApiError(
                429, "busy", f"expected at most {counted(limits.requests, 'request')} at once"
            )
        self._answering += 1
        try:
            async with asyncio.timeout(limits.request_s) as time_left:
                await self._app(scope, receive, send)
        except TimeoutError:
            if not time_left.expired():
                raise
            most = f"{limits.request_s:g} s"
            raise ApiError(
                408, "too_slow", f"expected that it takes at most {most}; it took longer"
            ) from None
        finally:
            self._answering -= 1

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope, Headers(scope=scope))
        except ApiError as error:
            # Accepted first, so that the reason reaches a page; nothing else is sent or read.
            socket = WebSocket(scope, receive, send)
            await socket.accept(subprotocol=subprotocol(socket))
            code = CLOSE_BUSY if error.code == "busy" else CLOSE_POLICY
            # RFC 6455 leaves a reason 123 bytes.
            reason = error.message.encode("utf-8", "replace")[:120].decode("utf-8", "ignore")
            await say_goodbye(socket, code, reason)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        self._check_host(headers)
        if self._service.connections() > (most := self._limits.connections):
            raise ApiError(429, "busy", f"expected at most {counted(most, 'connection')} at once")
        is_socket = scope["type"] == "websocket"
        if is_socket or scope["method"] not in _SAFE_METHODS:
            self._check_origin(headers)
        if is_socket:
            offered = [name for name in scope["subprotocols"] if name.startswith(TOKEN_PREFIX)]
            self._check_token(offered[0].removeprefix(TOKEN_PREFIX) if offered else None)
        elif _path(scope).startswith("/api/"):
            self._check_site(headers)
            kind, _, token = (_only(headers, "authorization") or "").partition(" ")
            self._check_token(token.strip() if kind.lower() == "bearer" else None)

    def _check_host(self, headers: Headers) -> None:
        host = _only(headers, "host") or ""
        match = _HOST.fullmatch(host)
        name = match[1].lower() if match else ""
        if not match or not (name in self._names or self._is_own_address(name.strip("[]"))):
            message = f"expected a request for this machine by its address; got {host[:100]!r}. "
            raise ApiError(403, "host", f"{message}`mien serve --allow-host NAME` allows a name")

    def _is_own_address(self, name: str) -> bool:
        # Another's name can be made to point here, but an address is nobody else's name.
        try:
            return ip_address(name).is_loopback or not self._only_loopback
        except ValueError:
            return False

    def _check_origin(self, headers: Headers) -> None:
        origin = _only(headers, "origin")
        if origin is None or origin in self._origins:  # None: not a browser
            return
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or host.lower() != headers["host"].lower():
            raise ApiError(
                403, "origin", f"expected a request of this server's page; got {origin[:60]!r}"
            )

    def _check_site(self, headers: Headers) -> None:
        # What browsers say of a request without an origin, such as that of an <img>.
        if _only(headers, "origin") in self._origins:
            return
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise ApiError(403, "origin", "expected a request of this server's page")

    def _check_token(self, given: str | None) -> None:
        if self._token is None:
            return
        if given is None:
            raise ApiError(401, "token", "expected the server's token; got none")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            raise ApiError(401, "token", "expected the server's token; got another")


async def say_goodbye(socket: WebSocket, code: int, reason: str = "") -> None:
    """Close a client's socket with a reason of at most 123 bytes; nothing if it has gone."""
    # A client can go between the last look and this; each way of it raises another of the two.
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)


def subprotocol(socket: WebSocket) -> str | None:
    """The one that a client is answered with."""
    return SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None


def _path(scope: Scope) -> str:
    """The path within this application, as its routes are found by.

    One that is mounted in another, or behind a proxy with a path, has a root before it.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _only(headers: Headers, name: str) -> str | None:
    """The one value of a header; of several none counts."""
    values = headers.getlist(name)
    return (values[0] if len(values) == 1 else "") if values else None


def _add_safe(answer: MutableHeaders, request: Headers) -> None:
    """Add the headers for safety that an answer has not itself."""
    host = _only(request, "host") or ""
    # Safari took 'self' not to include WebSockets until version 15.4.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"media-src 'self' blob:; connect-src 'self'{sockets}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
        answer.setdefault(name, value)
