"""`POST /api/readings` and `POST /api/explanations`: pictures in, what their faces show out."""

import asyncio
import copy
import math
import time
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mien.errors import MienError, OptionError
from mien.explain import explain
from mien.faces import WholeImage
from mien.images import load_image
from mien.output.pages import png_uri
from mien.output.records import face_to_dict
from mien.recognizer import Recognizer
from mien.web import schemas
from mien.web.answers import Refusal, user_message
from mien.web.service import Service
from mien.web.uploads import Picture, pictures_of

Threshold = Annotated[
    float | None,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A face is unsure where no emotion has this probability; the server's own if "
        "not given.",
        examples=[0.0],
    ),
]

Cropped = Annotated[
    bool,
    Query(description="Each picture is a face that is cut out already: search for none."),
]

Answers: TypeAlias = dict[int | str, dict[str, Any]]
"""Status -> what OpenAPI says of the answer."""

ERRORS: Final[Answers] = {
    status: {"model": schemas.Error, "description": description}
    for status, description in {
        400: "The body is broken.",
        401: "The token is missing or wrong.",
        403: "The request comes from another page or host.",
        408: "It took too long.",
        413: "Too large, or too many.",
        415: "The body is of another type.",
        422: "Nothing in it can be read, or an argument is out of its range.",
        429: "The server is busy.",
    }.items()
}

ALWAYS: Final[Answers] = {status: ERRORS[status] for status in (401, 403, 408, 413, 422, 429)}
"""What may be answered whatever was asked for: by the guard, and to unknown query parameters."""


def body_of(field: str, kind: str, *, many: bool) -> dict[str, Any]:
    """How OpenAPI describes a body that is a form with files, or a file itself."""
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    files: dict[str, Any] = {"type": "array", "items": file, "minItems": 1} if many else file
    form = {"type": "object", "properties": {field: files}, "required": [field]}
    raw = {"schema": {"type": "string", "format": "binary"}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                kind: raw,
                "application/octet-stream": raw,
            },
        }
    }


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["pictures"])

    @routes.post(
        "/api/readings",
        response_model=schemas.Readings,
        responses=ERRORS,
        openapi_extra=body_of("images", "image/*", many=True),
        summary="Read the faces of one or many pictures",
    )
    async def readings(
        request: Request,
        threshold: Threshold = None,
        cropped: Cropped = False,
        compound: Annotated[
            bool,
            Query(description="Also name two emotions shown at once: happily surprised, ..."),
        ] = False,
    ) -> JSONResponse:
        """JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF; one that cannot be read stops no other.

        A raw body is one picture; its name may stand in the header `X-Filename`, percent-encoded.
        If none can be read the answer is an error.
        """
        level = service.settings.threshold if threshold is None else threshold
        most = service.limits.images
        async with pictures_of(request, service.limits, service.memory, most=most) as pictures:
            found = await asyncio.gather(
                *(
                    _read(service, picture, level, cropped=cropped, compound=compound)
                    for picture in pictures
                )
            )
            refusals = [picture.refusal for picture in pictures if picture.refusal is not None]
            if len(refusals) == len(pictures):
                raise refusals[0]
        answer = {"model": service.settings.model_name, "threshold": level, "pictures": found}
        return JSONResponse(answer)

    @routes.post(
        "/api/explanations",
        response_model=schemas.Explanation,
        responses=ERRORS,
        openapi_extra=body_of("images", "image/*", many=False),
        summary="Say what the reading of one face rests on",
    )
    async def explanations(
        request: Request,
        face: Annotated[
            int,
            Query(ge=0, le=100_000, description="Which, from 0, in the order of the readings."),
        ] = 0,
        cropped: Cropped = False,
    ) -> JSONResponse:
        """Parts of the face are covered, and the network asked again (Zeiler and Fergus 2014)."""
        async with pictures_of(request, service.limits, service.memory, most=1) as pictures:
            if pictures[0].refusal is not None:
                raise pictures[0].refusal
            content = bytes(pictures[0].content)
            most_pixels = service.limits.image_pixels

            def job(recognizer: Recognizer) -> dict[str, Any]:
                alone = copy.copy(_for(recognizer, cropped=cropped))
                # The many crops of it are not to hold up others.
                alone.classifier = service.recognizers.unshared
                return _explain(alone, content, face, most_pixels)

            return JSONResponse(await service.readers.run(job))

    return routes


async def _read(
    service: Service, picture: Picture, threshold: float, *, cropped: bool, compound: bool
) -> dict[str, Any]:
    """What is told of one picture; leaves a refusal in it where it cannot be read."""
    answer: dict[str, Any] = {
        "name": picture.name,
        "width": None,
        "height": None,
        "ms": 0.0,
        "error": None,
        "faces": [],
    }

    def job(recognizer: Recognizer) -> None:
        start = time.perf_counter()
        image = load_image(bytes(picture.content), max_pixels=service.limits.image_pixels)
        recognizer.threshold = threshold
        found = _for(recognizer, cropped=cropped).read_images([image])[0]
        answer["height"], answer["width"] = image.shape[:2]
        answer["faces"] = [face_to_dict(reading, compound=compound) for reading in found]
        answer["ms"] = round(1e3 * (time.perf_counter() - start), 2)

    if picture.refusal is None:
        try:
            await service.readers.run(job)
        except MienError as error:
            picture.refusal = Refusal.of(error)
    if picture.refusal is not None:
        answer["error"] = picture.refusal.message
    return answer


def _for(recognizer: Recognizer, *, cropped: bool) -> Recognizer:
    """The recognizer, or one with its settings that takes whole pictures for faces."""
    if cropped:
        recognizer = copy.copy(recognizer)
        recognizer.detector = WholeImage()
    return recognizer


def _explain(recognizer: Recognizer, content: bytes, face: int, max_pixels: int) -> dict[str, Any]:
    try:
        found = explain(recognizer, load_image(content, max_pixels=max_pixels), face=face)
    except MienError as error:
        if isinstance(error, OptionError):
            raise Refusal(422, "no_face", user_message(error)) from error
        raise
    assert found.reading is not None
    answer = found.to_dict()
    return {
        "method": answer["method"],
        "emotion": answer["emotion"],
        "probability": answer["probability"],
        "box": answer["reading"]["box"],
        "heat": [
            [round(share, 4) if math.isfinite(share) else 0.0 for share in row]
            for row in answer["heat"]
        ],
        "parts": answer["parts"],
        "crop_png": png_uri(found.crop),
        "size_px": len(found.crop),
    }
