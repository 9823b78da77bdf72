"""What a stage returns that has more to say than its rows, its time and its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measured:
    """A stage's result.

    Attributes:
        rows: how many it handled.
        extra: further figures; the name says the unit, for example `p99 us`.
    """

    rows: int
    extra: Mapping[str, float] = field(default_factory=dict)
