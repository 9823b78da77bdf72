"""Attributes of the customer that the settings declare."""

from __future__ import annotations

import math

import polars as pl
import pytest

from churn_assets.domain.cleaning import judge
from churn_assets.domain.declared_columns import with_declared
from churn_assets.domain.feed import profile
from churn_assets.domain.tables import CUSTOMERS, TRANSACTIONS
from churn_tests.domain.good_rows import MONTH, good_rows

DECLARED = {"credit": "number", "shop": "category"}


def test_declared_columns_stand_behind_the_contracts_own() -> None:
    table = with_declared(CUSTOMERS, DECLARED)

    assert table.schema.names() == [*CUSTOMERS.schema.names(), "credit", "shop"]
    assert (table.schema["credit"], table.schema["shop"]) == (pl.Float64(), pl.String())


def test_only_customers_have_declared_columns() -> None:
    assert with_declared(TRANSACTIONS, DECLARED) is TRANSACTIONS


def test_a_declared_number_must_be_finite_and_may_be_null() -> None:
    rows = good_rows(CUSTOMERS).with_columns(
        credit=pl.Series([1.0, None, math.nan, -math.inf, -5.0, 0.0]), shop=pl.lit("any")
    )

    counts = judge(
        with_declared(CUSTOMERS, DECLARED), rows, month=MONTH, known_customers=None, active_before=None
    ).counts

    assert (counts.quarantined["bounds"], counts.accepted) == (2, 4)


def test_the_feed_check_follows_a_declared_number() -> None:
    rows = good_rows(CUSTOMERS).with_columns(credit=pl.lit(7.0), shop=pl.lit(None, pl.String))

    seen = profile(with_declared(CUSTOMERS, DECLARED), rows)

    assert seen.quartiles["credit"] == (7.0, 7.0, 7.0)
    assert seen.null_shares["shop"] == 1.0


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"region": "category"}, "'region' is a column of customers already"),
        ({"credit": "money"}, "'credit' is a 'money': write number or category"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(declared: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        with_declared(CUSTOMERS, declared)
