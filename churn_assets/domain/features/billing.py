"""Features 1 to 13: recency, frequency and money, from `transactions` and the lifetime state."""

from __future__ import annotations

import polars as pl

from churn_assets.domain.exact_sums import exact_sum, rounded
from churn_assets.domain.features.windows import days_ago, within
from churn_assets.domain.months import Month


def recent_billing(transactions: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return what the last 90 days hold, one row for each customer with a transaction in them."""
    date, amount = "transaction_date", pl.col("amount")
    is_paid = pl.col("status") == "paid"
    recent = is_paid & within(date, month, 30)
    return (
        transactions.filter(within(date, month, 90))
        .select("customer_id", "amount", "status", "paid_late", recent=recent)
        .group_by("customer_id")
        .agg(
            recent_frequency=pl.col("recent").sum(),
            recent_units=exact_sum(pl.when("recent").then(amount).otherwise(0.0)),
            greatest=pl.when("recent").then(amount).max(),
            late_payments_90d=(is_paid & pl.col("paid_late")).sum(),
            failed_payments_90d=(pl.col("status") == "failed").sum(),
        )
    )


def billing_features(month: Month) -> dict[str, pl.Expr]:
    """Return the features on a row of a customer's lifetime state and recent billing, null where none."""
    count, total = pl.col("n").fill_null(0), pl.col("sum").fill_null(0.0)
    recent_count = pl.col("recent_frequency").fill_null(0)
    recent_total = rounded(pl.col("recent_units")).fill_null(0.0)
    average = pl.col("sum") / pl.col("n")
    variance = pl.col("m2") / (pl.col("n") - 1)
    # The usual month is x / max(tenure / 30, 1). Polars divides a column by a constant as a product with its
    # inverse, but a single row truly: bits would depend on the number of customers. So none divides here.
    tenure = days_ago("first", month).clip(lower_bound=30).fill_null(30)
    return {
        "recency_days": days_ago("last", month),
        "frequency": count,
        "monetary_total": total,
        "monetary_avg": average,
        "monetary_std": pl.when(pl.col("n") >= 2).then(variance.sqrt()),
        "tenure_days": days_ago("first", month),
        "recent_frequency": recent_count,
        "recent_monetary": recent_total,
        "activity_trend": recent_count / (count * 30 / tenure).clip(lower_bound=0.01),
        "spend_trend": recent_total / (total * 30 / tenure).clip(lower_bound=0.01),
        # Adding 0.0 leaves one zero: which of 0.0 and -0.0 is the greatest depends on the order of the rows.
        "bill_shock": pl.when(average > 0).then(pl.col("greatest") / average + 0.0),
        "late_payments_90d": pl.col("late_payments_90d").fill_null(0),
        "failed_payments_90d": pl.col("failed_payments_90d").fill_null(0),
    }
