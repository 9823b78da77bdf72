"""The data contract as a pandera schema: a second witness of what cleaning accepted, from the same tables.

It validates collected frames only: pandera looks at the schema alone of a lazy one, and lets bad values pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.tables import Column, DateRule, Table

if TYPE_CHECKING:
    from pandera.api.polars.types import PolarsData
    from pandera.polars import Check, DataFrameSchema


def contract_schema(table: Table, month: Month) -> DataFrameSchema:
    """Return the schema of a month's accepted rows: types, nulls, bounds, categories, dates, ids.

    What depends on other deliveries (a known customer, a late `churned_on`) is not part of it.
    """
    import pandera.polars as pa  # noqa: PLC0415  importing it takes seconds, and only the check needs it

    columns = {
        column.name: pa.Column(column.dtype, _checks(table, column, month), nullable=column.nullable)
        for column in table.columns
    }
    unique = pa.Check(_ids_differ, key=list(table.key), name="id_unique", error="id_unique")
    return pa.DataFrameSchema(columns, checks=unique, strict=True, ordered=True, name=table.name)


def broken_rules(table: Table, month: Month, accepted: pl.DataFrame) -> list[str]:
    """Return the rules that a month's accepted rows break, as `column: rule`; empty when the contract holds.

    Raises:
        TypeError: a lazy frame, of which pandera would check nothing but the schema.
    """
    import pandera.errors  # noqa: PLC0415  as above

    if not isinstance(accepted, pl.DataFrame):
        raise TypeError("the contract is checked on a collected frame: collect it first")
    try:
        contract_schema(table, month).validate(accepted, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        return list(dict.fromkeys(_sentence(each) for each in broken.schema_errors))
    return []


def _checks(table: Table, column: Column, month: Month) -> list[Check]:
    import pandera.polars as pa  # noqa: PLC0415  as above

    value = pl.col(column.name)
    rules: dict[str, pl.Expr] = {}
    if column.dtype.is_float():
        rules["finite"] = value.is_finite()
    if column.low is not None:
        rules[f"at_least_{column.low:g}"] = value >= column.low
    if column.high is not None:
        rules[f"at_most_{column.high:g}"] = value <= column.high
    if column.categories:
        rules["known_category"] = value.is_in(column.categories)
    if column.before_snapshot or column.leaving_day:
        rules["not_after_the_month"] = value < month.snapshot.date()
    if column.name == table.event_time:
        rules |= _date_rules(table, column, month)
    return [pa.Check(_holds, rule=rule, name=name, error=name) for name, rule in rules.items()]


def _date_rules(table: Table, column: Column, month: Month) -> dict[str, pl.Expr]:
    value = pl.col(column.name).cast(pl.Datetime("us"))
    rules = {"before_the_months_end": value < month.snapshot}
    if table.date_rule == DateRule.WITHIN_MONTH:
        rules["not_before_the_month"] = value >= month.start
    return rules


def _holds(data: PolarsData, rule: pl.Expr) -> pl.LazyFrame:
    frame: pl.LazyFrame = data.lazyframe
    return frame.select(rule.fill_null(value=True))


def _ids_differ(data: PolarsData, key: list[str]) -> bool:
    frame: pl.LazyFrame = data.lazyframe.select(key)
    distinct = frame.unique().select(pl.len()).collect(engine="streaming").item()
    return bool(distinct == frame.select(pl.len()).collect().item())


def _sentence(error: Any) -> str:  # noqa: ANN401  pandera leaves its errors untyped
    check = error.check
    name = getattr(check, "error", None) or str(check)
    column = getattr(error.schema, "name", None)
    return f"{column}: {name}"
