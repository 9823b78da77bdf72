"""The feature catalogue: names in order, meanings, units, types, categories. The one place that knows them.

Source: `docs/data_contracts.md`. The modules beside this one compute what it lists; the model's contract, the
drift report, the model card and the reasons for an agent read it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import polars as pl

from churn_assets.domain.tables import (
    AGE_GROUPS,
    APP_USAGE,
    BY_NAME,
    CALL_RECORDS,
    CONTRACT_TYPES,
    CUSTOMERS,
    PAYMENT_METHODS,
    REGIONS,
    SUPPORT_TICKETS,
    TRANSACTIONS,
)

COUNT, VALUE, CATEGORY = pl.Int64(), pl.Float64(), pl.String()


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        number: its place in the catalogue, from 1.
        name: the column's name in the feature matrix.
        table: the delivered table that it comes from; without that table the feature is absent.
        dtype: Int64 for counts and days, Float64 for other numbers, String for categories.
        unit: of the value: EUR, days, GB, ...
        description: what it means, for a reader of the model card.
        cause: what an agent can say aloud when the feature speaks for leaving; several may share one.
        categories: the known values of a category, else empty.
        sensitive: an attribute of the fairness checks, never to be said aloud.
        minimum: the least value that the definition allows; None where there is none.
        maximum: the greatest one.
        nullable: whether the definition knows customers without a value; a category may always be missing.
    """

    number: int
    name: str
    table: str
    dtype: pl.DataType
    unit: str
    description: str
    cause: str
    categories: tuple[str, ...] = ()
    sensitive: bool = False
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = True

    @property
    def kind(self) -> Literal["number", "category"]:
        """Whether the model takes it as a number or as one of the categories."""
        return "category" if self.categories else "number"


_Row = tuple[str, pl.DataType, str, str, str]

_BILLING: tuple[_Row, ...] = (
    ("recency_days", COUNT, "days", "whole days since the last payment", "no recent payment"),
    ("frequency", COUNT, "payments", "payments ever made", "payment history"),
    ("monetary_total", VALUE, "EUR", "sum of all payments", "payment history"),
    ("monetary_avg", VALUE, "EUR", "mean payment", "payment history"),
    ("monetary_std", VALUE, "EUR", "sample standard deviation of the payments", "payment history"),
    ("tenure_days", COUNT, "days", "whole days since the first payment", "time as a customer"),
    ("recent_frequency", COUNT, "payments", "payments of 30 days", "spending falling"),
    ("recent_monetary", VALUE, "EUR", "sum of the payments of 30 days", "spending falling"),
    ("activity_trend", VALUE, "ratio", "payments of 30 days against the usual number", "spending falling"),
    ("spend_trend", VALUE, "ratio", "sum paid in 30 days against the usual sum", "spending falling"),
    ("bill_shock", VALUE, "ratio", "greatest payment of 30 days against the mean payment", "bill shock"),
    ("late_payments_90d", COUNT, "payments", "payments after the due date, 90 days", "payment trouble"),
    ("failed_payments_90d", COUNT, "attempts", "failed payment attempts, 90 days", "payment trouble"),
)

_CALLS: tuple[_Row, ...] = (
    ("calls_count_30d", COUNT, "records", "calls and data sessions of 30 days", "calls falling"),
    ("calls_duration_avg_30d", VALUE, "seconds", "mean duration, 30 days", "calls falling"),
    ("calls_duration_total_30d", COUNT, "seconds", "sum of durations, 30 days", "calls falling"),
    ("data_usage_gb_30d", VALUE, "GB", "data used in 30 days", "data use falling"),
    (
        "international_calls_ratio",
        VALUE,
        "share",
        "share of international records, 30 days",
        "international calls",
    ),
    ("peak_hour_ratio", VALUE, "share", "share of records in peak hours, 30 days", "calling habits"),
    ("unique_contacts_30d", COUNT, "numbers", "different numbers called in 30 days", "fewer contacts"),
    ("calls_trend", VALUE, "ratio", "records of 30 days against the 30 days before", "calls falling"),
    ("data_usage_trend", VALUE, "ratio", "data of 30 days against the 30 days before", "data use falling"),
    ("active_call_days_30d", COUNT, "days", "days with a record, 30 days", "calls falling"),
    ("days_since_last_call", COUNT, "days", "whole days since the last record of 90 days", "calls falling"),
    ("weekend_calls_ratio", VALUE, "share", "share of records at a weekend, 30 days", "calling habits"),
    ("short_calls_ratio", VALUE, "share", "share of records under 10 seconds, 30 days", "dropped calls"),
)

_SUPPORT: tuple[_Row, ...] = (
    ("support_tickets_90d", COUNT, "tickets", "tickets opened in 90 days", "support trouble"),
    ("support_escalations_90d", COUNT, "tickets", "of these the escalated", "support trouble"),
    ("avg_resolution_time_h", VALUE, "hours", "mean time to resolve those resolved", "slow support"),
    ("complaint_ratio", VALUE, "share", "share of complaints among the tickets", "complaints"),
    ("unresolved_tickets", COUNT, "tickets", "of these the ones still open", "open complaint"),
    (
        "frustration_index",
        VALUE,
        "0 to 1",
        "weighted tickets, escalations and open tickets",
        "support trouble",
    ),
)

_APP: tuple[_Row, ...] = (
    ("app_sessions_30d", COUNT, "sessions", "sessions of 30 days", "app use falling"),
    ("app_active_days_30d", COUNT, "days", "days with a session, 30 days", "app use falling"),
    ("days_since_last_app_use", COUNT, "days", "days since the last use of 90 days", "app use falling"),
    (
        "app_sessions_trend",
        VALUE,
        "ratio",
        "sessions of 30 days against the 30 days before",
        "app use falling",
    ),
)

_PERSON: tuple[_Row, ...] = (
    ("plan_monthly_eur", VALUE, "EUR", "price of the current plan a month", "plan price"),
    (
        "contract_days_remaining",
        COUNT,
        "days",
        "days until the contract ends, negative after it",
        "contract ending",
    ),
    ("contract_ends_within_60d", COUNT, "0 or 1", "the contract ends within 60 days", "contract ending"),
    ("days_since_plan_change", COUNT, "days", "days since the last change of plan", "plan or price change"),
    (
        "plan_price_change_ratio",
        VALUE,
        "ratio",
        "price against that before the change",
        "plan or price change",
    ),
    ("contract_type", CATEGORY, "category", "kind of contract", "contract type"),
    ("payment_method", CATEGORY, "category", "how the customer pays", "payment method"),
    ("age_group", CATEGORY, "category", "age group in years", "customer profile"),
    ("region", CATEGORY, "category", "region of residence", "customer profile"),
)

_VOCABULARIES = {
    "contract_type": CONTRACT_TYPES,
    "payment_method": PAYMENT_METHODS,
    "age_group": AGE_GROUPS,
    "region": REGIONS,
}
_SENSITIVE = ("age_group", "region")
_SHARES = frozenset({"share", "0 to 1", "0 or 1"})
_UNBOUNDED = frozenset({"contract_days_remaining", "days_since_plan_change"})
"""A contract may have run out; a change of plan may be booked for a day to come."""
_NULLABLE = frozenset(
    {
        "recency_days",
        "monetary_avg",
        "monetary_std",
        "tenure_days",
        "bill_shock",
        "calls_duration_avg_30d",
        "days_since_last_call",
        "avg_resolution_time_h",
        "days_since_last_app_use",
        "contract_days_remaining",
        "days_since_plan_change",
        "plan_price_change_ratio",
        *_VOCABULARIES,
    }
)
"""Averages, ages and deviations that do not exist for every customer; counts, sums and shares are 0 instead."""

_BLOCKS = (
    (TRANSACTIONS, _BILLING),
    (CALL_RECORDS, _CALLS),
    (SUPPORT_TICKETS, _SUPPORT),
    (APP_USAGE, _APP),
    (CUSTOMERS, _PERSON),
)


def _bounds(name: str, unit: str) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that a definition allows."""
    if name in _UNBOUNDED or name in _VOCABULARIES:
        return None, None
    if name == "plan_monthly_eur":
        return 0.0, CUSTOMERS.column(name).high
    return 0.0, 1.0 if unit in _SHARES else None


FEATURES: tuple[Feature, ...] = tuple(
    Feature(
        number=number,
        name=name,
        table=table,
        dtype=dtype,
        unit=unit,
        description=description,
        cause=cause,
        categories=_VOCABULARIES.get(name, ()),
        sensitive=name in _SENSITIVE,
        minimum=_bounds(name, unit)[0],
        maximum=_bounds(name, unit)[1],
        nullable=name in _NULLABLE,
    )
    for number, (table, (name, dtype, unit, description, cause)) in enumerate(
        ((table.name, row) for table, block in _BLOCKS for row in block), start=1
    )
)
"""All features, in the catalogue's order."""


def features_of(tables: Collection[str]) -> tuple[Feature, ...]:
    """Return the features of the delivered tables, in the catalogue's order.

    Raises:
        ValueError: a name is no delivered table's.
    """
    unknown = sorted(set(tables) - set(BY_NAME))
    if unknown:
        raise ValueError(f"no delivered table is called {', '.join(unknown)}: there are {', '.join(BY_NAME)}")
    return tuple(feature for feature in FEATURES if feature.table in tables)
