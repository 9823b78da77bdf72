"""Errors of the HTTP interface: problem details (RFC 9457) that name the field and never show a value."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

MEDIA_TYPE = b"application/problem+json"


class Problem(Exception):  # noqa: N818  the term of RFC 9457
    """An answer that is no success.

    Args:
        status: the HTTP status.
        detail: what is wrong and how to mend it; never a value that the client sent.
        field: the JSON path of the field, where one is meant.
        retry_after_s: after how many whole seconds to try again.
    """

    def __init__(
        self, status: int, detail: str, *, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s

    def body(self, request_id: str) -> bytes:
        """Return the document."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.field is not None:
            document["field"] = self.field
        return msgspec.json.encode(document)
