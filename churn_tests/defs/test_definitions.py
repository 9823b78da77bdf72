"""What Dagster shows: assets by layer, checks, jobs, schedule, sensors. A change here is a change for users."""

from __future__ import annotations

import warnings
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from churn_assets.adapters.home import Home
from churn_assets.defs.build import build_definitions
from churn_tests.conftest import of_files

GROUPS = {
    "raw": [
        "customer_register",
        "raw_app_usage",
        "raw_call_records",
        "raw_customers",
        "raw_support_tickets",
        "raw_transactions",
    ],
    "cleaned": [
        "cleaned_app_usage",
        "cleaned_call_records",
        "cleaned_customers",
        "cleaned_support_tickets",
        "cleaned_transactions",
    ],
    "features": ["feature_matrix", "lifetime_partial", "lifetime_state", "matured_labels"],
    "training": ["challenger_evaluation", "challenger_model", "champion", "training_set"],
    "scoring": ["churn_scores"],
    "retention": ["campaign_list", "campaign_outcome"],
    "monitoring": ["drift_report"],
    "serving": ["online_features"],
}
BLOCKING = {
    *(
        f"{table}_{fact}"
        for table in ("customers", "transactions", "call_records", "support_tickets", "app_usage")
        for fact in ("feed_is_whole", "matches_contract", "quarantine_within_limit")
    ),
    "customers_do_not_vanish",
    "auc_at_least_floor",
    "recall_at_least_floor",
    "precision_at_least_floor",
    "calibration_within_tolerance",
    "expected_profit_positive",
    "scores_cover_active_customers",
    "nobody_who_opted_out",
    "online_features_match_lake",
}
WARNING = {"customers_categories_are_known", "not_worse_than_champion", "operating_point_is_possible"}


@pytest.fixture
def definitions(home: Home, deliveries: Path) -> dg.Definitions:
    return build_definitions(of_files(home, deliveries))


def test_the_layers_hold_these_assets(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups: dict[str, list[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, []).append(key.to_user_string())

    assert {name: sorted(keys) for name, keys in groups.items()} == GROUPS


def test_every_asset_says_what_it_is(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.code_version, spec.key
        assert spec.tags["domain"] == "churn", spec.key


def test_gates_block_and_notes_warn(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {key.name: graph.get_check_spec(key).blocking for key in graph.asset_check_keys}

    assert {name for name, blocking in checks.items() if blocking} == BLOCKING
    assert {name for name, blocking in checks.items() if not blocking} == WARNING


def test_these_jobs_schedules_and_sensors_exist(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    assert sorted(set(repository.job_names) - {"__ASSET_JOB"}) == [
        "close_month",
        "monthly_churn",
        "retrain",
        "score_month",
    ]
    assert [schedule.name for schedule in repository.schedule_defs] == ["close_month_on_the_first"]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "retrain_after_close",
        "retrain_on_drift",
        "score_after_retraining",
        "score_after_stopped_retraining",
    ]


def test_the_first_at_two_in_rome_asks_for_the_month_just_closed(definitions: dg.Definitions) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("close_month_on_the_first")
    tick = datetime(2025, 4, 1, 2, tzinfo=ZoneInfo("Europe/Rome"))

    result = schedule.evaluate_tick(
        dg.build_schedule_context(
            scheduled_execution_time=tick, repository_def=definitions.get_repository_def()
        )
    )

    assert schedule.cron_schedule == "0 2 1 * *"
    assert schedule.execution_timezone == "Europe/Rome"
    assert result.run_requests is not None
    assert [request.partition_key for request in result.run_requests] == ["2025-03"]


def test_a_table_that_is_not_delivered_has_no_assets(home: Home, deliveries: Path, tmp_path: Path) -> None:
    folder = tmp_path / "without_app"
    folder.mkdir()
    for table in ("customers", "transactions", "call_records", "support_tickets"):
        (folder / table).symlink_to(deliveries / table)

    keys = build_definitions(of_files(home, folder)).resolve_asset_graph().get_all_asset_keys()

    assert not [key for key in keys if "app_usage" in key.to_user_string()]


def test_loading_warns_of_nothing(home: Home, deliveries: Path) -> None:
    of_files(home, deliveries)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dg.Definitions.validate_loadable(build_definitions(home))


def test_the_embedded_operator_has_all_tables_before_it_delivered(home: Home) -> None:
    keys = build_definitions(home).resolve_asset_graph().get_all_asset_keys()

    assert sum(key.to_user_string().startswith("raw_") for key in keys) == 5
