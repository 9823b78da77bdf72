"""Each defect of the data contract with its outcome and its count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from churn_assets.domain import repeated_ids
from churn_assets.domain.cleaning import CleaningLimits, Judged, RuleCounts, judge
from churn_assets.domain.declared_columns import with_declared
from churn_assets.domain.row_rules import ROW_RULES
from churn_assets.domain.tables import (
    APP_USAGE,
    CALL_RECORDS,
    CUSTOMERS,
    EVENT_TABLES,
    SUPPORT_TICKETS,
    TABLES,
    TRANSACTIONS,
    Table,
)
from churn_tests.domain.good_rows import CUSTOMER_IDS, MONTH, ROWS, good_rows, with_value

START, END = MONTH.start, MONTH.snapshot
TICK = timedelta(microseconds=1)


def judged(table: Table, rows: pl.DataFrame, active_before: list[int] | None = None) -> Judged:
    return judge(
        table,
        rows,
        month=MONTH,
        known_customers=None if table is CUSTOMERS else CUSTOMER_IDS,
        active_before=None if active_before is None else pl.Series(active_before, dtype=pl.Int64),
    )


def outcome(table: Table, values: Mapping[str, object], active_before: list[int] | None = None) -> str:
    """Return what becomes of one row with these values among good ones: `accepted` or the rule that it breaks."""
    result = judged(table, with_value(good_rows(table), 2, **values), active_before)
    assert result.counts.accepted + result.quarantine.height == ROWS
    return "accepted" if result.quarantine.is_empty() else str(result.quarantine["rule"].item())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_without_a_defect_are_all_accepted_unchanged(table: Table) -> None:
    rows = good_rows(table)

    result = judged(table, rows)

    assert_frame_equal(result.accepted, rows)
    assert result.quarantine.is_empty()
    assert result.quarantine.schema == pl.Schema({**table.schema, "rule": pl.String()})
    assert result.counts.quarantined == dict.fromkeys(
        ["conflicting_id", "null", "bounds", "unknown_customer", "date"], 0
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_file_without_rows_is_judged_to_nothing(table: Table) -> None:
    result = judged(table, good_rows(table).clear())

    assert (result.accepted.height, result.quarantine.height, result.counts.delivered) == (0, 0, 0)
    assert (result.counts.quarantine_share, result.accepted.schema) == (0, table.schema)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_exact_copies_are_dropped_and_counted(table: Table) -> None:
    rows = good_rows(table)

    result = judged(table, pl.concat([rows, rows.head(2), rows.head(1)]))

    assert_frame_equal(result.accepted, rows)
    assert (result.counts.duplicates, result.counts.delivered) == (3, ROWS + 3)


def test_copies_with_nan_are_exact_copies() -> None:
    rows = with_value(good_rows(TRANSACTIONS), 0, amount=math.nan)

    result = judged(TRANSACTIONS, pl.concat([rows, rows]))

    assert (result.counts.duplicates, result.counts.quarantined["bounds"]) == (ROWS, 1)


def test_a_copy_that_differs_in_a_declared_column_is_no_exact_copy() -> None:
    table = with_declared(CUSTOMERS, {"household": "category"})
    rows = good_rows(CUSTOMERS).with_columns(household=pl.lit("a"))

    result = judged(replace(table), pl.concat([rows, with_value(rows, 0, household="b").head(1)]), [])

    assert (result.counts.duplicates, result.counts.quarantined["conflicting_id"]) == (0, 2)


def test_columns_that_nobody_declared_neither_tell_copies_apart_nor_stay() -> None:
    rows = good_rows(TRANSACTIONS)

    result = judged(TRANSACTIONS, pl.concat([rows, rows]).with_row_index("line"))

    assert result.counts.duplicates == ROWS
    assert result.accepted.columns == TRANSACTIONS.schema.names()


@pytest.mark.parametrize(
    ("table", "other"),
    [
        (CUSTOMERS, {"region": "south"}),
        (TRANSACTIONS, {"amount": 1.0}),
        (CALL_RECORDS, {"duration_seconds": 1}),
        (SUPPORT_TICKETS, {"is_escalated": True}),
        (APP_USAGE, {"sessions": 9}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_all_rows_of_an_id_with_differing_content_go_to_quarantine(
    table: Table, other: dict[str, object]
) -> None:
    rows = good_rows(table)
    differing = with_value(rows, 0, **other).head(1)

    result = judged(table, pl.concat([rows, differing, rows.head(1)]))

    assert result.quarantine["rule"].to_list() == ["conflicting_id", "conflicting_id"]
    assert result.quarantine["customer_id"].to_list() == [1, 1]
    assert (result.counts.duplicates, result.counts.quarantined["conflicting_id"]) == (1, 2)
    assert result.counts.accepted == ROWS - 1


def test_rows_without_an_id_are_nulls_and_no_conflict() -> None:
    rows = good_rows(TRANSACTIONS).with_columns(
        transaction_id=pl.when(pl.col("customer_id") > 3).then(pl.col("transaction_id"))
    )

    result = judged(TRANSACTIONS, pl.concat([rows, rows.head(1)]))

    assert (result.counts.quarantined["null"], result.counts.quarantined["conflicting_id"]) == (3, 0)
    assert result.counts.duplicates == 1


def test_app_use_of_one_customer_on_two_days_is_no_conflict() -> None:
    assert outcome(APP_USAGE, {"customer_id": 1, "usage_date": date(2024, 5, 11)}) == "accepted"


@pytest.mark.parametrize(
    ("table", "name", "nullable"),
    [(table, column.name, column.nullable) for table in TABLES for column in table.columns],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_null_passes_only_where_the_contract_allows_it(table: Table, name: str, *, nullable: bool) -> None:
    assert outcome(table, {name: None}) == ("accepted" if nullable else "null")


@pytest.mark.parametrize(
    ("table", "name", "value", "expected"),
    [
        (CUSTOMERS, "customer_id", 0, "bounds"),
        (CUSTOMERS, "customer_id", -1, "bounds"),
        (CUSTOMERS, "signup_date", date(2024, 5, 31), "accepted"),
        (CUSTOMERS, "signup_date", date(2024, 6, 1), "bounds"),
        (CUSTOMERS, "plan_monthly_eur", 0.0, "accepted"),
        (CUSTOMERS, "plan_monthly_eur", 1000.0, "accepted"),
        (CUSTOMERS, "plan_monthly_eur", 1000.01, "bounds"),
        (CUSTOMERS, "plan_monthly_eur", -0.01, "bounds"),
        (CUSTOMERS, "plan_monthly_eur", math.nan, "bounds"),
        (CUSTOMERS, "previous_plan_monthly_eur", 0.0, "accepted"),
        (CUSTOMERS, "previous_plan_monthly_eur", 1000.01, "bounds"),
        (CUSTOMERS, "previous_plan_monthly_eur", -0.01, "bounds"),
        (CUSTOMERS, "previous_plan_monthly_eur", math.inf, "bounds"),
        (CUSTOMERS, "contract_end_date", date(2031, 1, 1), "accepted"),
        (CUSTOMERS, "plan_changed_on", date(2024, 6, 1), "accepted"),
        (TRANSACTIONS, "amount", 0.0, "accepted"),
        (TRANSACTIONS, "amount", 1_000_000.0, "accepted"),
        (TRANSACTIONS, "amount", 1_000_000.01, "bounds"),
        (TRANSACTIONS, "amount", -0.01, "bounds"),
        (TRANSACTIONS, "amount", math.nan, "bounds"),
        (TRANSACTIONS, "amount", math.inf, "bounds"),
        (TRANSACTIONS, "amount", -math.inf, "bounds"),
        (TRANSACTIONS, "status", "refunded", "accepted"),
        (TRANSACTIONS, "status", "failed", "accepted"),
        (TRANSACTIONS, "status", "Paid", "bounds"),
        (TRANSACTIONS, "status", "paid ", "bounds"),
        (TRANSACTIONS, "status", "", "bounds"),
        (CALL_RECORDS, "duration_seconds", 0, "accepted"),
        (CALL_RECORDS, "duration_seconds", 86_400, "accepted"),
        (CALL_RECORDS, "duration_seconds", 86_401, "bounds"),
        (CALL_RECORDS, "duration_seconds", -1, "bounds"),
        (CALL_RECORDS, "data_usage_mb", 0.0, "accepted"),
        (CALL_RECORDS, "data_usage_mb", 1e12, "accepted"),
        (CALL_RECORDS, "data_usage_mb", -1e-9, "bounds"),
        (CALL_RECORDS, "data_usage_mb", math.inf, "bounds"),
        (CALL_RECORDS, "data_usage_mb", math.nan, "bounds"),
        (SUPPORT_TICKETS, "resolution_hours", 0.0, "accepted"),
        (SUPPORT_TICKETS, "resolution_hours", -0.1, "bounds"),
        (SUPPORT_TICKETS, "resolution_hours", math.nan, "bounds"),
        (SUPPORT_TICKETS, "resolution_hours", math.inf, "bounds"),
        (SUPPORT_TICKETS, "resolved_at", START - TICK, "accepted"),
        (SUPPORT_TICKETS, "resolved_at", END + timedelta(days=9), "accepted"),
        (APP_USAGE, "sessions", 1, "accepted"),
        (APP_USAGE, "sessions", 0, "bounds"),
        (TRANSACTIONS, "customer_id", 99, "unknown_customer"),
        (CALL_RECORDS, "customer_id", 99, "unknown_customer"),
        (SUPPORT_TICKETS, "customer_id", -1, "unknown_customer"),
        (APP_USAGE, "customer_id", 0, "unknown_customer"),
        (TRANSACTIONS, "transaction_date", START, "accepted"),
        (TRANSACTIONS, "transaction_date", START - TICK, "date"),
        (TRANSACTIONS, "transaction_date", END - TICK, "accepted"),
        (TRANSACTIONS, "transaction_date", END, "date"),
        (CALL_RECORDS, "call_date", START, "accepted"),
        (CALL_RECORDS, "call_date", START - TICK, "date"),
        (CALL_RECORDS, "call_date", END - TICK, "accepted"),
        (CALL_RECORDS, "call_date", END, "date"),
        (SUPPORT_TICKETS, "ticket_date", datetime(1999, 1, 1), "accepted"),  # noqa: DTZ001  naive means UTC
        (SUPPORT_TICKETS, "ticket_date", END - TICK, "accepted"),
        (SUPPORT_TICKETS, "ticket_date", END, "date"),
        (APP_USAGE, "usage_date", date(2024, 5, 1), "accepted"),
        (APP_USAGE, "usage_date", date(2024, 5, 31), "accepted"),
        (APP_USAGE, "usage_date", date(2024, 4, 30), "date"),
        (APP_USAGE, "usage_date", date(2024, 6, 1), "date"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_value_passes_up_to_its_bounds(table: Table, name: str, value: object, expected: str) -> None:
    assert outcome(table, {name: value}) == expected


@pytest.mark.parametrize(
    ("churned_on", "active_before", "expected"),
    [
        (date(2024, 5, 1), None, "accepted"),
        (date(2024, 5, 31), None, "accepted"),
        (date(2024, 6, 1), [3], "date"),
        (date(2024, 4, 30), [3], "accepted"),
        (date(2019, 1, 1), [3], "accepted"),
        (date(2024, 4, 30), [1, 2], "date"),
        (date(2024, 4, 30), None, "date"),
    ],
)
def test_a_leaving_day_lies_in_the_month_or_before_it_where_the_customer_was_active(
    churned_on: date, active_before: list[int] | None, expected: str
) -> None:
    assert outcome(CUSTOMERS, {"churned_on": churned_on}, active_before) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"customer_id": 99, "amount": -1.0, "transaction_date": END, "paid_late": None}, "null"),
        ({"customer_id": 99, "amount": -1.0, "transaction_date": END}, "bounds"),
        ({"customer_id": 99, "transaction_date": END}, "unknown_customer"),
        ({"transaction_date": END}, "date"),
    ],
)
def test_a_row_is_counted_once_under_the_first_rule_that_it_breaks(
    values: dict[str, object], expected: str
) -> None:
    assert outcome(TRANSACTIONS, values) == expected


def test_a_conflicting_id_comes_before_every_other_rule() -> None:
    rows = good_rows(TRANSACTIONS)

    result = judged(TRANSACTIONS, pl.concat([rows, with_value(rows, 0, amount=None, customer_id=99).head(1)]))

    assert result.counts.quarantined["conflicting_id"] == 2
    assert result.quarantine.height == 2


def test_quarantine_holds_the_rows_as_delivered() -> None:
    damaged = with_value(good_rows(CUSTOMERS), 4, plan_monthly_eur=-5.0, region="atlantis")

    result = judged(CUSTOMERS, damaged)

    assert_frame_equal(result.quarantine.drop("rule"), damaged.slice(4, 1))


@pytest.mark.parametrize(
    ("name", "value", "counted", "left"),
    [
        ("contract_type", "weekly", 1, None),
        ("contract_type", None, 1, None),
        ("contract_type", "biennial", 0, "biennial"),
        ("payment_method", "Card", 1, None),
        ("payment_method", " card", 1, None),
        ("payment_method", None, 1, None),
        ("age_group", "66", 1, None),
        ("age_group", None, 0, None),
        ("region", "Centre", 1, None),
        ("region", "", 1, None),
        ("region", None, 0, None),
    ],
)
def test_an_unknown_category_becomes_missing_and_is_counted(
    name: str, value: str | None, counted: int, left: str | None
) -> None:
    result = judged(CUSTOMERS, with_value(good_rows(CUSTOMERS), 2, **{name: value}))

    assert result.counts.unknown_categories[name] == counted
    assert result.accepted[name][2] == left
    assert result.counts.accepted == ROWS


def test_unknown_categories_are_counted_among_the_rows_that_passed() -> None:
    rows = with_value(good_rows(CUSTOMERS), 0, contract_type="weekly", plan_monthly_eur=-1.0)
    rows = with_value(rows, 1, contract_type="weekly")

    counts = judged(CUSTOMERS, rows).counts

    assert counts.unknown_categories["contract_type"] == 1
    assert counts.unknown_category_shares["contract_type"] == 1 / (ROWS - 1)


def test_a_ticket_of_an_earlier_month_may_come_again() -> None:
    earlier = datetime(2024, 3, 2)  # noqa: DTZ001  naive means UTC
    still_open = {"ticket_date": earlier, "resolved_at": None, "resolution_hours": None}

    assert outcome(SUPPORT_TICKETS, still_open) == "accepted"


def test_conflicting_ids_do_not_count_to_the_share_that_blocks_and_copies_count_to_its_whole() -> None:
    counts = RuleCounts(
        delivered=1000,
        duplicates=100,
        quarantined={"conflicting_id": 500, "null": 4, "bounds": 3, "unknown_customer": 2, "date": 1},
        accepted=390,
        unknown_categories={},
    )

    assert counts.quarantine_share == CleaningLimits().quarantine_share
    assert "conflicting_id" not in ROW_RULES


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_an_event_table_is_not_judged_without_the_known_customers(table: Table) -> None:
    with pytest.raises(ValueError, match=f"{table.name} cannot be judged without the known customers"):
        judge(table, good_rows(table), month=MONTH, known_customers=None, active_before=None)


def test_a_file_appended_to_itself_is_halved_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_ids, "IDS_AT_A_TIME", 7)
    rows = good_rows(TRANSACTIONS, 40).with_columns(customer_id=pl.lit(1, pl.Int64))
    conflict = with_value(rows, 0, amount=1.0).head(1)

    result = judged(TRANSACTIONS, pl.concat([rows, rows, conflict]))

    assert_frame_equal(result.accepted, rows.slice(1))
    assert (result.counts.duplicates, result.counts.quarantined["conflicting_id"]) == (40, 2)


@pytest.mark.parametrize(
    ("name", "value"), [("quarantine_share", 1.5), ("rows_factor", 0.5), ("rows_deviations", -1.0)]
)
def test_a_limit_that_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        CleaningLimits(**{name: value})


AMOUNTS = st.sampled_from([0.0, -0.0, 5.0, -1.0, math.nan, None])
DIRTY = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, None]),
        st.sampled_from([1, 2, 99, None]),
        st.sampled_from([START, END, START - TICK, None]),
        AMOUNTS,
        st.sampled_from(["paid", "failed", "lost", None]),
        st.sampled_from([True, False, None]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(rows=DIRTY, shuffled=st.randoms(use_true_random=False))
def test_judgement_holds_for_any_dirt(rows: list[tuple[object, ...]], shuffled: object) -> None:
    frame = pl.DataFrame(rows, schema=TRANSACTIONS.schema, orient="row")
    order = list(range(frame.height))
    shuffled.shuffle(order)  # type: ignore[attr-defined]

    result = judged(TRANSACTIONS, frame)
    again = judged(TRANSACTIONS, frame[order].select(reversed(frame.columns)))
    twice = judged(TRANSACTIONS, result.accepted)

    counts = result.counts
    assert counts.delivered == counts.duplicates + sum(counts.quarantined.values()) + counts.accepted
    assert sum(counts.quarantined.values()) == result.quarantine.height
    assert again.counts == counts
    assert again.accepted.serialize() == result.accepted.serialize()
    assert_frame_equal(again.quarantine, result.quarantine)
    assert_frame_equal(twice.accepted, result.accepted)
    assert result.accepted["transaction_id"].is_unique().all()
