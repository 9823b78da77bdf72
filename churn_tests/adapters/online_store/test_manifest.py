"""The manifest is one canonical document, and its id stands for every value of the snapshot."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.adapters.online_store import Golden, OnlineStoreError, SnapshotManifest, golden_of
from churn_assets.domain.months import Month
from churn_tests.adapters.online_store.months import FEATURES, JUNE, MADE_AT, MAY

PLAIN = SnapshotManifest(MAY, MADE_AT, 3, FEATURES, {"customer_ids.npy": "a" * 64, "rows.npy": "b" * 64})
PROBABILITIES = st.floats(0, 1)


@given(
    month=st.builds(Month, st.integers(1, 9998), st.integers(1, 12)),
    made_at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))])),
    golden=st.none()
    | st.dictionaries(st.integers(-(2**63), 2**63 - 1), PROBABILITIES).map(
        lambda scores: Golden("d" * 64, "7", tuple(scores), tuple(scores.values()))
    ),
)
def test_a_manifest_is_read_as_it_was_written(month: Month, made_at: datetime, golden: Golden | None) -> None:
    manifest = replace(PLAIN, month=month, made_at=made_at, golden=golden)

    assert SnapshotManifest.from_json(manifest.to_json(), "it") == manifest


def test_the_id_stands_for_everything_but_the_time() -> None:
    golden = Golden("d" * 64, "7", (1,), (0.5,))
    others = (
        replace(PLAIN, month=JUNE),
        replace(PLAIN, rows=4),
        replace(PLAIN, features=FEATURES[:2]),
        replace(
            PLAIN, features=(*FEATURES[:2], replace(FEATURES[2], vocabulary=("plus", "basic", "family")))
        ),
        replace(PLAIN, files={**PLAIN.files, "rows.npy": "c" * 64}),
        replace(PLAIN, golden=golden),
        replace(PLAIN, golden=replace(golden, probabilities=(0.25,))),
    )

    assert len({PLAIN.snapshot_id, *(other.snapshot_id for other in others)}) == 1 + len(others)
    assert replace(PLAIN, made_at=MADE_AT + timedelta(days=1)).snapshot_id == PLAIN.snapshot_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        PLAIN.to_json()[:-9],
        PLAIN.to_json().replace('"rows": 3', '"rows": 3.0'),
        PLAIN.to_json().replace('"rows": 3', '"rows": 3, "more": 1'),
        PLAIN.to_json().replace("2025-06-01", "2025-06-02"),
        PLAIN.to_json().replace('"month": "2025-05"', '"month": "2025-13"'),
        json.dumps(json.loads(PLAIN.to_json())),
    ],
)
def test_a_torn_or_edited_document_is_named(text: str) -> None:
    with pytest.raises(
        OnlineStoreError, match=r"^it (is torn or edited|was edited).*: run the job `score_month`"
    ):
        SnapshotManifest.from_json(text, "it")


def test_another_layout_is_named() -> None:
    text = PLAIN.to_json().replace('"schema_version": 1', '"schema_version": 2')

    with pytest.raises(OnlineStoreError, match="schema version 2, this release reads 1"):
        SnapshotManifest.from_json(text, "it")


@given(order=st.permutations(range(200)))
def test_the_golden_customers_depend_on_who_is_there_and_not_on_the_order(order: list[int]) -> None:
    scores = pl.DataFrame({"customer_id": order, "churn_probability": [each / 1_000 for each in order]})

    golden = golden_of(scores, MAY, "d" * 64, "7")

    assert golden == golden_of(scores.sort("customer_id"), MAY, "d" * 64, "7")
    assert len(set(golden.customer_ids)) == 64
    assert golden.probabilities == tuple(each / 1_000 for each in golden.customer_ids)
    assert golden.customer_ids != golden_of(scores, JUNE, "d" * 64, "7").customer_ids


def test_of_few_customers_all_are_golden() -> None:
    scores = pl.DataFrame({"customer_id": [5, 2], "churn_probability": [0.5, 0.25]})

    assert golden_of(scores, MAY, "d", "1") == Golden("d", "1", (2, 5), (0.25, 0.5))


def test_every_golden_customer_has_one_probability() -> None:
    with pytest.raises(ValueError, match="2 golden customers have 1 probabilities"):
        Golden("d", "1", (1, 2), (0.5,))
