"""The same deliveries give the same bits: in two homes, month by month or at once, in whatever order of backfill."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.defs.build import definitions_of
from churn_assets.defs.features import MATRIX, PARTIAL, STATE
from churn_assets.defs.jobs import CLOSE
from churn_assets.defs.retention import CAMPAIGN
from churn_assets.defs.scoring import SCORES
from churn_assets.domain.months import Month
from churn_tests.end_to_end.conftest import LOW_FLOORS
from churn_tests.end_to_end.installation import APRIL, FEBRUARY, JANUARY, MARCH, MAY, Installation

MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)


def test_months_taken_in_one_by_one_or_at_once_are_the_same(
    new_installation: Installation, to_april: Installation
) -> None:
    new_installation.live(APRIL)  # the other one has stopped in March and gone on another day

    assert new_installation.published(MONTHS) == to_april.bits_of(MONTHS)


def test_features_backfilled_in_another_order_are_the_same(
    after_april: Installation, to_april: Installation
) -> None:
    for table in (PARTIAL, STATE, MATRIX):
        _forget(after_april, table)

    for month in (MARCH, JANUARY, APRIL, FEBRUARY):
        _make(after_april, month, PARTIAL)
    for month in (
        APRIL,
        FEBRUARY,
        JANUARY,
        MARCH,
    ):  # April is folded anew from the partials: no state is there yet
        _make(after_april, month, STATE, MATRIX)

    assert after_april.published(MONTHS) == to_april.bits_of(MONTHS)


def test_two_homes_train_the_same_model_and_score_alike(
    to_may: Installation, six_months: Path, tmp_path: Path
) -> None:
    other = Installation.new(tmp_path, six_months, settings=LOW_FLOORS)
    other.live(APRIL)
    other.live(MAY, scored=[MAY])

    models = [installation.lake.read(CHALLENGERS, MAY)["digest"].item() for installation in (to_may, other)]
    assert models[0] == models[1]
    results = (MATRIX, SCORES, CAMPAIGN)
    assert other.published([MAY], results) == to_may.published([MAY], results)


def _forget(installation: Installation, table: str) -> None:
    """Empty a table, as after a loss."""
    pl.read_delta(installation.lake.location(table)).clear().write_delta(
        installation.lake.location(table), mode="overwrite"
    )


def _make(installation: Installation, month: Month, *assets: str) -> None:
    """Materialise some assets of a month, as by a click in Dagster."""
    job = definitions_of(installation.project).resolve_job_def(CLOSE)
    with installation.opened(), dg.DagsterInstance.get() as instance:
        keys = [dg.AssetKey(asset) for asset in assets]
        assert job.execute_in_process(
            instance=instance, partition_key=str(month), asset_selection=keys
        ).success
