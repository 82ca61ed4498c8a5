"""`GET /api/models`: what each model says of itself, and its card."""

import re
from dataclasses import asdict
from functools import cache

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from mien.errors import ModelError
from mien.recognize.catalog import model_card
from mien.recognize.classifier import Classifier, shipped_models
from mien.spec import ModelSpec
from mien.web import schemas
from mien.web.errors import ApiError
from mien.web.images import ALWAYS
from mien.web.service import Service


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["models"])

    async def described() -> list[schemas.Model]:
        used = service.classifier
        return await run_in_threadpool(describe_models, service.settings.model_name, used)

    @routes.get(
        "/api/models",
        response_model=schemas.Models,
        responses=ALWAYS,
        summary="The models in the package, and the one in use",
    )
    async def models() -> JSONResponse:
        """The one in use comes first."""
        return JSONResponse(asdict(schemas.Models(models=await described())))

    @routes.get(
        "/api/models/{name}",
        response_model=schemas.ModelWithCard,
        responses={**ALWAYS, 404: {"model": schemas.Error, "description": "There is none."}},
        summary="One model, with its card",
    )
    async def model(name: str) -> JSONResponse:
        """What the model is for, and what not, as HTML."""
        models = {model.name: model for model in await described()}
        if name not in models:
            names = ", ".join(models)
            raise ApiError(404, "not_found", f"expected a model among {names}; got {name[:60]!r}")
        card = await run_in_threadpool(card_html, name)
        return JSONResponse({**asdict(models[name]), "card_html": card})

    return routes


def describe_models(name: str, used: Classifier) -> list[schemas.Model]:
    """The one in use, which clients know by `name`, and the others of the package."""
    others = {other: path for other, path in shipped_models().items() if other != name}
    known = {name: (used.spec, used.paths)}
    known |= {other: (_shipped_spec(other), (path,)) for other, path in others.items()}
    return [
        schemas.Model(
            name=each,
            in_use=each == name,
            network=spec.network,
            parameters=spec.parameters,
            size_bytes=sum(path.stat().st_size for path in paths),
            labels=list(spec.labels),
            scores=[
                schemas.SplitScore(split=split, **asdict(score))
                for split, score in spec.scores.items()
            ],
            trained_on=spec.trained_on,
            licence=spec.license,
        )
        for each, (spec, paths) in known.items()
    ]


@cache
def _shipped_spec(name: str) -> ModelSpec:
    return Classifier(name).spec


@cache
def card_html(name: str) -> str:
    """The card of a model in the package, as HTML; empty where there is none.

    A strict policy allows it: no styles, no images of elsewhere.
    """
    import markdown

    if name not in shipped_models():
        return ""
    try:
        text = model_card(name)
    except ModelError:
        return ""
    aligned = {"tables": {"use_align_attribute": True}}
    html = markdown.markdown(text, extensions=["tables", "fenced_code"], extension_configs=aligned)
    return re.sub(r"<img[^>]*>", "", html)
