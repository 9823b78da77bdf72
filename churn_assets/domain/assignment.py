"""Random assignment of customers without random state: a keyed hash of the id.

Who is in a control group or on an arm of an experiment must not depend on the order of rows, on the machine or on who
else is there, and must be checkable years later. BLAKE2b (RFC 7693) under a key gives that in any language; nothing
is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import polars as pl

Arm = Literal["champion", "challenger"]
CHAMPION: Arm = "champion"
CHALLENGER: Arm = "challenger"
ARMS = (CHAMPION, CHALLENGER)


def keyed_draws(key: str, customer_ids: Iterable[int]) -> pl.Series:
    """Return a number in [0, 1) for each customer, uniform over customers and fixed by (key, id).

    The first 8 bytes, big endian, of BLAKE2b of the id in decimal digits keyed with a digest of the key,
    the highest 53 bits of them as a fraction.

    >>> keyed_draws("2025-03", [7, 8]).round(4).to_list() == keyed_draws("2025-03", [7, 8]).round(4).to_list()
    True
    """
    secret = _secret(key)
    return pl.Series("draw", [_draw(secret, customer) for customer in customer_ids], dtype=pl.Float64)


@dataclass(frozen=True)
class Split:
    """How an experiment deals customers out to the arms.

    A customer's draw is fixed by the experiment's name; the challenger has those below its share. So a customer keeps
    the arm over processes, restarts and months, and a change of the share from p to q moves only |p - q| of them.

    Attributes:
        experiment: its name; another name deals anew.
        challenger_share: from 0 to 1.
    """

    experiment: str
    challenger_share: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.challenger_share <= 1.0:
            raise ValueError(
                f"a challenger's share of {self.challenger_share} is none: write one from 0 to 1"
            )

    @cached_property
    def _key(self) -> bytes:
        return _secret(f"arm:{self.experiment}")

    def arm_of(self, customer_id: int) -> Arm:
        """Return the arm of one customer."""
        return ARMS[_draw(self._key, customer_id) < self.challenger_share]

    def arms_of(self, customer_ids: Iterable[int]) -> list[Arm]:
        """Return the arm of each customer."""
        return [self.arm_of(customer) for customer in customer_ids]


def _secret(key: str) -> bytes:
    """Return 32 bytes from a key of any length."""
    return blake2b(key.encode(), digest_size=32).digest()


def _draw(secret: bytes, customer_id: int) -> float:
    digest = blake2b(str(customer_id).encode(), key=secret, digest_size=8).digest()
    return float((int.from_bytes(digest) >> 11) / 2**53)
