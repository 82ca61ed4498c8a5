"""Bodies of requests -> images in memory, or a video on the disk; never a path.

The middleware has bounded the body; here its parts are held to the limits of each.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from fnmatch import fnmatchcase
from typing import BinaryIO, Final
from urllib.parse import unquote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.errors import counted
from mien.web.errors import ApiError
from mien.web.settings import Limits, megabytes

FORM: Final = "multipart/form-data"
BYTES: Final = "application/octet-stream"
MAX_NAME: Final = 255  # characters of a file's name, which is only ever shown again
_NO_VIDEO: Final = "expected a video; nothing came"
_VIDEO_IN_MEMORY: Final = 1_000_000  # bytes, beyond which that of a form goes to the disk


async def images_of(request: Request, limits: Limits, *, most: int) -> list[tuple[str, bytes]]:
    """The images of a request, one or more, with their names.

    They are the files of a form's field `images`, or the body itself.

    Raises:
        ApiError: there is none, there are too many, or the body is no form.
    """
    if not _is_form(request, "image/*"):
        body = await request.body()
        images = [(raw_name(request) or "image", body)] if body else []
    else:
        too_many = ApiError(
            413, "too_many", f"expected at most {counted(most, 'image')}; more came"
        )
        form = _Form(request, "images", most, too_many, in_memory=limits.request_bytes + 1)
        images = []
        for file in await form.files():
            images.append((_shown(file.filename) or "image", await file.read()))
            await file.close()
    if not images:
        raise ApiError(422, "empty", "expected images in the field 'images'; there is none")
    return images


@asynccontextmanager
async def uploaded_video(request: Request, limits: Limits) -> AsyncIterator[tuple[str, BinaryIO]]:
    """The video of a request: the file of a form's field `video`, or the body itself.

    It is on the disk in a file that has no name: when the process ends, however it ends, it is
    gone.

    Yields:
        The name that the client gave it, and the file, at its start.
    Raises:
        ApiError: it is too large, there is none, or there are several.
    """
    announced = request.headers.get("content-length", "")
    with ExitStack() as stack:
        try:
            free = shutil.disk_usage(tempfile.gettempdir()).free
            if announced.isdecimal() and (size := int(announced)) > free:
                there = f"there is room for {megabytes(free)}"
                raise _no_space(f"it has {megabytes(size)}, and {there}")
            if _is_form(request, "video/*", "audio/*"):
                several = ApiError(422, "too_many", "expected one video; several came")
                form = _Form(request, "video", 1, several, in_memory=_VIDEO_IN_MEMORY)
                files = await form.files()
                if not files:
                    raise ApiError(422, "empty", _NO_VIDEO)
                name, file = _shown(files[0].filename), stack.enter_context(files[0].file)
            else:
                name = raw_name(request)
                file = stack.enter_context(tempfile.TemporaryFile(prefix="mien-"))
                async for chunk in request.stream():
                    file.write(chunk)
                    if file.tell() > limits.video_bytes:
                        break
        except OSError as error:
            raise _no_space(error.strerror) from error
        size = file.seek(0, os.SEEK_END)
        if size > limits.video_bytes:
            raise ApiError.too_large("the video", limits.video_bytes)
        if not size:
            raise ApiError(422, "empty", _NO_VIDEO)
        file.seek(0)
        yield name or "video", file


def _no_space(why: str | None) -> ApiError:
    return ApiError(507, "no_space", f"the video cannot be kept while it is read; {why}")


def _is_form(request: Request, *kinds: str) -> bool:
    """Whether a body is a form, not the file itself."""
    return content_type(request, FORM, *kinds, BYTES) == FORM


def content_type(request: Request, *kinds: str) -> str:
    """What a request says that its body is: one of some kinds, or it is an ApiError.

    `image/*` stands for all images.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not any(fnmatchcase(kind, one) for one in kinds):
        wanted = (" or " if len(kinds) == 2 else ", ").join(kinds)
        message = f"expected the content type {wanted}; got {kind[:60]!r}"
        raise ApiError(415, "content_type", message)
    return kind


class _Form(MultiPartParser):
    """Starlette's parser; it refuses all but so many files in one field."""

    def __init__(
        self, request: Request, field: str, most: int, too_many: ApiError, *, in_memory: int
    ) -> None:
        super().__init__(request.headers, self._whole(request))
        self.spool_max_size = in_memory
        self._field, self._most, self._too_many = field, most, too_many
        self._is_whole = False

    async def files(self) -> list[UploadFile]:
        """The files of the form; an ApiError where it is none, has something else, or too many."""
        try:
            form = await self.parse()
        except (MultiPartException, ValueError) as error:
            raise ApiError(400, "form", f"expected multipart/form-data; {error}") from error
        return [file for _, file in form.multi_items() if isinstance(file, UploadFile)]

    def on_part_end(self) -> None:
        """Called by the parser, and so the next one."""
        super().on_part_end()
        name, file = self.items[-1]
        if name != self._field or isinstance(file, str):
            got = "text" if name == self._field else repr(name[:60])
            message = f"expected files in the field {self._field!r}; got {got}"
            raise ApiError(422, "field", message)
        if len(self.items) > self._most:
            raise self._too_many

    def on_end(self) -> None:
        """The last boundary was there."""
        self._is_whole = True

    async def _whole(self, request: Request) -> AsyncGenerator[bytes, None]:
        async for chunk in request.stream():
            yield chunk
        if not self._is_whole:
            raise MultiPartException("it is cut short")


def raw_name(request: Request) -> str:
    """Of a body that is a file itself."""
    return _shown(unquote(request.headers.get("x-filename", "")))


def _shown(name: str | None) -> str:
    """A name that can be told again: printable, of bounded length."""
    kept = "".join(c for c in (name or "")[:MAX_NAME] if c.isprintable())
    return kept.encode("utf-8", "replace").decode()
