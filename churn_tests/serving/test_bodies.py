"""Bodies that are no request: too large, too slow, of another type, or wrong; each refused as what it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest

from churn_serving.door import Door
from churn_tests.serving.asgi import Reply, answered
from churn_tests.serving.conftest import Keys, NewDoor, NewStand
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand
from churn_tests.serving.test_requests import NESTED, NO_JSON

PREDICT, BATCH = "/predict", "/predict/batch"
LIMITS = {PREDICT: 1_000, BATCH: 3_000}
GOOD = b'{"customer_id": 7}'


@pytest.fixture
def stand(new_stand: NewStand) -> Stand:
    return new_stand(body_limit_bytes=LIMITS[PREDICT], batch_limit_bytes=LIMITS[BATCH], body_timeout_s=0.05)


@pytest.fixture
def door(stand: Stand, new_door: NewDoor) -> Door:
    return new_door(stand)


def detail_of(reply: Reply, status: int) -> str:
    assert reply.status == status, reply.body
    return str(reply.json["detail"])


@pytest.mark.parametrize(("route", "limit"), LIMITS.items())
@in_event_loop
async def test_a_body_up_to_the_limit_is_read_and_a_byte_more_is_not(
    door: Door, stand: Stand, keys: Keys, route: str, limit: int
) -> None:
    await stand.begin()
    wide = GOOD if route == PREDICT else b'{"customers": [' + GOOD + b"]}"

    fits = await answered(door, "POST", route, key=keys.score, body=wide.ljust(limit))
    over = await answered(door, "POST", route, key=keys.score, body=wide.ljust(limit + 1))

    assert fits.status == (404 if route == PREDICT else 200)
    assert f"larger than {limit:,} bytes" in detail_of(over, 413)


@pytest.mark.parametrize(("route", "limit"), LIMITS.items())
@in_event_loop
async def test_an_announced_length_is_enough_to_refuse_a_body_that_never_comes(
    door: Door, stand: Stand, keys: Keys, route: str, limit: int
) -> None:
    await stand.begin()

    for length in (str(limit + 1), "9" * 40):
        reply = await answered(
            door, "POST", route, key=keys.score, body=[], headers=[("content-length", length)], whole=False
        )
        detail_of(reply, 413)


@pytest.mark.parametrize(("route", "limit"), LIMITS.items())
@in_event_loop
async def test_a_body_without_a_length_is_refused_at_the_byte_over_the_limit(
    door: Door, stand: Stand, keys: Keys, route: str, limit: int
) -> None:
    await stand.begin()
    chunks = [b"[" * 100] * (limit // 100 + 1)

    reply = await answered(door, "POST", route, key=keys.score, body=chunks, whole=False)

    detail_of(reply, 413)


@in_event_loop
async def test_a_length_that_lies_opens_no_way_around_the_limit(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()

    for length in ("5", "-1", "0x10", "1,2", ""):
        reply = await answered(
            door, "POST", PREDICT, key=keys.score, body=[b" " * 600] * 2, headers=[("content-length", length)]
        )
        detail_of(reply, 413)


@pytest.mark.parametrize("body", [[GOOD[:5], GOOD[5:]], [b"", GOOD, b""], [bytes([byte]) for byte in GOOD]])
@in_event_loop
async def test_a_body_may_arrive_in_parts(
    door: Door, stand: Stand, keys: Keys, body: Sequence[bytes]
) -> None:
    await stand.begin()

    assert "does not know" in detail_of(await answered(door, "POST", PREDICT, key=keys.score, body=body), 404)


@pytest.mark.parametrize("body", [[], [b'{"customer_id"'], [b" "] * 5])
@in_event_loop
async def test_a_body_that_does_not_arrive_in_time_is_not_waited_for(
    door: Door, stand: Stand, keys: Keys, body: Sequence[bytes]
) -> None:
    await stand.begin()

    reply = await answered(door, "POST", PREDICT, key=keys.score, body=body, whole=False)

    assert "within 0.05 seconds" in detail_of(reply, 408)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/x-pickle",
        "application/vnd.bentoml+pickle",
        "application/jsonp",
        "application/problem+json",
        "application/json5, application/json",
        "application",
    ],
)
@in_event_loop
async def test_what_is_not_called_json_is_not_read(
    door: Door, stand: Stand, keys: Keys, content_type: str | None
) -> None:
    await stand.begin()

    for route in LIMITS:
        reply = await answered(
            door,
            "POST",
            route,
            key=keys.score,
            body=[b"\x80\x04cos\nsystem\n"],
            whole=False,
            content_type=content_type,
        )
        assert "send JSON" in detail_of(reply, 415)


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"]
)
@in_event_loop
async def test_json_may_be_called_so_in_any_case_and_with_a_charset(
    door: Door, stand: Stand, keys: Keys, content_type: str
) -> None:
    await stand.begin()

    detail_of(
        await answered(door, "POST", PREDICT, key=keys.score, body=GOOD, content_type=content_type), 404
    )


@in_event_loop
async def test_no_malformed_body_is_more_than_422(
    new_stand: NewStand, new_door: NewDoor, keys: Keys, customers: pl.DataFrame
) -> None:
    stand = new_stand(body_limit_bytes=100_000)
    await stand.begin()
    door = new_door(stand)

    for route in LIMITS:
        for body in (*NO_JSON.values(), *NESTED.values()):
            detail_of(await answered(door, "POST", route, key=keys.score, body=body), 422)

    again = json.dumps({"customer_id": customers["customer_id"][0]}).encode()
    assert (await answered(door, "POST", PREDICT, key=keys.score, body=again)).status == 200


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"customer_id": 0}, "$.customer_id"),
        ({"customer": 7}, "$"),
        (
            {"customer_id": 7, "features": {"contract_type": "none", "region": None}},
            "$.features.contract_type",
        ),
        ({"customer_id": 7, "overrides": {"calls_trend": "x"}}, "$.overrides.calls_trend"),
        ([], "$"),
    ],
)
@in_event_loop
async def test_a_wrong_document_is_told_its_field(
    door: Door, stand: Stand, keys: Keys, document: object, field: str
) -> None:
    await stand.begin()

    reply = await answered(door, "POST", PREDICT, key=keys.score, body=json.dumps(document).encode())

    detail_of(reply, 422)
    assert reply.json["field"] == field


@in_event_loop
async def test_a_batch_of_too_many_customers_is_refused(
    new_stand: NewStand, new_door: NewDoor, keys: Keys
) -> None:
    stand = new_stand(batch_limit_customers=3)
    await stand.begin()
    batch = {"customers": [{"customer_id": 7}] * 4}

    reply = await answered(new_door(stand), "POST", BATCH, key=keys.score, body=json.dumps(batch).encode())

    assert "length <= 3" in detail_of(reply, 422)
