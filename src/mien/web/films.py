"""`POST /api/videos`: a film in, its readings out as it is read; nothing of it is kept."""

import asyncio
import secrets
from collections.abc import Coroutine
from functools import partial
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.types import Receive, Scope, Send

from mien.output.records import VIDEO_TABLE, csv_header
from mien.web import schemas
from mien.web.answers import Refusal
from mien.web.film_events import CSV, EVENTS, JSON_LINES, encoder
from mien.web.film_reading import FilmReading, FilmSettings, Result, cancelled
from mien.web.pictures import ALWAYS, ERRORS, Threshold, body_of
from mien.web.service import Service
from mien.web.uploads import film_file, film_of

_NO_SPACE: Final = {"model": schemas.Error, "description": "There is no room for the film."}

_OPENAPI_200: Final[dict[str, Any]] = {
    "description": "The film is being read.",
    "content": {
        EVENTS: {
            "schema": {"type": "string"},
            "example": 'event: accepted\ndata: {"id":"5f0c","name":"talk.mp4","width":1280,'
            '"height":720,"fps":25.0,"duration_s":60.0,"frames":1500}\n\n'
            'event: frames\ndata: {"frames":[{"index":0,"time_s":0.0,"faces":[]}],'
            '"done_s":0.0,"duration_s":60.0}\n\n'
            'event: result\ndata: {"frames":1500,"people":[],"duration_s":60.0,"read_s":9.8}\n\n',
        },
        CSV: {"schema": {"type": "string"}, "example": csv_header(VIDEO_TABLE)},
        JSON_LINES: {
            "schema": {"type": "string"},
            "example": '{"frame":0,"time_s":0.0,"track":null}\n',
        },
    },
}


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["films"])

    @routes.post(
        "/api/videos",
        response_class=Response,
        responses={**ERRORS, 200: _OPENAPI_200, 507: _NO_SPACE},
        openapi_extra=body_of("video", "video/*", many=False),
        summary="Follow the faces of a film",
    )
    async def videos(
        request: Request,
        threshold: Threshold = None,
        half_life_s: Annotated[
            float | None,
            Query(
                ge=0, le=60, description="Of the smoothing; 0 smooths nothing; 0.4 if not given."
            ),
        ] = None,
        every_s: Annotated[
            float | None,
            Query(ge=0, le=3600, description="Read one frame in so many seconds; 0 reads all."),
        ] = None,
    ) -> Response:
        """The film is read while the answer is sent: as server-sent events, or as the rows of
        `mien video` where `Accept` asks for `text/csv` or `application/x-ndjson`.

        Events: `accepted`, then `frames` a few times a second, at last `result` or `failed`.
        Closing the connection ends the reading, and so does `DELETE /api/videos/{id}`. Of rows, an
        answer that is cut off in the middle says that the film could not be read to its end.

        Nothing of the film is kept: the file that it is read from has no name, and is gone with the
        answer, or with the server.
        """
        defaults = FilmSettings(service.settings.threshold)
        settings = FilmSettings(
            defaults.threshold if threshold is None else threshold,
            defaults.half_life_s if half_life_s is None else half_life_s,
            every_s or None,
        )
        return _FilmAnswer(service, request, settings)

    @routes.delete(
        "/api/videos/{id}",
        status_code=204,
        response_class=Response,
        responses={
            **ALWAYS,
            404: {"model": schemas.Error, "description": "No such film is being read."},
        },
        summary="End the reading of a film",
    )
    async def cancel(id: str) -> Response:
        """By the number that the event `accepted` gave."""
        if not service.cancel_film(id):
            raise Refusal(404, "not_found", "expected the id of a film that is being read")
        return Response(status_code=204)

    return routes


class _FilmAnswer(Response):
    """Takes a film in, reads it, and sends what comes of it, until the client goes."""

    def __init__(self, service: Service, request: Request, settings: FilmSettings) -> None:
        super().__init__()
        self._service = service
        self._request = request
        self._settings = settings
        self._id = f"{service.number}-{secrets.token_hex(8)}"
        self._kind, self._encode = encoder(request.headers.get("accept", ""), self._id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        if len(service.films) >= service.limits.videos:
            raise Refusal(429, "busy", f"expected at most {service.limits.videos} films at once")
        upload = service.films[self._id] = _Upload()
        try:
            with film_file() as file:
                name = await upload.run(self._upload(file))
                file.seek(0)
                is_whole = await self._read(file, name, receive, send)
        finally:
            del service.films[self._id]
        # Only now, so that a client that has it all may send its next film.
        if is_whole:
            await send({"type": "http.response.body", "body": b""})

    async def _read(self, file: BinaryIO, name: str, receive: Receive, send: Send) -> bool:
        """Gives whether all was sent that there is to send."""
        service = self._service
        recognizer = service.recognizers.new()
        encode = partial(self._encode, name)
        reading = FilmReading(file, name, recognizer, self._settings, service.limits, encode)
        service.films[self._id] = reading
        try:
            return await self._answer(reading, receive, send)
        finally:
            reading.close()
            # The file is closed after its reader has seen the end of it.
            await asyncio.shield(asyncio.to_thread(reading.join, 5.0))

    async def _upload(self, file: BinaryIO) -> str:
        limits = self._service.limits
        try:
            async with asyncio.timeout(limits.upload_s):
                return await film_of(self._request, limits, file)
        except TimeoutError:
            raise Refusal(
                408, "too_slow", f"expected the film within {limits.upload_s:g} s; it took longer"
            ) from None

    async def _answer(self, reading: FilmReading, receive: Receive, send: Send) -> bool:
        first = await reading.events.get()
        if isinstance(first[0], Refusal):
            raise first[0]
        headers = [(b"content-type", self._kind.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def give() -> bool:
            event, chunk = first
            while True:
                async with asyncio.timeout(self._service.limits.stall_s):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if isinstance(event, Result | Refusal):
                    # Rows have no place for an error: they are cut off.
                    return isinstance(event, Result) or self._kind.startswith(EVENTS)
                event, chunk = await reading.events.get()

        async def wait_for_end() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        giving, waiting = asyncio.ensure_future(give()), asyncio.ensure_future(wait_for_end())
        try:
            await asyncio.wait((giving, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            giving.cancel()
            waiting.cancel()
            await asyncio.gather(giving, waiting, return_exceptions=True)
        if giving.cancelled():  # the client has gone
            return False
        if isinstance(giving.exception(), TimeoutError | OSError):  # or takes nothing any more
            return False
        return giving.result()


class _Upload:
    """A film that is still on its way."""

    def __init__(self) -> None:
        self._task: asyncio.Task[str] | None = None
        self._is_cancelled = False

    async def run(self, upload: Coroutine[Any, Any, str]) -> str:
        """The name of the film, when it is there.

        Raises:
            Refusal: as the upload raises; it was cancelled.
        """
        self._task = asyncio.ensure_future(upload)
        try:
            return await self._task
        except asyncio.CancelledError:
            self._task.cancel()
            if self._is_cancelled:
                raise cancelled() from None
            raise

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()
