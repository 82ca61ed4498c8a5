"""What stands after the `?` of a request: a parameter that is mistyped must not go unheard."""

from fastapi import Request

from mien.web.answers import Refusal


def check_query(request: Request) -> None:
    """Refuse a query parameter that the route does not know, or that stands there twice.

    Raises:
        Refusal: with a message that names those that it knows.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    if not names:
        return
    path, method = request.scope["route"].path, request.method.lower()
    described = request.app.openapi()["paths"][path][method].get("parameters", [])
    known = [parameter["name"] for parameter in described if parameter["in"] == "query"]
    if unknown := [name for name in names if name not in known]:
        wanted = "no query parameters"
        if known:
            wanted = f"query parameters among {', '.join(known)}"
        raise Refusal(422, "argument", f"expected {wanted}; got {unknown[0][:60]!r}")
    if twice := [name for name in known if names.count(name) > 1]:
        raise Refusal(422, "argument", f"{twice[0]}: expected one value; got several")
