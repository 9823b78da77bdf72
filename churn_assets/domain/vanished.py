"""Customers who vanish from a delivery without a word of having left."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Vanished:
    """Who was active in the delivery before and has no accepted row in this one: they have no label.

    Attributes:
        ids: the customers, ascending.
        active: how many were active in the delivery before.
        without_row: those of them with no row at all.
        in_quarantine: those of them whose row is in quarantine.
    """

    ids: pl.Series
    active: int
    without_row: int
    in_quarantine: int

    @property
    def count(self) -> int:
        """How many vanished."""
        return len(self.ids)

    @property
    def share(self) -> float:
        """How many vanished, of the active; 0 where none was active."""
        return self.count / self.active if self.active else 0.0


def vanished(
    customers: pl.DataFrame, in_quarantine: pl.Series, active_before: pl.Series | pl.DataFrame | None
) -> Vanished:
    """Return who vanished from a month's delivery of customers.

    Args:
        customers: the accepted rows of the month.
        in_quarantine: the customer ids of the rows in quarantine.
        active_before: the customers active in the accepted rows of the month before: their ids, or a frame
            with `customer_id`; None where there is no month before.
    """
    if active_before is None:
        active_before = pl.Series("customer_id", [], dtype=pl.Int64)
    ids = active_before["customer_id"] if isinstance(active_before, pl.DataFrame) else active_before
    active = ids.rename("customer_id").unique().to_frame()
    gone = active.join(customers.select("customer_id"), on="customer_id", how="anti").sort("customer_id")
    refused = gone.join(
        in_quarantine.rename("customer_id").unique().to_frame(), on="customer_id", how="semi"
    ).height
    return Vanished(
        gone["customer_id"], active.height, without_row=gone.height - refused, in_quarantine=refused
    )
