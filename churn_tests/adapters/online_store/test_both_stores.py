"""What files and Redis promise alike: bits, strangers, a pointer that moves in one step and only forward."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.adapters.online_store import FilesStore, Golden, OnlineStore, OnlineStoreError
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.errors import ModelError
from churn_tests.adapters.online_store.conftest import NewStore
from churn_tests.adapters.online_store.months import (
    APRIL,
    FEATURES,
    JULY,
    JUNE,
    MADE_AT,
    MAY,
    current_price,
    month_of_features,
    publish,
    row_of,
    rows_of,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.none() | st.just(float("nan")) | st.floats(-3.4e38, 3.4e38)
PLANS = st.none() | st.sampled_from(["basic", "plus", "family", "gold", "Basic", ""])


@st.composite
def months(draw: st.DrawFn) -> pl.DataFrame:
    """Draw a month: customers in any order, missing numbers and NaN, known, unknown and missing plans."""
    customers = draw(st.lists(INT64, max_size=12, unique=True))
    height = len(customers)
    return pl.DataFrame(
        {
            "plan": pl.Series(draw(st.lists(PLANS, min_size=height, max_size=height)), dtype=pl.String),
            "customer_id": pl.Series(customers, dtype=pl.Int64),
            "price": pl.Series(draw(st.lists(NUMBERS, min_size=height, max_size=height)), dtype=pl.Float64),
            "calls": pl.Series(
                draw(st.lists(st.none() | INT64, min_size=height, max_size=height)), dtype=pl.Int64
            ),
        }
    )


@given(matrix=months(), strangers=st.lists(st.integers(-(2**70), 2**70), max_size=4))
@settings(max_examples=40, deadline=None)
def test_rows_are_the_bits_that_the_batch_gives_to_the_model(
    new_store: NewStore, matrix: pl.DataFrame, strangers: list[int]
) -> None:
    store = new_store()
    expected = dict(zip(matrix["customer_id"], encode(matrix, FEATURES), strict=True))

    manifest = publish(store, MAY, matrix)
    asked = [*matrix["customer_id"], *strangers]
    rows, found = rows_of(store, manifest, asked)

    assert rows.shape == (len(asked), len(FEATURES))
    assert rows.dtype == np.float32
    assert found.tolist() == [customer in expected for customer in asked]
    for customer, row in zip(asked, rows, strict=True):
        assert row.tobytes() == expected.get(customer, np.full(3, np.nan, np.float32)).tobytes()


def test_one_customer_is_a_row_of_their_own_and_a_stranger_is_none(store: OnlineStore) -> None:
    manifest = publish(store, MAY, month_of_features(customers=[7, 3, 5], price=2.5))

    rows = {customer: row_of(store, manifest, customer) for customer in (7, 3, 5)}

    assert {customer: str(row) for customer, row in rows.items()} == {
        7: "[2.5 0.  1. ]",
        3: "[2.5 nan nan]",  # "gold" is in no vocabulary
        5: "[2.5 2.  nan]",
    }
    assert [row_of(store, manifest, stranger) for stranger in (-3, 0, 4, 8, 2**63, -(2**64))] == [None] * 6


def test_a_column_without_a_value_has_an_empty_vocabulary(store: OnlineStore) -> None:
    matrix = pl.DataFrame({"customer_id": [1], "segment": pl.Series([None], dtype=pl.String)})
    features = [ContractFeature("segment", "category")]

    prepared = store.prepare(matrix, features, month=MAY, made_at=MADE_AT)

    assert str(row_of(store, prepared.manifest, 1)) == "[nan]"


def test_the_manifest_says_what_the_rows_are(store: OnlineStore) -> None:
    golden = Golden("ab" * 32, "4", (3, 7), (0.25, 0.1))

    publish(store, MAY, golden=golden)

    manifest = store.current()
    assert manifest is not None
    assert (manifest.month, manifest.rows, manifest.golden) == (MAY, 3, golden)
    assert manifest.features == FEATURES
    assert manifest.snapshot.isoformat() == "2025-06-01T00:00:00+00:00"
    assert manifest.made_at == MADE_AT
    assert manifest.snapshot_id.startswith("2025-05-")


def test_what_is_prepared_can_be_read_back_and_is_not_seen(store: OnlineStore) -> None:
    assert store.current() is None
    publish(store, MAY)

    prepared = store.prepare(month_of_features(price=6.0), FEATURES, month=JUNE, made_at=MADE_AT)

    assert prepared.size == 3 * (8 + 3 * 4)
    row = row_of(store, prepared.manifest, 3)
    assert row is not None
    assert row[0] == 6.0
    assert current_price(store) == 5.0
    assert store.publish(prepared).visible
    assert current_price(store) == 6.0


def test_an_older_month_takes_nothing_from_a_newer_one(store: OnlineStore) -> None:
    june = publish(store, JUNE)
    prepared = store.prepare(month_of_features(), FEATURES, month=MAY, made_at=MADE_AT)

    publication = store.publish(prepared)

    assert not publication.visible
    assert publication.sentence == f"2025-05 is older than {june.snapshot_id}, which stays"
    assert current_price(store) == 6.0
    with pytest.raises(OnlineStoreError):
        store.open(prepared.manifest)


def test_the_same_month_corrected_takes_the_place_of_the_former(store: OnlineStore) -> None:
    former = publish(store, MAY, month_of_features(price=1.0))

    publish(store, MAY, month_of_features(price=2.0))

    assert current_price(store) == 2.0
    assert store.roll_back().snapshot_id == former.snapshot_id
    assert current_price(store) == 1.0


def test_the_same_snapshot_again_changes_nothing(store: OnlineStore) -> None:
    april, may = publish(store, APRIL), publish(store, MAY)

    again = publish(store, MAY, made_at=MADE_AT + timedelta(hours=1))

    assert again.snapshot_id == may.snapshot_id
    assert current_price(store) == 5.0
    assert store.roll_back().snapshot_id == april.snapshot_id


def test_the_former_snapshot_stays_and_older_ones_go(store: OnlineStore) -> None:
    april, may, june = (publish(store, month) for month in (APRIL, MAY, JUNE))

    assert row_of(store, june, 3) is not None
    assert row_of(store, may, 3) is not None
    with pytest.raises(OnlineStoreError, match=f"{april.snapshot_id}.*score_month"):
        store.open(april)


def test_rolling_back_twice_is_rolling_forward(store: OnlineStore) -> None:
    publish(store, MAY)
    publish(store, JUNE)

    assert (store.roll_back().month, current_price(store)) == (MAY, 5.0)
    assert (store.roll_back().month, current_price(store)) == (JUNE, 6.0)


def test_after_a_roll_back_a_corrected_month_is_published_again(store: OnlineStore) -> None:
    publish(store, MAY)
    publish(store, JUNE)
    store.roll_back()

    publish(store, JUNE, month_of_features(price=6.5))

    assert current_price(store) == 6.5
    assert store.roll_back().month == MAY


def test_without_a_former_snapshot_there_is_no_roll_back(store: OnlineStore) -> None:
    publish(store, MAY)

    with pytest.raises(OnlineStoreError, match="no former snapshot"):
        store.roll_back()
    assert current_price(store) == 5.0


def test_what_is_discarded_is_gone_unless_readers_have_it(store: OnlineStore) -> None:
    prepared = store.prepare(month_of_features(), FEATURES, month=MAY, made_at=MADE_AT)
    store.publish(prepared)
    store.discard(prepared)
    rejected = store.prepare(month_of_features(price=6.0), FEATURES, month=JUNE, made_at=MADE_AT)

    store.discard(rejected)
    store.discard(rejected)

    assert row_of(store, prepared.manifest, 3) is not None
    with pytest.raises(OnlineStoreError):
        store.publish(rejected)
    assert current_price(store) == pytest.approx(9.99)


def test_a_closed_snapshot_answers_nothing(store: OnlineStore) -> None:
    snapshot = store.open(publish(store, MAY))

    async def look_up_after_closing() -> None:
        await snapshot.close()
        with pytest.raises(OnlineStoreError, match="is closed"):
            await snapshot.row(3)
        with pytest.raises(OnlineStoreError, match="is closed"):
            await snapshot.rows([3])

    asyncio.run(look_up_after_closing())


@pytest.mark.parametrize(
    ("customers", "sentence"), [([3, 3, 5], "1 repeat one"), ([3, None, 5], "1 rows .* have no customer_id")]
)
def test_ids_that_are_none_are_refused(store: OnlineStore, customers: list[int], sentence: str) -> None:
    with pytest.raises(OnlineStoreError, match=sentence):
        publish(store, MAY, month_of_features(customers))
    assert store.current() is None


def test_a_matrix_that_does_not_fit_is_refused(store: OnlineStore) -> None:
    with pytest.raises(OnlineStoreError, match="lacks customer_id"):
        publish(store, MAY, month_of_features().drop("customer_id"))
    with pytest.raises(ModelError, match="lacks the feature plan"):
        publish(store, MAY, month_of_features().drop("plan"))
    with pytest.raises(OnlineStoreError, match="has no time zone"):
        publish(store, MAY, made_at=MADE_AT.replace(tzinfo=None))
    with pytest.raises(OnlineStoreError, match="1 customers with scores have no features in 2025-05"):
        publish(store, MAY, golden=Golden("ab", "1", (3, 4), (0.5, 0.5)))
    assert store.current() is None


def test_readers_see_the_one_or_the_other_while_snapshots_are_published(store: OnlineStore) -> None:
    """A reader asks all the time while two states of a month take turns; each of its rows is whole, of the one or the other."""
    customers = list(range(500))
    publish(store, MAY, month_of_features(customers, price=1.0))
    done = threading.Event()

    def prices_until_done() -> set[tuple[float, ...]]:
        seen = set()
        while not done.is_set():
            manifest = store.current()
            assert manifest is not None
            rows, found = rows_of(store, manifest, customers)
            assert found.all()
            seen.add(tuple(np.unique(rows[:, 0])))
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(prices_until_done)
        try:
            for turn in range(12):
                publish(store, MAY, month_of_features(customers, price=float(turn % 2 + 1)))
        finally:
            done.set()

    assert set() < reader.result() <= {(1.0,), (2.0,)}


def test_a_month_is_the_same_snapshot_in_any_store(
    new_store: NewStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = publish(new_store(), JULY)

    here = publish(FilesStore(tmp_path_factory.mktemp("other")), JULY)

    assert there == here
