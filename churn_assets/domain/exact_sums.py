"""Sums of floats whose bits depend on the values alone, never on the order in which an engine meets them.

A float sum changes its last bits with the order of the rows, the number of threads and the cut into chunks. A
sum of integers does not. So values are added here as 128-bit integers in units of a power of two, and rounded
once, at the end: for amounts of everyday size the result is the correctly rounded exact sum. Only values of 0
and more.
"""

from __future__ import annotations

import polars as pl

EVERYDAY_LIMIT = 2.0**30
"""Below it a value may be added by `exact_sum`: a petabyte in MB, a thousand million EUR."""

_UNIT_BITS = 74  # a value below 2^30 stays below 2^104: room for 2^23 rows of one customer in 127 bits
_TOP_BITS = 100  # the greatest value of a customer becomes about 2^100: room for 2^26 rows
_LEAST_EXPONENT, _GREATEST_EXPONENT = -1022, 1023


def exact_sum(values: pl.Expr) -> pl.Expr:
    """Aggregate everyday values (0 <= value < `EVERYDAY_LIMIT`) in one pass, as an integer of units of 2^-74.

    Greater values count as 0 here: add what `sum_by_customer` says of them. Read the result with `rounded`.
    """
    everyday = pl.when(values < EVERYDAY_LIMIT).then(values).otherwise(0.0)
    return (everyday * 2.0**_UNIT_BITS).cast(pl.Int128).sum()


def rounded(units: pl.Expr) -> pl.Expr:
    """Return the float nearest to an `exact_sum`."""
    return units.cast(pl.Float64) * 2.0**-_UNIT_BITS


def sum_by_customer(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Sum a column of any non-negative floats by customer, in two passes.

    The unit is a power of two below the customer's greatest value, so that neither great nor tiny values are
    lost.

    Returns:
        `customer_id` and the column, now the sum: one row for each customer in the rows. A sum beyond the
        floats' range is infinite.
    """
    values = rows.select("customer_id", pl.col(column).cast(pl.Float64))
    exponent = pl.col(column).max().log(2).floor().clip(_LEAST_EXPONENT, _GREATEST_EXPONENT)
    shifts = values.group_by("customer_id").agg(shift=_TOP_BITS - exponent)
    # Two factors, because 2^shift alone may lie outside the floats' range.
    first, second = (pl.col("shift") / 2).floor(), pl.col("shift") - (pl.col("shift") / 2).floor()
    two = pl.lit(2.0)
    units = (pl.col(column) * two.pow(first) * two.pow(second)).cast(pl.Int128)
    return (
        values.join(shifts, on="customer_id")
        .group_by("customer_id")
        .agg(units.sum().alias("units"), pl.col("shift").max())
        .select(
            "customer_id",
            (pl.col("units").cast(pl.Float64) * two.pow(-first) * two.pow(-second)).alias(column),
        )
    )
