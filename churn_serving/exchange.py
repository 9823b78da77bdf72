"""One request and its answer over ASGI: the body within its limits, the headers, the bytes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from churn_serving.problems import MEDIA_TYPE, Problem

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
_ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


class GoneError(Exception):
    """The client left before its request was whole."""


async def body_of(scope: Scope, receive: Receive, limit: int, timeout_s: float) -> bytes:
    """Read a JSON body.

    Raises:
        Problem: 413 where it is larger than the limit, 415 where it is no JSON, 408 where it takes too long.
        GoneError: the client left.
    """
    declared = _header(scope, b"content-type").partition(b";")[0].strip().lower()
    if declared != JSON:
        raise Problem(415, "send JSON, and say so: Content-Type: application/json")
    length = _header(scope, b"content-length")
    if length.isdigit() and int(length[:20]) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, limit)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {timeout_s:g} seconds") from None


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than {limit:,} bytes: send fewer customers at a time")


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


async def answer(
    send: Send,
    status: int,
    body: bytes,
    media_type: bytes = JSON,
    headers: Headers | None = None,
    *,
    head: bool = False,
) -> None:
    """Send an answer, to HEAD without its body; Ray's server adds the header `X-Request-ID` to each."""
    sent = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        *_ALWAYS,
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def refuse(send: Send, problem: Problem, request_id: str, headers: Headers | None = None) -> None:
    """Send a problem."""
    extra = list(headers or ())
    if problem.retry_after_s is not None:
        extra.append((b"retry-after", b"%d" % problem.retry_after_s))
    if problem.status == 401:
        extra.append((b"www-authenticate", b'Basic realm="churn", charset="UTF-8"'))
    await answer(send, problem.status, problem.body(request_id), MEDIA_TYPE, extra)
