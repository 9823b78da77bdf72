"""The feature matrix equals an independent implementation on awkward events: values, nulls, order, no NaN."""

from __future__ import annotations

from hypothesis import given, settings

from churn_assets.domain.features.catalogue import FEATURES
from churn_tests.domain.features.agreement import assert_agrees, bits
from churn_tests.domain.features.deliveries import Operator
from churn_tests.domain.features.strategies import operators


@settings(deadline=None, max_examples=150)
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
