"""The OpenAPI document, made from the types that decode and encode: it cannot say anything else than the code does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.learning.contract import ContractFeature
from churn_serving.answers import Answer, BatchAnswer, Totals, Unscored
from churn_serving.requests import GREATEST_ID
from churn_serving.state import Served

Document = dict[str, Any]
_REF = "#/components/schemas/{name}"


class ProblemDetails(msgspec.Struct, kw_only=True):
    """RFC 9457. Names the field and what is wrong with it; never shows a value.

    A request that comes no further than the proxy (400, 408, 413, 503) has no id.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    field: str | msgspec.UnsetType = msgspec.UNSET


class Health(msgspec.Struct):
    """The process answers."""

    status: str


def openapi_of(served: Served, settings: ServingSettings, version: str) -> Document:
    """Return the document for what is served."""
    schema = served.schema
    types = [schema.customer_type, schema.batch_type, Answer, Unscored, Totals, ProblemDetails, Health]
    refs, components = msgspec.json.schema_components(types, ref_template=_REF)
    customer, batch, answer, unscored, totals, problem, health = refs
    components[schema.customer_type.__name__] |= _NOT_BOTH
    components["BatchAnswer"] = _batch_answer(answer, unscored, totals)
    batch_answer = {"$ref": _REF.format(name="BatchAnswer")}
    features = {feature.name: feature for view in served.views.values() for feature in view.features}
    values = {name: _example(each) for name, each in features.items()}
    example = {"customer_id": 7, "features": values}
    one_by_id = {"customer_id": 7, "overrides": dict(list(values.items())[:1])}
    answers = _Answers(problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Churn scoring",
            "version": version,
            "description": "How likely a customer is to leave next month, and why. Every route but /health asks for an API "
            "key. Scoring changes nothing: a request may be repeated.",
        },
        "security": [{"key": []}, {"bearer": []}, {"basic": []}],
        "paths": {
            "/predict": {
                "post": _operation(
                    "predict",
                    "Score one customer, by features, or by id with the features of the online store.",
                    answers.of({200: answer}, 404, 415, 422, 429),
                    body=_body(
                        customer,
                        {
                            "by features": example,
                            "by id": {"customer_id": 7},
                            "by id, with overrides": one_by_id,
                        },
                    ),
                    parameters=[_EXPLAIN],
                )
            },
            "/predict/batch": {
                "post": _operation(
                    "predictBatch",
                    f"Score up to {settings.batch_limit_customers:,} customers; results in order, and the totals.",
                    answers.of({200: batch_answer}, 415, 422, 429),
                    body=_body(
                        batch,
                        {"two customers": {"customers": [{"customer_id": 7}, example], "threshold": 0.5}},
                    ),
                )
            },
            "/customers/{id}/score": {
                "get": _operation(
                    "scoreById",
                    "Score one customer with the features of the online store.",
                    answers.of({200: answer}, 404, 422, 429),
                    parameters=[_ID, _EXPLAIN],
                )
            },
            "/health": {
                "get": _operation(
                    "health",
                    "Whether the process answers.",
                    {"200": _success(health)} | answers.those(_OF_THE_PROXY),
                    key=False,
                )
            },
            "/ready": {
                "get": _operation(
                    "ready",
                    "The served versions, the online store, and what could not be taken over.",
                    _with_report(answers.of({200: {"type": "object"}})),
                )
            },
            "/metrics": {
                "get": _operation(
                    "metrics",
                    "Prometheus text, the sum over all replicas of the machine.",
                    answers.errors()
                    | {
                        "200": {
                            "description": "Metrics.",
                            "content": {"text/plain": {"schema": {"type": "string"}}},
                        }
                    },
                )
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The key is the password."},
            },
        },
    }


_NOT_BOTH: Document = {
    "not": {
        "properties": {"features": {"type": "object"}, "overrides": {"type": "object"}},
        "required": ["features", "overrides"],
    }
}
"""Overrides change what the online store says, so that they make no sense beside features."""
_EXPLAIN: Document = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "Add up to three reasons that an agent can say aloud, the strongest first. They take some milliseconds; "
    "where they would take too long the answer comes without them.",
    "schema": {"type": "boolean", "default": False},
}
_ID: Document = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": GREATEST_ID},
    "example": 7,
}
_OF_THE_PROXY = (400, 408, 413, 503)
_OF_KEYS = (401, 403)
_DESCRIPTIONS: Mapping[int, str] = {
    400: "The request is no HTTP that the service understands.",
    401: "No key, or one that is not accepted.",
    403: "The key lacks the scope.",
    404: "The online store does not know the customer.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The request does not fit the contract; the field is named.",
    429: "Over the key's rate; Retry-After says when to come again.",
    503: "Overloaded or not ready; Retry-After says when to come again.",
}


def _batch_answer(answer: Document, unscored: Document, totals: Document) -> Document:
    """Return the schema of `BatchAnswer`: msgspec writes none for a union of structs without a tag."""
    results = {"type": "array", "items": {"anyOf": [answer, unscored]}}
    return {
        "title": BatchAnswer.__name__,
        "description": BatchAnswer.__doc__,
        "type": "object",
        "properties": {"results": results, "totals": totals},
        "required": list(BatchAnswer.__struct_fields__),
    }


class _Answers:
    """Builds the answers of an operation around one schema of problems."""

    def __init__(self, problem: Document) -> None:
        self._problem = problem

    def of(self, successes: Mapping[int, Document], *statuses: int) -> Document:
        """Return successes and the errors that an operation can have."""
        return {str(status): _success(schema) for status, schema in successes.items()} | self.errors(
            *statuses
        )

    def errors(self, *statuses: int) -> Document:
        """Return those errors and the ones that every route with a key has."""
        return self.those({*_OF_THE_PROXY, *_OF_KEYS, *statuses})

    def those(self, statuses: Iterable[int]) -> Document:
        """Return those errors."""
        content = {"application/problem+json": {"schema": self._problem}}
        return {
            str(status): {"description": _DESCRIPTIONS[status], "content": content}
            for status in sorted(statuses)
        }


def _with_report(responses: Document) -> Document:
    """Let 503 be the report of a service without a model, or the problem that nobody is there to report."""
    content = _json({"type": "object"}) | responses["503"]["content"]
    return responses | {"503": {"description": "No model answers.", "content": content}}


def _operation(
    name: str,
    summary: str,
    responses: Document,
    *,
    body: Document | None = None,
    parameters: list[Document] | None = None,
    key: bool = True,
) -> Document:
    operation: Document = {"operationId": name, "summary": summary, "responses": responses}
    if body is not None:
        operation["requestBody"] = body
    if parameters:
        operation["parameters"] = parameters
    return operation if key else operation | {"security": []}


def _success(schema: Document) -> Document:
    return {"description": "Done.", "content": _json(schema)}


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _body(schema: Document, examples: Mapping[str, Document]) -> Document:
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"required": True, "content": {"application/json": content}}


def _example(feature: ContractFeature) -> float | str | None:
    """Return a value that the contract allows."""
    if feature.kind == "category":
        return feature.vocabulary[0] if feature.vocabulary else None
    if feature.maximum is not None:
        return round((feature.minimum or 0.0) + (feature.maximum - (feature.minimum or 0.0)) / 10, 3)
    return max(feature.minimum or 0.0, 1.0)
