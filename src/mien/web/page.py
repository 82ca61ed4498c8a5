"""`GET /` and `/static/`: the page, from the one folder that is served."""

import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from mien.web.answers import Refusal

FOLDER: Final = Path(__file__).parent / "static"

# Not as the system has them: on Windows a program may have made JavaScript plain text.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


def router(folder: Path = FOLDER) -> APIRouter:
    """The routes; they are no part of the API that OpenAPI describes."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/", methods=["GET", "HEAD"])
    def index(request: Request) -> Response:
        return _file("index.html", folder, request)

    @routes.api_route("/favicon.ico", methods=["GET", "HEAD"])
    def icon(request: Request) -> Response:
        return _file("icon.svg", folder, request)

    @routes.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    def static(name: str, request: Request) -> Response:
        return _file(name, folder, request)

    return routes


def _file(name: str, folder: Path, request: Request) -> Response:
    # What is asked for is looked up among the files that are there, and never made a path of.
    path = _files(folder).get(name)
    if path is None or path.suffix not in _TYPES:
        raise Refusal(404, "not_found", f"there is no {name[:100]!r} here")
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_TYPES[path.suffix], headers=headers)


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
