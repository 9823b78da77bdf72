"""What HTTP answers is what the batch says, in both arms, by id and by features, with the same reasons."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.defs.features import read_matrix
from churn_assets.defs.project import Project
from churn_assets.domain.assignment import Split
from churn_assets.learning.reasons import top_reasons
from churn_tests.benchmarks.serving.running import Service
from churn_tests.end_to_end.installation import JUNE
from churn_tests.serving.cluster.models import model_of


@pytest.fixture(scope="module")
def matrix(running: Service) -> pl.DataFrame:
    project = Project.of(Home(running.home.root))
    return read_matrix(project, project.lake, JUNE)


@pytest.mark.parametrize("by", ["id", "features"])
def test_every_customer_gets_the_batch_s_score_on_the_arm_of_the_split(
    service: Service, matrix: pl.DataFrame, by: str
) -> None:
    rows = matrix.drop("month").to_dicts()
    asked = [
        {"customer_id": row["customer_id"]}
        | ({} if by == "id" else {"features": {k: v for k, v in row.items() if k != "customer_id"}})
        for row in rows
    ]
    answers = service.batch(asked)
    split = Split("champion-challenger", 0.3)
    expected = {
        "champion": model_of(service, "2").probabilities(matrix),
        "challenger": model_of(service, "1").probabilities(matrix),
    }

    assert [answer["customer_id"] for answer in answers] == matrix["customer_id"].to_list()
    assert [answer["arm"] for answer in answers] == split.arms_of(matrix["customer_id"])
    assert not any(answer["fallback"] for answer in answers)
    given = np.array([answer["churn_probability"] for answer in answers])
    batched = np.array([expected[answer["arm"]][place] for place, answer in enumerate(answers)])
    assert np.abs(given - batched).max() <= 1e-6


def test_the_champion_gives_what_the_month_s_scores_say(service: Service, scores: pl.DataFrame) -> None:
    answers = service.batch([{"customer_id": customer} for customer in scores["customer_id"]])
    champion = [place for place, answer in enumerate(answers) if answer["arm"] == "champion"]

    assert len(champion) > len(answers) / 2
    for place in champion:
        row, answer = scores.row(place, named=True), answers[place]
        assert answer["churn_probability"] == pytest.approx(row["churn_probability"], abs=1e-6)
        assert answer["churn_prediction"] == row["churn_prediction"]
        assert answer["risk_band"] == row["risk_band"]
        assert answer["model_version"] == row["model_version"] == "2"
        assert answer["features_month"] == str(JUNE)


def test_reasons_are_the_batch_s_in_both_arms(service: Service, matrix: pl.DataFrame) -> None:
    split = Split("champion-challenger", 0.3)
    for arm, version in (("champion", "2"), ("challenger", "1")):
        some = matrix.filter(pl.Series(split.arms_of(matrix["customer_id"])) == arm).head(5)
        expected = top_reasons(model_of(service, version), some)
        for row, reasons in zip(some.iter_rows(named=True), expected, strict=True):
            answer = service.get(f"/customers/{row['customer_id']}/score?explain=true")
            assert (answer["arm"], answer["reasons_status"]) == (arm, "given")
            assert answer["reasons"] == reasons


def test_metrics_count_every_customer_of_both_replicas_exactly(
    service: Service, scores: pl.DataFrame
) -> None:
    def scored(metrics: dict[str, float]) -> float:
        return sum(value for name, value in metrics.items() if name.startswith("churn_predictions_total"))

    before = scored(service.metrics())
    for customer in scores["customer_id"].head(40):
        service.get(f"/customers/{customer}/score")
    service.batch([{"customer_id": customer} for customer in scores["customer_id"].head(1_500)])

    assert len(service.replicas("champion")) == 2
    assert scored(service.metrics()) - before == 1_540
