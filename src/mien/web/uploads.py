"""Bodies of requests -> pictures in memory, or a film on the disk; never a path.

Forms are read with python-multipart's parser. That of Starlette would put every larger picture on
the disk, and could not bound a single file of a form.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from urllib.parse import unquote

import python_multipart
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from mien.web.answers import Refusal
from mien.web.limits import Limits, megabytes
from mien.web.service import Budget

MAX_NAME: Final = 255  # characters of a file's name, which is only ever shown again

Take = Callable[[bytes], None]
"""Takes the next bytes of a file."""


@dataclass
class Picture:
    """A file that a client sent; its name is for the client alone.

    Attributes:
        name: as given.
        content: of the file.
        refusal: why it is not read.
    """

    name: str
    content: bytearray = field(default_factory=bytearray)
    refusal: Refusal | None = None


@asynccontextmanager
async def pictures_of(
    request: Request, limits: Limits, memory: Budget, *, most: int
) -> AsyncIterator[list[Picture]]:
    """The pictures of a request: the files of a form's field `images`, or the body itself.

    Args:
        request: its body has not been read.
        limits: of the server.
        memory: that they are counted in, until the context ends.
        most: pictures.
    Yields:
        One or more; one that is too large has a refusal and no content.
    Raises:
        Refusal: there is none, there are too many, or the body is no form.
    """
    pictures: list[Picture] = []
    held = 0

    def begin(name: str) -> Take:
        if len(pictures) == most:
            raise Refusal(413, "too_many", f"expected at most {most} pictures; more came")
        picture = Picture(name or "picture")
        pictures.append(picture)

        def take(chunk: bytes) -> None:
            nonlocal held
            if picture.refusal is not None:
                return
            memory.take(len(chunk))
            held += len(chunk)
            picture.content += chunk
            if len(picture.content) > limits.image_bytes:
                memory.give_back(len(picture.content))
                held -= len(picture.content)
                picture.content = bytearray()
                picture.refusal = Refusal.too_large("the picture", limits.image_bytes)

        return take

    try:
        await _files_of(request, "images", ("image/",), begin)
        if not pictures:
            raise Refusal(422, "empty", "expected pictures in the field 'images'; there is none")
        yield pictures
    finally:
        memory.give_back(held)


@contextmanager
def film_file() -> Iterator[BinaryIO]:
    """A file on the disk that has no name: when the process ends, however it ends, it is gone."""
    with tempfile.TemporaryFile(prefix="mien-") as file:
        yield file


async def film_of(request: Request, limits: Limits, file: BinaryIO) -> str:
    """Write the film of a request to a file: a form's field `video`, or the body itself.

    Returns:
        The name that the client gave it.
    Raises:
        Refusal: it is too large, there is none, or there are several.
    """
    names: list[str] = []

    def begin(name: str) -> Take:
        if names:
            raise Refusal(422, "too_many", "expected one film; several came")
        names.append(name or "film")
        return take

    def take(chunk: bytes) -> None:
        if file.tell() + len(chunk) > limits.video_bytes:
            raise Refusal.too_large("the film", limits.video_bytes)
        try:
            file.write(chunk)
        except OSError as error:
            raise Refusal(
                507, "no_space", f"the film cannot be kept while it is read; {error.strerror}"
            ) from error

    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (free := _free_bytes(file)) is not None and int(announced) > free:
        raise Refusal(
            507,
            "no_space",
            f"the film cannot be kept while it is read; it has {megabytes(int(announced))}, and "
            f"there is room for {megabytes(free)}",
        )
    await _files_of(request, "video", ("video/", "audio/"), begin)
    if not names or not file.tell():
        raise Refusal(422, "empty", "expected a film; nothing came")
    return names[0]


def _free_bytes(file: BinaryIO) -> int | None:
    if not hasattr(os, "fstatvfs"):  # Windows
        return None
    found = os.fstatvfs(file.fileno())
    return found.f_bavail * found.f_frsize


async def _files_of(
    request: Request, field_name: str, kinds: tuple[str, ...], begin: Callable[[str], Take]
) -> None:
    """Hand over the files of a request as their bytes come.

    Args:
        request: its body has not been read.
        field_name: of forms, the field that files are in.
        kinds: how the content types of a body that is the file itself begin.
        begin: is told the name of each file, and gives what takes its bytes.
    """
    given = request.headers.get("content-type", "")
    kind, options = parse_options_header(given)
    try:
        if kind == b"multipart/form-data":
            await _read_form(request, options.get(b"boundary", b""), field_name, begin)
            return
        text = kind.decode("latin-1")
        if text != "application/octet-stream" and not text.startswith(kinds):
            wanted = ", ".join([*(f"{k}*" for k in kinds), "application/octet-stream"])
            raise Refusal(
                415,
                "content_type",
                f"expected the content type multipart/form-data, {wanted}; got {text[:60]!r}",
            )
        take: Take | None = None
        async for chunk in request.stream():
            if chunk:
                take = take or begin(_shown(unquote(request.headers.get("x-filename", ""))))
                take(chunk)
    except ClientDisconnect:
        raise Refusal(400, "disconnected", "expected the whole body; the client left") from None


async def _read_form(
    request: Request, boundary: bytes, field_name: str, begin: Callable[[str], Take]
) -> None:
    form = _Form(field_name, begin)
    try:
        parser = python_multipart.MultipartParser(boundary, form.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Refusal(400, "form", f"expected multipart/form-data; {error}") from error
    if not form.is_whole:
        raise Refusal(400, "form", "expected multipart/form-data; it is cut short")


class _Form:
    """What the parser of a form calls; files go to what `begin` gives for each."""

    def __init__(self, field_name: str, begin: Callable[[str], Take]) -> None:
        self.is_whole = False
        self._field_name = field_name
        self._begin = begin
        self._take: Take | None = None
        self._header = (bytearray(), bytearray())
        self._disposition = b""

    def callbacks(self) -> "python_multipart.multipart.MultipartCallbacks":
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self._disposition, self._take = b"", None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        field_name = options.get(b"name", b"").decode("utf-8", "replace")
        if field_name != self._field_name:
            raise Refusal(
                422,
                "field",
                f"expected files in the field {self._field_name!r}; got {field_name[:60]!r}",
            )
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._take = self._begin(_shown(name))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._take is not None
        self._take(data[start:end])

    def _end(self) -> None:
        self.is_whole = True


def _shown(name: str) -> str:
    """A name that can be told again: printable, of bounded length."""
    kept = "".join(c for c in name[:MAX_NAME] if c.isprintable())
    return kept.encode("utf-8", "replace").decode()
