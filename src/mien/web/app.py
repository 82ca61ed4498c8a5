"""The server's application: routes behind the guard, and how OpenAPI describes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mien import __version__
from mien.errors import MienError
from mien.web import camera as camera_route
from mien.web import films, live, models, page, pictures, schemas
from mien.web.answers import Refusal
from mien.web.camera import CameraFeed
from mien.web.guard import Guard
from mien.web.queries import check_query
from mien.web.service import Service
from mien.web.settings import WebSettings

_DESCRIPTION: Final = """
Finds the faces in pictures, films and cameras and reads which of seven emotions each shows. A face
shows an expression, not what a person feels.

Nothing that is sent is kept, and nothing leaves the machine that the server runs on.

**Token.** On a loopback address none is needed. Elsewhere every `/api/` request carries
`Authorization: Bearer TOKEN`; a WebSocket carries it as a second subprotocol,
`new WebSocket(url, ["mien", "token.TOKEN"])`.

**Errors** are `{"error": {"code": "too_large", "message": "..."}}`.

**WebSocket `/api/live`** (subprotocol `mien`). The client sends frames of a camera, each one binary
message with a JPEG, PNG or WebP picture, and may send `{"type": "settings", "threshold": 0.5,
"half_life_s": 0.3}` as text at any time. For every frame that was read it gets

    {"type": "readings", "frame": 17, "time_s": 1.25, "width": 640, "height": 480,
     "dropped": 3, "read_ms": 6.1, "faces": [{"track": 1, "box": [...], "emotion": "happy", ...}]}

A frame that waits while a newer one comes is dropped and counted. A frame that is no picture is
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
    """The application for an ASGI server; `mien.web.processes.serve` runs it.

    Args:
        settings: model, limits, token; those of a server on 127.0.0.1 unless given.
        camera: a camera of the server's own, for the page; None shows none.
    Raises:
        MienError: as `mien.Recognizer` raises.
    """
    settings = settings or WebSettings()
    service = Service.of(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.stop()

    app = FastAPI(
        title="mien",
        version=__version__,
        description=_DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(Guard, service=service)
    if settings.allow_origins:  # around the guard, so that pages of others can read why it refuses
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-Filename"),
            expose_headers=("Retry-After",),
        )
    handlers: dict[type[Exception], Any] = {
        Refusal: _on_refusal,
        MienError: _on_error,
        RequestValidationError: _on_invalid,
        HTTPException: _on_http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)

    @app.get(
        "/api/health",
        response_model=schemas.Health,
        responses=pictures.ALWAYS,
        dependencies=[Depends(check_query)],
        tags=["server"],
        summary="Whether the server is there, and what it takes",
    )
    async def health() -> JSONResponse:
        """Answered at once, whatever else goes on."""
        return JSONResponse(service.health(camera=camera is not None))

    for module in (pictures, films, models):
        app.include_router(module.router(service), dependencies=[Depends(check_query)])
    app.include_router(live.router(service))
    if camera is not None:
        app.include_router(camera_route.router(service, camera))
    app.include_router(page.router())
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Let OpenAPI say what FastAPI does not know: the token, and how errors look."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            parts = schema.setdefault("components", {})
            parts["securitySchemes"] = {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Only where the server asks for it.",
                }
            }
            schema["security"] = [{}, {"token": []}]
            # FastAPI's own form of an error, which none of these answers has.
            for name in ("HTTPValidationError", "ValidationError"):
                parts["schemas"].pop(name, None)
            for operation in (o for path in schema["paths"].values() for o in path.values()):
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _answer(refusal: Refusal) -> Response:
    return Response(
        refusal.body(), refusal.status, dict(refusal.headers), media_type="application/json"
    )


async def _on_refusal(request: Request, refusal: Refusal) -> Response:
    return _answer(refusal)


async def _on_error(request: Request, error: MienError) -> Response:
    return _answer(Refusal.of(error))


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    message = f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return _answer(Refusal(422, "argument", message))


async def _on_http(request: Request, error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "method"}
    messages = {
        404: f"there is no {request.url.path[:100]!r} here",
        405: f"expected another method than {request.method} for {request.url.path[:100]!r}",
    }
    refusal = Refusal(
        error.status_code,
        codes.get(error.status_code, "request"),
        messages.get(error.status_code, str(error.detail)),
    )
    answer = _answer(refusal)
    answer.headers.update(dict(error.headers or {}))
    return answer
