"""The OpenAPI document: valid, its examples are accepted, and no answer is other than it says."""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl
import pytest
import schemathesis
from jsonschema_rs import Draft202012Validator, meta

from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.learning.contract import ContractFeature
from churn_serving.configuration import Configuration, ServedModel
from churn_serving.door import ROUTES, Door
from churn_serving.openapi import openapi_of
from churn_serving.requests import RequestSchema
from churn_serving.state import Served
from churn_tests.serving.asgi import Reply, answered
from churn_tests.serving.catalogue_rows import CATALOGUE
from churn_tests.serving.conftest import Keys, NewDoor, NewStand
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.links import SimpleLink
from churn_tests.serving.stand import Stand

Document = dict[str, Any]


async def document_of(door: Door, keys: Keys) -> Document:
    """Return the document as a client gets it."""
    reply = await answered(door, "GET", "/openapi.json", key=keys.observe)
    assert reply.status == 200
    found: Document = reply.json
    return found


def validator(document: Document, schema: Document) -> Draft202012Validator:
    """Return what checks values against a schema of the document."""
    return Draft202012Validator({**schema, "components": document["components"]})


def examples_of(document: Document, route: str) -> dict[str, object]:
    content = document["paths"][route]["post"]["requestBody"]["content"]["application/json"]
    return {name: example["value"] for name, example in content["examples"].items()}


def assert_fits(document: Document, method: str, target: str, reply: Reply) -> None:
    """Demand that an answer is one that the document describes."""
    path = re.sub(r"/customers/[^/]+/", "/customers/{id}/", target.partition("?")[0])
    described = document["paths"][path][method.lower()]["responses"]
    assert str(reply.status) in described, (method, target, reply)
    media_type, _, _ = reply.headers["content-type"].partition(";")
    schema = described[str(reply.status)]["content"][media_type]["schema"]
    if media_type != "text/plain":
        validator(document, schema).validate(reply.json)


@in_event_loop
async def test_the_document_is_valid_openapi_3_1(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin(stand.configuration(share=0.1))

    document = await document_of(door, keys)

    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        meta.validate(schema)
    assert document["info"]["version"] == "1.2.3"


@in_event_loop
async def test_every_route_is_described_but_the_page_that_shows_it(
    door: Door, stand: Stand, keys: Keys
) -> None:
    await stand.begin()

    document = await document_of(door, keys)

    assert set(document["paths"]) == set(ROUTES) - {"/openapi.json", "/docs", "/docs/{file}", "unknown"}
    secured = {
        path
        for path, operations in document["paths"].items()
        for each in operations.values()
        if "security" not in each
    }
    assert secured == set(document["paths"]) - {"/health"}


@in_event_loop
async def test_the_examples_are_accepted_and_answered_as_described(
    door: Door, stand: Stand, keys: Keys, customers: pl.DataFrame
) -> None:
    await stand.begin(stand.configuration(share=0.5))
    document = await document_of(door, keys)
    known = customers["customer_id"][0]

    for route in ("/predict", "/predict/batch"):
        for example in examples_of(document, route).values():
            body = json.dumps(example)
            for told in (body, body.replace('"customer_id": 7', f'"customer_id": {known}')):
                reply = await answered(door, "POST", route, key=keys.score, body=told.encode())
                assert reply.status in {200, 404}
                assert_fits(document, "POST", route, reply)


NOT_NULLABLE_FIRST = tuple(sorted(CATALOGUE, key=lambda feature: feature.nullable))
LOYALTY = ContractFeature("loyalty_tier", "category", ("gold", "silver"))


@pytest.mark.parametrize(
    "contract",
    [
        CATALOGUE,
        CATALOGUE[::-1],
        CATALOGUE[:5],
        NOT_NULLABLE_FIRST,
        (LOYALTY, *CATALOGUE),
        (ContractFeature("x", "category"),),
    ],
)
@in_event_loop
async def test_the_examples_of_any_contract_are_accepted(
    stand: Stand, contract: tuple[ContractFeature, ...]
) -> None:
    await stand.begin()
    served = stand.service.in_force().served
    schema = RequestSchema([contract], batch_limit=1_000)
    view = served.champion
    changed = Served(
        Configuration("spring", ServedModel("1", "a" * 64)),
        served.scorer,
        schema,
        type(view)(view.arm, view.served, contract, view.speaker, view.inputs),
        None,
    )

    document = openapi_of(changed, ServingSettings(), "1.2.3")

    for example in examples_of(document, "/predict").values():
        schema.customer(json.dumps(example).encode())
        validator(document, {"$ref": "#/components/schemas/Customer"}).validate(example)
    for example in examples_of(document, "/predict/batch").values():
        schema.batch(json.dumps(example).encode())


@in_event_loop
async def test_the_document_knows_the_bounds_and_categories_of_the_contract(stand: Stand) -> None:
    await stand.begin()
    served = stand.service.in_force().served
    changed = Served(
        served.configuration,
        served.scorer,
        RequestSchema([CATALOGUE], batch_limit=1_000),
        served.champion,
        None,
    )

    features = openapi_of(changed, ServingSettings(), "1")["components"]["schemas"]["Features"]

    assert features["additionalProperties"] is False
    assert set(features["required"]) == {each.name for each in CATALOGUE if not each.nullable}
    assert "islands" in json.dumps(features["properties"]["region"])
    assert '"maximum": 1.0' in json.dumps(features["properties"]["peak_hour_ratio"])


@in_event_loop
async def test_no_answer_is_other_than_the_document_says(
    new_stand: NewStand, new_door: NewDoor, keys: Keys, customers: pl.DataFrame
) -> None:
    link = SimpleLink()
    stand = new_stand(link, body_limit_bytes=2_000, body_timeout_s=0.05, explain_budget_ms=5_000.0)
    door = new_door(stand)
    unready = [
        await answered(door, *each, key=keys.both)
        for each in (("GET", "/ready"), ("GET", "/customers/7/score"))
    ]
    await stand.begin(stand.configuration(share=0.5))
    document = await document_of(door, keys)
    for reply, target in zip(unready, ("/ready", "/customers/7/score"), strict=True):
        assert_fits(document, "GET", target, reply)
    known = customers["customer_id"].head(6).to_list()
    one, batch = (
        json.dumps({"customer_id": known[0]}).encode(),
        json.dumps({"customers": [{"customer_id": each} for each in [*known, 7]]}).encode(),
    )

    seen = set()
    requests: list[tuple[str, str, dict[str, Any]]] = [
        *(("GET", f"/customers/{each}/score?explain=true", {}) for each in known),
        *(
            ("GET", path, {})
            for path in ("/ready", "/metrics", "/health", "/customers/7/score", "/customers/x/score")
        ),
        *(
            ("POST", "/predict", {"body": body})
            for body in (one, b"{", b"{}", b'{"customer_id": 7}', b" " * 3_000)
        ),
        *(
            ("POST", "/predict/batch", {"body": body})
            for body in (batch, b'{"customers": [{"customer_id": 7}]}', b"[]")
        ),
        ("POST", "/predict", {"body": [], "whole": False}),
        ("POST", "/predict", {"body": one, "content_type": "text/plain"}),
        ("POST", "/predict/batch", {"body": batch, "content_type": "application/x-pickle"}),
    ]
    for method, target, parts in requests:
        for key in (keys.both, keys.observe, None):
            reply = await answered(door, method, target, key=key, **parts)
            assert_fits(document, method, target, reply)
            seen.add(reply.status)
    for _ in range(4):
        reply = await answered(door, "GET", "/customers/7/score", key=keys.limited)
        assert_fits(document, "GET", "/customers/7/score", reply)
        seen.add(reply.status)
    link.raises = ConnectionResetError()
    assert_fits(
        document,
        "POST",
        "/predict/batch",
        await answered(door, "POST", "/predict/batch", key=keys.both, body=batch),
    )

    assert seen == {200, 401, 403, 404, 408, 413, 415, 422, 429}


@in_event_loop
async def test_refusals_beyond_the_described_routes_have_the_form_of_all_others(
    door: Door, stand: Stand, keys: Keys
) -> None:
    await stand.begin()
    document = await document_of(door, keys)

    for method, path in (("GET", "/nowhere"), ("PUT", "/predict"), ("GET", "/docs/x")):
        reply = await answered(door, method, path, key=keys.both)
        validator(document, {"$ref": "#/components/schemas/ProblemDetails"}).validate(reply.json)
