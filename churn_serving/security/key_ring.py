"""API keys in memory: what a key is, how one is made, and whom a presented one belongs to. No file, no clock.

A key reads `churn_<key id>_<secret>`. The id names the key in lists, logs and metrics and is no secret. The
secret is 32 random bytes, and only its SHA-256 is kept. A slow, salted hash (bcrypt, Argon2) makes guessing
dear where people choose the words; 256 random bits cannot be guessed, so one fast hash is enough and a request
does not pay for more.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

RandomBytes = Callable[[int], bytes]
"""Gives so many random bytes: `secrets.token_bytes`, or a test's own."""

KEY_ID = re.compile(r"[0-9a-f]{12}")
LONGEST_NAME = 64
_PLAINTEXT = re.compile(r"churn_([0-9a-f]{12})_([0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID_BYTES = 6
_SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key may ask for: `score` the routes that answer with scores, `observe` those that tell of the service."""

    SCORE = "score"
    """`/predict`, `/predict/batch`, `/customers/{id}/score`."""
    OBSERVE = "observe"
    """`/ready`, `/metrics`, `/openapi.json`, `/docs`."""


class Refusal(StrEnum):
    """Why a key is not accepted: for logs and metrics. Outside all of them are one and the same 401."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG = "wrong"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        id: its public name, 12 hexadecimal digits.
        name: who it was made for.
        digest: SHA-256 of the secret, 64 hexadecimal digits.
        scopes: what it may ask for.
        rate_per_second: customers a second that it may ask about in the long run; 0 is without limit.
        burst: customers that it may ask about at once.
        created_at: when it was made.
        expires_at: from when on it is not accepted; None for never.
        revoked_at: since when it is not accepted; None while it is.

    Raises:
        ValueError: a field makes no sense; the sentence says which and why.
    """

    id: str
    name: str
    digest: str = field(repr=False)
    scopes: frozenset[Scope]
    rate_per_second: float
    burst: int
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        if not KEY_ID.fullmatch(self.id) or not _DIGEST.fullmatch(self.digest):
            raise ValueError("a key's id is 12, its digest 64 hexadecimal digits")
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise ValueError(f"a key's name is 1 to {LONGEST_NAME} printable characters")
        if not self.scopes:
            raise ValueError("a key without a scope could ask for nothing: give it score, observe or both")
        if not (math.isfinite(self.rate_per_second) and self.rate_per_second >= 0):
            raise ValueError("a key's rate is 0 (without limit) or more customers a second")
        if self.rate_per_second > 0 and self.burst < 1:
            raise ValueError("a key with a rate needs a burst of at least 1 customer")
        moments = (self.created_at, self.expires_at, self.revoked_at)
        if any(moment is not None and moment.tzinfo is None for moment in moments):
            raise ValueError("a key's moments need a time zone")

    def refusal(self, now: datetime) -> Refusal | None:
        """Say why the key is not accepted at a moment (with a time zone) though its secret is right; None if it is."""
        if self.revoked_at is not None:
            return Refusal.REVOKED
        if self.expires_at is not None and now >= self.expires_at:
            return Refusal.EXPIRED
        return None


class MadeKey(NamedTuple):
    """A new key and its plaintext, which exists nowhere else and is not in the representation."""

    key: ApiKey
    plaintext: str

    def __repr__(self) -> str:
        return f"MadeKey(key={self.key!r}, plaintext=<secret>)"


def make_key(
    name: str,
    scopes: Collection[Scope],
    now: datetime,
    random: RandomBytes,
    *,
    rate_per_second: float = 0.0,
    burst: int = 0,
    expires_at: datetime | None = None,
) -> MadeKey:
    """Make a key from 6 random bytes for its id and 32 for its secret.

    Raises:
        ValueError: a field makes no sense, see `ApiKey`; or the key would be expired from the start.
    """
    if expires_at is not None and expires_at <= now:
        raise ValueError("a key must expire after it is made")
    key_id, secret = random(_ID_BYTES).hex(), random(_SECRET_BYTES).hex()
    key = ApiKey(
        id=key_id,
        name=name,
        digest=_digest_of(secret),
        scopes=frozenset(scopes),
        rate_per_second=rate_per_second,
        burst=burst,
        created_at=now,
        expires_at=expires_at,
    )
    return MadeKey(key, f"churn_{key_id}_{secret}")


class KeyRing:
    """All keys of an installation by their id; never changes, a reload makes a new one."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys: dict[str, ApiKey] = {}
        for key in keys:
            if key.id in self._keys:
                raise ValueError(f"the key id {key.id} is there twice")
            self._keys[key.id] = key

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def authenticate(self, presented: str | None, now: datetime) -> ApiKey | Refusal:
        """Return the key that a plaintext belongs to, or why it is not accepted.

        Every plaintext of the right form costs one hash and one comparison in constant time, of a known and of
        an unknown id alike; that a key is revoked or expired is told only to who knows its secret.

        Args:
            presented: what the client sent, see `presented_key`; None if nothing.
            now: the moment, with a time zone.
        """
        if presented is None:
            return Refusal.MISSING
        parts = _PLAINTEXT.fullmatch(presented)
        if parts is None:
            return Refusal.MALFORMED
        key = self._keys.get(parts[1])
        right = hmac.compare_digest(_digest_of(parts[2]), _NOBODY if key is None else key.digest)
        if key is None:
            return Refusal.UNKNOWN
        if not right:
            return Refusal.WRONG
        return key.refusal(now) or key


def _digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


_NOBODY = "0" * 64
"""Stands in for the digest of an unknown id, so that it costs the same; no secret is known that has this digest."""
