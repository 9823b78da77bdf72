"""Hypothesis strategies: operators whose events lie where definitions are easily got wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from churn_tests.domain.features.deliveries import Operator, call, customer, payment, ticket, use
from churn_tests.domain.features.reference import Row, snapshot_of

MONTHS = ("2024-02", "2023-02", "2025-04", "2024-04", "2024-12", "2025-03", "2100-02", "2000-02")
CUSTOMERS = (1, 2, 3)
MICROSECOND = timedelta(microseconds=1)

amounts = st.sampled_from([0.0, 9.99, 10.0, 0.1, 1e6, 999_999.99]) | st.floats(0, 1e6) | st.floats(0, 1e-300)
megabytes = st.sampled_from([0.0, 0.1, 512.0, 2.0**30, 1e9 + 0.1, 1e25]) | st.floats(0, 1e5)
hours = st.none() | st.sampled_from([0.0, 0.5, 1e300]) | st.floats(0, 1e4)
prices = st.sampled_from([0.0, 9.99, 1000.0, 5e-324]) | st.floats(0, 1000)


def instants(snapshot: datetime) -> st.SearchStrategy[datetime]:
    """Draw moments on the edges of the windows and of days, and anywhere around."""
    edges = [snapshot - timedelta(days=days) for days in (-1, 0, 1, 29, 30, 31, 59, 60, 61, 89, 90, 91, 400)]
    near = st.tuples(st.sampled_from(edges), st.sampled_from([-MICROSECOND, timedelta(0), MICROSECOND])).map(
        sum_of
    )
    span = st.integers(-40 * 86_400_000_000, 200 * 86_400_000_000)
    return near | span.map(lambda microseconds: snapshot - timedelta(microseconds=microseconds))


def sum_of(pair: tuple[datetime, timedelta]) -> datetime:
    return pair[0] + pair[1]


def key_of(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment.month:02d}"


@st.composite
def people(draw: st.DrawFn, customer_id: int, snapshot: datetime) -> Row:
    """Draw a row of `customers` with unknown categories and extreme dates among the usual."""
    near = instants(snapshot).map(datetime.date) | st.sampled_from([date(9999, 12, 31), date(1, 1, 1)])
    return customer(
        customer_id,
        contract_type=draw(st.sampled_from(["monthly", "annual", "Annual", " annual", None])),
        contract_end_date=draw(st.none() | near),
        payment_method=draw(st.sampled_from(["prepaid", "cheque", None])),
        age_group=draw(st.sampled_from(["66+", "66", None])),
        region=draw(st.sampled_from(["islands", "north", None])),
        plan_monthly_eur=draw(prices),
        previous_plan_monthly_eur=draw(st.none() | prices),
        plan_changed_on=draw(st.none() | near),
        churned_on=draw(st.sampled_from([None, None, None, snapshot.date() - timedelta(days=1)])),
    )


@st.composite
def tickets(draw: st.DrawFn, snapshot: datetime) -> Row:
    """Draw a ticket of few ids, so that many are deliveries of the same one with another state."""
    opened = draw(instants(snapshot))
    late = draw(st.integers(0, 2)) * timedelta(days=31)
    return ticket(
        opened,
        key_of(opened + late),
        draw(st.sampled_from(CUSTOMERS)),
        ticket_id=draw(st.integers(1, 4)),
        is_escalated=draw(st.booleans()),
        is_complaint=draw(st.booleans()),
        resolved_at=draw(st.none() | instants(snapshot)),
        resolution_hours=draw(hours),
    )


@st.composite
def operators(draw: st.DrawFn) -> tuple[str, Operator]:
    """Draw a month, often a February, and an operator with three customers."""
    month = draw(st.sampled_from(MONTHS))
    moments, who = instants(snapshot_of(month)), st.sampled_from(CUSTOMERS)
    states = st.sampled_from(["paid", "paid", "paid", "failed", "refunded"])
    payments = st.builds(payment, moments, amounts, who, status=states, paid_late=st.booleans())
    calls = st.builds(
        call,
        moments,
        who,
        duration_seconds=st.sampled_from([0, 9, 10, 11, 86_400]),
        data_usage_mb=megabytes,
        is_international=st.booleans(),
        is_peak_hour=st.booleans(),
        called_number_hash=st.sampled_from([-(2**63), -1, 0, 2**63 - 1]),
    )
    days = st.builds(use, moments.map(datetime.date), who, st.sampled_from([1, 2, 2**31 - 1]))
    return month, Operator(
        customers=[draw(people(number, snapshot_of(month))) for number in CUSTOMERS],
        transactions=draw(st.lists(payments, max_size=12)),
        call_records=draw(st.lists(calls, max_size=12)),
        support_tickets=draw(
            st.lists(
                tickets(snapshot_of(month)),
                max_size=8,
                unique_by=lambda row: (row["ticket_id"], row["delivered_month"]),
            )
        ),
        app_usage=draw(
            st.lists(days, max_size=10, unique_by=lambda row: (row["customer_id"], row["usage_date"]))
        ),
    )
