"""The matrix that the trees read."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.errors import ModelError

PRICE = ContractFeature("price", "number")
PLAN = ContractFeature("plan", "category", ("basic", "plus"))


def test_columns_follow_the_contract_whatever_their_order_in_the_frame() -> None:
    frame = pl.DataFrame({"other": ["x"], "plan": ["plus"], "price": [12.5]})

    matrix = encode(frame, [PRICE, PLAN])

    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[12.5, 1.0]]


def test_null_unknown_category_and_another_case_are_missing() -> None:
    frame = pl.DataFrame({"plan": ["basic", None, "gold", "Basic", "basic "], "price": [1, None, 3, 4, 5]})

    matrix = encode(frame, [PRICE, PLAN])

    assert np.isnan(matrix).tolist() == [
        [False, False],
        [True, True],
        [False, True],
        [False, True],
        [False, True],
    ]


def test_numbers_of_any_type_and_whole_columns_of_nulls_are_taken() -> None:
    frame = pl.DataFrame({"price": pl.Series([True, False]), "plan": pl.Series([None, None])})

    assert encode(frame, [PRICE])[:, 0].tolist() == [1.0, 0.0]
    assert np.isnan(encode(frame, [PLAN])).all()


def test_missing_column_is_named() -> None:
    with pytest.raises(ModelError, match="lacks the feature plan"):
        encode(pl.DataFrame({"price": [1.0]}), [PRICE, PLAN])


def test_text_in_place_of_a_number_is_named() -> None:
    with pytest.raises(ModelError, match="feature price is a number, but the frame has String"):
        encode(pl.DataFrame({"price": ["12,5"]}), [PRICE])


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e308])
def test_infinite_value_is_named_with_its_row(value: float) -> None:
    with pytest.raises(ModelError, match=r"feature price is infinite or beyond 3\.4e38 in row 1"):
        encode(pl.DataFrame({"price": [1.0, value]}), [PRICE])
