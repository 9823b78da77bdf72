"""Where a client may put its API key: three headers, read from the raw bytes of a request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

_LONGEST = 512
"""Bytes of a header's value that are looked at; a key in any of its forms is shorter than 256."""
UNREADABLE = ""
"""Stands for a key that was presented but cannot be read: no key is empty, so that it is refused as malformed."""


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key that a request carries, None where it carries none; never raises, whatever the bytes.

    `X-API-Key` goes before `Authorization`, which may be `Bearer KEY`, or `Basic` with the key as the password
    (any user name), so that a browser can open `/docs` and Prometheus can scrape. The first header of a name counts.

    Args:
        headers: pairs of name and value as ASGI hands them over, the names in lower case.
    """
    authorization: bytes | None = None
    for name, value in headers:
        if name == b"x-api-key":
            return _text(value)
        if name == b"authorization" and authorization is None:
            authorization = value
    return None if authorization is None else _of_authorization(authorization)


def _of_authorization(value: bytes) -> str | None:
    scheme, _, credentials = value[: _LONGEST + 1].strip().partition(b" ")
    match scheme.lower():
        case b"bearer":
            return _text(credentials)
        case b"basic":
            return _password(credentials)
        case _:
            return None


def _password(credentials: bytes) -> str:
    """Return what stands behind the first colon of `base64(user:password)` (RFC 7617)."""
    if len(credentials) > _LONGEST:
        return UNREADABLE
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except binascii.Error:
        return UNREADABLE
    return _text(decoded.partition(b":")[2])


def _text(value: bytes) -> str:
    return UNREADABLE if len(value) > _LONGEST else value.strip().decode("latin-1")
