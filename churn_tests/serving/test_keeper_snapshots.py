"""Taking snapshots of the online store over, live; a bad one leaves the old one, and is said."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from churn_assets.adapters.online_store import FilesStore, OnlineStoreError, golden_of
from churn_assets.domain.months import Month
from churn_assets.learning.contract import contract_features
from churn_assets.learning.model import ChurnModel
from churn_serving.assembly import golden_of as golden_of_snapshot
from churn_tests.learning.synthetic import FEATURES
from churn_tests.serving.asking import one
from churn_tests.serving.conftest import NewStand, publish, trained
from churn_tests.serving.counts import Counts, samples_of
from churn_tests.serving.event_loop import in_event_loop, until
from churn_tests.serving.keeping import FAILED, asked, champion, report, watching
from churn_tests.serving.links import SimpleLink
from churn_tests.serving.spoiling import VERSION, kept
from churn_tests.serving.stand import Stand, served

pytestmark = pytest.mark.usefixtures("restless_keeper")
BUT_REGION = contract_features(FEATURES)[:-1]


@pytest.fixture(scope="session")
def frugal() -> ChurnModel:
    """A model that reads a feature less than the others."""
    return trained("lightgbm", FEATURES[:-1])


def publish_without_region(
    store: FilesStore, customers: pl.DataFrame, golden_by: ChurnModel | None = None
) -> str:
    """Publish a month that lacks a feature of the models, with golden scores of one that does not read it; return its id."""
    now = datetime.now(UTC)
    month = Month.of(now.date())
    golden = golden_of(golden_by.score(customers), month, golden_by.digest, VERSION) if golden_by else None
    prepared = store.prepare(customers, BUT_REGION, month=month, made_at=now, golden=golden)
    store.publish(prepared)
    return prepared.manifest.snapshot_id


@in_event_loop
async def test_without_a_snapshot_customers_are_scored_by_features_until_one_comes(
    stand: Stand, customers: pl.DataFrame
) -> None:
    (stand.store.root / "pointer.json").unlink()
    await stand.begin()
    assert report(stand)["online_store"] is None

    async with watching(stand):
        published = publish(stand.store, customers, stand.models.champion)
        await until(lambda: report(stand)["online_store"])

    assert report(stand)["online_store"]["snapshot"] == published.snapshot_id


@in_event_loop
async def test_a_new_snapshot_is_taken_over_live(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin(stand.configuration(1, share=0.5))
    customer = customers["customer_id"][0]
    before = await one(stand, {"customer_id": customer})

    async with watching(stand):
        publish(
            stand.store,
            customers.with_columns(pl.col("unresolved_tickets") + 4.0),
            stand.models.champion,
            months_ago=0,
        )
        await until(lambda: report(stand)["online_store"]["month"] != before.features_month)

    after = await one(stand, {"customer_id": customer})
    assert after.churn_probability > before.churn_probability
    assert after.arm == before.arm
    assert after.features_month == report(stand)["online_store"]["month"]


@in_event_loop
async def test_the_old_snapshot_stays_open_for_those_who_began_with_it_and_closes_then(
    stand: Stand, customers: pl.DataFrame
) -> None:
    await stand.begin()
    begun = stand.service.in_force().store
    assert begun is not None
    async with watching(stand):
        publish(stand.store, customers, stand.models.champion, months_ago=0)
        await until(lambda: stand.service.in_force().store is not begun)

        assert await begun.snapshot.row(customers["customer_id"][0]) is not None
        await until(lambda: not stand.keeper._tasks)

    with pytest.raises(OnlineStoreError, match="closed"):
        await begun.snapshot.row(customers["customer_id"][0])


@in_event_loop
async def test_a_store_that_was_rolled_back_is_followed(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin()
    first = report(stand)["online_store"]["snapshot"]
    async with watching(stand):
        second = publish(stand.store, customers, stand.models.champion, months_ago=0).snapshot_id
        await until(lambda: report(stand)["online_store"]["snapshot"] == second)

        stand.store.roll_back()
        await until(lambda: report(stand)["online_store"]["snapshot"] == first)


@pytest.mark.parametrize("damage", ["rows.npy", "manifest.json", "pointer.json"])
@in_event_loop
async def test_a_damaged_snapshot_leaves_the_old_one_and_is_said_once(
    stand: Stand, customers: pl.DataFrame, counts: Counts, damage: str
) -> None:
    await stand.begin()
    first = report(stand)["online_store"]["snapshot"]
    second = publish(stand.store, customers, stand.models.champion, months_ago=0).snapshot_id
    folder = stand.store.root if damage == "pointer.json" else stand.store.root / second
    _tear(folder / damage)

    async with watching(stand):
        await until(lambda: report(stand)["failures"])
        await asyncio.sleep(0.1)

    (failure,) = report(stand)["failures"]
    assert failure["what"] == "online store"
    assert report(stand)["online_store"]["snapshot"] == first
    assert (await one(stand, {"customer_id": customers["customer_id"][0]})).churn_probability > 0.0
    assert counts.of(FAILED, what="online store") == 1


@in_event_loop
async def test_a_snapshot_that_lacks_a_feature_leaves_the_old_one_and_is_said_once(
    stand: Stand, customers: pl.DataFrame, counts: Counts
) -> None:
    await stand.begin()
    first = report(stand)["online_store"]["snapshot"]
    second = publish_without_region(stand.store, customers)

    async with watching(stand):
        await until(lambda: report(stand)["failures"])
        await asyncio.sleep(0.1)

    (failure,) = report(stand)["failures"]
    assert (failure["what"], failure["name"]) == ("online store", second)
    assert "lacks region" in failure["reason"]
    assert report(stand)["online_store"]["snapshot"] == first
    assert counts.of(FAILED, what="online store") == 1


@in_event_loop
async def test_a_good_snapshot_after_a_bad_one_heals(stand: Stand, customers: pl.DataFrame) -> None:
    await stand.begin()
    publish_without_region(stand.store, customers)
    async with watching(stand):
        await until(lambda: report(stand)["failures"])
        good = publish(stand.store, customers, stand.models.champion, months_ago=-1).snapshot_id
        await until(lambda: report(stand)["online_store"]["snapshot"] == good)

    assert report(stand)["failures"] == []


@in_event_loop
async def test_a_replica_that_starts_under_a_snapshot_that_lacks_a_feature_answers_without_it_and_says_so(
    stand: Stand, customers: pl.DataFrame
) -> None:
    publish_without_region(stand.store, customers)

    await stand.begin(stand.configuration(1, share=0.0))

    told = report(stand)
    assert told["ready"]
    assert told["online_store"] is None
    assert "lacks region" in told["failures"][0]["reason"]


@pytest.mark.parametrize("bad", ["torn pointer", "snapshot without a feature"])
@in_event_loop
async def test_going_back_to_the_snapshot_that_is_in_force_heals_too(
    stand: Stand, customers: pl.DataFrame, bad: str
) -> None:
    await stand.begin()
    pointer = stand.store.root / "pointer.json"
    good = pointer.read_bytes()
    if bad == "torn pointer":
        _tear(pointer)
    else:
        publish_without_region(stand.store, customers)
    spoilt = pointer.read_bytes()

    async with watching(stand):
        await until(lambda: report(stand)["failures"])
        pointer.write_bytes(good)
        await until(lambda: not report(stand)["failures"])
        pointer.write_bytes(spoilt)
        await until(lambda: report(stand)["failures"])


@in_event_loop
async def test_a_refused_snapshot_is_looked_at_again_when_another_model_is_served(
    stand: Stand, customers: pl.DataFrame, frugal: ChurnModel
) -> None:
    await stand.begin()
    second = publish_without_region(stand.store, customers)
    async with watching(stand):
        await until(lambda: report(stand)["failures"])

        await asked(stand, champion(stand, kept(stand.places, frugal), 2))
        await until(lambda: report(stand)["online_store"]["snapshot"] == second)

    assert report(stand)["failures"] == []


@pytest.mark.parametrize("arm", ["champion", "challenger"])
@pytest.mark.parametrize("with_golden", [True, False])
@in_event_loop
async def test_a_model_that_reads_what_the_snapshot_lacks_is_refused(
    new_stand: NewStand,
    customers: pl.DataFrame,
    counts: Counts,
    frugal: ChurnModel,
    arm: str,
    *,
    with_golden: bool,
) -> None:
    stand = new_stand(SimpleLink())
    publish_without_region(stand.store, customers, golden_by=frugal if with_golden else None)
    frugal_one = kept(stand.places, frugal)
    await stand.begin(champion(stand, frugal_one, 1))
    hungry = served(stand.models.champion, "1")
    wanted = msgspec.structs.replace(
        stand.configuration(2, share=0.1),
        champion=hungry if arm == "champion" else frugal_one,
        challenger=hungry if arm == "challenger" else served(stand.models.challenger, "2"),
    )

    stand.keeper.ask(wanted)
    await until(lambda: not stand.keeper._tasks)

    (failure,) = report(stand)["failures"]
    assert "is not served: the online store lacks region" in failure["reason"]
    assert stand.number == 1
    assert (await one(stand, {"customer_id": customers["customer_id"][0]})).model_version == VERSION
    assert counts.of(FAILED, what="configuration") == 1


@in_event_loop
async def test_golden_rows_that_cannot_be_read_are_none(stand: Stand) -> None:
    manifest = stand.store.current()
    assert manifest is not None
    snapshot = stand.store.open(manifest)

    whole = await golden_of_snapshot(snapshot)
    await snapshot.close()

    assert whole is not None
    assert len(whole.rows) == len(whole.probabilities) == 64
    assert await golden_of_snapshot(snapshot) is None


@in_event_loop
async def test_stale_features_are_served_and_flagged_with_their_month(
    new_stand: NewStand, customers: pl.DataFrame
) -> None:
    stand = new_stand(stale_after_days=0)
    await stand.begin()

    answer = await one(stand, {"customer_id": customers["customer_id"][0]})

    assert answer.features_stale
    assert answer.features_month == report(stand)["online_store"]["month"]
    assert report(stand)["online_store"]["stale"]


@in_event_loop
async def test_the_metrics_show_how_old_the_features_are(stand: Stand) -> None:
    await stand.begin()
    view = stand.service.in_force().store
    assert view is not None
    expected = view.age.total_seconds()

    def shown() -> float:
        return samples_of(stand.telemetry.text())["churn_online_store_age_seconds", frozenset()]

    async with watching(stand):
        await until(lambda: shown() == pytest.approx(expected, abs=60))


def _tear(path: Path) -> None:
    """Leave half of a file."""
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[: len(content) // 2])
    os.utime(path)
