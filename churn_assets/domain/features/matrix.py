"""The feature matrix of a month: one row for each customer who is active at the snapshot.

Pure in the strict sense: the same accepted rows give the same bits, in whatever order, chunks or threads they
come. Everything is per customer, so the rows may be cut into buckets of customers and the results put
together, provided that `newest_tickets` was applied before the cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from churn_assets.domain.features.application import application_features, recent_use
from churn_assets.domain.features.billing import billing_features, recent_billing
from churn_assets.domain.features.calls import call_features, former_calls, recent_calls
from churn_assets.domain.features.catalogue import features_of
from churn_assets.domain.features.contract_and_person import contract_and_person_features
from churn_assets.domain.features.support import recent_tickets, support_features
from churn_assets.domain.months import Month
from churn_assets.domain.tables import (
    APP_USAGE,
    CALL_RECORDS,
    CUSTOMERS,
    SUPPORT_TICKETS,
    TRANSACTIONS,
)

LOOK_BACK_MONTHS: dict[str, int] = {
    CUSTOMERS.name: 0,
    # 90 days reach into the third month before: 1 May of a common year less 90 days is 31 January. A ticket
    # dated within 90 days cannot have been delivered before the month of that date.
    TRANSACTIONS.name: 3,
    CALL_RECORDS.name: 3,
    SUPPORT_TICKETS.name: 3,
    APP_USAGE.name: 3,
}
"""How many months before M a table is needed for the features of M."""


Engine = Literal["streaming", "in-memory"]

_Part = tuple[tuple[pl.LazyFrame, ...], dict[str, pl.Expr]]
"""Aggregates by customer, and the features on a row that holds them all."""


@dataclass(frozen=True)
class Window:
    """The accepted rows that the features of month M can reach; more rows do no harm, also later ones.

    Attributes:
        customers: the delivery of M.
        lifetime: the lifetime state at the snapshot of M: the fold of the months up to M.
        transactions: the deliveries of M and of the `LOOK_BACK_MONTHS` before it; so for the following.
        call_records: None where the operator does not deliver the table; so for the following.
        support_tickets: with a further column `delivered_month` (`YYYY-MM`), the month of the delivery.
        app_usage: days of use.
        declared: further columns of `customers` that the settings declare as features, in their order.
    """

    customers: pl.LazyFrame
    lifetime: pl.LazyFrame
    transactions: pl.LazyFrame
    call_records: pl.LazyFrame | None = None
    support_tickets: pl.LazyFrame | None = None
    app_usage: pl.LazyFrame | None = None
    declared: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that are delivered."""
        optional = {
            CALL_RECORDS.name: self.call_records,
            SUPPORT_TICKETS.name: self.support_tickets,
            APP_USAGE.name: self.app_usage,
        }
        return (
            CUSTOMERS.name,
            TRANSACTIONS.name,
            *(name for name, rows in optional.items() if rows is not None),
        )


def feature_matrix(inputs: Window, month: Month, *, engine: Engine = "streaming") -> pl.DataFrame:
    """Return the features of the customers active at the month's snapshot.

    Args:
        inputs: the accepted rows.
        month: M, whose snapshot is the first instant of the next month.
        engine: of Polars; the result is the same to the bit.

    Returns:
        `customer_id`, `month` (`YYYY-MM`), the features of the delivered tables in the catalogue's order and
        types, and the declared columns, sorted by customer. No value is NaN or infinite.
    """
    is_active = pl.col("churned_on").is_null()
    customers = _written_out(inputs.customers.filter(is_active).sort("customer_id").collect(engine=engine))
    blocks = [_block(customers, part, engine) for part in _parts(inputs, month)]
    person = customers.select("customer_id", *inputs.declared, **contract_and_person_features(month))
    computed = pl.concat([person, *blocks], how="horizontal")
    delivered = features_of(inputs.tables)
    return computed.select(
        "customer_id",
        pl.lit(str(month)).alias("month"),
        *(_finite(pl.col(feature.name).cast(feature.dtype), feature.dtype) for feature in delivered),
        *(_finite(pl.col(name), customers.schema[name]) for name in inputs.declared),
    )


def _parts(inputs: Window, month: Month) -> Iterator[_Part]:
    """Yield what is computed from each delivered table of events, in the catalogue's order."""
    yield (inputs.lifetime, recent_billing(inputs.transactions, month)), billing_features(month)
    if inputs.call_records is not None:
        calls = inputs.call_records
        yield (recent_calls(calls, month), former_calls(calls, month)), call_features(month)
    if inputs.support_tickets is not None:
        yield (recent_tickets(inputs.support_tickets, month),), support_features()
    if inputs.app_usage is not None:
        yield (recent_use(inputs.app_usage, month),), application_features(month)


def _block(customers: pl.DataFrame, part: _Part, engine: Engine) -> pl.DataFrame:
    """Return one part's features, a row for each of the customers, in their order.

    The aggregates are collected one after the other, so that only one of them needs memory at a time.
    """
    aggregates, features = part
    rows = customers.select("customer_id")
    for aggregate in aggregates:
        rows = rows.join(
            aggregate.collect(engine=engine), on="customer_id", how="left", maintain_order="left"
        )
    return _written_out(rows).select(**features)


def _written_out(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with every column written out row by row.

    Polars may hold a column of equal values as one value, and divides by it as by a constant: as a product
    with its inverse, which differs in the last bit. A customer's bits must not depend on the others' values.
    """
    return pl.DataFrame(frame.get_columns())


def _finite(values: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the values, null where they left the floats' range."""
    return pl.when(values.is_finite()).then(values) if dtype.is_float() else values
