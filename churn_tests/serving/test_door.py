"""The door: what each route answers, and what is said to whom it does not answer."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from churn_serving.door import READY, Door
from churn_tests.serving.asgi import BATCH, EVERY, PREDICT, SCORE, answered, refused
from churn_tests.serving.conftest import Keys, NewDoor, NewStand
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
@in_event_loop
async def test_another_method_is_refused_with_the_one_that_is_allowed(
    door: Door, keys: Keys, method: str
) -> None:
    others = [(allowed, route) for allowed, route in EVERY if allowed != method]
    if method not in {"GET", "HEAD"}:
        others.append(("GET", "/health"))

    for allowed, route in others:
        reply = await answered(door, method, route, key=keys.both)
        refused(reply, 405)
        assert reply.headers["allow"] == allowed


@in_event_loop
async def test_a_score_is_answered_by_each_route_in_the_same_way(
    door: Door, stand: Stand, keys: Keys, customers: pl.DataFrame
) -> None:
    await stand.begin(stand.configuration(share=0.5))
    customer = customers["customer_id"][0]
    body = json.dumps({"customer_id": customer}).encode()

    posted = await answered(door, "POST", PREDICT, key=keys.score, body=body)
    got = await answered(door, "GET", f"/customers/{customer}/score", key=keys.score)
    batch = await answered(door, "POST", BATCH, key=keys.score, body=b'{"customers": [' + body + b"]}")

    assert posted.status == got.status == batch.status == 200
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["x-content-type-options"] == "nosniff"
    assert posted.json == got.json == batch.json["results"][0]
    assert posted.json["customer_id"] == customer
    assert "reasons" not in posted.json


@pytest.mark.parametrize("query", ["explain=true", "explain=1", "explain=TRUE"])
@in_event_loop
async def test_reasons_are_given_where_they_are_asked_for(
    new_stand: NewStand, new_door: NewDoor, keys: Keys, customers: pl.DataFrame, query: str
) -> None:
    stand = new_stand(explain_budget_ms=5_000.0)
    await stand.begin()

    reply = await answered(
        new_door(stand), "GET", f"/customers/{customers['customer_id'][0]}/score?{query}", key=keys.score
    )

    assert reply.json["reasons_status"] == "given"
    assert isinstance(reply.json["reasons"], list)


@pytest.mark.parametrize(
    "query", ["explain=yes", "explain=true&explain=true", "explian=true", "explain=%74rue", "CANARY"]
)
@in_event_loop
async def test_any_other_parameter_is_refused_without_repeating_it(
    door: Door, stand: Stand, keys: Keys, query: str
) -> None:
    await stand.begin()

    problem = refused(await answered(door, "GET", f"{SCORE}?{query}", key=keys.score), 422)

    assert problem["field"] == "explain"
    assert query not in json.dumps(problem)


@in_event_loop
async def test_reasons_of_a_batch_are_refused(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()

    reply = await answered(door, "POST", f"{BATCH}?explain=true", key=keys.score, body=b'{"customers": []}')

    assert refused(reply, 422)["field"] == "explain"


@in_event_loop
async def test_an_unknown_customer_is_not_found(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()

    by_path = refused(await answered(door, "GET", "/customers/3471234567/score", key=keys.score), 404)
    by_body = refused(
        await answered(door, "POST", PREDICT, key=keys.score, body=b'{"customer_id": 3471234567}'), 404
    )

    assert by_path["detail"] == by_body["detail"] == "the online store does not know this customer"


@in_event_loop
async def test_what_is_no_customer_id_is_refused(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()
    seven = "\N{ARABIC-INDIC DIGIT SEVEN}"

    for customer in (
        "0",
        "-1",
        "7.0",
        "1e3",
        "seven",
        "9223372036854775808",
        "9" * 400,
        "%37",
        seven,
        "7%2F8",
    ):
        problem = refused(await answered(door, "GET", f"/customers/{customer}/score", key=keys.score), 422)
        assert problem["field"] == "id"


@pytest.mark.parametrize(
    ("method", "route"), [("POST", PREDICT), ("POST", BATCH), ("GET", SCORE), ("GET", "/openapi.json")]
)
@in_event_loop
async def test_before_a_model_is_there_who_asks_is_told_to_come_again(
    door: Door, keys: Keys, method: str, route: str
) -> None:
    reply = await answered(door, method, route, key=keys.both, body=b'{"customer_id": 7}')

    assert "no model" in refused(reply, 503)["detail"]
    assert reply.headers["retry-after"] == "1"


@in_event_loop
async def test_readiness_is_503_until_a_model_answers(door: Door, stand: Stand, keys: Keys) -> None:
    before = await answered(door, "GET", READY, key=keys.observe)
    await stand.begin()
    after = await answered(door, "GET", READY, key=keys.observe)

    assert (before.status, before.json["ready"], before.headers["retry-after"]) == (503, False, "1")
    assert (after.status, after.json["ready"], after.json["configuration"]) == (200, True, 1)
    assert "retry-after" not in after.headers


@in_event_loop
async def test_without_a_snapshot_who_comes_by_id_is_told_to_come_again(
    door: Door, stand: Stand, keys: Keys
) -> None:
    (stand.store.root / "pointer.json").unlink()
    await stand.begin()

    reply = await answered(door, "GET", SCORE, key=keys.score)

    assert "no features of customers are published" in refused(reply, 503)["detail"]
    assert reply.headers["retry-after"] == "30"


@in_event_loop
async def test_the_page_of_the_documentation_loads_nothing_from_elsewhere(door: Door, keys: Keys) -> None:
    page = await answered(door, "GET", "/docs", key=keys.observe)
    files = {
        name: await answered(door, "GET", f"/docs/{name}", key=keys.observe)
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")
    }

    assert page.headers["content-type"].startswith("text/html")
    assert b"://" not in page.body
    assert all(f"/docs/{name}".encode() in page.body for name in files)
    for reply in (page, *files.values()):
        assert reply.status == 200
        assert "default-src 'none'" in reply.headers["content-security-policy"]
    refused(await answered(door, "GET", "/docs/../keys.json", key=keys.observe), 404)
    refused(await answered(door, "GET", "/docs/index.htm", key=keys.observe), 404)


@in_event_loop
async def test_a_web_socket_is_closed_before_it_opens(door: Door) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401  ASGI's message
        sent.append(message)

    await door({"type": "websocket", "path": PREDICT, "headers": [], "query_string": b""}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


@in_event_loop
async def test_the_server_may_announce_its_start_and_its_end(door: Door) -> None:
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:  # noqa: ANN401  ASGI's message
        sent.append(message)

    await door({"type": "lifespan"}, receive, send)

    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
