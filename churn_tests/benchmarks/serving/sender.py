"""Sends requests to a port of this machine over kept-alive connections and counts what becomes of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import cycle

from churn_tests.benchmarks.serving.connection import (
    REFUSED,
    RESET,
    TIMED_OUT,
    Answer,
    Connection,
    Exchange,
)
from churn_tests.benchmarks.serving.tally import Tally

HOST = "127.0.0.1"
SWEEP = 0.05  # how often time-outs are looked for, in seconds
NOT_SENT = "not sent: cap of outstanding requests"

OnAnswer = Callable[[bytes], None]
OnEnd = Callable[[bool], None]


class Sender:
    """Begins requests when it is told to; good for one run.

    Args:
        port: the server's port.
        payloads: requests as they go over the wire, sent in turn.
        timeout: seconds after which a request has failed.
        on_answer: hears the body of each 2xx answer.
    """

    def __init__(
        self, port: int, payloads: Sequence[bytes], timeout: float, on_answer: OnAnswer | None
    ) -> None:
        self.tally = Tally()
        self.start = time.perf_counter()
        self.outstanding = 0
        self.on_end: OnEnd = lambda _: None
        self._port, self._payloads = port, cycle(payloads)
        self._timeout, self._on_answer = timeout, on_answer
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._dialling: set[asyncio.Task[None]] = set()

    def begin(self, intended: float, cap: int) -> None:
        """Begin the next request, on a connection that is free or on a new one.

        Each request that is begun ends with one call of `on_end`, which hears whether there was an answer; beyond the
        cap of outstanding requests it is not begun, but counted as failed.
        """
        if self.outstanding >= cap:
            self.tally.fail(intended - self.start, NOT_SENT)
            return
        self.outstanding += 1
        now = time.perf_counter()
        self.tally.began(now - intended, self.outstanding)
        exchange = Exchange(next(self._payloads), intended, now)
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                self._send(connection, exchange)
                return
        self._dial(exchange)

    def answered(self, connection: Connection, exchange: Exchange, answer: Answer) -> None:
        """Count an answer and go on."""
        self._busy.discard(connection)
        if connection.usable:
            self._idle.append(connection)
        self.tally.statuses[str(answer.status)] += 1
        if answer.retry_after and answer.status in {429, 503}:
            self.tally.retry_after += 1
        if 200 <= answer.status < 300:
            self.tally.succeed(exchange.intended - self.start, time.perf_counter() - exchange.intended)
            if self._on_answer is not None:
                self._on_answer(answer.body)
        else:
            self.tally.fail(exchange.intended - self.start, f"status {answer.status}")
        self._end(answered=True)

    def failed(self, connection: Connection, exchange: Exchange, reason: str, *, stale: bool) -> None:
        """Send a request again whose kept-alive connection was stale; count any other failure and go on."""
        self._busy.discard(connection)
        if stale:
            self.tally.reconnected += 1
            exchange.retried = True
            self._dial(exchange)
        else:
            self._give_up(exchange, reason)

    def idle_closed(self, connection: Connection) -> None:
        """Forget a connection that the server closed between requests."""
        if connection in self._idle:
            self._idle.remove(connection)

    async def watch_time_outs(self) -> None:
        """Give up requests that have been under way for too long, until it is cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            too_old = time.perf_counter() - self._timeout
            for connection in tuple(self._busy):
                if connection.exchange is not None and connection.exchange.begun < too_old:
                    connection.abandon(TIMED_OUT)

    def close(self) -> None:
        """Close the connections that are left."""
        for connection in tuple(self._idle):
            connection.close()

    def _send(self, connection: Connection, exchange: Exchange) -> None:
        self._busy.add(connection)
        connection.send(exchange)

    def _dial(self, exchange: Exchange) -> None:
        """Send a request on a new connection."""
        task = asyncio.get_running_loop().create_task(self._connect(exchange))
        self._dialling.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(exchange.begun + self._timeout - time.perf_counter()):
                _, connection = await loop.create_connection(lambda: Connection(self), HOST, self._port)
        except TimeoutError:
            self._give_up(exchange, TIMED_OUT)
        except ConnectionRefusedError:
            self._give_up(exchange, REFUSED)
        except ConnectionError:
            self._give_up(exchange, RESET)
        except OSError as problem:
            self._give_up(exchange, f"no connection: {problem.strerror}")
        else:
            self._send(connection, exchange)

    def _give_up(self, exchange: Exchange, reason: str) -> None:
        self.tally.fail(exchange.intended - self.start, reason)
        self._end(answered=False)

    def _end(self, *, answered: bool) -> None:
        self.outstanding -= 1
        self.on_end(answered)
