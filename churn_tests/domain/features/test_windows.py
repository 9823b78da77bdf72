"""Windows to the microsecond: they hold their first instant, and nothing from the snapshot on."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from churn_tests.domain.features.deliveries import Operator, call, customer, moment, payment, ticket, use

MONTH = "2024-02"  # a leap February
SNAPSHOT = moment("2024-03-01")
TICK = timedelta(microseconds=1)


def counted(feature: str, at: datetime) -> object:
    """Return a feature of a customer to whom one event of each kind happened at that moment."""
    operator = Operator(
        transactions=[payment(at, paid_late=True), payment(at, status="failed")],
        call_records=[call(at)],
        support_tickets=[ticket(at, MONTH)],
    )
    return operator.features(MONTH)[feature]


@pytest.mark.parametrize(
    ("feature", "days"),
    [
        ("recent_frequency", 30),
        ("late_payments_90d", 90),
        ("failed_payments_90d", 90),
        ("calls_count_30d", 30),
        ("support_tickets_90d", 90),
    ],
)
def test_a_window_holds_its_first_instant_and_not_the_snapshot(feature: str, days: int) -> None:
    start = SNAPSHOT - timedelta(days=days)
    assert counted(feature, start - TICK) == 0
    assert counted(feature, start) == 1
    assert counted(feature, SNAPSHOT - TICK) == 1
    assert counted(feature, SNAPSHOT) == 0


def test_ages_are_whole_days_rounded_down() -> None:
    assert counted("days_since_last_call", SNAPSHOT - TICK) == 0
    assert counted("days_since_last_call", SNAPSHOT - timedelta(days=1)) == 1
    assert counted("days_since_last_call", SNAPSHOT - timedelta(days=90)) == 90
    assert counted("days_since_last_call", SNAPSHOT - timedelta(days=90) - TICK) is None
    assert counted("recency_days", SNAPSHOT - timedelta(days=400) + TICK) == 399


def test_the_previous_thirty_days_end_where_the_last_thirty_begin() -> None:
    start = SNAPSHOT - timedelta(days=30)
    operator = Operator(
        call_records=[
            call(start, data_usage_mb=1024.0),
            call(start - TICK, data_usage_mb=2048.0),
            call(start - timedelta(days=30), data_usage_mb=2048.0),
            call(start - timedelta(days=30) - TICK, data_usage_mb=4096.0),
        ],
        app_usage=[use(start.date(), sessions=3), use(date(2024, 1, 1), sessions=2), use(date(2023, 12, 31))],
    )
    features = operator.features(MONTH)
    assert (features["calls_trend"], features["data_usage_trend"]) == (0.5, 0.25)
    assert (features["app_sessions_30d"], features["app_sessions_trend"]) == (3, 1.5)


def test_a_date_stands_for_its_first_instant() -> None:
    last_day = Operator(app_usage=[use(date(2024, 2, 29))]).features(MONTH)
    assert (last_day["days_since_last_app_use"], last_day["app_active_days_30d"]) == (1, 1)
    later = Operator(app_usage=[use(date(2024, 3, 1))]).features(MONTH)
    assert (later["days_since_last_app_use"], later["app_active_days_30d"]) == (None, 0)


@pytest.mark.parametrize(
    ("month", "first_day"),
    [("2024-04", date(2024, 2, 1)), ("2023-04", date(2023, 1, 31)), ("2100-04", date(2100, 1, 31))],
)
def test_ninety_days_reach_into_the_third_month_before_except_in_leap_years(
    month: str, first_day: date
) -> None:
    day_before = first_day - timedelta(days=1)
    assert Operator(app_usage=[use(first_day)]).features(month)["days_since_last_app_use"] == 90
    assert Operator(app_usage=[use(day_before)]).features(month)["days_since_last_app_use"] is None


@pytest.mark.parametrize(
    ("ends", "remaining", "soon"),
    [
        (date(2024, 2, 29), -1, 0),
        (date(2024, 3, 1), 0, 1),
        (date(2024, 4, 30), 60, 1),
        (date(2024, 5, 1), 61, 0),
        (None, None, 0),
    ],
)
def test_days_to_the_contract_s_end(ends: date | None, remaining: int | None, soon: int) -> None:
    features = Operator(customers=[customer(contract_end_date=ends)]).features(MONTH)
    assert (features["contract_days_remaining"], features["contract_ends_within_60d"]) == (remaining, soon)
