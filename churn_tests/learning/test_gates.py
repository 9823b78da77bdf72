"""Gates judge what they are shown, and fail closed on what cannot be told."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from churn_assets.domain.economics import Economics
from churn_assets.learning.auc import Comparison
from churn_assets.learning.evaluation import Evaluation, evaluate
from churn_assets.learning.gates import (
    AUC,
    CALIBRATION,
    CHAMPION,
    GATE_NAMES,
    POSSIBLE,
    PRECISION,
    PROFIT,
    RECALL,
    GateSettings,
    GateVerdict,
    judge_gates,
    may_promote,
)
from churn_assets.learning.inputs import Floats
from churn_tests.learning.synthetic import month_of_customers


def good_evaluation(customers: int = 24_000) -> Evaluation:
    """Return the oracle's evaluation of a month like world A."""
    frame = month_of_customers(8, customers)
    return evaluate(frame["churned"].to_numpy(), frame["oracle_p"].to_numpy(), 0.3, Economics())


def verdicts_of(
    evaluation: Evaluation, champion: Comparison | None = None, settings: GateSettings | None = None
) -> dict[str, GateVerdict]:
    """Return the verdicts by name."""
    return {
        verdict.name: verdict for verdict in judge_gates(evaluation, settings or GateSettings(), champion)
    }


def difference_of(low: float, high: float) -> Comparison:
    """Return a comparison with that interval."""
    middle = (low + high) / 2
    return Comparison(24_000, 550, 0.87 + middle, 0.87, middle, (high - low) / 3.92, low, high, 0.5)


def test_oracle_of_world_a_passes_every_gate_with_a_sentence_each() -> None:
    verdicts = judge_gates(good_evaluation(), GateSettings(), None)

    assert tuple(verdict.name for verdict in verdicts) == GATE_NAMES
    assert all(verdict.passed for verdict in verdicts)
    assert all(verdict.sentence for verdict in verdicts)
    assert may_promote(verdicts)


@pytest.mark.parametrize(
    ("gate", "settings"),
    [
        (AUC, GateSettings(auc_floor=0.99)),
        (RECALL, GateSettings(recall_floor=0.95)),
        (PRECISION, GateSettings(precision_floor=0.95)),
    ],
)
def test_number_below_its_floor_blocks_and_the_sentence_has_both(gate: str, settings: GateSettings) -> None:
    verdict = verdicts_of(good_evaluation(), settings=settings)[gate]

    assert verdict.blocks
    assert f"{verdict.value:.3f}" in verdict.sentence
    assert f"below the floor {verdict.floor:.2f}" in verdict.sentence
    assert not may_promote(judge_gates(good_evaluation(), settings, None))


def test_value_on_its_floor_passes() -> None:
    found = good_evaluation()

    assert verdicts_of(found, settings=GateSettings(recall_floor=found.recall))[RECALL].passed


def test_campaign_that_loses_money_is_blocked() -> None:
    frame = month_of_customers(8)
    found = evaluate(frame["churned"].to_numpy(), frame["oracle_p"].to_numpy(), 0.0, Economics())

    verdict = verdicts_of(found)[PROFIT]

    assert verdict.blocks
    assert verdict.value < 0.0


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_probabilities_that_are_off_by_a_third_are_blocked(factor: float) -> None:
    frame = month_of_customers(8, 24_000)
    wrong = np.clip(frame["oracle_p"].to_numpy() * factor, 0.0, 0.99)

    assert verdicts_of(evaluate(frame["churned"].to_numpy(), wrong, 0.3, Economics()))[CALIBRATION].blocks


def test_right_mean_with_wrong_parts_is_blocked() -> None:
    frame = month_of_customers(8, 24_000)
    truth = frame["oracle_p"].to_numpy()
    levelled = 0.5 * truth + 0.5 * truth.mean()

    assert verdicts_of(evaluate(frame["churned"].to_numpy(), levelled, 0.02, Economics()))[CALIBRATION].blocks


def test_true_probabilities_pass_calibration_at_any_size() -> None:
    passed = [
        verdicts_of(evaluate(frame["churned"].to_numpy(), frame["oracle_p"].to_numpy(), 0.3, Economics()))[
            CALIBRATION
        ].passed
        for customers in (500, 2_000, 8_000)
        for frame in (month_of_customers(seed, customers) for seed in range(10))
    ]

    assert all(passed)


NOTHING_TO_TELL = {
    "empty": (np.empty(0), np.empty(0)),
    "nobody left": (np.zeros(50), np.linspace(0.0, 0.9, 50)),
    "everybody left": (np.ones(50), np.linspace(0.0, 0.9, 50)),
    "not a number": (np.arange(50) % 2, np.full(50, np.nan)),
    "one missing": (np.arange(50) % 2, np.r_[np.nan, np.linspace(0.1, 0.9, 49)]),
}


@pytest.mark.parametrize("churned_and_probability", NOTHING_TO_TELL.values(), ids=NOTHING_TO_TELL.keys())
def test_hold_out_that_tells_nothing_fails_closed(churned_and_probability: tuple[Floats, Floats]) -> None:
    verdicts = judge_gates(evaluate(*churned_and_probability, 0.5, Economics()), GateSettings(), None)

    by_name = {verdict.name: verdict for verdict in verdicts}
    assert not by_name[AUC].passed
    assert not by_name[POSSIBLE].passed
    assert not may_promote(verdicts)
    assert "cannot be told" in by_name[AUC].sentence


@pytest.mark.parametrize("name", ["auc", "recall", "precision", "base_rate", "expected_profit"])
def test_evaluation_with_a_number_missing_never_promotes(name: str) -> None:
    stored = json.loads(good_evaluation().to_json())

    found = Evaluation.from_json(json.dumps(stored | {name: None}))

    assert not may_promote(judge_gates(found, GateSettings(), None))


@pytest.mark.parametrize("name", ["mean_probability", "ece", "mean_error", "ece_by_chance", "ece_error"])
def test_evaluation_with_half_a_calibration_never_promotes(name: str) -> None:
    stored = json.loads(good_evaluation().to_json())

    found = Evaluation.from_json(json.dumps(stored | {"reliability": stored["reliability"] | {name: None}}))

    assert not may_promote(judge_gates(found, GateSettings(), None))


@pytest.mark.parametrize(
    ("low", "high", "passes"),
    [
        (-0.004, 0.010, True),  # better, within chance
        (-0.012, 0.004, True),  # worse, within chance
        (-0.0015, -0.0002, True),  # worse beyond chance, by less than matters
        (-0.020, -0.004, False),  # worse beyond chance, by what may matter
        (math.nan, math.nan, False),
    ],
)
def test_challenger_may_not_be_worse_beyond_chance_by_what_matters(
    low: float, high: float, *, passes: bool
) -> None:
    assert verdicts_of(good_evaluation(), difference_of(low, high))[CHAMPION].passed is passes


def test_first_challenger_needs_no_champion() -> None:
    verdict = verdicts_of(good_evaluation())[CHAMPION]

    assert verdict.passed
    assert "no champion" in verdict.sentence


def test_area_that_contradicts_the_operating_point_warns() -> None:
    claimed = replace(good_evaluation(), auc=0.80, auc_error=0.002, recall=0.718, false_positive_rate=0.008)

    verdict = verdicts_of(claimed)[POSSIBLE]

    assert not verdict.passed
    assert not verdict.blocks
    assert "0.855" in verdict.sentence


def test_modes_decide_what_a_failure_means() -> None:
    settings = GateSettings(auc_floor=0.99, recall_floor=0.99, modes={AUC: "dry_run", RECALL: "disabled"})
    verdicts = judge_gates(good_evaluation(), settings, None)
    by_name = {verdict.name: verdict for verdict in verdicts}

    assert not by_name[AUC].passed
    assert by_name[AUC].mode == "dry_run"
    assert not by_name[AUC].blocks
    assert not by_name[RECALL].blocks
    assert may_promote(verdicts)


def test_misspelt_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="no gate is called recal"):
        GateSettings(modes={"recal": "disabled"})


def test_without_every_verdict_there_is_no_promotion() -> None:
    verdicts = judge_gates(good_evaluation(), GateSettings(), None)

    assert may_promote(verdicts)
    assert not may_promote(verdicts[1:])
    assert not may_promote(())


def test_stored_verdict_is_read_back() -> None:
    for verdict in judge_gates(good_evaluation(), GateSettings(), difference_of(-0.02, -0.01)):
        assert GateVerdict.from_dict(verdict.to_dict()) == verdict


def test_half_a_verdict_is_no_evidence() -> None:
    stored = verdicts_of(good_evaluation())[AUC].to_dict()
    del stored["passed"]

    with pytest.raises(ValueError, match="no stored verdict"):
        GateVerdict.from_dict(stored)
