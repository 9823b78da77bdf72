"""The load generator against real servers that misbehave: every request is counted once, under the right name."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_tests.benchmarks.serving import connection as names
from churn_tests.benchmarks.serving.connection import Answer, UnreadableError, encoded, read_answer
from churn_tests.benchmarks.serving.load import Load, Spec, arrival_times, measured
from churn_tests.benchmarks.serving.sender import HOST, NOT_SENT
from churn_tests.benchmarks.serving.tally import Result, percentile

BODY = json.dumps({"customer_id": 7})
REQUEST = encoded("POST", "/predict", BODY, {"X-API-Key": "k"})
FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Seen:
    """What a server has seen: the number of each request on its connection, beginning with 1."""

    port: int = 0
    connections: int = 0
    requests: list[int] = field(default_factory=list)


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[Seen]:
    """Serve on a free port; the handler is called once a request has arrived whole."""
    seen = Seen()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        number = 0
        try:
            while not writer.is_closing():
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(BODY))
                number += 1
                seen.requests.append(number)
                await handler(seen, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, HOST, 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()


def always(answer: bytes, *, close: bool = False, after: float = 0.0) -> Handler:
    """Answer with these bytes, after so many seconds, and close the connection then where asked."""

    async def handler(seen: Seen, writer: asyncio.StreamWriter) -> None:
        del seen
        await asyncio.sleep(after)
        writer.write(answer)
        if close:
            writer.close()

    return handler


def closed_loop(
    handler: Handler, *, clients: int = 1, seconds: float = 0.2, timeout: float = 5.0
) -> tuple[Result, Seen]:
    """Load a server with clients and return both sides' counts."""

    async def both() -> tuple[Result, Seen]:
        async with served(handler) as seen:
            return await Load(seen.port, [REQUEST.encode()], timeout=timeout).closed(clients, seconds), seen

    return asyncio.run(both())


def open_loop(handler: Handler, rate: float, seconds: float, cap: int = 1_000) -> tuple[Result, Seen]:
    """Let requests arrive at a server and return both sides' counts."""

    async def both() -> tuple[Result, Seen]:
        async with served(handler) as seen:
            return await Load(seen.port, [REQUEST.encode()]).open(rate, seconds, cap=cap), seen

    return asyncio.run(both())


def test_a_good_server_is_asked_over_one_connection_a_client() -> None:
    result, seen = closed_loop(always(FINE), clients=3)

    assert result.requests == len(seen.requests) == result.statuses["200"] > 30
    assert (result.failures, result.reconnected, seen.connections) == (0, 0, 3)
    assert 0 < result.p50_ms <= result.p90_ms <= result.p99_ms <= result.p999_ms <= result.max_ms
    assert result.throughput == pytest.approx(result.requests / result.elapsed)
    assert result.first_failure is None
    assert result.most_outstanding == 3


def test_a_connection_that_is_closed_between_requests_is_replaced_and_the_request_sent_again() -> None:
    result, seen = closed_loop(always(FINE, close=True))

    assert result.failed == {}
    assert result.statuses == {"200": result.requests}
    assert result.reconnected == result.requests - 1  # all but the first met a closed connection
    assert seen.connections == result.requests


def test_a_server_that_says_it_closes_costs_no_second_sending() -> None:
    result, seen = closed_loop(
        always(FINE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), close=True)
    )

    assert (result.failures, result.reconnected) == (0, 0)
    assert seen.connections == result.requests > 1


def test_a_request_is_sent_again_only_once() -> None:
    async def only_the_first(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if len(seen.requests) == 1:
            writer.write(FINE)
        else:
            writer.close()

    result, seen = closed_loop(only_the_first)

    assert result.statuses == {"200": 1}
    assert result.failed == {names.UNANSWERED: result.requests - 1}
    assert result.reconnected == 1  # the second request; the others were alone on a new connection
    assert len(seen.requests) == result.requests + 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", names.UNANSWERED),
        (FINE[:-1], names.CUT_OFF),
        (FINE[:20], names.CUT_OFF),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", names.CHUNKED),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", names.UNFRAMED),
        (FINE + b"x", names.SURPLUS),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", names.GARBLED),
    ],
)
def test_each_way_not_to_answer_has_its_name(answer: bytes, reason: str) -> None:
    result, seen = closed_loop(always(answer, close=True), clients=2, seconds=0.1)

    assert result.failed == {reason: result.requests}
    assert result.requests == len(seen.requests) >= 2
    assert (result.statuses, result.reconnected, result.throughput) == ({}, 0, 0.0)


def test_refusals_are_failures_with_their_times() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]

        result = asyncio.run(Load(port, [REQUEST.encode()]).open(rate=50, seconds=0.5))

    assert result.failed == {names.REFUSED: 25}
    assert result.first_failure == 0
    assert result.last_failure == pytest.approx(0.48)


def test_a_slow_server_times_out() -> None:
    result, seen = closed_loop(always(FINE, after=30), clients=4, seconds=0.1, timeout=0.3)

    assert result.failed == {names.TIMED_OUT: 4}
    assert len(seen.requests) == 4
    assert result.elapsed < 2


def test_an_overloaded_server_fails_with_its_status_and_its_latency_flatters_nobody() -> None:
    result, seen = closed_loop(
        always(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
    )

    assert result.failed == {"status 503": result.requests}
    assert result.retry_after == result.statuses["503"] == len(seen.requests)
    assert result.p99_ms == result.throughput == 0


def stalling(answered: int, stall: float) -> Handler:
    """After so many answers stand still once, as a collector of garbage or a full disk would make a server do."""

    async def handler(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if len(seen.requests) == answered:
            stalled.append(asyncio.get_running_loop().time() + stall)
        if stalled:
            await asyncio.sleep(max(stalled[0] - asyncio.get_running_loop().time(), 0))
        writer.write(FINE)

    stalled: list[float] = []
    return handler


def test_an_open_loop_keeps_its_rate_while_the_server_stalls_and_sees_what_a_closed_one_omits() -> None:
    arrived, seen = open_loop(stalling(100, 0.5), rate=200, seconds=2)
    waited, _ = closed_loop(stalling(100, 0.5), seconds=1)

    assert arrived.requests == len(seen.requests) == 400
    assert arrived.failures == 0
    assert arrived.most_outstanding >= 80  # of the 100 that arrive during half a second
    assert arrived.p90_ms > 200  # a quarter of all arrived during the stall
    assert arrived.max_ms == pytest.approx(500, abs=150)
    assert [each.succeeded for each in arrived.per_second] == [200, 200]
    assert waited.max_ms > 400
    assert waited.p90_ms < 100  # its one client met the stall once, among all its requests


def test_arrivals_beyond_the_cap_are_failures() -> None:
    result, seen = open_loop(always(FINE, after=1.0), rate=100, seconds=0.5, cap=5)

    assert result.failed == {NOT_SENT: 45}
    assert (result.requests, len(seen.requests), result.most_outstanding, result.cap) == (50, 5, 5, 5)


def test_a_generator_process_counts_what_the_answers_say() -> None:
    async def by_turns(seen: Seen, writer: asyncio.StreamWriter) -> None:
        arm = "challenger" if len(seen.requests) % 4 == 0 else "champion"
        body = json.dumps({"customer_id": 7, "arm": arm}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async def both() -> Result:
        async with served(by_turns) as seen:
            spec = Spec(seen.port, [REQUEST], seconds=1, rate=100, poisson_seed=3, count_field="arm")
            return await asyncio.to_thread(measured, spec)

    result = asyncio.run(both())

    assert result.requests == len(list(arrival_times(100, 1, 3)))
    assert result.counted["challenger"] == result.requests // 4
    assert sum(result.counted.values()) == result.requests == result.statuses["200"]


def test_a_run_is_either_closed_or_open() -> None:
    with pytest.raises(ValueError, match="either clients"):
        Spec(80, [REQUEST], 1, clients=1, rate=1)
    with pytest.raises(ValueError, match="at least one"):
        Spec(80, [], 1, clients=1)


def test_poisson_arrivals_follow_their_seed_and_their_rate() -> None:
    arrivals = list(arrival_times(1_000, 10, 1))

    assert arrivals == list(arrival_times(1_000, 10, 1)) != list(arrival_times(1_000, 10, 2))
    assert len(arrivals) == pytest.approx(10_000, rel=0.05)
    assert np.diff(arrivals).std() == pytest.approx(0.001, rel=0.05)  # an exponential's deviation is its mean


@given(st.integers(0, len(FINE)))
def test_an_answer_counts_once_its_last_byte_is_there(place: int) -> None:
    assert (read_answer(FINE[:place]) is not None) == (place == len(FINE))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(received: bytes) -> None:
    with suppress(UnreadableError):
        assert isinstance(read_answer(received + names.HEAD_END), Answer | None)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0]))
def test_percentiles_are_values_that_occurred(values: list[float], share: float) -> None:
    assert percentile(sorted(values), share) == np.quantile(values, share, method="inverted_cdf")
