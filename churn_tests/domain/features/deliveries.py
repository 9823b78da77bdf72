"""Rows of accepted tables written by hand, and the frames that the platform computes on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count

import polars as pl

from churn_assets.domain.features.matrix import Window, feature_matrix
from churn_assets.domain.lifetime import lifetime_partial, refold
from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME
from churn_tests.domain.features.reference import Row, Values, reference_matrix

_NUMBERS = count(1)


def moment(text: str) -> datetime:
    """Return an instant in UTC, written as in ISO 8601."""
    return datetime.fromisoformat(text)


def customer(customer_id: int = 1, **changes: object) -> Row:
    """Return a row of `customers`: active, on an annual contract, never changed plan."""
    usual: Row = {
        "customer_id": customer_id,
        "signup_date": date(2020, 1, 1),
        "contract_type": "annual",
        "contract_end_date": None,
        "payment_method": "card",
        "age_group": "36-50",
        "region": "centre",
        "plan_monthly_eur": 20.0,
        "previous_plan_monthly_eur": None,
        "plan_changed_on": None,
        "churned_on": None,
        "marketing_opt_out": False,
    }
    return usual | changes


def payment(at: object, amount: float = 10.0, customer_id: int = 1, **changes: object) -> Row:
    """Return a row of `transactions`: paid in time."""
    usual: Row = {
        "transaction_id": next(_NUMBERS),
        "customer_id": customer_id,
        "transaction_date": at,
        "amount": amount,
        "status": "paid",
        "paid_late": False,
    }
    return usual | changes


def call(at: object, customer_id: int = 1, **changes: object) -> Row:
    """Return a row of `call_records`: a minute at home, off peak, without data."""
    usual: Row = {
        "call_id": next(_NUMBERS),
        "customer_id": customer_id,
        "call_date": at,
        "duration_seconds": 60,
        "data_usage_mb": 0.0,
        "is_international": False,
        "is_peak_hour": False,
        "called_number_hash": 7,
    }
    return usual | changes


def ticket(at: object, delivered_month: str, customer_id: int = 1, **changes: object) -> Row:
    """Return a row of `support_tickets`: open, neither escalated nor a complaint."""
    usual: Row = {
        "ticket_id": next(_NUMBERS),
        "customer_id": customer_id,
        "ticket_date": at,
        "is_escalated": False,
        "is_complaint": False,
        "resolved_at": None,
        "resolution_hours": None,
        "delivered_month": delivered_month,
    }
    return usual | changes


def use(on: object, customer_id: int = 1, sessions: int = 1) -> Row:
    """Return a row of `app_usage`."""
    return {"customer_id": customer_id, "usage_date": on, "sessions": sessions}


def frame(table: str, rows: list[Row]) -> pl.DataFrame:
    """Return the rows in the contract's types, with the month of delivery where the platform adds it."""
    schema = dict(BY_NAME[table].schema)
    if table == "support_tickets":
        schema["delivered_month"] = pl.String()
    return pl.DataFrame(rows, schema=schema)


@dataclass
class Operator:
    """All accepted rows of a hand-made operator; events of whatever time, customers of one month."""

    customers: list[Row] = field(default_factory=lambda: [customer()])
    transactions: list[Row] = field(default_factory=list)
    call_records: list[Row] = field(default_factory=list)
    support_tickets: list[Row] = field(default_factory=list)
    app_usage: list[Row] = field(default_factory=list)

    def lifetime(self, until: Month) -> pl.DataFrame:
        """Return the state at the month's snapshot, folded month by month."""
        rows = frame("transactions", self.transactions)
        months = sorted({Month.of(row["transaction_date"]) for row in self.transactions})
        return refold(lifetime_partial(rows, month) for month in months if month <= until)

    def window(self, month: Month) -> Window:
        """Return what the platform is given: all rows, also those outside the windows and the later ones."""
        return Window(
            customers=frame("customers", self.customers).lazy(),
            lifetime=self.lifetime(month).lazy(),
            transactions=frame("transactions", self.transactions).lazy(),
            call_records=frame("call_records", self.call_records).lazy(),
            support_tickets=frame("support_tickets", self.support_tickets).lazy(),
            app_usage=frame("app_usage", self.app_usage).lazy(),
        )

    def only(self, customer_id: int) -> Operator:
        """Return the operator as if this were its only customer; tickets stay, for they may change hands."""

        def of_one(rows: list[Row]) -> list[Row]:
            return [row for row in rows if row["customer_id"] == customer_id]

        return replace(
            self,
            customers=of_one(self.customers),
            transactions=of_one(self.transactions),
            call_records=of_one(self.call_records),
            app_usage=of_one(self.app_usage),
        )

    def matrix(self, month: str) -> pl.DataFrame:
        """Return the platform's feature matrix."""
        return feature_matrix(self.window(Month.parse(month)), Month.parse(month))

    def features(self, month: str) -> Values:
        """Return the platform's features of the only active customer."""
        return self.matrix(month).row(0, named=True)

    def reference(self, month: str) -> list[Values]:
        """Return the feature matrix by the independent implementation."""
        return reference_matrix(
            month,
            self.customers,
            self.transactions,
            self.call_records,
            self.support_tickets,
            self.app_usage,
        )
