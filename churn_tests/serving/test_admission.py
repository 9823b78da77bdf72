"""Who is let in: keys in every state, what each opens, and how much it may ask for."""

from __future__ import annotations

import base64
import json

import pytest

from churn_serving.door import READY, Door
from churn_serving.places import ServingPlaces
from churn_tests.serving.asgi import BATCH, EVERY, OBSERVING, PREDICT, SCORE, answered, refused
from churn_tests.serving.conftest import Keys, NewDoor
from churn_tests.serving.counts import Counts
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand

BAD_KEYS = {
    "no key": {},
    "an empty one": {"x-api-key": ""},
    "no key at all": {"x-api-key": "secret"},
    "an unknown one": {"x-api-key": f"churn_{'0' * 12}_{'0' * 64}"},
    "one with a line break": {"x-api-key": "churn_\r\nset-cookie: a=b"},
    "a very long one": {"x-api-key": "churn_" * 2_000},
    "a bearer of nothing": {"authorization": "Bearer "},
    "another scheme": {"authorization": "Digest username=crm"},
    "a torn basic one": {"authorization": "Basic !!!"},
}


@pytest.mark.parametrize("headers", BAD_KEYS.values(), ids=BAD_KEYS)
@in_event_loop
async def test_without_a_good_key_no_route_answers(door: Door, stand: Stand, headers: dict[str, str]) -> None:
    await stand.begin()

    for method, route in EVERY:
        reply = await answered(door, method, route, headers=headers.items(), body=b"{}")

        assert refused(reply, 401)["detail"] == "send a valid API key in the header X-API-Key"
        assert reply.headers["www-authenticate"].startswith("Basic")


@in_event_loop
async def test_a_key_that_is_wrong_revoked_or_expired_is_refused_like_any_other(
    door: Door, keys: Keys, counts: Counts
) -> None:
    wrong = keys.both[:-1] + ("0" if keys.both[-1] != "0" else "1")

    details = {
        refused(await answered(door, method, route, key=key), 401)["detail"]
        for method, route in EVERY
        for key in (wrong, keys.revoked, keys.expired)
    }

    assert details == {"send a valid API key in the header X-API-Key"}
    for reason in ("wrong", "revoked", "expired"):
        assert counts.of("churn_refused_keys_total", reason=reason) == len(EVERY)


@pytest.mark.parametrize("scheme", ["X-API-Key", "Bearer", "Basic"])
@in_event_loop
async def test_a_key_may_be_sent_in_three_ways(door: Door, stand: Stand, keys: Keys, scheme: str) -> None:
    await stand.begin()
    password = base64.b64encode(f"me:{keys.both}".encode()).decode()
    headers = {
        "X-API-Key": ("x-api-key", keys.both),
        "Bearer": ("authorization", f"Bearer {keys.both}"),
        "Basic": ("authorization", f"Basic {password}"),
    }

    assert (await answered(door, "GET", READY, headers=[headers[scheme]])).status == 200


@in_event_loop
async def test_whether_the_process_lives_is_told_to_everybody(door: Door) -> None:
    bare = await answered(door, "GET", "/health")
    wrong = await answered(door, "GET", "/health", key="nonsense")
    head = await answered(door, "HEAD", "/health")

    assert (bare.status, bare.json) == (wrong.status, wrong.json) == (200, {"status": "ok"})
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == bare.headers["content-length"]


@in_event_loop
async def test_a_key_opens_the_routes_of_its_scope_alone(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()

    for method, route in EVERY:
        scoring = route not in OBSERVING
        right, other = (keys.score, keys.observe) if scoring else (keys.observe, keys.score)
        problem = refused(await answered(door, method, route, key=other, body=b"{}"), 403)
        assert f"lacks the scope {'score' if scoring else 'observe'}" in problem["detail"]
        assert (await answered(door, method, route, key=right, body=b"{}")).status in {200, 404, 422}


@in_event_loop
async def test_that_a_route_does_not_exist_is_told_to_keys_alone(door: Door, keys: Keys) -> None:
    for path in (
        "/",
        "/predictions",
        "/predict/",
        "/PREDICT",
        "/customers/7",
        "/customers/7/8/score",
        "/-/routes",
        "//health",
    ):
        refused(await answered(door, "GET", path), 401)

        problem = refused(await answered(door, "GET", path, key=keys.score), 404)
        assert "/openapi.json" in problem["detail"]


@in_event_loop
async def test_a_key_over_its_rate_is_told_when_to_come_again(
    new_door: NewDoor, stand: Stand, keys: Keys, counts: Counts
) -> None:
    await stand.begin()
    doors = [new_door(stand), new_door(stand)]  # two replicas, one allowance

    first = [(await answered(doors[place % 2], "GET", SCORE, key=keys.limited)).status for place in range(3)]
    fourth = await answered(doors[1], "GET", SCORE, key=keys.limited)
    posted = await answered(doors[0], "POST", PREDICT, key=keys.limited, body=b"{}")

    assert first == [404] * 3
    for reply in (fourth, posted):
        assert "asked too often" in refused(reply, 429)["detail"]
        assert 90 <= int(reply.headers["retry-after"]) <= 101
    assert counts.of("churn_rate_limited_total", key=keys.limited.split("_")[1]) == 2
    assert (await answered(doors[0], "GET", READY, key=keys.limited)).status == 200


@in_event_loop
async def test_a_batch_costs_as_many_as_it_has_customers(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()
    two, four = ({"customers": [{"customer_id": 7}] * count} for count in (2, 4))

    too_many = await answered(door, "POST", BATCH, key=keys.limited, body=json.dumps(four).encode())
    first = await answered(door, "POST", BATCH, key=keys.limited, body=json.dumps(two).encode())
    second = await answered(door, "POST", BATCH, key=keys.limited, body=json.dumps(two).encode())

    assert "3 customers at once" in refused(too_many, 413)["detail"]
    assert "retry-after" not in too_many.headers  # it would never be let in
    assert first.status == 200
    refused(second, 429)


@in_event_loop
async def test_a_key_file_that_cannot_be_read_keeps_the_keys_in_force_and_is_said_by_ready(
    door: Door, stand: Stand, keys: Keys, places: ServingPlaces
) -> None:
    await stand.begin()
    assert (await answered(door, "GET", READY, key=keys.observe)).json["failures"] == []

    places.api_keys.chmod(0o644)

    (failure,) = (await answered(door, "GET", READY, key=keys.observe)).json["failures"]
    assert failure["what"] == "API keys"
    assert "chmod 600" in failure["reason"]
