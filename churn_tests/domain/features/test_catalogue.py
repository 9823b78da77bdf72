"""The catalogue: 45 names in a fixed order, as the documentation lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn_assets.domain.features.catalogue import FEATURES, features_of
from churn_assets.domain.tables import BY_NAME

DOCUMENT = Path(__file__).parents[3] / "docs" / "data_contracts.md"


def test_names_and_order_are_those_of_the_documentation() -> None:
    documented = re.findall(
        r"^\| (\d+) \| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert [(str(feature.number), feature.name) for feature in FEATURES] == documented
    assert len(FEATURES) == 45


def test_a_table_that_is_not_delivered_has_no_features() -> None:
    needed = features_of(["customers", "transactions"])
    assert [feature.number for feature in needed] == [*range(1, 14), *range(37, 46)]
    assert features_of(BY_NAME) == FEATURES


def test_a_table_that_nobody_delivers_is_refused() -> None:
    with pytest.raises(ValueError, match="no delivered table is called calls"):
        features_of(["customers", "calls"])


def test_categories_are_strings_with_the_contract_s_vocabulary() -> None:
    for feature in FEATURES:
        assert (feature.kind == "category") == (str(feature.dtype) == "String")
        if feature.kind == "category":
            assert feature.categories == BY_NAME["customers"].column(feature.name).categories


def test_only_age_and_region_are_sensitive() -> None:
    assert [feature.name for feature in FEATURES if feature.sensitive] == ["age_group", "region"]
