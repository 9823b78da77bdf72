"""What a request leaves behind: a line of the log, a count, an id; and nothing of what failed inside."""

from __future__ import annotations

import json
import logging

import polars as pl
import pytest

from churn_serving.access_log import AccessLog
from churn_serving.door import METRICS, READY, ROUTES, UNKNOWN, Door
from churn_tests.serving.asgi import BATCH, PREDICT, SCORE, answered, ask, refused
from churn_tests.serving.conftest import Keys
from churn_tests.serving.counts import Counts, samples_of
from churn_tests.serving.event_loop import in_event_loop
from churn_tests.serving.stand import Stand

REQUEST_ID = "0123456789abcdef0123456789abcdef"


@in_event_loop
async def test_what_fails_inside_is_500_and_its_text_reaches_neither_the_client_nor_the_log(
    door: Door, stand: Stand, keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await stand.begin()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CANARY 3471234567")

    monkeypatch.setattr(stand.service, "one", broken)
    with caplog.at_level(logging.DEBUG):
        reply = await answered(door, "GET", SCORE, key=keys.score, headers=[("x-request-id", REQUEST_ID)])

    problem = refused(reply, 500)
    assert "CANARY" not in reply.body.decode() + caplog.text
    assert problem["request_id"] == REQUEST_ID
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert REQUEST_ID in record.getMessage()
    assert "RuntimeError in " in record.getMessage()


@in_event_loop
async def test_the_metrics_are_told_as_prometheus_reads_them(door: Door, stand: Stand, keys: Keys) -> None:
    await stand.begin()
    await answered(door, "GET", SCORE, key=keys.score)

    reply = await answered(door, "GET", METRICS, key=keys.observe)

    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples_of(reply.body)
    assert (
        found["churn_requests_total", frozenset({("route", "/customers/{id}/score"), ("status", "404")})] >= 1
    )


@in_event_loop
async def test_every_request_is_one_line_of_the_log_and_one_count_by_its_routes_template(
    door: Door, stand: Stand, keys: Keys, customers: pl.DataFrame, access_log: AccessLog, counts: Counts
) -> None:
    await stand.begin(stand.configuration(share=1.0))
    known = customers["customer_id"].head(3).to_list()
    body = json.dumps({"customers": [{"customer_id": each} for each in [*known, 7]]}).encode()
    await answered(door, "POST", BATCH, key=keys.both, body=body, headers=[("x-request-id", REQUEST_ID)])
    await answered(door, "GET", f"/customers/{known[0]}/score")
    await answered(door, "GET", "/nowhere", key=keys.both)

    access_log.flush()

    lines = [json.loads(line) for line in access_log.path.read_text().splitlines()]
    assert [(each["route"], each["status"], each["key_id"] is None) for each in lines] == [
        (BATCH, 200, False),
        ("/customers/{id}/score", 401, True),
        (UNKNOWN, 404, False),
    ]
    assert {line["route"] for line in lines} <= set(ROUTES)
    first = lines[0]
    assert (first["request_id"], first["body_bytes"], first["key_id"]) == (
        REQUEST_ID,
        len(body),
        keys.both.split("_")[1],
    )
    rows = [first[name] for name in ("rows", "champion_rows", "challenger_rows", "fallback_rows")]
    assert rows == [3, 0, 3, 0]
    for line in lines:
        labels = {"route": line["route"], "status": str(line["status"])}
        assert counts.of("churn_requests_total", **labels) == 1
    assert counts.of("churn_request_seconds_count") == 3


@in_event_loop
async def test_a_request_id_that_is_a_uuid_is_kept_and_any_other_replaced(door: Door) -> None:
    kept = refused(await answered(door, "GET", READY, headers=[("x-request-id", REQUEST_ID)]), 401)
    made = refused(await answered(door, "GET", READY, headers=[("x-request-id", "Anna Rossi")]), 401)

    assert kept["request_id"] == REQUEST_ID
    assert len(made["request_id"]) == 32


@in_event_loop
async def test_a_client_that_leaves_gets_no_answer_and_is_logged_as_gone(
    door: Door, stand: Stand, keys: Keys, access_log: AccessLog, counts: Counts
) -> None:
    await stand.begin()

    reply = await ask(door, "POST", PREDICT, key=keys.score, body=[b'{"customer'], whole=False, leaves=True)

    access_log.flush()
    assert reply is None
    assert json.loads(access_log.path.read_text())["status"] == 499
    assert counts.of("churn_requests_total", route=PREDICT, status="499") == 1
