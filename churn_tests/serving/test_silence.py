"""What a client sends comes back in no error, no log and no metric: a canary is put in every place and searched for."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from churn_serving.access_log import AccessLog
from churn_serving.door import Door
from churn_serving.places import ServingPlaces
from churn_serving.telemetry import Telemetry
from churn_tests.serving.asgi import answered
from churn_tests.serving.conftest import Keys
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand

CANARY, NUMBER = "C4N4RY", 3_471_234_567
FEATURES = {"calls_trend": 1.0, "contract_type": "monthly", "region": "north"}


def places_in(document: Any) -> Iterator[Any]:  # noqa: ANN401  JSON
    """Yield the document again and again, each time with the canary in another place: as a value, then as a name."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from ({**document, name: changed} for changed in places_in(value))
            rest = {other: each for other, each in document.items() if other != name}
            yield {**rest, CANARY: value}
            yield {**document, f"{name}{CANARY}": value}
            yield {**document, f"x` - at `$.{CANARY}": value}
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from ([*document[:place], changed, *document[place + 1 :]] for changed in places_in(value))
    yield CANARY
    yield [CANARY]
    yield {CANARY: CANARY}
    yield f"x` - at `$.{CANARY}"


CUSTOMER = {"customer_id": NUMBER, "features": FEATURES}
BY_ID = {"customer_id": NUMBER, "overrides": {"region": "north", "calls_trend": 2.0}}
BODIES = [
    *(("/predict", document) for whole in (CUSTOMER, BY_ID) for document in places_in(whole)),
    *(
        ("/predict/batch", document)
        for document in places_in({"customers": [CUSTOMER, BY_ID], "threshold": 0.5})
    ),
]
RAW = [
    b"C4N4RY",
    b'{"customer_id": C4N4RY}',
    b'{"customer_id": 7, "C4N4RY',
    b'{"customer_id": "\xffC4N4RY"}',
    b'{"customer_id": 7} C4N4RY',
]
TARGETS = [
    f"/{CANARY}",
    f"/customers/{CANARY}/score",
    f"/customers/{NUMBER}/score",
    f"/customers/{NUMBER}/score?explain={CANARY}",
    f"/customers/{NUMBER}/{CANARY}",
    f"/docs/{CANARY}",
    f"/docs/../{CANARY}",
    f"/predict?{CANARY}=true",
    f"/ready?{CANARY}",
    f"/health?{CANARY}",
]
HEADERS = [
    ("x-request-id", CANARY),
    ("x-request-id", f"{CANARY}6789abcdef0123456789abcdef"),
    ("user-agent", CANARY),
    ("content-type", f"application/{CANARY}"),
    ("content-length", CANARY),
    ("accept", CANARY),
    ("cookie", f"id={CANARY}"),
    (CANARY.lower(), CANARY),
]
BAD_KEYS = [CANARY, f"churn_{CANARY}", f"churn_0123456789ab_{CANARY}"]


def silent(text: str) -> bool:
    """Tell whether a text holds nothing of the canary or the number."""
    return CANARY.lower() not in text.lower() and str(NUMBER) not in text and f"{NUMBER:,}" not in text


@in_event_loop
async def test_no_word_of_a_request_is_repeated_in_an_error_a_log_or_a_metric(
    door: Door,
    stand: Stand,
    keys: Keys,
    places: ServingPlaces,
    telemetry: Telemetry,
    access_log: AccessLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await stand.begin(stand.configuration(share=0.5, shadow=True))
    requests: list[tuple[str, str, dict[str, Any]]] = [
        *(("POST", route, {"body": json.dumps(document).encode()}) for route, document in BODIES),
        *(("POST", route, {"body": body}) for route in ("/predict", "/predict/batch") for body in RAW),
        *(("GET", target, {}) for target in TARGETS),
        *(("POST", target, {"body": b"{}"}) for target in TARGETS),
        *(("POST", "/predict", {"headers": [header], "body": [b"{"]}) for header in HEADERS),
        *((CANARY, route, {}) for route in ("/predict", "/nowhere", "/health")),
    ]
    statuses = set()

    with caplog.at_level(logging.DEBUG):
        for method, target, parts in requests:
            for key in (keys.both, keys.score, None, *BAD_KEYS[:1]):
                reply = await answered(door, method, target, key=key, **parts)
                statuses.add(reply.status)
                if reply.status != 200:
                    assert silent(reply.body.decode()), (target, parts, reply.body)
                    assert silent(str(reply.headers)), (target, parts, reply.headers)
        for key in BAD_KEYS:
            for header in (("x-api-key", key), ("authorization", f"Bearer {key}"), ("authorization", key)):
                reply = await answered(door, "GET", "/ready", headers=[header])
                assert (reply.status, silent(reply.body.decode())) == (401, True)

    assert {200, 401, 404, 405, 415, 422} <= statuses < {200, 401, 403, 404, 405, 413, 415, 422}
    access_log.flush()
    assert len(access_log.path.read_text().splitlines()) > 4 * len(BODIES)
    assert silent(access_log.path.read_text())
    assert silent(caplog.text)
    assert silent(telemetry.text().decode())
    assert silent(json.dumps(stand.keeper.report()[1]))
    written = [path for path in places.root.rglob("*") if path.is_file()]
    assert all(silent(path.read_bytes().decode("latin-1")) for path in written)


@in_event_loop
async def test_a_score_repeats_the_customers_number_and_nothing_else(
    door: Door, stand: Stand, keys: Keys
) -> None:
    await stand.begin()
    body = json.dumps({"customer_id": NUMBER, "features": FEATURES | {"calls_trend": 1234.5678}}).encode()

    reply = await answered(door, "POST", "/predict", key=keys.score, body=body)

    assert reply.json["customer_id"] == NUMBER
    assert "1234.5678" not in reply.body.decode()
