"""One HTTP request to an ASGI application, without a server or a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from churn_serving.door import Door
from churn_serving.exchange import Message

JSON = "application/json"
PREDICT, BATCH, SCORE, DOCS = "/predict", "/predict/batch", "/customers/7/score", "/docs/swagger-ui.css"
SCORING = {"POST": (PREDICT, BATCH), "GET": (SCORE,)}
OBSERVING = ("/ready", "/metrics", "/openapi.json", "/docs", DOCS)
EVERY = [
    *((method, route) for method, routes in SCORING.items() for route in routes),
    *(("GET", route) for route in OBSERVING),
]
"""Every route that asks for a key, with its method."""


@dataclass(frozen=True)
class Reply:
    """An answer as it would go over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  JSON
        """The body's document."""
        return msgspec.json.decode(self.body)


@dataclass
class _Body:
    """A body that arrives in parts; behind the last one the client leaves, or waits in silence."""

    parts: list[bytes]
    whole: bool
    leaves: bool

    async def receive(self) -> Message:
        if self.parts:
            part = self.parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self.parts) or not self.whole}
        if not self.leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


async def ask(
    door: Door,
    method: str,
    target: str,
    *,
    key: str | None = None,
    body: bytes | Sequence[bytes] | None = None,
    headers: Iterable[tuple[str, str]] = (),
    content_type: str | None = JSON,
    whole: bool = True,
    leaves: bool = False,
) -> Reply | None:
    """Send a request and return the answer, or None where there is none.

    Args:
        door: the application.
        method: HTTP's.
        target: path and query.
        key: put in `X-API-Key`.
        body: in one part or several; one part is announced by `Content-Length`.
        headers: any others.
        content_type: of the body.
        whole: whether the body ends; one that does not, keeps the service waiting.
        leaves: whether the client leaves instead.
    """
    path, _, query = target.partition("?")
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if key is not None:
        sent.append((b"x-api-key", key.encode("latin-1")))
    if body is not None and content_type is not None:
        sent.append((b"content-type", content_type.encode("latin-1")))
    if isinstance(body, bytes):
        sent.append((b"content-length", b"%d" % len(body)))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": sent,
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8_000),
    }
    parts = [body] if isinstance(body, bytes) else list(body or [b""])
    answered: list[Message] = []

    async def send(message: Message) -> None:
        answered.append(message)

    await door(scope, _Body(parts, whole, leaves).receive, send)
    return _reply(answered) if answered else None


def _reply(answered: Sequence[Message]) -> Reply:
    start, *rest = answered
    assert start["type"] == "http.response.start"
    assert [message["type"] for message in rest] == ["http.response.body"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    assert len(headers) == len(start["headers"])
    return Reply(start["status"], headers, rest[0].get("body", b""))


async def answered(door: Door, method: str, target: str, **request: Any) -> Reply:  # noqa: ANN401  as `ask` takes it
    """Send a request that is answered."""
    reply = await ask(door, method, target, **request)
    assert reply is not None
    return reply


def refused(reply: Reply, status: int) -> dict[str, Any]:
    """Return the problem of a refusal, which every refusal tells in the same form."""
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = reply.json
    assert set(problem) - {"field"} == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    return problem
