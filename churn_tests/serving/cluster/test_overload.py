"""Three times more than it can take: the rest is refused at once, nothing grows, and afterwards it is as before."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace

import polars as pl
import pytest

from churn_tests.benchmarks.serving.connection import encoded
from churn_tests.benchmarks.serving.load import Running, Spec, measured
from churn_tests.benchmarks.serving.processes import Memory
from churn_tests.benchmarks.serving.running import Service
from churn_tests.benchmarks.serving.sender import NOT_SENT
from churn_tests.benchmarks.serving.tally import Result
from churn_tests.serving.cluster.answering import await_both
from churn_tests.serving.cluster.malformed_requests import example_of
from churn_tests.serving.cluster.wire import Line

SECONDS = 3.5
FULL = 16
CLIENTS = 300
CONNECTIONS = 2_000
"""A generator that was held up would open more at once than anybody keeps; it counts what it does not send."""
TIMES = 3
GROWTH_MIB = 100
AT_ONCE_S = 1.0
PROBES = 40
LEAST_SHARE = 5
"""Others may be at work on the machine, so that only a service that stays slow is noticed."""


@pytest.fixture
def usual(service: Service, scores: pl.DataFrame) -> Spec:
    """The load that it can just take: customers of both arms by id and by features."""
    await_both(service)
    headers = {"X-API-Key": service.key}
    features = example_of(service)
    customers = scores["customer_id"].head(100).to_list()
    requests = [service.by_id(customer) for customer in customers]
    requests += [
        encoded("POST", "/predict", json.dumps({"customer_id": customer, "features": features}), headers)
        for customer in customers
    ]
    return Spec(service.port, requests, seconds=2.0, clients=FULL)


async def refusals(service: Service, request: str) -> list[float]:
    """Ask again and again during a load; return after how many seconds each refusal came."""
    line = Line(service.port)
    found = []
    for _ in range(PROBES):
        begun = time.monotonic()
        reply = await line.ask(request.encode())
        if reply is not None and reply.status == 503:
            found.append(time.monotonic() - begun)
            assert reply.header("content-type") == "application/problem+json"
            assert int(reply.header("retry-after") or "") >= 1
        await asyncio.sleep(SECONDS / 2 / PROBES)
    line.close()
    return found


def pids(service: Service) -> set[int]:
    return {each.pid for arm in ("champion", "challenger") for each in service.replicas(arm)}


def figures(result: Result, waited: list[float], before: Memory, after: Memory) -> str:
    """Say what was seen."""
    refused = result.statuses.get("503", 0) / result.elapsed
    longest = max(waited, default=0.0) * 1_000
    return (
        f"{result.mode} loop, {result.clients} clients, {result.rate:.0f} offered/s: {result.throughput:.0f} answered/s "
        f"(p50 {result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms), {refused:.0f} refused/s "
        f"(longest of {len(waited)}: {longest:.0f} ms), USS {before.uss_mib:.0f} -> {after.uss_mib:.0f} MiB\n"
    )


def test_what_is_too_much_is_refused_at_once_and_leaves_nothing_behind(service: Service, usual: Spec) -> None:
    at_ease = measured(usual)
    replicas, before = pids(service), service.server.memory()
    offered = replace(usual, seconds=SECONDS, clients=0, rate=TIMES * at_ease.throughput, cap=CONNECTIONS)
    crowd = replace(usual, seconds=SECONDS, clients=CLIENTS)

    for load in (offered, crowd):
        running = Running(load)
        waited = asyncio.run(refusals(service, usual.requests[0]))
        result = running.result()
        after = service.server.memory()

        sys.stdout.write(figures(result, waited, before, after))
        assert set(result.failed) - {NOT_SENT} == {"status 503"}, (
            "what is not answered is refused, nothing else"
        )
        assert result.retry_after == result.statuses["503"]
        assert result.throughput > 0
        assert waited
        assert max(waited) < AT_ONCE_S
        assert after.uss_mib - before.uss_mib <= GROWTH_MIB
    again = measured(usual)

    assert at_ease.failures == again.failures == 0
    assert again.throughput > at_ease.throughput / LEAST_SHARE
    assert pids(service) == replicas
