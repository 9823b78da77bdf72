"""From customers to rows of events: who each row belongs to, and which id it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn_assets.simulator.draws import Array
from churn_assets.simulator.population import Cast

_ROW_BITS = 26
_CHUNK_BITS = 18
_CHUNK_PLACES = 1 << (_ROW_BITS + _CHUNK_BITS)


def repeated(counts: Array) -> NDArray[np.int32]:
    """Return each customer's place as often as it has rows."""
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def event_ids(cast: Cast, count: int) -> NDArray[np.int64]:
    """Return ids for the rows of a cast: unique over all months and chunks, and greater than 0.

    Raises:
        OverflowError: a chunk has more rows than ids.
    """
    if count >= 1 << _ROW_BITS:
        raise OverflowError(
            f"{cast.month}: {count:,} rows of one table in chunk {cast.chunk} are more than it has ids"
        )
    first = (cast.index + 1) * _CHUNK_PLACES + (cast.chunk << _ROW_BITS) + 1
    return np.arange(first, first + count, dtype=np.int64)
