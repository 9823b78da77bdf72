"""Every number of an evaluation, on a month small enough to count by hand and on one whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from churn_assets.domain.economics import Economics
from churn_assets.learning.evaluation import Evaluation, evaluate
from churn_assets.learning.inputs import Flags, Floats
from churn_tests.learning.synthetic import month_of_customers

TEN = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
SCORES = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.2, 0.1, 0.05, 0.01])


def known_truth(customers: int = 24_000) -> tuple[Flags, Floats]:
    """Return what happened and the true probabilities."""
    frame = month_of_customers(5, customers)
    return frame["churned"].to_numpy().astype(np.bool_), frame["oracle_p"].to_numpy()


def test_ten_customers_by_hand() -> None:
    found = evaluate(TEN, SCORES, 0.7, Economics())

    assert (found.customers, found.churners, found.contacts, found.churners_found) == (10, 3, 3, 2)
    assert found.recall == pytest.approx(2 / 3)
    assert found.precision == pytest.approx(2 / 3)
    assert found.false_positive_rate == pytest.approx(1 / 7)
    assert found.auc == pytest.approx(20 / 21)
    assert found.pr_auc == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found.expected_profit == pytest.approx(2.4 * 0.4 * 180 - 3 * 35)
    assert found.realised_profit == pytest.approx(2 * 0.4 * 180 - 3 * 35)
    assert found.recall_low < found.recall < found.recall_high


def test_customer_on_the_line_is_contacted() -> None:
    assert evaluate(TEN, SCORES, 0.8, Economics()).contacts == 2


def test_numbers_agree_with_scikit_learn() -> None:
    churned, truth = known_truth()
    rounded = np.round(truth, 3)  # with ties

    found = evaluate(churned, rounded, 0.3, Economics())

    assert found.auc == pytest.approx(metrics.roc_auc_score(churned, rounded))
    assert found.pr_auc == pytest.approx(metrics.average_precision_score(churned, rounded))
    assert found.brier == pytest.approx(metrics.brier_score_loss(churned, rounded))
    assert found.log_loss == pytest.approx(metrics.log_loss(churned, rounded))


def test_true_probabilities_are_reliable_and_their_error_is_what_chance_shows() -> None:
    found = evaluate(*known_truth(), 0.3, Economics()).reliability

    assert found.slope == pytest.approx(1.0, abs=4 * found.slope_error)
    assert found.ece == pytest.approx(found.ece_by_chance, abs=4 * found.ece_error)
    assert sum(count for _, _, count in found.points) == 24_000


def test_overconfident_probabilities_show_a_slope_under_one() -> None:
    churned, truth = known_truth()

    found = evaluate(churned, truth**1.5, 0.3, Economics()).reliability

    assert found.slope < 1.0 - 4 * found.slope_error
    assert found.mean_probability < churned.mean()
    assert found.ece > found.ece_by_chance + 4 * found.ece_error


def test_points_to_plot_are_few_and_reach_the_corners() -> None:
    found = evaluate(*known_truth(), 0.3, Economics())

    assert found.roc[0] == (0.0, 0.0)
    assert found.roc[-1] == (1.0, 1.0)
    assert len(found.roc) <= 201
    assert found.precision_recall[-1][0] == 1.0
    assert sum(stayers + churners for _, stayers, churners in found.histogram) == 24_000
    assert sum(found.lift) == pytest.approx(10.0)
    assert found.recall_at_top_fifth > 0.7


def test_order_of_rows_changes_nothing() -> None:
    churned, truth = known_truth(3_000)
    shuffled = np.random.default_rng(1).permutation(3_000)

    one = evaluate(churned, np.round(truth, 2), 0.3, Economics())
    other = evaluate(churned[shuffled], np.round(truth, 2)[shuffled], 0.3, Economics())

    assert one.metrics() == pytest.approx(other.metrics())
    assert one.lift == pytest.approx(other.lift)


@pytest.mark.parametrize(
    ("churned", "probability"),
    [
        (TEN, SCORES),
        (np.zeros(3), np.full(3, 0.1)),
        (np.ones(3), np.full(3, 0.1)),
        (np.empty(0), np.empty(0)),
        (TEN, np.where(TEN, np.nan, SCORES)),
    ],
)
def test_document_gives_back_the_same_evaluation(churned: Floats, probability: Floats) -> None:
    found = evaluate(churned, probability, 0.5, Economics())

    again = Evaluation.from_json(found.to_json())

    assert again.to_json() == found.to_json()
    assert repr(again) == repr(found)  # NaN is not equal to itself, its text is


def test_what_cannot_be_told_is_nan_and_no_exception() -> None:
    nobody = evaluate(np.empty(0), np.empty(0), 0.5, Economics())
    no_churner = evaluate(np.zeros(20), np.linspace(0, 0.4, 20), 0.5, Economics())

    assert math.isnan(nobody.auc)
    assert math.isnan(nobody.base_rate)
    assert math.isnan(no_churner.auc)
    assert math.isnan(no_churner.recall)
    assert math.isnan(no_churner.precision)
    assert no_churner.expected_profit == 0.0


def test_scores_of_other_customers_are_refused() -> None:
    with pytest.raises(ValueError, match="score exactly the labelled customers"):
        evaluate(TEN, SCORES[:-1], 0.5, Economics())


def test_text_that_is_no_evaluation_is_refused() -> None:
    with pytest.raises(ValueError, match="no stored evaluation"):
        Evaluation.from_json("{}")
