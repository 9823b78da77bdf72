"""Which tables an operator delivers, with the columns that are declared beyond the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from churn_assets.domain.declared_columns import with_declared
from churn_assets.domain.tables import BY_NAME, TABLES, Table


def delivered_tables(names: Iterable[str], extra_columns: Mapping[str, str]) -> tuple[Table, ...]:
    """Return the contracts of the named tables and of those required, in the contracts' order.

    Raises:
        ValueError: a table that no contract has, or a declared column that cannot be.
    """
    wanted = set(names)
    if unknown := sorted(wanted - set(BY_NAME)):
        raise ValueError(f"there is no table '{unknown[0]}': the tables are {', '.join(BY_NAME)}")
    return tuple(
        with_declared(table, extra_columns) for table in TABLES if table.required or table.name in wanted
    )
