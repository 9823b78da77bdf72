"""The contracts of the delivered tables: columns, types, bounds, ids. The one place that knows column names.

Source: the data contract in `docs/data_contracts.md`. Order of columns here is the order in the lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

CONTRACT_TYPES = ("monthly", "annual", "biennial")
PAYMENT_METHODS = ("direct_debit", "card", "bank_transfer", "prepaid")
AGE_GROUPS = ("18-25", "26-35", "36-50", "51-65", "66+")
REGIONS = ("north_west", "north_east", "centre", "south", "islands")
STATUSES = ("paid", "failed", "refunded")

TIMESTAMP = pl.Datetime("us")


class DateRule(StrEnum):
    """Where in time a column's value may lie, relative to the month of the delivery."""

    WITHIN_MONTH = "within_month"
    """In [start, snapshot) of the month; judged as the rule `date`."""
    BEFORE_SNAPSHOT = "before_snapshot"
    """Before the month's end; judged as the rule `date`."""


@dataclass(frozen=True)
class Column:
    """One column of a delivered table.

    Attributes:
        name: the column's name.
        dtype: its type in the lake.
        nullable: whether a null passes.
        low: least value that passes, or None.
        high: greatest value that passes, or None.
        categories: the known values of a category, or None. An unknown one becomes missing, unless `closed`.
        closed: an unknown category sends the row to quarantine with the bounds.
        null_is_unknown: a null counts as an unknown category (it is missing information otherwise).
        measured: the column is a number whose median the feed check follows (no id, no hash).
        money: an amount in EUR, which may be delivered as a Decimal.
        before_snapshot: a day that lies not after the month's end; judged with the bounds.
        leaving_day: the day on which the customer left; judged as the rule `date`.
    """

    name: str
    dtype: pl.DataType
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    closed: bool = False
    null_is_unknown: bool = False
    measured: bool = False
    money: bool = False
    before_snapshot: bool = False
    leaving_day: bool = False


@dataclass(frozen=True)
class Table:
    """The contract of one delivered table.

    Attributes:
        name: the table's name, which is also its folder in a delivery.
        key: the columns that together are the row's id in one file.
        columns: its columns, in the lake's order.
        event_time: the column that says when the event happened; None for the customers' state.
        date_rule: where `event_time` may lie; None for the customers' state.
        required: the platform cannot work without this table.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event_time: str | None = None
    date_rule: DateRule | None = None
    required: bool = False

    @property
    def schema(self) -> pl.Schema:
        """Names and types of the columns."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            KeyError: the table has none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")


CUSTOMERS = Table(
    name="customers",
    key=("customer_id",),
    required=True,
    columns=(
        Column("customer_id", pl.Int64(), low=1),
        Column("signup_date", pl.Date(), before_snapshot=True),
        Column("contract_type", pl.String(), nullable=True, categories=CONTRACT_TYPES, null_is_unknown=True),
        Column("contract_end_date", pl.Date(), nullable=True),
        Column(
            "payment_method", pl.String(), nullable=True, categories=PAYMENT_METHODS, null_is_unknown=True
        ),
        Column("age_group", pl.String(), nullable=True, categories=AGE_GROUPS),
        Column("region", pl.String(), nullable=True, categories=REGIONS),
        Column("plan_monthly_eur", pl.Float64(), low=0, high=1_000, measured=True, money=True),
        Column(
            "previous_plan_monthly_eur",
            pl.Float64(),
            nullable=True,
            low=0,
            high=1_000,
            measured=True,
            money=True,
        ),
        Column("plan_changed_on", pl.Date(), nullable=True),
        Column("churned_on", pl.Date(), nullable=True, leaving_day=True),
        Column("marketing_opt_out", pl.Boolean()),
    ),
)

TRANSACTIONS = Table(
    name="transactions",
    key=("transaction_id",),
    event_time="transaction_date",
    date_rule=DateRule.WITHIN_MONTH,
    required=True,
    columns=(
        Column("transaction_id", pl.Int64()),
        Column("customer_id", pl.Int64()),
        Column("transaction_date", TIMESTAMP),
        Column("amount", pl.Float64(), low=0, high=1_000_000, measured=True, money=True),
        Column("status", pl.String(), categories=STATUSES, closed=True),
        Column("paid_late", pl.Boolean()),
    ),
)

CALL_RECORDS = Table(
    name="call_records",
    key=("call_id",),
    event_time="call_date",
    date_rule=DateRule.WITHIN_MONTH,
    columns=(
        Column("call_id", pl.Int64()),
        Column("customer_id", pl.Int64()),
        Column("call_date", TIMESTAMP),
        Column("duration_seconds", pl.Int32(), low=0, high=86_400, measured=True),
        Column("data_usage_mb", pl.Float64(), low=0, measured=True),
        Column("is_international", pl.Boolean()),
        Column("is_peak_hour", pl.Boolean()),
        Column("called_number_hash", pl.Int64()),
    ),
)

SUPPORT_TICKETS = Table(
    name="support_tickets",
    key=("ticket_id",),
    event_time="ticket_date",
    date_rule=DateRule.BEFORE_SNAPSHOT,
    columns=(
        Column("ticket_id", pl.Int64()),
        Column("customer_id", pl.Int64()),
        Column("ticket_date", TIMESTAMP),
        Column("is_escalated", pl.Boolean()),
        Column("is_complaint", pl.Boolean()),
        Column("resolved_at", TIMESTAMP, nullable=True),
        Column("resolution_hours", pl.Float64(), nullable=True, low=0, measured=True),
    ),
)

APP_USAGE = Table(
    name="app_usage",
    key=("customer_id", "usage_date"),
    event_time="usage_date",
    date_rule=DateRule.WITHIN_MONTH,
    columns=(
        Column("customer_id", pl.Int64()),
        Column("usage_date", pl.Date()),
        Column("sessions", pl.Int32(), low=1, measured=True),
    ),
)

TABLES = (CUSTOMERS, TRANSACTIONS, CALL_RECORDS, SUPPORT_TICKETS, APP_USAGE)
EVENT_TABLES = TABLES[1:]
BY_NAME = {table.name: table for table in TABLES}
