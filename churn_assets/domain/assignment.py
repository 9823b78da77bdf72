"""Random assignment of customers without random state: a keyed hash of the id.

Who is in a control group must not depend on the order of rows, on the machine or on who else is there, and
must be checkable years later. BLAKE2b (RFC 7693) under a key gives that in any language; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import polars as pl


def keyed_draws(key: str, customer_ids: Iterable[int]) -> pl.Series:
    """Return a number in [0, 1) for each customer, uniform over customers and fixed by (key, id).

    The first 8 bytes, big endian, of BLAKE2b of the id in decimal digits keyed with a digest of the key,
    the highest 53 bits of them as a fraction.

    >>> keyed_draws("2025-03", [7, 8]).round(4).to_list() == keyed_draws("2025-03", [7, 8]).round(4).to_list()
    True
    """
    secret = blake2b(key.encode(), digest_size=32).digest()  # a key of any length becomes one of 32 bytes
    numbers = (
        int.from_bytes(blake2b(str(customer).encode(), key=secret, digest_size=8).digest()) >> 11
        for customer in customer_ids
    )
    return pl.Series("draw", [number / 2**53 for number in numbers], dtype=pl.Float64)
