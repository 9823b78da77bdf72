"""The label: who left in the month after the snapshot. Known only when that month has closed.

The caller must not run this for month M before the delivery of M+1 has been accepted, and must let nothing
that runs before that read the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class MonthLabels:
    """The labels of one month.

    Attributes:
        labels: `customer_id` and `churned` (Int8, 1 or 0), sorted by customer; without those who vanished.
        vanished: number of active customers without an accepted row in the next delivery: they have no label.
    """

    labels: pl.DataFrame
    vanished: int


def active_at_snapshot(customers: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    """Return the `customer_id` of those active at the snapshot of M, sorted.

    Args:
        customers: the accepted rows of the delivery of M.
    """
    active = customers.lazy().filter(pl.col("churned_on").is_null()).select("customer_id")
    return active.sort("customer_id").collect(engine="streaming")


def labels(active: pl.DataFrame | pl.Series, customers_next: pl.LazyFrame | pl.DataFrame) -> MonthLabels:
    """Return who of the active customers left in the month after their snapshot.

    Args:
        active: the customers active at the snapshot of M: a frame with `customer_id`, or that column.
        customers_next: the accepted rows of the delivery of M+1; `churned_on` says who left, on whatever
            day; one who left and came back has none.
    """
    ids = (
        active.rename("customer_id").to_frame()
        if isinstance(active, pl.Series)
        else active.select("customer_id")
    )
    outcome = customers_next.lazy().select(
        "customer_id", churned=pl.col("churned_on").is_not_null().cast(pl.Int8)
    )
    known = ids.lazy().join(outcome, on="customer_id").sort("customer_id").collect(engine="streaming")
    return MonthLabels(labels=known, vanished=ids.height - known.height)
