"""A challenger is trained, judged, promoted and scores; and whatever goes wrong on the way leaves the champion as it is."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.champions import CHALLENGERS, DECISIONS, Decision, champion_at
from churn_assets.defs.build import definitions_of
from churn_assets.defs.cleaned import cleaned_name
from churn_assets.defs.gates import EVALUATION, stopping_gates, stored_verdicts
from churn_assets.defs.jobs import RETRAIN
from churn_assets.defs.retention import CAMPAIGN, OUTCOME, SUMMARY
from churn_assets.defs.scoring import SCORES
from churn_assets.defs.training_set import TRAINING_SET
from churn_assets.domain.campaign import CONTACT
from churn_assets.domain.months import Month
from churn_assets.learning.gates import GATE_NAMES
from churn_tests.end_to_end.installation import APRIL, JUNE, MAY, Installation

RESULTS = (SCORES, CAMPAIGN, SUMMARY)


@pytest.fixture
def after_may(to_may: Installation, tmp_path: Path) -> Installation:
    """An installation of the test's own with May's champion; June is delivered and not yet taken in."""
    return to_may.copied(tmp_path / "after_may")


def champion(installation: Installation, month: Month) -> Decision:
    """Return the champion at the close of a month."""
    found = champion_at(installation.lake, month)
    assert found is not None
    return found


def test_with_four_labelled_months_a_challenger_becomes_champion(to_may: Installation) -> None:
    assert champion_at(to_may.lake, APRIL) is None
    may = champion(to_may, MAY)
    assert (may.promoted, may.trained_at) == (True, "2025-05")
    assert may.digest == to_may.lake.read(CHALLENGERS, MAY)["digest"].item()
    roles = to_may.lake.read(TRAINING_SET, MAY).sort("feature_month")["role"].to_list()
    assert roles == ["train", "early_stopping", "calibration", "hold_out"]
    (entry,) = AuditLog(to_may.home.audit_log).records()
    assert (entry.action, entry.details["digest"]) == ("promote", may.digest)


def test_every_gate_has_stored_evidence_about_this_very_model(to_may: Installation) -> None:
    with to_may.opened(), dg.DagsterInstance.get() as instance:
        verdicts = stored_verdicts(instance, MAY, champion(to_may, MAY).digest)

    assert {verdict.name for verdict in verdicts} == set(GATE_NAMES)
    judged = json.loads(to_may.lake.read(EVALUATION, MAY)["gates"].item())
    assert sorted(judged, key=lambda gate: str(gate["name"])) == sorted(
        (verdict.to_dict() for verdict in verdicts), key=lambda gate: str(gate["name"])
    )


def test_the_champion_scores_every_active_customer_once(to_may: Installation) -> None:
    scores = to_may.lake.read(SCORES, MAY)

    assert sorted(scores["customer_id"]) == to_may.matrix(MAY)["customer_id"].to_list()
    assert scores["churn_probability"].is_between(0, 1).all()
    assert set(scores["model_version"]) == {champion(to_may, MAY).version}
    reasons = scores.filter("churn_prediction")["reasons"]
    assert reasons.len() > 0
    assert reasons.list.len().min() == 3


def test_the_list_obeys_who_opted_out(to_may: Installation) -> None:
    chosen = to_may.lake.read(CAMPAIGN, MAY)
    customers = to_may.lake.read(cleaned_name("customers"), MAY)
    opted_out = customers.filter("marketing_opt_out")["customer_id"]
    predicted = to_may.lake.read(SCORES, MAY).filter("churn_prediction")["customer_id"]
    summary = to_may.lake.read(SUMMARY, MAY).row(0, named=True)

    assert predicted.is_in(opted_out.implode()).any()
    assert not chosen["customer_id"].is_in(opted_out.implode()).any()
    assert chosen["customer_id"].is_unique().all()
    assert summary["contacts"] == chosen.filter(pl.col("action") == CONTACT).height > 0
    assert summary["control"] == chosen.filter(pl.col("action") != CONTACT).height


def test_a_month_later_the_list_is_held_against_what_happened(after_may: Installation) -> None:
    after_may.live(JUNE, scored=[JUNE])

    outcome = after_may.lake.read(OUTCOME, JUNE).row(0, named=True)
    may = after_may.lake.read(CAMPAIGN, MAY)
    contacted = may.filter(pl.col("action") == CONTACT)["customer_id"]
    june = after_may.rows("customers", JUNE).filter(pl.col("churned_on").is_not_null())["customer_id"]
    assert outcome["campaign_month"] == "2025-05"
    assert outcome["contacts"] == contacted.len()
    assert outcome["contacts_churned"] == contacted.is_in(june.implode()).sum()


def test_a_gate_that_fails_stops_the_challenger_and_the_champion_goes_on_scoring(
    after_may: Installation, to_may: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_GATES_PRECISION_FLOOR", "0.99")

    stages = {stage.job: stage for stage in after_may.live(JUNE, scored=[JUNE]) if stage.month == JUNE}

    assert stages["retrain"].outcome == "stopped"
    assert "precision_at_least_floor" in stages["retrain"].sentence
    assert stages["score_month"].outcome == "done"
    with after_may.opened(), dg.DagsterInstance.get() as instance:
        assert stopping_gates(instance, after_may.lake, JUNE) == ("precision_at_least_floor",)
    may = champion(to_may, MAY)
    assert champion(after_may, JUNE) == may
    assert set(after_may.lake.read(SCORES, JUNE)["model_version"]) == {may.version}
    assert after_may.published([MAY], RESULTS) == to_may.published([MAY], RESULTS)

    made = after_may.made()
    again = {stage.job: stage for stage in after_may.live(JUNE, scored=[JUNE]) if stage.month == JUNE}
    assert again["retrain"].outcome == "stopped"
    assert after_may.made() == made


def test_a_gate_made_stricter_later_takes_nothing_from_the_champion(
    after_may: Installation, to_may: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_GATES_PRECISION_FLOOR", "0.99")

    stages = after_may.live(JUNE, scored=[MAY, JUNE])  # all months anew, as `churn run` does

    retrained = [stage.outcome for stage in stages if stage.job == RETRAIN]
    assert retrained == ["stopped", "stopped"]
    assert champion(after_may, JUNE) == champion(to_may, MAY)
    assert after_may.published([MAY], RESULTS) == to_may.published([MAY], RESULTS)
    assert set(after_may.lake.read(SCORES, JUNE)["model_version"]) == {champion(to_may, MAY).version}


def test_a_champion_that_learned_from_wrong_data_does_not_stand(
    after_may: Installation, to_may: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_GATES_PRECISION_FLOOR", "0.99")
    payments = after_may.rows("transactions", APRIL)
    after_may.deliver("transactions", APRIL, payments.with_columns(pl.col("amount") * 1.5))

    after_may.live(MAY, scored=[MAY])

    assert champion_at(after_may.lake, MAY) is None
    assert after_may.published([MAY], [SCORES]) == to_may.published([MAY], [SCORES])


def test_the_decision_alone_fails_closed_without_evidence(after_may: Installation) -> None:
    after_may.live(JUNE)
    may = champion(after_may, JUNE)

    assert _made(after_may, TRAINING_SET, CHALLENGERS) == ""
    assert "no stored evidence" in _made(after_may, DECISIONS)

    assert champion(after_may, JUNE) == may
    assert not after_may.lake.has(DECISIONS, JUNE)


def test_and_with_evidence_about_another_model(
    after_may: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_may.live(JUNE, scored=[JUNE])
    june = champion(after_may, JUNE)
    monkeypatch.setenv("CHURN_LEARNING_SEED", "8")

    assert _made(after_may, CHALLENGERS) == ""
    assert after_may.lake.read(CHALLENGERS, JUNE)["digest"].item() != june.digest
    assert "no stored evidence" in _made(after_may, DECISIONS)

    assert champion(after_may, JUNE) == june


def _made(installation: Installation, *assets: str) -> str:
    """Materialise some assets of June, as by a click in Dagster; return why that failed, or an empty text."""
    job = definitions_of(installation.project).resolve_job_def(RETRAIN)
    with installation.opened(), dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=str(JUNE),
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            raise_on_error=False,
        )
    failures = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    return "; ".join(str(failure.description) for failure in failures if failure)
