"""Errors as clients see them: `{"error": {"code": ..., "message": ...}}`, and no stack trace."""

import json
import logging
from typing import Any

from starlette.responses import Response

from mien.errors import ImageError, MienError, OptionError, VideoError
from mien.recognize.images import THESE_BYTES, THIS_IMAGE
from mien.web.settings import megabytes

_log = logging.getLogger("mien.web")


class ApiError(Exception):
    """A request that is not served: its status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @classmethod
    def too_large(cls, what: str, most: int, got: int | None = None) -> "ApiError":
        """A body, or a part of one, with too many bytes."""
        came = "more came" if got is None else f"got {megabytes(got)}"
        return cls(413, "too_large", f"{what}: expected at most {megabytes(most)}; {came}")

    @classmethod
    def of(cls, error: Exception) -> "ApiError":
        """What a client is told of an error; of a fault that is not its own, no more than that."""
        if isinstance(error, cls):
            return error
        if not isinstance(error, ImageError | VideoError | OptionError):
            _log.error("a request failed", exc_info=error)
            return cls(500, "internal", "the server failed; its log says why")
        if error.limit is not None:
            return cls(413, "too_large", user_message(error))
        return cls(422, "unreadable", user_message(error))

    def to_dict(self) -> dict[str, Any]:
        """Code and message, ready for JSON."""
        return {"code": self.code, "message": self.message}

    def response(self) -> Response:
        """The answer."""
        headers = {
            401: {"WWW-Authenticate": 'Bearer realm="mien"'},
            426: {"Upgrade": "websocket"},
            429: {"Retry-After": "1"},
        }
        body = json.dumps({"error": self.to_dict()})
        return Response(body, self.status, headers.get(self.status), "application/json")


def user_message(error: MienError) -> str:
    """What an error says, without what only those who call the library can use."""
    unnamed = error.source in (None, THESE_BYTES, THIS_IMAGE)
    return error.problem if unnamed else f"{error.source}: {error.problem}"
