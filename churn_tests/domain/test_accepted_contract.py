"""The second witness: pandera says of accepted rows what cleaning said, and of one bad row what is wrong."""

from __future__ import annotations

import math
from datetime import date, timedelta

import polars as pl
import pytest

from churn_assets.domain.accepted_contract import broken_rules
from churn_assets.domain.tables import (
    APP_USAGE,
    CALL_RECORDS,
    CUSTOMERS,
    SUPPORT_TICKETS,
    TABLES,
    TRANSACTIONS,
    Table,
)
from churn_tests.domain.good_rows import MONTH, good_rows, with_value

START, END = MONTH.start, MONTH.snapshot


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("rows", [0, 6])
def test_good_rows_break_no_rule(table: Table, rows: int) -> None:
    assert broken_rules(table, MONTH, good_rows(table, rows)) == []


@pytest.mark.parametrize(
    ("table", "values", "broken"),
    [
        (CUSTOMERS, {"customer_id": 0}, "customer_id: at_least_1"),
        (CUSTOMERS, {"signup_date": END.date()}, "signup_date: not_after_the_month"),
        (CUSTOMERS, {"churned_on": END.date()}, "churned_on: not_after_the_month"),
        (CUSTOMERS, {"contract_type": "weekly"}, "contract_type: known_category"),
        (CUSTOMERS, {"region": ""}, "region: known_category"),
        (CUSTOMERS, {"plan_monthly_eur": 1000.5}, "plan_monthly_eur: at_most_1000"),
        (CUSTOMERS, {"marketing_opt_out": None}, "marketing_opt_out: not_nullable"),
        (CUSTOMERS, {"customer_id": 1}, "customers: id_unique"),
        (TRANSACTIONS, {"amount": math.nan}, "amount: finite"),
        (TRANSACTIONS, {"amount": math.inf}, "amount: finite"),
        (TRANSACTIONS, {"amount": -1.0}, "amount: at_least_0"),
        (TRANSACTIONS, {"status": "lost"}, "status: known_category"),
        (TRANSACTIONS, {"transaction_date": END}, "transaction_date: before_the_months_end"),
        (
            TRANSACTIONS,
            {"transaction_date": START - timedelta(microseconds=1)},
            "transaction_date: not_before_the_month",
        ),
        (CALL_RECORDS, {"duration_seconds": 86_401}, "duration_seconds: at_most_86400"),
        (CALL_RECORDS, {"call_id": 1}, "call_records: id_unique"),
        (SUPPORT_TICKETS, {"ticket_date": END}, "ticket_date: before_the_months_end"),
        (SUPPORT_TICKETS, {"resolution_hours": -1.0}, "resolution_hours: at_least_0"),
        (APP_USAGE, {"sessions": 0}, "sessions: at_least_1"),
        (APP_USAGE, {"usage_date": date(2024, 4, 30)}, "usage_date: not_before_the_month"),
        (APP_USAGE, {"customer_id": 1}, "app_usage: id_unique"),
    ],
    ids=str,
)
def test_one_bad_row_is_found_and_named(table: Table, values: dict[str, object], broken: str) -> None:
    assert broken in broken_rules(table, MONTH, with_value(good_rows(table), 3, **values))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_null_where_none_may_be_is_found(table: Table) -> None:
    for column in table.columns:
        found = broken_rules(table, MONTH, with_value(good_rows(table), 3, **{column.name: None}))
        assert (f"{column.name}: not_nullable" in found) is not column.nullable


def test_another_type_or_column_is_found() -> None:
    rows = good_rows(APP_USAGE)

    assert broken_rules(APP_USAGE, MONTH, rows.cast({"sessions": pl.Int64})) == ["sessions: dtype('Int32')"]
    assert broken_rules(APP_USAGE, MONTH, rows.drop("sessions")) != []
    assert broken_rules(APP_USAGE, MONTH, rows.with_columns(month=pl.lit("2024-05"))) != []


def test_a_lazy_frame_is_refused_because_its_values_would_not_be_looked_at() -> None:
    lazy: object = good_rows(APP_USAGE).lazy()

    with pytest.raises(TypeError, match="collect it first"):
        broken_rules(APP_USAGE, MONTH, lazy)  # type: ignore[arg-type]
