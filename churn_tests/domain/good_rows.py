"""Rows of a month that keep the whole contract: what tests then damage, one thing at a time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.tables import (
    APP_USAGE,
    CALL_RECORDS,
    CUSTOMERS,
    SUPPORT_TICKETS,
    TRANSACTIONS,
    Table,
)

MONTH = Month(2024, 5)
ROWS = 6
NOON = datetime(2024, 5, 10, 12, 30, 15, 250)  # noqa: DTZ001  naive means UTC in the contracts

VALUES: dict[str, dict[str, object]] = {
    CUSTOMERS.name: {
        "signup_date": date(2020, 2, 29),
        "contract_type": "annual",
        "contract_end_date": date(2024, 12, 31),
        "payment_method": "card",
        "age_group": "26-35",
        "region": "centre",
        "plan_monthly_eur": 29.9,
        "previous_plan_monthly_eur": 24.5,
        "plan_changed_on": date(2023, 7, 1),
        "churned_on": None,
        "marketing_opt_out": False,
    },
    TRANSACTIONS.name: {
        "transaction_date": NOON,
        "amount": 29.9,
        "status": "paid",
        "paid_late": False,
    },
    CALL_RECORDS.name: {
        "call_date": NOON,
        "duration_seconds": 95,
        "data_usage_mb": 0.5,
        "is_international": False,
        "is_peak_hour": True,
        "called_number_hash": -7_000_000_000,
    },
    SUPPORT_TICKETS.name: {
        "ticket_date": NOON,
        "is_escalated": False,
        "is_complaint": True,
        "resolved_at": NOON + timedelta(hours=3),
        "resolution_hours": 3.0,
    },
    APP_USAGE.name: {"usage_date": date(2024, 5, 10), "sessions": 2},
}

CUSTOMER_IDS = pl.Series("customer_id", range(1, ROWS + 1), dtype=pl.Int64)


def good_rows(table: Table, rows: int = ROWS) -> pl.DataFrame:
    """Return that many rows, customers from 1 on, with ids from 1 on, that break no rule in MONTH."""
    ids = pl.int_range(1, rows + 1, dtype=pl.Int64, eager=True)
    numbered = {"customer_id", *(name for name in table.key if table.schema[name] == pl.Int64)}
    values = VALUES[table.name]
    return pl.DataFrame(
        ids.alias(column.name)
        if column.name in numbered
        else pl.Series(column.name, [values[column.name]], dtype=column.dtype).new_from_index(0, rows)
        for column in table.columns
    )


def with_value(rows: pl.DataFrame, row: int, **values: object) -> pl.DataFrame:
    """Return the rows with other values in one of them."""
    here = pl.int_range(pl.len()) == row
    return rows.with_columns(
        pl.when(here).then(pl.lit(value, rows.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )
