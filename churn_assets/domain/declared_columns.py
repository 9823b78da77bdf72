"""Further columns of the customers' state that the operator declares in the settings, beyond the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from churn_assets.domain.tables import CUSTOMERS, Column, Table

NUMBER = "number"
CATEGORY = "category"


def with_declared(table: Table, declared: Mapping[str, str]) -> Table:
    """Return the table's contract and the declared columns behind it; only `customers` has any.

    A declared column may be null. A number is a Float64 that must be finite and whose median the feed check
    follows; a category is a String with any value.

    Args:
        table: the contract.
        declared: name of the column -> `number` or `category`.

    Raises:
        ValueError: a name that the contract has already, or another kind.
    """
    if table.name != CUSTOMERS.name or not declared:
        return table
    return replace(table, columns=(*table.columns, *(_column(table, *each) for each in declared.items())))


def _column(table: Table, name: str, kind: str) -> Column:
    if name in table.schema:
        raise ValueError(
            f"the declared column '{name}' is a column of {table.name} already: declare another name"
        )
    if kind == NUMBER:
        return Column(name, pl.Float64(), nullable=True, measured=True, money=True)
    if kind == CATEGORY:
        return Column(name, pl.String(), nullable=True)
    raise ValueError(f"the declared column '{name}' is a '{kind}': write {NUMBER} or {CATEGORY}")
