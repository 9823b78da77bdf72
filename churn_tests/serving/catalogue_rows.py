"""Rows of the real catalogue as a frame has them: within the bounds of each feature, and missing where it may be."""

from __future__ import annotations

import polars as pl
from hypothesis import strategies as st

from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.learning.contract import ContractFeature, contract_features

CATALOGUE = contract_features(FEATURES)
STRANGE = "a tariff of next year"
"""A category that is in no vocabulary."""
Value = float | str | None


def values_of_feature(feature: ContractFeature, *, strangers: bool = False) -> st.SearchStrategy[Value]:
    """Return the values that a customer may have, categories beyond the vocabulary among them where wanted."""
    missing = st.none() if feature.nullable else st.nothing()
    if feature.kind == "category":
        known = st.sampled_from(feature.vocabulary)
        return missing | known | (st.just(STRANGE) if strangers else st.nothing())
    least = -3.4e38 if feature.minimum is None else feature.minimum
    greatest = 3.4e38 if feature.maximum is None else feature.maximum
    whole = st.integers(int(max(least, -(10**9))), int(min(greatest, 10**9))).map(float)
    return missing | whole | st.floats(least, greatest)


def rows(*, strangers: bool = False) -> st.SearchStrategy[dict[str, Value]]:
    """Return the values of one customer, by feature."""
    return st.fixed_dictionaries(
        {feature.name: values_of_feature(feature, strangers=strangers) for feature in CATALOGUE}
    )


def frame_of(found: list[dict[str, Value]]) -> pl.DataFrame:
    """Return customers as a frame, numbers as float64 and categories as text."""
    types = {each.name: pl.Float64() if each.kind == "number" else pl.String() for each in CATALOGUE}
    return pl.DataFrame(found, schema=types)
