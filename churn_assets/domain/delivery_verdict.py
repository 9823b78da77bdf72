"""Whether a month's delivery may be published: the facts about each table that must be true, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from churn_assets.domain.cleaning import RuleCounts
from churn_assets.domain.tables import CUSTOMERS
from churn_assets.domain.vanished import Vanished

FEED_IS_WHOLE = "feed_is_whole"
QUARANTINE_WITHIN_LIMIT = "quarantine_within_limit"
MATCHES_CONTRACT = "matches_contract"
CATEGORIES_ARE_KNOWN = "categories_are_known"
CUSTOMERS_DO_NOT_VANISH = "customers_do_not_vanish"


@dataclass(frozen=True)
class Finding:
    """One fact about a table of a delivery.

    Attributes:
        table: the table.
        fact: what is true when it passes; the check is named by table and fact.
        passed: whether it is.
        blocking: whether the month stands or falls with it.
        sentence: what was found, in words.
        numbers: the evidence.
    """

    table: str
    fact: str
    passed: bool
    blocking: bool
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def feed_finding(table: str, faults: Sequence[str]) -> Finding:
    """Judge whether the feed looks like that of the former months."""
    sentence = "; ".join(faults) or f"{table} looks like the months before"
    return Finding(
        table, FEED_IS_WHOLE, not faults, blocking=True, sentence=sentence, numbers={"faults": len(faults)}
    )


def quarantine_finding(table: str, counts: RuleCounts, limit: float) -> Finding:
    """Judge the share of rows that broke a rule of values, of the rows as delivered."""
    named = ", ".join(f"{count} {rule}" for rule, count in sorted(counts.quarantined.items()) if count)
    sentence = (
        f"{sum(counts.quarantined.values())} of {counts.delivered} rows of {table} are in quarantine "
        f"({counts.quarantine_share:.2%} count, at most {limit:.2%})"
    )
    return Finding(
        table,
        QUARANTINE_WITHIN_LIMIT,
        counts.quarantine_share <= limit,
        blocking=True,
        sentence=f"{sentence}: {named}" if named else sentence,
        numbers={
            "rows": sum(counts.quarantined.values()),
            "delivered": counts.delivered,
            "share": counts.quarantine_share,
            "limit": limit,
        },
    )


def contract_finding(table: str, broken_rules: Sequence[str]) -> Finding:
    """Judge the rows that passed once more, by an independent statement of the contract."""
    sentence = "; ".join(broken_rules) or f"every accepted row of {table} keeps the contract"
    return Finding(table, MATCHES_CONTRACT, not broken_rules, blocking=True, sentence=sentence)


def categories_finding(table: str, counts: RuleCounts, limit: float) -> Finding:
    """Judge the share of categories that the contract does not list, of the rows that passed; it only warns."""
    shares = counts.unknown_category_shares
    over = {name: share for name, share in shares.items() if share > limit}
    named = ", ".join(f"{name} {share:.2%}" for name, share in (over or shares).items())
    sentence = f"unknown categories became missing: {named} (warns over {limit:.0%})"
    return Finding(table, CATEGORIES_ARE_KNOWN, not over, blocking=False, sentence=sentence, numbers=shares)


def vanished_finding(gone: Vanished, limit: float) -> Finding:
    """Judge the share of active customers who are gone from the delivery without having left."""
    return Finding(
        CUSTOMERS.name,
        CUSTOMERS_DO_NOT_VANISH,
        gone.share <= limit,
        blocking=True,
        sentence=f"{gone.count} of {gone.active} active customers vanished ({gone.share:.2%}, at most {limit:.2%}): "
        f"{gone.without_row} have no row, {gone.in_quarantine} are in quarantine",
        numbers={"vanished": gone.count, "active_before": gone.active, "share": gone.share, "limit": limit},
    )
