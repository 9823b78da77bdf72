"""Keys for tests: a source of bytes that is no secret, and a moment."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import count

from churn_serving.security.key_ring import make_key
from churn_serving.security.keys import MadeKey, RandomBytes, Scope

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SCORE = frozenset({Scope.SCORE})


def bytes_of(seed: str) -> RandomBytes:
    """Return a source that gives other bytes at each call, and the same ones in each run."""
    calls = count()

    def draw(length: int) -> bytes:
        return hashlib.shake_256(f"{seed}/{next(calls)}".encode()).digest(length)

    return draw


def made(seed: str = "crm", rate: float = 0.0, burst: int = 0, expires_at: datetime | None = None) -> MadeKey:
    """Make a key that may score."""
    return make_key(
        seed, SCORE, NOON, bytes_of(seed), rate_per_second=rate, burst=burst, expires_at=expires_at
    )
