"""Judgement of a delivered month, row by row: what is accepted, what goes to quarantine, what is dropped.

Source of the rules and of their order: the data contract in `docs/data_contracts.md`. Each row is counted
once, under the first rule that it breaks: exact duplicates, conflicting ids, then nulls, bounds, unknown
customer, date.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.repeated_ids import split_by_id
from churn_assets.domain.row_rules import ROW_RULES, Rule, broken_rule, unknown_category
from churn_assets.domain.tables import CUSTOMERS, Table
from churn_assets.domain.vanished import Vanished, vanished

__all__ = [
    "RULE_COLUMN",
    "CleaningLimits",
    "Judged",
    "Rule",
    "RuleCounts",
    "Vanished",
    "judge",
    "sort_columns",
    "vanished",
]

RULE_COLUMN = "rule"
"""The quarantine's further column: the name of the rule that the row broke."""


@dataclass(frozen=True)
class CleaningLimits:
    """How much dirt a month may have. The defaults are the data contract's; a limit may be reached."""

    quarantine_share: float = 0.01
    """Rows that broke a rule, of a table's rows as delivered; more blocks the month."""
    vanished_share: float = 0.01
    """Customers who vanished, of those active in the delivery before; more blocks the month."""
    unknown_category_share: float = 0.05
    """Unknown categories, of a column's rows that passed; more warns."""
    rows_factor: float = 1.5
    """Factor by which a table's row count may differ from the former months' median."""
    rows_deviations: float = 4.0
    """Standard deviations of a Poisson count by which it may differ in any case."""
    null_share_change: float = 0.2
    """Difference by which a column's null share may differ from the former months' median."""
    median_factor: float = 2.0
    """Factor by which a number's median may differ from the former months' median."""

    def __post_init__(self) -> None:
        for name in ("quarantine_share", "vanished_share", "unknown_category_share", "null_share_change"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share: write a number from 0 to 1")
        for name in ("rows_factor", "median_factor"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} is a factor: write a number from 1 on")
        if not self.rows_deviations >= 0:
            raise ValueError("rows_deviations is a number of standard deviations: write a number from 0 on")


@dataclass(frozen=True)
class RuleCounts:
    """What became of the rows of one table and month.

    Attributes:
        delivered: rows as delivered; the sum of `duplicates`, all of `quarantined`, and `accepted`.
        duplicates: exact copies that were dropped; one row of each stays.
        quarantined: rule -> rows in quarantine under it; every rule has an entry.
        accepted: rows that passed.
        unknown_categories: column of a category -> unknown ones among the rows that passed, now missing.
    """

    delivered: int
    duplicates: int
    quarantined: dict[str, int]
    accepted: int
    unknown_categories: dict[str, int]

    @property
    def quarantine_share(self) -> float:
        """Rows that broke a rule of values, of the rows as delivered; 0 without rows.

        Conflicting ids are counted but are not part of it: the contract sets no share for them.
        """
        broken = sum(self.quarantined[rule] for rule in ROW_RULES)
        return broken / self.delivered if self.delivered else 0.0

    @property
    def unknown_category_shares(self) -> dict[str, float]:
        """Column -> unknown categories of its rows that passed; 0 without rows."""
        return {name: count / max(self.accepted, 1) for name, count in self.unknown_categories.items()}


@dataclass(frozen=True)
class Judged:
    """A delivered month after judgement.

    Attributes:
        accepted: the rows that passed, in the contract's columns, unknown categories missing, sorted by
            (customer, event time, key): equal deliveries give equal frames, whatever the order of their rows.
        quarantine: the rows that did not, as delivered, with `rule`, in an order of their own content.
        counts: what became of all rows.
    """

    accepted: pl.DataFrame
    quarantine: pl.DataFrame
    counts: RuleCounts


def judge(
    table: Table,
    rows: pl.DataFrame,
    *,
    month: Month,
    known_customers: pl.Series | None,
    active_before: pl.Series | None,
) -> Judged:
    """Judge a month of a table.

    Args:
        table: the contract, with the declared columns if there are any.
        rows: the rows as delivered, in the contract's types.
        month: the month of the delivery.
        known_customers: ids of all `customers` deliveries of this month or before, in quarantine or not;
            needed for every table but `customers`.
        active_before: ids of the customers active in an accepted row of the delivery of the month before;
            used for `customers` only; None where there is none.

    Raises:
        ValueError: an event table without `known_customers`.
    """
    if table.name != CUSTOMERS.name and known_customers is None:
        raise ValueError(f"{table.name} cannot be judged without the known customers: pass their ids")
    rows = rows.select(table.schema.names())
    rule = broken_rule(table, month, known_customers=known_customers, active_before=active_before)
    by_id = split_by_id(table, rows)
    passed, refused = _divide(rows, by_id.single, rule)
    all_of_them = pl.repeat(value=True, n=by_id.distinct.height, eager=True)
    passed_once, refused_once = _divide(by_id.distinct, all_of_them, rule)
    conflicting = by_id.conflicting.with_columns(pl.lit(Rule.CONFLICTING_ID.value).alias(RULE_COLUMN))
    quarantine = pl.concat([conflicting, refused, refused_once])
    passed = pl.concat([passed, passed_once])
    accepted, unknown = _without_unknown_categories(table, passed)
    return Judged(
        accepted=accepted.sort(sort_columns(table)),
        quarantine=quarantine.sort(quarantine.columns, nulls_last=True),
        counts=RuleCounts(
            delivered=rows.height,
            duplicates=by_id.dropped,
            quarantined={each.value: int((quarantine[RULE_COLUMN] == each.value).sum()) for each in Rule},
            accepted=accepted.height,
            unknown_categories=unknown,
        ),
    )


def sort_columns(table: Table) -> list[str]:
    """Return the columns that order the accepted rows: customer, event time, key."""
    event_time = [table.event_time] if table.event_time else []
    return list(dict.fromkeys(["customer_id", *event_time, *table.key]))


def _divide(rows: pl.DataFrame, judged: pl.Series, rule: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return of the rows to be judged those that broke no rule, and those that did with the rule's name."""
    broken = rows.lazy().select(rule.alias(RULE_COLUMN)).collect(engine="streaming").to_series()
    refused = judged & broken.is_not_null()
    passed = rows if judged.all() and not refused.any() else rows.filter(judged & broken.is_null())
    return passed, rows.filter(refused).with_columns(broken.filter(refused).cast(pl.String))


def _without_unknown_categories(table: Table, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the rows with unknown categories missing, and their number by column."""
    open_columns = [column for column in table.columns if column.categories and not column.closed]
    if not open_columns:
        return rows, {}
    counts = rows.select(unknown_category(column).sum() for column in open_columns).row(0, named=True)
    known = [
        pl.when(~unknown_category(column)).then(pl.col(column.name)).alias(column.name)
        for column in open_columns
    ]
    return rows.with_columns(known), counts
