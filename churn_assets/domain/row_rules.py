"""What one row of a delivery must be like, seen alone: nulls, bounds, customer, date, categories."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS, Column, DateRule, Table


class Rule(StrEnum):
    """Why a row is in quarantine; in the order of judgement."""

    CONFLICTING_ID = "conflicting_id"
    """Its id stands in the file again, with other content."""
    NULL = "null"
    """A null where none may be."""
    BOUNDS = "bounds"
    """A value out of bounds, NaN, infinity, or a status that does not exist."""
    UNKNOWN_CUSTOMER = "unknown_customer"
    """A customer of no `customers` file of this month or before."""
    DATE = "date"
    """A date outside the month."""


ROW_RULES = (Rule.NULL, Rule.BOUNDS, Rule.UNKNOWN_CUSTOMER, Rule.DATE)
"""The rules whose rows count to the share that blocks a month."""


def broken_rule(
    table: Table, month: Month, *, known_customers: pl.Series | None, active_before: pl.Series | None
) -> pl.Expr:
    """Return the name of the first rule that a row breaks, null where it passes.

    Args:
        table: the contract.
        month: the month of the delivery.
        known_customers: ids that events may name; not used for `customers`.
        active_before: ids that may have a `churned_on` before the month.
    """
    unknown = pl.lit(value=False)
    if table.name != CUSTOMERS.name and known_customers is not None:
        unknown = ~_among("customer_id", known_customers)
    return (
        pl.when(
            pl.any_horizontal(
                pl.col(column.name).is_null() for column in table.columns if not column.nullable
            )
        )
        .then(pl.lit(Rule.NULL.value))
        .when(pl.any_horizontal(out_of_bounds(column, month) for column in table.columns))
        .then(pl.lit(Rule.BOUNDS.value))
        .when(unknown)
        .then(pl.lit(Rule.UNKNOWN_CUSTOMER.value))
        .when(_outside_month(table, month) | _left_too_early(table, month, active_before))
        .then(pl.lit(Rule.DATE.value))
        .cast(pl.Categorical)  # a text a row would cost more memory than the row
    )


def out_of_bounds(column: Column, month: Month) -> pl.Expr:
    """Return where a value is out of its column's bounds; false where it is null."""
    value = pl.col(column.name)
    outside = [pl.lit(value=False)]
    if column.dtype == pl.Float64:
        outside.append(~value.is_finite())
    if column.low is not None:
        outside.append(value < column.low)
    if column.high is not None:
        outside.append(value > column.high)
    if column.categories and column.closed:
        outside.append(~value.is_in(column.categories))
    if column.before_snapshot:
        outside.append(value >= month.snapshot.date())
    return pl.any_horizontal(outside).fill_null(value=False)


def unknown_category(column: Column) -> pl.Expr:
    """Return where an open category has a value that the contract does not list, compared exactly."""
    value = pl.col(column.name)
    return value.is_in(column.categories or ()).not_().fill_null(value=column.null_is_unknown)


def _outside_month(table: Table, month: Month) -> pl.Expr:
    """Return where the event lies outside the month, or where someone left after it."""
    outside = [pl.col(column.name) >= month.snapshot.date() for column in table.columns if column.leaving_day]
    if table.event_time is not None:
        dated = table.column(table.event_time).dtype == pl.Date
        start, end = (month.start.date(), month.snapshot.date()) if dated else (month.start, month.snapshot)
        outside.append(pl.col(table.event_time) >= end)
        if table.date_rule == DateRule.WITHIN_MONTH:
            outside.append(pl.col(table.event_time) < start)
    return pl.any_horizontal(outside).fill_null(value=False)


def _left_too_early(table: Table, month: Month, active_before: pl.Series | None) -> pl.Expr:
    """Return where someone left before the month, whom the delivery before did not have as active."""
    early = [pl.col(column.name) < month.start.date() for column in table.columns if column.leaving_day]
    if not early:
        return pl.lit(value=False)
    was_active = pl.lit(value=False) if active_before is None else _among("customer_id", active_before)
    return pl.any_horizontal(early).fill_null(value=False) & ~was_active


def _among(name: str, ids: pl.Series) -> pl.Expr:
    return pl.col(name).is_in(ids.implode()).fill_null(value=False)
