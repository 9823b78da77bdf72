"""Features 33 to 36: use of the application, from `app_usage`."""

from __future__ import annotations

import polars as pl

from churn_assets.domain.features.windows import days_ago, previous_30d, within
from churn_assets.domain.months import Month


def recent_use(app_usage: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return the use of 90 days, aggregated: one row for each customer who used the application in them."""
    sessions = pl.col("sessions").cast(pl.Int64)  # the sum may not fit into 32 bits
    recent, previous = within("usage_date", month, 30), previous_30d("usage_date", month)
    date = pl.col("usage_date")
    # `unique` keeps one null for the days outside the window, which `count` leaves out.
    return (
        app_usage.filter(within("usage_date", month, 90))
        .group_by("customer_id")
        .agg(
            sessions=pl.when(recent).then(sessions).otherwise(0).sum(),
            previous_sessions=pl.when(previous).then(sessions).otherwise(0).sum(),
            days=pl.when(recent).then(date).unique().count(),
            last=date.max(),
        )
    )


def application_features(month: Month) -> dict[str, pl.Expr]:
    """Return the features on a row that holds a customer's use, null where none."""
    sessions = pl.col("sessions").fill_null(0)
    return {
        "app_sessions_30d": sessions,
        "app_active_days_30d": pl.col("days").fill_null(0),
        "days_since_last_app_use": days_ago("last", month),
        "app_sessions_trend": sessions / pl.col("previous_sessions").fill_null(0).clip(lower_bound=1),
    }
