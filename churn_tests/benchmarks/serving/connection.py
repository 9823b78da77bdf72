"""The client's half of HTTP/1.1 on one kept-alive connection: one request at a time, an answer or the reason why not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

HEAD_END = b"\r\n\r\n"
LARGEST_HEAD = 65_536

REFUSED = "refused"
RESET = "reset"
TIMED_OUT = "timed out"
UNANSWERED = "closed without an answer"
CUT_OFF = "cut off within an answer"
UNFRAMED = "answer without Content-Length"
CHUNKED = "answer in chunks"
SURPLUS = "more bytes than the answer has"
GARBLED = "not HTTP/1.1"


class UnreadableError(Exception):
    """An answer that this client does not take; the message is the reason to count."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer."""

    status: int
    body: bytes
    closes: bool
    retry_after: bool


@dataclass(slots=True)
class Exchange:
    """One request on its way.

    Attributes:
        payload: the request as it goes over the wire.
        intended: when it should start, on `time.perf_counter`; latency counts from here.
        begun: when it really started; the time-out counts from here.
        retried: whether it is already on its second connection.
    """

    payload: bytes
    intended: float
    begun: float
    retried: bool = False


class Driver(Protocol):
    """Who uses connections and hears what became of each request."""

    def answered(self, connection: Connection, exchange: Exchange, answer: Answer) -> None:
        """Take an answer; the connection is free again unless the answer closes it."""

    def failed(self, connection: Connection, exchange: Exchange, reason: str, *, stale: bool) -> None:
        """Take a failure; `stale`: a kept-alive connection was closed before any byte of the answer."""

    def idle_closed(self, connection: Connection) -> None:
        """Forget a connection that the server closed between requests."""


def encoded(method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> str:
    """Return a request as it goes over the wire."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{k}: {v}" for k, v in (headers or {}).items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def read_answer(received: bytes) -> Answer | None:
    """Return the answer once all of it is there.

    Raises:
        UnreadableError: it is framed in another way than by Content-Length, or is no HTTP/1.1.
    """
    end = received.find(HEAD_END)
    if end < 0:
        if len(received) > LARGEST_HEAD:
            raise UnreadableError(GARBLED)
        return None
    head = received[:end].lower()
    status = _status(head)
    start = end + len(HEAD_END)
    whole = start + _length(head, status)
    if len(received) < whole:
        return None
    if len(received) > whole:
        raise UnreadableError(SURPLUS)
    closes = _header(head, b"connection") == b"close"
    return Answer(status, received[start:], closes, _header(head, b"retry-after") is not None)


def _status(head: bytes) -> int:
    """Return the status of the first line."""
    if not head.startswith(b"http/1.1 ") or not head[9:12].isdigit():
        raise UnreadableError(GARBLED)
    return int(head[9:12])


def _length(head: bytes, status: int) -> int:
    """Return how many bytes the body has."""
    if _header(head, b"transfer-encoding") is not None:
        raise UnreadableError(CHUNKED)
    length = _header(head, b"content-length")
    if length is None and status == 204:
        return 0
    if length is None or not length.isdigit():
        raise UnreadableError(UNFRAMED)
    return int(length)


def _header(head: bytes, name: bytes) -> bytes | None:
    """Return the value of a header, or None."""
    place = head.find(b"\r\n" + name + b":")
    if place < 0:
        return None
    start = place + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


class Connection(asyncio.Protocol):
    """One connection to the server."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answers = 0
        self.exchange: Exchange | None = None

    @property
    def usable(self) -> bool:
        """Whether a request may be sent now."""
        return self.exchange is None and self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, exchange: Exchange) -> None:
        """Send a request; exactly one call of the driver's `answered` or `failed` follows."""
        assert self._transport is not None, "a connection sends once it is made"
        self.exchange = exchange
        self._transport.write(exchange.payload)

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._received = self._received + data if self._received else data
        if self.exchange is None:
            self.close()
            return
        try:
            answer = read_answer(self._received)
        except UnreadableError as problem:
            self.abandon(str(problem))
            return
        if answer is not None:
            self._finish(self.exchange, answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver what the loss means: nothing, a request to send again, or a failed one."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self._driver.idle_closed(self)
            return
        stale = self._answers > 0 and not self._received and not exchange.retried
        closed = CUT_OFF if self._received else UNANSWERED
        reason = closed if exc is None else RESET
        self._driver.failed(self, exchange, reason, stale=stale)

    def abandon(self, reason: str) -> None:
        """Give the request in progress up, and the connection with it."""
        exchange, self.exchange = self.exchange, None
        self.close()
        if exchange is not None:
            self._driver.failed(self, exchange, reason, stale=False)

    def close(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, exchange: Exchange, answer: Answer) -> None:
        """Hand the answer over; the connection is ready for the next request before the driver hears of it."""
        self.exchange, self._received = None, b""
        self._answers += 1
        if answer.closes:
            self.close()
        self._driver.answered(self, exchange, answer)
