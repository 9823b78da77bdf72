"""Ten thousand requests that no client should send: each is answered in words, none is repeated, nothing breaks."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from churn_assets.adapters.serving_settings import ServingSettings
from churn_serving.openapi import ProblemDetails
from churn_tests.benchmarks.serving.processes import Process, memory, tree
from churn_tests.benchmarks.serving.running import Service
from churn_tests.serving.cluster.malformed_bodies import CANARY, CANARY_ID
from churn_tests.serving.cluster.malformed_requests import Malformed, example_of, malformed, slow
from churn_tests.serving.cluster.wire import Line, Reply

REQUESTS = 10_000
LINES = 6
MEMORY_MIB = 50
LARGEST = ServingSettings().batch_limit_bytes
BODY_TIMEOUT_S = ServingSettings().body_timeout_s
REVIVALS = "churn_proxy_revivals_total"
FIXED_PAGES = {
    400: b"<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n",
    408: b"<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>\n",
    422: b"<html><body><h1>422 Unprocessable Content</h1>\nThe server cannot process the contained instructions.\n"
    b"</body></html>\n",
}
"""What HAProxy 2.8 says, and lets nobody change, of bytes that it cannot read as HTTP at all."""


SlowOutcome = tuple[Malformed, list[Reply], float]


@dataclass
class Outcome:
    """What came of all requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def take(self, request: Malformed, replies: list[Reply]) -> None:
        """Judge the answers to one request."""
        self.kinds[request.kind] += 1
        if not replies and len(request.payload) <= LARGEST:  # who goes on sending may miss the refusal
            self.wrong.append(f"no answer: {request.kind}, {request.payload[:300]!r}")
        for reply in replies:
            self.statuses[reply.status] += 1
            if fault := _fault_of(request, reply):
                self.wrong.append(f"{fault}: {request.kind}, {request.payload[:300]!r}: {reply}")


def _fault_of(request: Malformed, reply: Reply) -> str | None:
    """Say what is wrong with an answer."""
    said = reply.head + reply.body
    if CANARY.encode() in said or CANARY.upper().encode() in said:
        return "the text is repeated"
    if reply.status >= 500 and reply.status != 503:
        return "the service failed"
    if reply.status < 400:
        return None if request.head or _is_known_success(reply) else "an unknown success"
    if str(CANARY_ID).encode() in said:
        return "the customer is repeated"
    fixed = not request.framed and reply.body == FIXED_PAGES.get(reply.status)
    return None if request.head or fixed or _is_problem(reply) else "no problem document"


def _is_problem(reply: Reply) -> bool:
    if reply.header("content-type") != "application/problem+json":
        return False
    problem = msgspec.json.decode(reply.body, type=ProblemDetails)
    return problem.status == reply.status and bool(problem.title) and bool(problem.detail)


def _is_known_success(reply: Reply) -> bool:
    if reply.status != 200 or reply.header("content-type") != "application/json":
        return False
    document = msgspec.json.decode(reply.body)
    return document == {"status": "ok"} or "churn_probability" in document or "totals" in document


async def _sent(service: Service, requests: Iterator[Malformed], outcome: Outcome) -> None:
    """Send what is left of the requests on one connection, and those that spoil one on others."""
    line = Line(service.port)
    for request in requests:
        if request.framed:
            reply = await line.ask(request.payload, head=request.head)
            outcome.take(request, [reply] if reply else [])
        else:
            outcome.take(request, await line.tell(request.payload))
    line.close()


async def _slowly_sent(service: Service, kind: str, pause_s: float, parts: tuple[bytes, ...]) -> SlowOutcome:
    """Send a request that hardly comes; return what was answered, and after how many seconds."""
    begun = time.monotonic()
    replies = await Line(service.port).tell(*parts, pause_s=pause_s)
    return Malformed(kind, parts[0], framed=False), replies, time.monotonic() - begun


async def _all_sent(service: Service, requests: Iterator[Malformed]) -> tuple[Outcome, list[SlowOutcome]]:
    """Send all requests on a few connections, and meanwhile those that hardly come."""
    outcome = Outcome()
    dawdling = [asyncio.ensure_future(_slowly_sent(service, *each)) for each in slow(service.key)]
    await asyncio.gather(*(_sent(service, requests, outcome) for _ in range(LINES)))
    return outcome, await asyncio.gather(*dawdling)


def _replicas(service: Service) -> list[Process]:
    """Return the processes that answer."""
    pids = {each.pid for arm in ("champion", "challenger") for each in service.replicas(arm)}
    return [each for each in tree(service.server.pid, service.server.mark) if each.pid in pids]


def test_ten_thousand_malformed_requests_are_refused_in_words_and_leave_no_trace(service: Service) -> None:
    replicas, revivals = _replicas(service), service.metrics().get(REVIVALS, 0.0)
    held = memory(replicas).uss_mib
    begun = time.monotonic()

    requests = islice(malformed(20_250_601, service.key, example_of(service)), REQUESTS)
    outcome, dawdled = asyncio.run(_all_sent(service, requests))

    took = time.monotonic() - begun
    after = memory(replicas).uss_mib
    sys.stdout.write(f"{took:.1f} s, {held:.0f} -> {after:.0f} MiB, {dict(outcome.statuses)}\n")
    assert not outcome.wrong, "\n".join(outcome.wrong[:20])
    assert outcome.kinds.total() == REQUESTS
    assert outcome.statuses[503] <= REQUESTS / 1_000
    for request, replies, seconds in dawdled:
        assert [reply.status for reply in replies] == [408], request.kind
        assert _fault_of(request, replies[0]) is None, request.kind
        assert seconds < 2 * BODY_TIMEOUT_S, request.kind
    assert _replicas(service) == replicas
    assert service.metrics().get(REVIVALS, 0.0) == revivals
    assert after - held <= MEMORY_MIB
