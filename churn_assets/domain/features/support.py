"""Features 27 to 32: tickets opened in 90 days and their state at the snapshot, from `support_tickets`."""

from __future__ import annotations

import polars as pl

from churn_assets.domain.exact_sums import sum_by_customer
from churn_assets.domain.features.windows import within
from churn_assets.domain.months import Month

DELIVERED_MONTH = "delivered_month"
"""The column that says in which month's delivery a ticket's row stood: `YYYY-MM`."""

_FRUSTRATION_CAP = 20
_FRUSTRATION = {points: points / _FRUSTRATION_CAP for points in range(_FRUSTRATION_CAP + 1)}


def newest_tickets(support_tickets: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return each ticket as the newest delivery of the month or earlier gave it, as a whole.

    A newer row may name another customer or another date, so this must see a ticket's rows together: it comes
    before any cut of the rows by customer or by date.

    Args:
        support_tickets: accepted rows with `delivered_month`; a `ticket_id` is unique in a delivery.
        month: deliveries after it are not yet known.
    """
    known = support_tickets.filter(pl.col(DELIVERED_MONTH) <= str(month))
    newest = known.group_by("ticket_id").agg(pl.col(DELIVERED_MONTH).max())
    return known.join(newest, on=["ticket_id", DELIVERED_MONTH], how="semi")


def recent_tickets(support_tickets: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return the tickets of 90 days, aggregated: one row for each customer with a ticket in them."""
    rows = newest_tickets(support_tickets, month).filter(within("ticket_date", month, 90))
    is_resolved = pl.col("resolved_at") < month.snapshot  # null while open: then neither true nor counted
    timed = rows.filter(is_resolved, pl.col("resolution_hours").is_not_null())
    totals = rows.group_by("customer_id").agg(
        tickets=pl.len().cast(pl.Int64),
        escalated=pl.col("is_escalated").sum().cast(pl.Int64),
        complaints=pl.col("is_complaint").sum(),
        resolved=is_resolved.sum().cast(pl.Int64),
        timed=(is_resolved & pl.col("resolution_hours").is_not_null()).sum(),
    )
    return totals.join(sum_by_customer(timed, "resolution_hours"), on="customer_id", how="left")


def support_features() -> dict[str, pl.Expr]:
    """Return the features on a row that holds a customer's recent tickets, null where none."""
    tickets, escalated = pl.col("tickets").fill_null(0), pl.col("escalated").fill_null(0)
    unresolved = tickets - pl.col("resolved").fill_null(0)
    frustration = 2 * tickets + 5 * escalated + 3 * unresolved
    return {
        "support_tickets_90d": tickets,
        "support_escalations_90d": escalated,
        "avg_resolution_time_h": pl.col("resolution_hours") / pl.col("timed"),
        "complaint_ratio": (pl.col("complaints") / pl.col("tickets")).fill_null(0.0),
        "unresolved_tickets": unresolved,
        # Looked up, not divided: Polars' division by a constant differs in the last bit for a single row.
        "frustration_index": frustration.clip(upper_bound=_FRUSTRATION_CAP).replace_strict(
            _FRUSTRATION, return_dtype=pl.Float64
        ),
    }
