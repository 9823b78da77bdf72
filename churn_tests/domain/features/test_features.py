"""Features by example, each worked out by hand from the catalogue's words."""

from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.domain.features.matrix import Window, feature_matrix
from churn_assets.domain.months import Month
from churn_tests.domain.features.deliveries import (
    Operator,
    call,
    customer,
    frame,
    moment,
    payment,
    ticket,
    use,
)

MONTH = "2025-03"  # the snapshot is 1 April 2025

NULL_WITHOUT_EVENTS = {
    "recency_days",
    "monetary_avg",
    "monetary_std",
    "tenure_days",
    "bill_shock",
    "calls_duration_avg_30d",
    "days_since_last_call",
    "avg_resolution_time_h",
    "days_since_last_app_use",
}


def test_without_any_event_counts_are_zero_and_averages_missing() -> None:
    features = Operator().features(MONTH)
    for feature in FEATURES:
        if feature.table != "customers":
            expected = None if feature.name in NULL_WITHOUT_EVENTS else 0
            assert features[feature.name] == expected, feature.name


def test_types_are_the_catalogue_s_with_events_and_without() -> None:
    at = moment("2025-03-15")
    busy = Operator(
        transactions=[payment(at)],
        call_records=[call(at)],
        support_tickets=[ticket(at, MONTH)],
        app_usage=[use(at.date())],
    )
    nobody = Operator(customers=[])
    expected = [pl.Int64(), pl.String(), *(feature.dtype for feature in FEATURES)]
    for operator in (busy, Operator(), nobody):
        assert operator.matrix(MONTH).dtypes == expected


def test_rows_are_the_active_customers_in_order() -> None:
    gone = customer(2, churned_on=date(2025, 3, 31))
    matrix = Operator(customers=[customer(3), gone, customer(1)]).matrix(MONTH)
    assert matrix.select("customer_id", "month").rows() == [(1, MONTH), (3, MONTH)]


def test_billing() -> None:
    features = Operator(
        transactions=[
            payment(moment("2025-01-01"), 10.0),  # 90 days before: tenure of three times thirty days
            payment(moment("2025-02-01"), 20.0, paid_late=True),
            payment(moment("2025-03-22"), 60.0),
            payment(moment("2025-03-23"), 500.0, status="failed", paid_late=True),
            payment(moment("2025-03-24"), 500.0, status="refunded", paid_late=True),
        ]
    ).features(MONTH)
    assert (features["recency_days"], features["tenure_days"], features["frequency"]) == (10, 90, 3)
    assert (features["monetary_total"], features["monetary_avg"]) == (90.0, 30.0)
    assert features["monetary_std"] == pytest.approx(700**0.5)
    assert (features["recent_frequency"], features["recent_monetary"]) == (1, 60.0)
    assert (features["activity_trend"], features["spend_trend"]) == (1.0, 2.0)
    assert features["bill_shock"] == 2.0
    assert (features["late_payments_90d"], features["failed_payments_90d"]) == (1, 1)


def test_a_customer_who_only_paid_nothing_has_no_bill_shock() -> None:
    features = Operator(transactions=[payment(moment("2025-03-02"), 0.0)]).features(MONTH)
    assert (features["monetary_avg"], features["bill_shock"], features["monetary_std"]) == (0.0, None, None)
    assert (features["activity_trend"], features["spend_trend"]) == (1.0, 0.0)


def test_zeros_of_either_sign_are_one_zero_in_whatever_order() -> None:
    earlier = payment(moment("2025-01-01"), 10.0)
    zeros = [payment(moment("2025-03-02"), amount) for amount in (-0.0, 0.0)]
    for recent in (zeros, zeros[::-1], zeros[:1]):
        features = Operator(transactions=[earlier, *recent]).features(MONTH)
        assert math.copysign(1.0, features["bill_shock"]) == 1.0


def test_calls() -> None:
    saturday, monday = moment("2025-03-29 23:59:59"), moment("2025-03-31")
    features = Operator(
        call_records=[
            call(
                saturday,
                duration_seconds=9,
                is_international=True,
                called_number_hash=-1,
                data_usage_mb=512.0,
            ),
            call(saturday, duration_seconds=10, is_peak_hour=True, called_number_hash=2**63 - 1),
            call(monday, duration_seconds=86_400, is_peak_hour=True, data_usage_mb=512.0),
            call(monday, duration_seconds=86_400, is_peak_hour=True),
        ]
    ).features(MONTH)
    assert (features["calls_count_30d"], features["calls_duration_total_30d"]) == (4, 172_819)
    assert features["calls_duration_avg_30d"] == 172_819 / 4
    assert (features["data_usage_gb_30d"], features["data_usage_trend"]) == (1.0, 100.0)
    assert (features["international_calls_ratio"], features["peak_hour_ratio"]) == (0.25, 0.75)
    assert (features["unique_contacts_30d"], features["active_call_days_30d"]) == (3, 2)
    assert (features["weekend_calls_ratio"], features["short_calls_ratio"]) == (0.5, 0.25)
    assert (features["calls_trend"], features["days_since_last_call"]) == (4.0, 1)


def test_seconds_beyond_32_bits_are_summed() -> None:
    calls = [call(moment("2025-03-15"), duration_seconds=86_400) for _ in range(25_000)]
    features = Operator(call_records=calls).features(MONTH)
    assert features["calls_duration_total_30d"] == 2_160_000_000


def test_a_customer_with_tickets_and_no_calls_keeps_the_tickets() -> None:
    features = Operator(
        support_tickets=[
            ticket(
                moment("2025-03-01"),
                MONTH,
                is_complaint=True,
                resolved_at=moment("2025-03-02"),
                resolution_hours=6.0,
            ),
            ticket(moment("2025-03-01"), MONTH, resolved_at=moment("2025-03-31"), resolution_hours=None),
            ticket(
                moment("2025-03-01"),
                MONTH,
                is_escalated=True,
                resolved_at=moment("2025-04-01"),
                resolution_hours=9.0,
            ),
            ticket(moment("2025-03-01"), MONTH, resolution_hours=9.0),
        ]
    ).features(MONTH)
    assert (features["support_tickets_90d"], features["support_escalations_90d"]) == (4, 1)
    assert (features["avg_resolution_time_h"], features["complaint_ratio"]) == (6.0, 0.25)
    assert (features["unresolved_tickets"], features["frustration_index"]) == (2, 19 / 20)
    assert features["calls_count_30d"] == 0


def test_frustration_is_at_most_one() -> None:
    tickets = [ticket(moment("2025-03-01"), MONTH, is_escalated=True) for _ in range(3)]
    assert Operator(support_tickets=tickets).features(MONTH)["frustration_index"] == 1.0


def test_a_ticket_is_what_its_newest_delivery_until_the_month_says_of_it_as_a_whole() -> None:
    opened = moment("2025-01-10")
    first = ticket(opened, "2025-01", ticket_id=5, is_escalated=True, is_complaint=True)
    newer = ticket(opened, "2025-03", ticket_id=5, resolved_at=moment("2025-03-09"), resolution_hours=1.0)
    future = ticket(opened, "2025-04", ticket_id=5, is_escalated=True)
    operator = Operator(support_tickets=[newer, future, first])

    march = operator.features("2025-03")
    assert (march["support_escalations_90d"], march["complaint_ratio"], march["unresolved_tickets"]) == (
        0,
        0.0,
        0,
    )
    february = operator.features("2025-02")
    assert (february["support_escalations_90d"], february["complaint_ratio"]) == (1, 1.0)
    assert operator.features("2024-12")["support_tickets_90d"] == 0


def test_a_ticket_that_a_newer_delivery_gives_to_another_customer_is_that_one_s() -> None:
    at = moment("2025-03-10")
    operator = Operator(
        customers=[customer(1), customer(2)],
        support_tickets=[ticket(at, "2025-02", 1, ticket_id=5), ticket(at, "2025-03", 2, ticket_id=5)],
    )
    assert operator.matrix(MONTH)["support_tickets_90d"].to_list() == [0, 1]


def test_application_use() -> None:
    days = [use(date(2025, 3, 10), sessions=3), use(date(2025, 3, 11)), use(date(2025, 2, 1), sessions=2)]
    features = Operator(app_usage=days).features(MONTH)
    assert (features["app_sessions_30d"], features["app_active_days_30d"]) == (4, 2)
    assert (features["days_since_last_app_use"], features["app_sessions_trend"]) == (21, 2.0)


@pytest.mark.parametrize(
    ("changed", "former", "ratio", "age"),
    [
        (None, 10.0, 1.0, None),
        (date(2025, 3, 2), 10.0, 2.0, 30),
        (date(2025, 3, 2), None, None, 30),
        (date(2025, 3, 2), 0.0, None, 30),
        (date(2025, 4, 3), 40.0, 0.5, -2),  # the CRM's state is taken as it was delivered
        (date(2025, 3, 2), 5e-324, None, 30),  # the ratio is beyond the floats' range
    ],
)
def test_change_of_plan(
    changed: date | None, former: float | None, ratio: float | None, age: int | None
) -> None:
    features = Operator(
        customers=[customer(plan_changed_on=changed, previous_plan_monthly_eur=former)]
    ).features(MONTH)
    assert (features["plan_price_change_ratio"], features["days_since_plan_change"]) == (ratio, age)


def test_a_category_that_the_catalogue_does_not_list_is_missing() -> None:
    features = Operator(
        customers=[customer(contract_type="Annual", region="centre ", age_group="66+")]
    ).features(MONTH)
    assert (features["contract_type"], features["region"], features["age_group"]) == (None, None, "66+")


def test_features_of_tables_that_are_not_delivered_are_absent_and_the_others_unchanged() -> None:
    operator = Operator(
        transactions=[payment(moment("2025-03-02"))], call_records=[call(moment("2025-03-02"))]
    )
    whole, month = operator.window(Month.parse(MONTH)), Month.parse(MONTH)
    least = Window(customers=whole.customers, lifetime=whole.lifetime, transactions=whole.transactions)

    matrix = feature_matrix(least, month)

    kept = [feature.name for feature in FEATURES if feature.table in {"customers", "transactions"}]
    assert matrix.columns == ["customer_id", "month", *kept]
    assert_frame_equal(matrix, feature_matrix(whole, month).select(matrix.columns), check_exact=True)


def test_declared_columns_follow_the_catalogue_whatever_their_names() -> None:
    customers = frame("customers", [customer(2), customer(1)]).with_columns(
        last=pl.Series([2.5, 1.5]), records=pl.Series(["b", "a"])
    )
    operator = Operator(call_records=[call(moment("2025-03-02"))])
    usual = operator.window(Month.parse(MONTH))
    window = Window(
        customers=customers.lazy(),
        lifetime=usual.lifetime,
        transactions=usual.transactions,
        call_records=usual.call_records,
        declared=("records", "last"),
    )
    matrix = feature_matrix(window, Month.parse(MONTH))
    assert matrix.columns[-3:] == ["region", "records", "last"]
    assert matrix.select("customer_id", "records", "last").rows() == [(1, "a", 1.5), (2, "b", 2.5)]
