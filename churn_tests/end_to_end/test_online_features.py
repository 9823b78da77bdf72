"""A scored month is what real-time scoring looks up by customer id: checked first, never an older one, mended by corrections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from churn_assets.adapters.champions import champion_at
from churn_assets.adapters.online_store import FilesStore, Golden, Prepared, SnapshotManifest
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs.build import definitions_of
from churn_assets.defs.jobs import SCORE
from churn_assets.defs.scoring import SCORES
from churn_assets.defs.serving_store import MATCHES, ONLINE
from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.inputs import Flags, Matrix
from churn_tests.end_to_end.installation import JUNE, MAY, Installation


@pytest.fixture
def after_may(to_may: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own with May's scores published; June is delivered and not yet taken in."""
    return to_may.copied(tmp_path / "after_may")


class RoundedStore(FilesStore):
    """A store with a defect: it keeps sums of money in whole EUR."""

    def prepare(
        self,
        matrix: pl.DataFrame,
        features: Sequence[ContractFeature],
        *,
        month: Month,
        made_at: datetime,
        golden: Golden | None = None,
    ) -> Prepared:
        """Prepare rounded values."""
        rounded = matrix.with_columns(pl.col("monetary_total").round())
        return super().prepare(rounded, features, month=month, made_at=made_at, golden=golden)


@dataclass(frozen=True)
class Made:
    """How a materialisation of the online features ended."""

    success: bool
    passed: bool | None
    sentence: str
    metadata: Mapping[str, object]


def store_of(installation: Installation) -> FilesStore:
    return FilesStore(installation.home.online_store)


def current(installation: Installation) -> SnapshotManifest:
    manifest = store_of(installation).current()
    assert manifest is not None
    return manifest


def stored(installation: Installation, customers: Sequence[int]) -> tuple[Matrix, Flags]:
    """Look customers up in what readers see."""
    store = store_of(installation)
    return asyncio.run(store.open(current(installation)).rows(customers))


def make(installation: Installation, month: Month, store: FilesStore) -> Made:
    """Materialise the online features of a month into a store, as by a click in Dagster."""
    definitions = definitions_of(installation.project, {"online_store": store})
    with installation.opened(), dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def(SCORE).execute_in_process(
            instance=instance,
            partition_key=str(month),
            asset_selection=[dg.AssetKey(ONLINE)],
            raise_on_error=False,
        )
    checks = [check.passed for check in result.get_asset_check_evaluations() if check.check_name == MATCHES]
    failures = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    events = [event for event in result.get_asset_materialization_events() if event.is_step_event]
    metadata = {
        name: value.value for event in events for name, value in event.materialization.metadata.items()
    }
    sentence = "; ".join(str(failure.description) for failure in failures if failure)
    return Made(result.success, checks[0] if checks else None, sentence, metadata)


def test_a_scored_month_is_what_readers_see_bit_for_bit(to_may: Installation) -> None:
    manifest, matrix = current(to_may), to_may.matrix(MAY)

    rows, found = stored(to_may, [*matrix["customer_id"], -1])

    assert (manifest.month, manifest.rows) == (MAY, matrix.height)
    assert manifest.feature_names == tuple(feature.name for feature in FEATURES)
    assert found.tolist() == [True] * matrix.height + [False]
    expected = encode(matrix, [ContractFeature.of(feature) for feature in FEATURES])
    assert rows[:-1].tobytes() == expected.tobytes()
    assert to_may.lake.read(ONLINE, MAY).row(0) == (manifest.snapshot_id, manifest.rows)


def test_the_golden_customers_prove_that_a_serving_process_scores_as_the_batch_did(
    to_may: Installation,
) -> None:
    manifest, champion = current(to_may), champion_at(to_may.lake, MAY)
    golden = manifest.golden
    assert golden is not None
    assert champion is not None
    assert (golden.model_digest, golden.model_version) == (champion.digest, champion.version)
    assert len(golden.customer_ids) == 64

    rows, _ = stored(to_may, golden.customer_ids)

    model = ModelRegistry("", "", to_may.home.models).load(champion.digest)
    probabilities = model.probabilities(_as_a_frame(rows, manifest.features))
    assert probabilities.tolist() == list(golden.probabilities)
    scores = to_may.lake.read(SCORES, MAY).sort("customer_id")
    of_golden = scores.filter(pl.col("customer_id").is_in(golden.customer_ids))
    assert of_golden["churn_probability"].to_list() == list(golden.probabilities)


def test_the_next_month_takes_the_place_and_the_former_stays(after_may: Installation) -> None:
    may = current(after_may)

    after_may.live(JUNE, scored=[JUNE])

    store = store_of(after_may)
    assert current(after_may).month == JUNE
    assert store.open(may).manifest == may
    assert store.roll_back() == may


def test_a_failing_check_leaves_the_old_snapshot(after_may: Installation) -> None:
    may, folders = current(after_may), set(after_may.home.online_store.iterdir())

    made = make(after_may, MAY, RoundedStore(after_may.home.online_store))

    assert (made.success, made.passed) == (False, False)
    assert made.sentence.startswith("the online features of 2025-05 are not published:")
    assert "of 200 rows differ" in made.sentence
    assert current(after_may) == may
    assert set(after_may.home.online_store.iterdir()) == folders


def test_the_check_says_what_it_looked_at(after_may: Installation) -> None:
    made = make(after_may, MAY, store_of(after_may))

    assert (made.success, made.passed) == (True, True)
    assert made.metadata["published"] is True
    assert made.metadata["snapshot_id"] == current(after_may).snapshot_id
    assert made.metadata["rows"] == after_may.matrix(MAY).height
    assert made.metadata["bytes"] == after_may.matrix(MAY).height * (8 + 45 * 4)


def test_a_month_made_again_is_the_same_snapshot(after_may: Installation) -> None:
    before = current(after_may)

    make(after_may, MAY, store_of(after_may))

    assert current(after_may) == before


def test_a_corrected_month_is_published_again(after_may: Installation) -> None:
    before = current(after_may)
    payments = after_may.rows("transactions", MAY)
    after_may.deliver("transactions", MAY, payments.with_columns(pl.col("amount") * 1.5))

    after_may.live(MAY, scored=[MAY])

    manifest, matrix = current(after_may), after_may.matrix(MAY)
    assert manifest.month == MAY
    assert manifest.snapshot_id != before.snapshot_id
    rows, _ = stored(after_may, matrix["customer_id"].to_list())
    place = manifest.feature_names.index("recent_monetary")
    assert rows[:, place].tobytes() == matrix["recent_monetary"].cast(pl.Float32).to_numpy().tobytes()


def test_recomputing_an_older_month_says_that_the_newer_one_stays(after_may: Installation) -> None:
    store = store_of(after_may)
    june = store.prepare(
        after_may.matrix(MAY), current(after_may).features, month=JUNE, made_at=datetime.now(UTC)
    )
    store.publish(june)

    made = make(after_may, MAY, store)

    assert (made.success, made.passed) == (True, True)
    assert made.metadata["published"] is False
    assert made.metadata["sentence"] == f"2025-05 is older than {june.manifest.snapshot_id}, which stays"
    assert current(after_may) == june.manifest


def test_scores_of_another_model_are_never_golden(after_may: Installation) -> None:
    before = current(after_may)
    scores = after_may.lake.read(SCORES, MAY)
    after_may.lake.write(SCORES, MAY, scores.with_columns(model_version=pl.lit("99")))

    made = make(after_may, MAY, store_of(after_may))

    assert (made.success, made.passed) == (False, None)
    assert "the scores of 2025-05 are not those of version" in made.sentence
    assert current(after_may) == before


def _as_a_frame(rows: Matrix, features: Sequence[ContractFeature]) -> pl.DataFrame:
    """Decode stored rows into the frame that the model's one class scores."""
    columns = {}
    for place, feature in enumerate(features):
        values = [None if np.isnan(value) else float(value) for value in rows[:, place]]
        if feature.kind == "category":
            columns[feature.name] = pl.Series(
                [None if value is None else feature.vocabulary[int(value)] for value in values],
                dtype=pl.String,
            )
        else:
            columns[feature.name] = pl.Series(values, dtype=pl.Float64)
    return pl.DataFrame(columns)
