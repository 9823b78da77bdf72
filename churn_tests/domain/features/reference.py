"""An independent implementation of the 45 features: plain Python, one customer at a time, plainly right.

Written from the catalogue's text (`docs/data_contracts.md`) alone. It shares no code, no engine and no way of
summing with the platform, so that an error would have to be made twice to stay unseen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
Values = dict[str, Any]

DAY = timedelta(days=1)
CATEGORIES = {
    "contract_type": {"monthly", "annual", "biennial"},
    "payment_method": {"direct_debit", "card", "bank_transfer", "prepaid"},
    "age_group": {"18-25", "26-35", "36-50", "51-65", "66+"},
    "region": {"north_west", "north_east", "centre", "south", "islands"},
}


def snapshot_of(month: str) -> datetime:
    """Return the first instant of the month after `YYYY-MM`."""
    year, number = int(month[:4]), int(month[5:])
    return datetime(year + number // 12, number % 12 + 1, 1)  # noqa: DTZ001  naive means UTC


def reference_matrix(
    month: str,
    customers: Sequence[Row],
    transactions: Sequence[Row],
    call_records: Sequence[Row] | None = None,
    support_tickets: Sequence[Row] | None = None,
    app_usage: Sequence[Row] | None = None,
) -> list[Values]:
    """Return the feature rows of the customers active at the snapshot, sorted by customer.

    `customers` is the delivery of the month; the others hold all rows there are, of whatever time.
    """
    matrix = []
    for customer in sorted(customers, key=lambda row: row["customer_id"]):
        if customer["churned_on"] is not None:
            continue
        snapshot, number = snapshot_of(month), customer["customer_id"]
        values: Values = {"customer_id": number, "month": month}
        values |= _billing(_of(transactions, number), snapshot)
        if call_records is not None:
            values |= _calls(_of(call_records, number), snapshot)
        if support_tickets is not None:
            values |= _support(_of(_known(support_tickets, month), number), snapshot)
        if app_usage is not None:
            values |= _app(_of(app_usage, number), snapshot)
        values |= _person(customer, snapshot)
        matrix.append(values)
    return matrix


def _of(rows: Iterable[Row], customer: int) -> list[Row]:
    return [row for row in rows if row["customer_id"] == customer]


def _instant(value: date | datetime) -> datetime:
    """A Date stands for its first instant."""
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001


def _days(earlier: date | datetime, later: date | datetime) -> int:
    return (_instant(later) - _instant(earlier)) // DAY


def _window(rows: Iterable[Row], column: str, snapshot: datetime, start: int, end: int = 0) -> list[Row]:
    """Rows from `start` days before the snapshot, included, to `end` days before it, excluded."""
    return [row for row in rows if snapshot - start * DAY <= _instant(row[column]) < snapshot - end * DAY]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _share(rows: Sequence[Row], chosen: Sequence[Row]) -> float:
    return len(chosen) / len(rows) if rows else 0.0


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _billing(rows: list[Row], snapshot: datetime) -> Values:
    date_ = "transaction_date"
    paid = [row for row in rows if row["status"] == "paid" and row[date_] < snapshot]
    amounts = [row["amount"] for row in paid]
    recent = _window(paid, date_, snapshot, 30)
    recent_amounts = [row["amount"] for row in recent]
    total, mean = math.fsum(amounts), _mean(amounts)
    last = max((row[date_] for row in paid), default=None)
    first = min((row[date_] for row in paid), default=None)
    tenure = None if first is None else _days(first, snapshot)
    activity = spend = 0.0
    if tenure is not None:
        activity = len(recent) / max(len(paid) / max(tenure / 30, 1), 0.01)
        spend = math.fsum(recent_amounts) / max(total / max(tenure / 30, 1), 0.01)
    failed = [row for row in rows if row["status"] == "failed"]
    return {
        "recency_days": None if last is None else _days(last, snapshot),
        "frequency": len(paid),
        "monetary_total": total,
        "monetary_avg": mean,
        "monetary_std": _deviation(amounts),
        "tenure_days": tenure,
        "recent_frequency": len(recent),
        "recent_monetary": math.fsum(recent_amounts),
        "activity_trend": activity,
        "spend_trend": spend,
        "bill_shock": max(recent_amounts) / mean if recent_amounts and mean else None,
        "late_payments_90d": len([row for row in _window(paid, date_, snapshot, 90) if row["paid_late"]]),
        "failed_payments_90d": len(_window(failed, date_, snapshot, 90)),
    }


def _deviation(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    return math.sqrt(float(sum(((value - mean) ** 2 for value in exact), Fraction(0)) / (len(exact) - 1)))


def _calls(rows: list[Row], snapshot: datetime) -> Values:
    recent = _window(rows, "call_date", snapshot, 30)
    previous = _window(rows, "call_date", snapshot, 60, 30)
    quarter = _window(rows, "call_date", snapshot, 90)
    seconds = [row["duration_seconds"] for row in recent]
    gigabytes = math.fsum(row["data_usage_mb"] / 1024 for row in recent)
    previous_gigabytes = math.fsum(row["data_usage_mb"] / 1024 for row in previous)
    return {
        "calls_count_30d": len(recent),
        "calls_duration_avg_30d": _mean(seconds),
        "calls_duration_total_30d": sum(seconds),
        "data_usage_gb_30d": gigabytes,
        "international_calls_ratio": _share(recent, [row for row in recent if row["is_international"]]),
        "peak_hour_ratio": _share(recent, [row for row in recent if row["is_peak_hour"]]),
        "unique_contacts_30d": len({row["called_number_hash"] for row in recent}),
        "calls_trend": len(recent) / max(len(previous), 1),
        "data_usage_trend": _finite(gigabytes / max(previous_gigabytes, 0.01)),
        "active_call_days_30d": len({row["call_date"].date() for row in recent}),
        "days_since_last_call": min((_days(row["call_date"], snapshot) for row in quarter), default=None),
        "weekend_calls_ratio": _share(
            recent, [row for row in recent if row["call_date"].isoweekday() in {6, 7}]
        ),
        "short_calls_ratio": _share(recent, [row for row in recent if row["duration_seconds"] < 10]),
    }


def _known(tickets: Iterable[Row], month: str) -> list[Row]:
    """Each ticket as the newest delivery of the month or earlier gave it."""
    newest: dict[int, Row] = {}
    for row in sorted(tickets, key=lambda ticket: ticket["delivered_month"]):
        if row["delivered_month"] <= month:
            newest[row["ticket_id"]] = row
    return list(newest.values())


def _support(rows: list[Row], snapshot: datetime) -> Values:
    opened = _window(rows, "ticket_date", snapshot, 90)
    escalated = [row for row in opened if row["is_escalated"]]
    resolved = [row for row in opened if row["resolved_at"] is not None and row["resolved_at"] < snapshot]
    hours = [row["resolution_hours"] for row in resolved if row["resolution_hours"] is not None]
    unresolved = len(opened) - len(resolved)
    return {
        "support_tickets_90d": len(opened),
        "support_escalations_90d": len(escalated),
        "avg_resolution_time_h": _mean(hours),
        "complaint_ratio": _share(opened, [row for row in opened if row["is_complaint"]]),
        "unresolved_tickets": unresolved,
        "frustration_index": min(2 * len(opened) + 5 * len(escalated) + 3 * unresolved, 20) / 20,
    }


def _app(rows: list[Row], snapshot: datetime) -> Values:
    recent = _window(rows, "usage_date", snapshot, 30)
    previous = _window(rows, "usage_date", snapshot, 60, 30)
    quarter = _window(rows, "usage_date", snapshot, 90)
    sessions = sum(row["sessions"] for row in recent)
    return {
        "app_sessions_30d": sessions,
        "app_active_days_30d": len({row["usage_date"] for row in recent}),
        "days_since_last_app_use": min((_days(row["usage_date"], snapshot) for row in quarter), default=None),
        "app_sessions_trend": sessions / max(sum(row["sessions"] for row in previous), 1),
    }


def _person(customer: Row, snapshot: datetime) -> Values:
    end, changed = customer["contract_end_date"], customer["plan_changed_on"]
    price, former = customer["plan_monthly_eur"], customer["previous_plan_monthly_eur"]
    remaining = None if end is None else _days(snapshot, end)
    ratio: float | None = 1.0
    if changed is not None:
        ratio = price / former if former else None
    return {
        "plan_monthly_eur": price,
        "contract_days_remaining": remaining,
        "contract_ends_within_60d": 1 if remaining is not None and 0 <= remaining <= 60 else 0,
        "days_since_plan_change": None if changed is None else _days(changed, snapshot),
        "plan_price_change_ratio": ratio if ratio is None else _finite(ratio),
        **{name: customer[name] if customer[name] in known else None for name, known in CATEGORIES.items()},
    }
