"""The feature matrix equals an independent implementation on awkward events: values, nulls, order, no NaN."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings

from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.domain.features.matrix import Window, feature_matrix
from churn_assets.domain.months import Month
from churn_tests.domain.features.agreement import assert_agrees, bits
from churn_tests.domain.features.deliveries import Operator, customer, frame
from churn_tests.domain.features.strategies import operators

PRICES = {number: number / 7 for number in range(1, 60)}


@settings(deadline=None, max_examples=100)
@given(operators())
def test_every_feature_and_null_agrees_with_the_independent_implementation(
    drawn: tuple[str, Operator],
) -> None:
    month, operator = drawn
    assert_agrees(operator.matrix(month), operator.reference(month))


def test_the_reference_knows_the_whole_catalogue() -> None:
    (row,) = Operator().reference("2024-02")
    assert list(row) == ["customer_id", "month", *(feature.name for feature in FEATURES)]


@settings(deadline=None, max_examples=40)
@given(operators())
def test_a_customer_s_features_do_not_depend_on_who_else_is_there(drawn: tuple[str, Operator]) -> None:
    month, operator = drawn
    together = operator.matrix(month)
    for row, number in enumerate(together["customer_id"]):
        assert bits(operator.only(number).matrix(month)) == bits(together[row : row + 1])


def test_nor_on_whether_all_have_the_same_former_price() -> None:
    month = Month.parse("2025-03")
    changed = frame(
        "customers", [customer(number, plan_monthly_eur=price) for number, price in PRICES.items()]
    )
    # A constant column: Polars holds it as one value, and would divide by it another way.
    same = changed.with_columns(
        previous_plan_monthly_eur=pl.lit(9.9), plan_changed_on=pl.lit(month.start.date())
    )
    usual = Operator().window(month)
    matrix = feature_matrix(Window(same.lazy(), usual.lifetime, usual.transactions), month)
    ratios = dict(matrix.select("customer_id", "plan_price_change_ratio").iter_rows())
    assert ratios == {number: price / 9.9 for number, price in PRICES.items()}
