"""The server's application: page and routes behind its security, and how OpenAPI describes them."""

import mimetypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from mien import __version__
from mien.errors import MienError
from mien.recognize.classifier import DEFAULT_MODEL, shipped_models
from mien.recognize.yunet import YUNET_FILE
from mien.web import camera as camera_route
from mien.web import images, live, models, rows, schemas, videos
from mien.web.camera import CameraFeed
from mien.web.errors import ApiError
from mien.web.security import SecurityMiddleware
from mien.web.service import Service
from mien.web.settings import WebSettings
from mien.web.site import SHIPPED

FOLDER: Final = Path(__file__).parent / "static"

# On Windows a program may have told the system that JavaScript is plain text.
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_DESCRIPTION: Final = """
Finds the faces in images, videos and cameras and reads which of seven emotions each shows. A face
shows an expression, not what a person feels.

Nothing that is sent is kept, and nothing leaves the machine that the server runs on.

**Token.** On a loopback address none is needed. Elsewhere every `/api/` request carries
`Authorization: Bearer TOKEN`; a WebSocket carries it as a second subprotocol,
`new WebSocket(url, ["mien", "token.TOKEN"])`.

**Errors** are `{"error": {"code": "too_large", "message": "..."}}`.

**WebSocket `/api/live`** (subprotocol `mien`). The client sends frames of a camera, each one binary
message with a JPEG, PNG or WebP image, and may send `{"type": "settings", "threshold": 0.5,
"half_life_s": 0.3}` as text at any time. For every frame that was read it gets

    {"type": "readings", "frame": 17, "time_s": 1.25, "width": 640, "height": 480,
     "dropped": 3, "read_ms": 6.1, "faces": [{"track": 1, "box": [...], "emotion": "happy", ...}]}

A frame that waits while a newer one comes is dropped and counted. A frame that is no image is
answered with `{"type": "error", "code": "bad_image", "message": "..."}`. Close codes: 1001 the
server ends, 1008 origin, token, query parameters or too many bad frames, 1009 too big, 1011 the
server failed, 1013 too many clients.

**WebSocket `/api/camera`**, where `GET /api/health` says `camera`: the camera that `mien webcam`
reads on the server's side. Each frame is a text as above, with `fps` and `latency_ms`, and then a
binary message, its JPEG. The client may send `{"type": "key", "key": "s"}`, which saves a still and
is answered with `{"type": "saved", "path": "..."}`, or the key `q`, which ends the view:
`{"type": "ended"}`.
"""


def create_app(settings: WebSettings | None = None, *, camera: CameraFeed | None = None) -> FastAPI:
    """The application for an ASGI server; `mien.web.server.serve` runs it.

    Args:
        settings: model, limits, token; those of a server on 127.0.0.1 unless given.
        camera: a camera of the server's own, for the page; None shows none.
    Raises:
        MienError: as `mien.Recognizer` raises.
    """
    settings = settings or WebSettings()
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()
        service.threads.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(
        title="mien",
        version=__version__,
        description=_DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # It would name http:, which is all that is seen behind a proxy that speaks TLS, and the
        # client would send its image again in the clear.
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=_HANDLERS,
    )
    app.state.service = service
    app.add_middleware(SecurityMiddleware, service=service)
    if settings.allow_origins:  # around the other, so that pages of others can read its reasons
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=("GET", "HEAD", "POST", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-Filename"),
            expose_headers=("Retry-After", "Content-Disposition"),
        )

    @app.get(
        "/api/health",
        response_model=schemas.Health,
        responses=images.ALWAYS,
        dependencies=[Depends(check_query)],
        tags=["server"],
        summary="Whether the server is there, and what it takes",
    )
    async def health() -> JSONResponse:
        """Answered at once, whatever else goes on."""
        return JSONResponse(asdict(service.health(camera=camera is not None)))

    for module in (images, videos, models):
        app.include_router(module.router(service), dependencies=[Depends(check_query)])
    app.include_router(rows.router(), dependencies=[Depends(check_query)])
    app.include_router(live.router(service))
    if camera is not None:
        app.include_router(camera_route.router(service, camera))
    _add_page(app)
    _describe(app)
    return app


def _add_page(app: FastAPI) -> None:
    """The page, from the one folder that is served; it is no part of the API."""
    for suffix, kind in _TYPES.items():
        mimetypes.add_type(kind, suffix)
    static = _StaticFiles(directory=FOLDER)
    app.mount("/static/package", _PackageFiles(directory=SHIPPED))
    app.mount("/static", static)

    def serve(path: str, name: str) -> None:
        async def file(request: Request) -> Response:
            return await static.get_response(name, request.scope)

        app.add_route(path, file, methods=["GET"], include_in_schema=False)

    serve("/", "index.html")
    serve("/favicon.ico", "icon.svg")


def _describe(app: FastAPI) -> None:
    """Let OpenAPI say what FastAPI does not know: the token, and how errors look."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            parts = schema.setdefault("components", {})
            why = "Only where the server asks for it."
            token = {"type": "http", "scheme": "bearer", "description": why}
            parts["securitySchemes"] = {"token": token}
            schema["security"] = [{}, {"token": []}]
            # FastAPI's own form of an error, which none of these answers has.
            for name in ("HTTPValidationError", "ValidationError"):
                parts["schemas"].pop(name, None)
            for operation in (o for path in schema["paths"].values() for o in path.values()):
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


class _StaticFiles(StaticFiles):
    """The page's files; browsers ask each time whether theirs are the newest."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


class _PackageFiles(_StaticFiles):
    """What the page loads where the browser reads: code, and the two models of the package."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        models = {"mien.onnx": shipped_models()[DEFAULT_MODEL], "yunet.onnx": YUNET_FILE}
        if path in models:
            return str(models[path]), models[path].stat()
        return super().lookup_path(path)

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        # A worker has the policy of its own answer: only there WebAssembly is compiled.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
            "frame-ancestors 'none'"
        )
        return response


def check_query(request: Request) -> None:
    """Refuse a query parameter that the route does not know, or that stands there twice.

    A parameter that is mistyped must not go unheard.
    """
    if not (names := [name for name, _ in request.query_params.multi_items()]):
        return
    path, method = request.scope["route"].path, request.method.lower()
    described = request.app.openapi()["paths"][path][method].get("parameters", [])
    known = [parameter["name"] for parameter in described if parameter["in"] == "query"]
    if unknown := [name for name in names if name not in known]:
        wanted = f"query parameters among {', '.join(known)}" if known else "no query parameters"
        raise ApiError(422, "argument", f"expected {wanted}; got {unknown[0][:60]!r}")
    if twice := [name for name in known if names.count(name) > 1]:
        raise ApiError(422, "argument", f"{twice[0]}: expected one value; got several")


async def _on_error(request: Request, error: ApiError | MienError) -> Response:
    return ApiError.of(error).response()


async def _on_disconnect(request: Request, error: ClientDisconnect) -> Response:
    message = "expected the whole body; the client left"
    return ApiError(400, "disconnected", message).response()


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "missing":
        expected, got = "a value", "none"
    else:  # of pydantic: "Input should be a valid number, unable to parse string as a number"
        expected = first["msg"].removeprefix("Input should be ").partition(", unable to")[0]
        got = repr(str(first["input"])[:60])
    message = f"{name}: expected {expected}; got {got}"
    return ApiError(422, "argument", message).response()


async def _on_http(request: Request, error: HTTPException) -> Response:
    path = repr(request.url.path[:100])
    code, message = {
        404: ("not_found", f"there is no {path} here"),
        405: ("method", f"expected another method than {request.method} for {path}"),
    }.get(error.status_code, ("request", str(error.detail)))
    answer = ApiError(error.status_code, code, message).response()
    answer.headers.update(dict(error.headers or {}))
    return answer


_HANDLERS: Final[dict[Any, Any]] = {
    ApiError: _on_error,
    MienError: _on_error,
    ClientDisconnect: _on_disconnect,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
}
