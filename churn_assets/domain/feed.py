"""Is the feed broken? A month's rows as delivered against those of up to three former months.

Source of the rule: the data contract in `docs/data_contracts.md`. Rows count as delivered, duplicates and
quarantine included, and every former file counts, blocked or not. Without a former month there is no verdict
but one: a file of customers without rows is always broken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import polars as pl

from churn_assets.domain.cleaning import CleaningLimits
from churn_assets.domain.tables import CUSTOMERS, Column, Table

DEFAULT_LIMITS = CleaningLimits()
FORMER_MONTHS = 3
"""How many former months a feed is compared with."""
ROUNDING = 1e-12
"""Shares are fractions of counts: what differs by less is equal."""

Quartiles = tuple[float, float, float]


@dataclass(frozen=True)
class FeedProfile:
    """What the feed check remembers of a month's file.

    Attributes:
        rows: rows as delivered.
        null_shares: column -> share of nulls; empty without rows.
        quartiles: column that is a number -> quartiles of its finite values; absent without any.
    """

    rows: int
    null_shares: dict[str, float]
    quartiles: dict[str, Quartiles]

    def to_json(self) -> str:
        """Return the profile as JSON; `from_json` gives the same back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FeedProfile:
        """Read what `to_json` wrote."""
        plain = json.loads(text)
        quartiles = {name: (low, mid, high) for name, (low, mid, high) in plain["quartiles"].items()}
        return cls(plain["rows"], plain["null_shares"], quartiles)


@dataclass(frozen=True)
class FeedFault:
    """One way in which a feed is broken.

    Attributes:
        column: the column, or None where it is the whole table.
        kind: `rows`, `no_rows`, `null_share` or `median`.
        found: the month's number.
        expected: the former months' median of it.
        sentence: all of it for people.
    """

    column: str | None
    kind: str
    found: float
    expected: float
    sentence: str


def profile(table: Table, rows: pl.DataFrame) -> FeedProfile:
    """Return what the feed check needs to know of a month's rows as delivered, in the contract's types."""
    if rows.is_empty():
        return FeedProfile(0, {}, {})
    nulls = rows.select(pl.col(column.name).null_count() for column in table.columns).row(0, named=True)
    measured = {column.name: _quartiles(rows, column) for column in table.columns if column.measured}
    return FeedProfile(
        rows=rows.height,
        null_shares={name: count / rows.height for name, count in nulls.items()},
        quartiles={name: each for name, each in measured.items() if each is not None},
    )


def feed_faults(
    table: Table,
    current: FeedProfile,
    former: Sequence[FeedProfile],
    limits: CleaningLimits = DEFAULT_LIMITS,
) -> list[FeedFault]:
    """Return in which ways the month's feed is broken; empty where it is not.

    Args:
        table: the contract.
        current: the month's profile.
        former: profiles of up to three months before it, those that there are.
        limits: factors and shares.

    Raises:
        ValueError: more former months than three.
    """
    if len(former) > FORMER_MONTHS:
        raise ValueError(f"a feed is compared with up to {FORMER_MONTHS} former months: pass no more")
    if current.rows == 0:
        return list(_no_rows(table, former))
    return [
        *_row_count(table, current, former, limits),
        *_null_shares(table, current, former, limits),
        *_medians(table, current, former, limits),
    ]


def differs_by_factor(found: float, expected: float, factor: float) -> bool:
    """Say whether two numbers differ by more than a factor; zero, and another sign, by any factor."""
    if _sign(found) != _sign(expected):
        return True
    small, large = sorted((abs(found), abs(expected)))
    return large > factor * small


def _quartiles(rows: pl.DataFrame, column: Column) -> Quartiles | None:
    values = rows.get_column(column.name).drop_nulls()
    if column.dtype.is_float():
        values = values.filter(values.is_finite())
    if values.is_empty():
        return None
    values = values.sort()
    low, mid, high = (_quantile(values, share) for share in (0.25, 0.5, 0.75))
    return low, mid, high


def _quantile(ascending: pl.Series, share: float) -> float:
    """Return a quantile by linear interpolation between the two nearest values."""
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    low, high = float(ascending[below]), float(ascending[math.ceil(place)])
    return low + (high - low) * (place - below)


def _no_rows(table: Table, former: Sequence[FeedProfile]) -> Iterator[FeedFault]:
    had_some = [each.rows for each in former if each.rows]
    if had_some or table.name == CUSTOMERS.name:
        expected = median(had_some) if had_some else 1
        sentence = f"{table.name} has no rows, where {expected:g} are expected: deliver the month's rows"
        yield FeedFault(None, "no_rows", 0, expected, sentence)


def _row_count(
    table: Table, current: FeedProfile, former: Sequence[FeedProfile], limits: CleaningLimits
) -> Iterator[FeedFault]:
    if not former:
        return
    expected = median(each.rows for each in former)
    deviation = (
        math.sqrt(expected) if expected else 1.0
    )  # no count tells the spread of none: one event's is taken
    if abs(current.rows - expected) <= limits.rows_deviations * deviation:
        return
    if differs_by_factor(current.rows, expected, limits.rows_factor):
        sentence = (
            f"{table.name} has {current.rows} rows, where the former months' median is {expected:g}: "
            f"off by more than a factor of {limits.rows_factor:g}"
        )
        yield FeedFault(None, "rows", current.rows, expected, sentence)


def _null_shares(
    table: Table, current: FeedProfile, former: Sequence[FeedProfile], limits: CleaningLimits
) -> Iterator[FeedFault]:
    for name, found in current.null_shares.items():
        shares = [each.null_shares[name] for each in former if name in each.null_shares]
        if shares and abs(found - median(shares)) > limits.null_share_change + ROUNDING:
            sentence = (
                f"{table.name}.{name} is null in {found:.1%} of the rows, where the former months' median is "
                f"{median(shares):.1%}: off by more than {limits.null_share_change:.0%} of the rows"
            )
            yield FeedFault(name, "null_share", found, median(shares), sentence)


def _medians(
    table: Table, current: FeedProfile, former: Sequence[FeedProfile], limits: CleaningLimits
) -> Iterator[FeedFault]:
    for name, (low, mid, high) in current.quartiles.items():
        quartiles = [each.quartiles[name] for each in former if name in each.quartiles]
        if not quartiles:
            continue
        former_low, former_mid, former_high = (median(_part(quartiles, index)) for index in range(3))
        apart = high < former_low or low > former_high
        if apart and differs_by_factor(mid, former_mid, limits.median_factor):
            sentence = (
                f"{table.name}.{name} has a median of {mid:g}, where the former months' is {former_mid:g}: "
                f"off by more than a factor of {limits.median_factor:g}, and the middle halves are apart: "
                "has its unit changed?"
            )
            yield FeedFault(name, "median", mid, former_mid, sentence)


def _part(quartiles: Sequence[Quartiles], index: int) -> list[float]:
    return [each[index] for each in quartiles]


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
