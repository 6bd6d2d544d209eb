"""What the OpenAPI documents of all services share: problem details and the bearer token."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

OF_EVERY_ROUTE: Final = (400, 401, 403, 413, 422, 503)
_TEXT: Final = {"type": "string"}
_FIELD: Final = {"type": "object", "properties": dict.fromkeys(("pointer", "code", "detail"), _TEXT)}
_PROBLEM: Final = {
    "description": "Problem details (RFC 9457). Clients act on `code`.",
    "type": "object",
    "properties": dict.fromkeys(("type", "title", "detail", "code", "correlation_id"), _TEXT)
    | {"status": {"type": "integer"}, "errors": {"type": "array", "items": _FIELD}},
    "required": ["type", "title", "status", "detail", "code", "correlation_id"],
}


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problems of its own, beside those of every route."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's document."""
    described = FastAPI.openapi(app)
    components = described.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return described | {"security": [{"token": []}]}
