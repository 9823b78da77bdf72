"""Rows for the trees, made from a request or from the online store: to the bit what the batch encodes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.inputs import Matrix
from churn_serving.inputs import InputsError, RequestInputs, StoreInputs, Value
from churn_tests.serving.catalogue_rows import CATALOGUE, STRANGE, frame_of, rows, values_of_feature

NAMES = tuple(feature.name for feature in CATALOGUE)
REGION = next(feature for feature in CATALOGUE if feature.name == "region")
TENURE = next(feature for feature in CATALOGUE if feature.name == "tenure_days")


def bits(matrix: Matrix) -> npt.NDArray[np.uint32]:
    """Return the bits of each value; NaN equals NaN."""
    assert matrix.dtype == np.float32
    return np.where(np.isnan(matrix), np.float32(np.nan), matrix).view(np.uint32)


def shuffled(features: Sequence[ContractFeature], seed: int) -> tuple[ContractFeature, ...]:
    """Return features in another order, the vocabularies too."""
    draws = random.Random(seed)  # noqa: S311  an order, no secret
    mixed = [
        replace(each, vocabulary=tuple(draws.sample(each.vocabulary, len(each.vocabulary))))
        for each in features
    ]
    draws.shuffle(mixed)
    return tuple(mixed)


orders = st.integers(0, 10**6)


@settings(deadline=None, max_examples=40)
@given(customer=rows(strangers=True), order=orders)
def test_a_requests_row_is_to_the_bit_the_batchs(customer: dict[str, Value], order: int) -> None:
    model = shuffled(CATALOGUE, order)[:30]

    found = RequestInputs(NAMES, model).row([customer[name] for name in NAMES])

    assert (bits(found[np.newaxis]) == bits(encode(frame_of([customer]), model))).all()


@settings(deadline=None, max_examples=40)
@given(found=st.lists(rows(strangers=True), min_size=1, max_size=4), order=orders)
def test_a_stored_row_is_to_the_bit_the_batchs_though_the_store_orders_otherwise(
    found: list[dict[str, Value]], order: int
) -> None:
    frame = frame_of(found)
    columns, model = shuffled(CATALOGUE, order), shuffled(CATALOGUE, order + 1)[:30]

    rows = StoreInputs(columns, model).rows(encode(frame, columns))

    assert (bits(rows) == bits(encode(frame, model))).all()


@settings(deadline=None, max_examples=40)
@given(customer=rows(strangers=True), order=orders, data=st.data())
def test_overridden_values_are_as_if_the_month_had_held_them(
    customer: dict[str, Value], order: int, data: st.DataObject
) -> None:
    columns, model = shuffled(CATALOGUE, order), shuffled(CATALOGUE, order + 1)[:30]
    chosen = data.draw(st.lists(st.sampled_from(CATALOGUE), unique=True, max_size=6))
    overrides = {each.name: data.draw(values_of_feature(each, strangers=True)) for each in chosen}

    inputs = StoreInputs(columns, model)
    row = inputs.rows(encode(frame_of([customer]), columns))[0]
    inputs.override(row, overrides)

    assert (bits(row[np.newaxis]) == bits(encode(frame_of([customer | overrides]), model))).all()


def test_the_stored_rows_themselves_stay_as_they_are() -> None:
    stored = encode(frame_of([dict.fromkeys(NAMES)]), CATALOGUE)
    kept = stored.copy()

    inputs = StoreInputs(CATALOGUE, shuffled(CATALOGUE, 1))
    inputs.override(inputs.rows(stored)[0], {"tenure_days": 9.0})

    assert (bits(stored) == bits(kept)).all()


def test_a_category_that_the_model_does_not_know_is_missing_to_it_wherever_it_comes_from() -> None:
    wider = replace(REGION, vocabulary=(STRANGE, *REGION.vocabulary))
    stored = encode(pl.DataFrame({"region": [STRANGE, "islands"]}), [wider])

    rows = StoreInputs([wider], [REGION]).rows(stored)

    assert np.isnan(rows[0, 0])
    assert rows[1, 0] == REGION.vocabulary.index("islands")
    assert np.isnan(RequestInputs(["region"], [REGION]).row([STRANGE])[0])


def test_a_model_may_read_a_single_feature() -> None:
    found = RequestInputs(["region", "tenure_days"], [TENURE]).row(["islands", 12.5])

    assert found.tolist() == [12.5]


def test_an_override_of_what_the_model_does_not_read_changes_nothing() -> None:
    row = np.array([3.0], dtype=np.float32)

    StoreInputs(CATALOGUE, [TENURE]).override(row, {"region": "islands", "bill_shock": 2.0})

    assert row.tolist() == [3.0]


def test_a_store_that_lacks_features_is_refused_with_all_their_names() -> None:
    columns = [each for each in CATALOGUE if each.name not in {"region", "bill_shock"}]

    with pytest.raises(InputsError, match=r"lacks bill_shock, region.*publish the month again"):
        StoreInputs(columns, CATALOGUE)


def test_a_store_that_holds_a_category_where_the_model_reads_a_number_is_refused() -> None:
    with pytest.raises(InputsError, match="tenure_days is a category in the online store"):
        StoreInputs([replace(TENURE, kind="category", vocabulary=("short", "long"))], [TENURE])
    with pytest.raises(InputsError, match="region is a number in the online store"):
        StoreInputs([replace(REGION, kind="number", vocabulary=())], [REGION])
