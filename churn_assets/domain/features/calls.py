"""Features 14 to 26: calls and data sessions, from `call_records`.

The last 30 days and the 60 days before them are aggregated apart: only the former need the costly columns,
and a month has tens of millions of records.
"""

from __future__ import annotations

import polars as pl

from churn_assets.domain.exact_sums import EVERYDAY_LIMIT, exact_sum, rounded, sum_by_customer
from churn_assets.domain.features.windows import day_of_30, days_ago, days_before, previous_30d, within
from churn_assets.domain.months import Month

_SHORT_SECONDS = 10  # a proxy for dropped calls
_FIRST_WEEKEND_DAY = 6  # Saturday, where Monday is 1
_MB_PER_GB = 1024.0  # a power of two: the division is exact
_LEAST_GB = 0.01  # the least divisor of the trend of data


def recent_calls(call_records: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return the records of 30 days, aggregated: one row for each customer with a record in them."""
    rows = call_records.filter(within("call_date", month, 30))
    seconds = pl.col("duration_seconds").cast(pl.Int64)  # the sum may not fit into 32 bits
    day_bit = pl.lit(2, dtype=pl.Int64).pow(day_of_30("call_date", month))
    totals = rows.group_by("customer_id").agg(
        records=pl.len(),
        seconds=seconds.sum(),
        data_units=exact_sum(pl.col("data_usage_mb")),
        international=pl.col("is_international").sum(),
        peak=pl.col("is_peak_hour").sum(),
        contacts=pl.col("called_number_hash").n_unique(),
        # One bit a day: distinct dates without a set for each customer.
        days=day_bit.bitwise_or().bitwise_count_ones(),
        last=pl.col("call_date").max(),
        weekend=(pl.col("call_date").dt.weekday() >= _FIRST_WEEKEND_DAY).sum(),
        short=(seconds < _SHORT_SECONDS).sum(),
    )
    return _with_data(totals, rows, "data_mb")


def former_calls(call_records: pl.LazyFrame, month: Month) -> pl.LazyFrame:
    """Return the records of the 60 days before: the later 30 in full, of all the last time."""
    is_former = within("call_date", month, 90) & (pl.col("call_date") < days_before(month, 30))
    rows = call_records.filter(is_former)
    is_previous = previous_30d("call_date", month)
    totals = rows.group_by("customer_id").agg(
        previous_records=is_previous.sum(),
        data_units=exact_sum(pl.when(is_previous).then("data_usage_mb").otherwise(0.0)),
        former_last=pl.col("call_date").max(),
    )
    return _with_data(totals, rows.filter(is_previous), "previous_data_mb")


def call_features(month: Month) -> dict[str, pl.Expr]:
    """Return the features on a row that holds a customer's recent and former calls, null where none."""
    records = pl.col("records").fill_null(0)
    gigabytes = pl.col("data_mb").fill_null(0.0) / _MB_PER_GB
    previous_gigabytes = pl.col("previous_data_mb").fill_null(0.0) / _MB_PER_GB
    return {
        "calls_count_30d": records,
        "calls_duration_avg_30d": pl.col("seconds") / pl.col("records"),
        "calls_duration_total_30d": pl.col("seconds").fill_null(0),
        "data_usage_gb_30d": gigabytes,
        "international_calls_ratio": _share("international"),
        "peak_hour_ratio": _share("peak"),
        "unique_contacts_30d": pl.col("contacts").fill_null(0),
        "calls_trend": records / pl.col("previous_records").fill_null(0).clip(lower_bound=1),
        "data_usage_trend": gigabytes / previous_gigabytes.clip(lower_bound=_LEAST_GB),
        "active_call_days_30d": pl.col("days").fill_null(0),
        "days_since_last_call": pl.coalesce(days_ago("last", month), days_ago("former_last", month)),
        "weekend_calls_ratio": _share("weekend"),
        "short_calls_ratio": _share("short"),
    }


def _share(part: str) -> pl.Expr:
    """Return the part's share of the recent records, 0 without records."""
    return (pl.col(part) / pl.col("records")).fill_null(0.0)


def _with_data(totals: pl.LazyFrame, rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Replace the units of data by MB, adding records beyond everyday size, if there are any."""
    enormous = sum_by_customer(rows.filter(pl.col("data_usage_mb") >= EVERYDAY_LIMIT), "data_usage_mb")
    everyday = rounded(pl.col("data_units"))
    return (
        totals.join(enormous, on="customer_id", how="left")
        .with_columns((everyday + pl.col("data_usage_mb").fill_null(0.0)).alias(name))
        .drop("data_units", "data_usage_mb")
    )
