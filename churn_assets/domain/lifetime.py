"""What is known of a customer's payments over the whole life: a state that a month's partial is folded into.

A month costs its own events, not the history: each month gives one partial, and the state at a snapshot is
the fold of the partials up to that month, in order. A corrected month is refolded from the partials that were
kept. Source of the fold: Chan, Golub and LeVeque (1979), updating formulae for sample variances. Recency and
tenure depend on the snapshot, so they are derived when the features are made.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from churn_assets.domain.exact_sums import sum_by_customer
from churn_assets.domain.months import Month
from churn_assets.domain.tables import TIMESTAMP

LIFETIME_SCHEMA = pl.Schema(
    {
        "customer_id": pl.Int64(),
        "n": pl.Int64(),  # number of paid transactions
        "sum": pl.Float64(),  # of their amounts, EUR
        "mean": pl.Float64(),  # of their amounts, EUR
        "m2": pl.Float64(),  # sum of squared deviations from the mean, EUR squared
        "first": TIMESTAMP,  # the earliest of them, UTC
        "last": TIMESTAMP,  # the latest of them, UTC
    }
)
"""Columns of a partial and of a state: a row for each customer who paid, sorted by customer."""


def lifetime_partial(transactions: pl.LazyFrame | pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return what one month adds to the lifetime of each customer who paid in it.

    Args:
        transactions: accepted rows; those outside the month or with another status than paid are left out.
        month: the month of the partial.

    Returns:
        A frame of `LIFETIME_SCHEMA`, with the same bits for the same rows in whatever order.
    """
    paid = _paid_in(transactions, month)
    moments = _first_moments(paid)
    deviations = paid.join(moments.select("customer_id", "mean"), on="customer_id").select(
        "customer_id", m2=(pl.col("amount") - pl.col("mean")).pow(2)
    )
    squares = sum_by_customer(deviations.lazy(), "m2").collect()
    return _in_order(moments.join(squares, on="customer_id"))


def fold(state: pl.DataFrame | None, partial: pl.DataFrame) -> pl.DataFrame:
    """Return the state after one more month.

    Args:
        state: the state after the month before, None before the first month.
        partial: the `lifetime_partial` of the month. Months must be folded in order: another
            order agrees only to rounding, not to the bit.
    """
    if state is None:
        return _in_order(partial)
    both = state.join(partial, on="customer_id", how="full", coalesce=True, suffix="_new")
    counts = pl.col("n") + pl.col("n_new")
    step = pl.col("mean_new") - pl.col("mean")
    folded = both.select(
        "customer_id",
        n=_merged("n", counts),
        sum=_merged("sum", pl.col("sum") + pl.col("sum_new")),
        mean=_merged("mean", pl.col("mean") + step * (pl.col("n_new") / counts)),
        m2=_merged(
            "m2", pl.col("m2") + pl.col("m2_new") + step * step * (pl.col("n") * pl.col("n_new") / counts)
        ),
        first=pl.min_horizontal("first", "first_new"),
        last=pl.max_horizontal("last", "last_new"),
    )
    return _in_order(folded)


def refold(partials: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the state after these partials, in order: bit for bit what folding one by one gives."""
    state: pl.DataFrame | None = None
    for partial in partials:
        state = fold(state, partial)
    return LIFETIME_SCHEMA.to_frame() if state is None else state


def _paid_in(transactions: pl.LazyFrame | pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return customer, date and amount of the month's paid transactions."""
    date = pl.col("transaction_date")
    return (
        transactions.lazy()
        .filter(pl.col("status") == "paid", date >= month.start, date < month.snapshot)
        .select("customer_id", "transaction_date", "amount")
        .collect(engine="streaming")
    )


def _first_moments(paid: pl.DataFrame) -> pl.DataFrame:
    """Return count, sum, mean, first and last of each customer's payments."""
    amount, date = pl.col("amount"), pl.col("transaction_date")
    counted = paid.group_by("customer_id").agg(
        n=pl.len().cast(pl.Int64), least=amount.min(), most=amount.max(), first=date.min(), last=date.max()
    )
    sums = sum_by_customer(paid.lazy(), "amount").rename({"amount": "sum"}).collect()
    # Rounding may carry the quotient a hair outside the amounts; clipped, equal amounts deviate by nothing.
    mean = (pl.col("sum") / pl.col("n")).clip("least", "most")
    return counted.join(sums, on="customer_id").with_columns(mean=mean)


def _merged(name: str, both: pl.Expr) -> pl.Expr:
    """Return the value of a customer who is in both frames, or the one that there is."""
    return pl.coalesce(both, name, f"{name}_new")


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame in the schema's columns and types, sorted by customer."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in LIFETIME_SCHEMA.items()).sort(
        "customer_id"
    )
