"""What follows what, and each decision with its reason."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from churn_assets.adapters.champions import CHALLENGERS, DECISIONS
from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.defs.build import build_definitions
from churn_assets.defs.features import LABELS
from churn_assets.defs.monitoring import DRIFT
from churn_assets.domain.months import Month
from churn_tests.conftest import of_files

APRIL, MAY = Month(2025, 4), Month(2025, 5)


@pytest.fixture
def definitions(home: Home, deliveries: Path) -> dg.Definitions:
    return build_definitions(of_files(home, deliveries))


def label_months(home: Home, until: Month) -> None:
    lake = Lake(str(home.lake))
    for month in Month(2025, 2).until(until):
        lake.write(LABELS, month, pl.DataFrame({"customer_id": [1], "churned": [0]}))


def report(instance: dg.DagsterInstance, month: Month, *, drifted: bool) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            DRIFT,
            partition=str(month),
            metadata={"drifted": dg.MetadataValue.bool(drifted), "report_digest": f"report-{month}"},
        )
    )


def tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult:
    sensor = definitions.get_repository_def().get_sensor_def("retrain_on_drift")
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"lake": (definitions.resources or {})["lake"]}
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_a_drifted_month_asks_once_for_retraining(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, MAY)
    with dg.DagsterInstance.get() as instance:
        report(instance, MAY, drifted=True)

        first = tick(definitions, instance)
        second = tick(definitions, instance, first.cursor)

    assert [(request.run_key, request.partition_key) for request in first.run_requests or []] == [
        ("drift:2025-05:report-2025-05", "2025-05")
    ]
    assert not second.run_requests


def test_two_reports_between_two_ticks_are_both_seen(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, MAY)
    with dg.DagsterInstance.get() as instance:
        report(instance, MAY, drifted=True)
        report(instance, APRIL.plus(2), drifted=True)

        asked = tick(definitions, instance).run_requests or []

    assert [request.partition_key for request in asked] == ["2025-05", "2025-06"]


def test_a_quiet_month_asks_for_nothing_and_says_so(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, MAY)
    with dg.DagsterInstance.get() as instance:
        report(instance, MAY, drifted=False)

        quiet = tick(definitions, instance)

    assert not quiet.run_requests
    assert "2025-05 did not drift" in str(quiet.skip_reason)


def test_too_few_labels_are_a_reason_not_to_retrain(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, APRIL)
    with dg.DagsterInstance.get() as instance:
        report(instance, APRIL, drifted=True)

        assert "too few months are labelled" in str(tick(definitions, instance).skip_reason)


def test_a_challenger_of_this_very_data_is_not_trained_again(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, MAY)
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(CHALLENGERS, partition=str(MAY)))
        report(instance, MAY, drifted=True)

        assert "trained on this very data" in str(tick(definitions, instance).skip_reason)


def after_close(definitions: dg.Definitions, month: Month) -> object:
    sensor = definitions.get_repository_def().get_sensor_def("retrain_after_close")
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            definitions.resolve_job_def("close_month"), tags={"dagster/partition": str(month)}
        )
        event = dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="close_month")
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor.name, dagster_event=event, dagster_instance=instance, dagster_run=run
        )
        return sensor(context, lake=(definitions.resources or {})["lake"])


def test_a_closed_month_with_enough_labels_is_retrained_on(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, MAY)

    asked = after_close(definitions, MAY)

    assert isinstance(asked, dg.RunRequest)
    assert (asked.job_name, asked.partition_key) == ("retrain", "2025-05")


def test_a_young_history_waits_and_says_so(definitions: dg.Definitions, home: Home) -> None:
    label_months(home, APRIL)

    assert "too few to train on" in str(after_close(definitions, APRIL))


def test_without_monthly_retraining_a_champion_scores_at_once(
    home: Home, deliveries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RETRAINING_MONTHLY", "false")
    definitions = build_definitions(of_files(home, deliveries))
    label_months(home, MAY)
    lake = Lake(str(home.lake))
    lake.write(CHALLENGERS, APRIL, pl.DataFrame([{"version": "1", "digest": "d", "learned_from": "files"}]))
    decision = {
        "decided_month": str(APRIL),
        "version": "1",
        "digest": "d",
        "trained_at": str(APRIL),
        "learned_from": "files",
    }
    lake.write(DECISIONS, APRIL, pl.DataFrame([{**decision, "promoted": True, "reason": ""}]))

    asked = after_close(definitions, MAY)

    assert isinstance(asked, dg.RunRequest)
    assert asked.job_name == "score_month"
