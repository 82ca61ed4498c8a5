"""`POST /api/readings` and `POST /api/explanations`: images in, what their faces show out."""

import asyncio
import math
import time
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final, TypeAlias, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mien.errors import MienError, OptionError
from mien.output.pages import png_uri
from mien.output.records import face_to_dict
from mien.readings import Image
from mien.recognize.explain import explain
from mien.recognize.faces import WholeImage
from mien.recognize.images import load_image
from mien.recognize.recognizer import Recognizer
from mien.web import schemas
from mien.web.errors import ApiError, user_message
from mien.web.service import Service
from mien.web.settings import Limits
from mien.web.uploads import BYTES, FORM, images_of

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
    Query(description="Each image is a face that is cut out already: search for none."),
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
"""What may be answered whatever was asked for, also to query parameters that nobody knows."""


def body_of(field: str, kind: str, *, many: bool) -> dict[str, Any]:
    """How OpenAPI describes a body that is a form with files, or a file itself."""
    file = {"type": "string", "format": "binary", "contentMediaType": BYTES}
    files: dict[str, Any] = {"type": "array", "items": file, "minItems": 1} if many else file
    form = {"type": "object", "properties": {field: files}, "required": [field]}
    return raw_body(kind, BYTES, others={FORM: {"schema": form}})


def raw_body(*kinds: str, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """How OpenAPI describes a body that is a file itself."""
    raw = {"schema": {"type": "string", "format": "binary"}}
    content = (others or {}) | dict.fromkeys(kinds, raw)
    return {"requestBody": {"required": True, "content": content}}


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["images"])

    @routes.post(
        "/api/readings",
        response_model=schemas.Readings,
        responses=ERRORS,
        openapi_extra=body_of("images", "image/*", many=True),
        summary="Read the faces of one or many images",
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

        A raw body is one image; its name may stand in the header `X-Filename`, percent-encoded.
        If none can be read the answer is an error.
        """
        level = service.settings.threshold if threshold is None else threshold
        images = await images_of(request, service.limits, most=service.limits.images)
        read = partial(_read, service, threshold=level, cropped=cropped, compound=compound)
        answers = await asyncio.gather(*(read(name, content) for name, content in images))
        errors = [error for _, error in answers]
        if errors[0] is not None and None not in errors:
            raise errors[0]
        told = [answer for answer, _ in answers]
        model = service.settings.model_name
        return JSONResponse({"model": model, "threshold": level, "images": told})

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
        [(_, content)] = await images_of(request, service.limits, most=1)

        def job(recognizer: Recognizer) -> schemas.Explanation:
            # The many crops of it are not to hold up others.
            recognizer.classifier = service.unshared
            if cropped:
                recognizer.detector = WholeImage()
            return _explain(recognizer, _opened(content, service.limits), face)

        return JSONResponse(asdict(await service.run(job)))

    return routes


async def _read(
    service: Service, name: str, content: bytes, *, threshold: float, cropped: bool, compound: bool
) -> tuple[dict[str, Any], ApiError | None]:
    """What is told of one image, and why it cannot be read."""

    def job(recognizer: Recognizer) -> dict[str, Any]:
        start = time.perf_counter()
        pixels = _opened(content, service.limits)
        recognizer.threshold = threshold
        if cropped:
            recognizer.detector = WholeImage()
        readings = recognizer.read_images([pixels])[0]
        height, width = pixels.shape[:2]
        faces = [face_to_dict(reading, compound=compound) for reading in readings]
        ms = round(1e3 * (time.perf_counter() - start), 2)
        return {"width": width, "height": height, "ms": ms, "error": None, "faces": faces}

    try:
        return {"name": name, **await service.run(job)}, None
    except (ApiError, MienError) as error:
        failure = ApiError.of(error)
        size = {"width": None, "height": None, "ms": 0.0}
        return {"name": name, **size, "error": failure.message, "faces": []}, failure


def _opened(content: bytes, limits: Limits) -> Image:
    """An image of a request; an ApiError or MienError where it is too large, or none."""
    if len(content) > limits.image_bytes:
        raise ApiError.too_large("the image", limits.image_bytes)
    return load_image(content, max_pixels=limits.image_pixels)


def _explain(recognizer: Recognizer, image: Image, face: int) -> schemas.Explanation:
    try:
        explanation = explain(recognizer, image, face=face)
    except OptionError as error:
        raise ApiError(422, "no_face", user_message(error)) from error
    assert explanation.reading is not None
    return schemas.Explanation(
        method=explanation.method,
        emotion=cast(schemas.Emotion, explanation.emotion),
        probability=explanation.probability,
        box=list(explanation.reading.box),
        heat=[
            [round(share, 4) if math.isfinite(share) else 0.0 for share in row]
            for row in explanation.heat.tolist()
        ],
        parts=[schemas.CoveredPart(**asdict(part)) for part in explanation.parts],
        crop_png=png_uri(explanation.crop),
        size_px=len(explanation.crop),
    )
