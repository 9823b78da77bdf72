"""Scores of all active customers, by the champion of the day."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from churn_assets.adapters.champions import DECISIONS, Decision, champion_at
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import CHAMPION, ModelRegistry
from churn_assets.defs import evidence
from churn_assets.defs.features import MATRIX, read_matrix
from churn_assets.defs.project import Project, reaching_back
from churn_assets.domain.months import Month
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.reasons import top_reasons
from churn_assets.plots import charts

GROUP = "scoring"
SCORES = "churn_scores"
Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_scores(project)]


def _scores(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        SCORES,
        group=GROUP,
        description="The probability to leave next month of every active customer, by the champion of the day, "
        "with reasons for those whom it predicts to leave.",
        deps=[
            MATRIX,
            dg.AssetDep(DECISIONS, partition_mapping=reaching_back(project.settings.learning.window_months)),
        ],
        kinds=("polars", "xgboost", "deltalake"),
        checks=[
            project.check(
                SCORES,
                "scores_cover_active_customers",
                "Every active customer has one score, a number from 0 to 1.",
                blocking=True,
            )
        ],
        tags={"pii": "pseudonymous"},
    )
    def churn_scores(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> Results:
        month = evidence.month_of(context)
        champion = champion_of(lake, month)
        matrix = read_matrix(project, lake, month)
        scores = score(registry.load(champion.digest), matrix, champion)
        checked = _coverage(matrix, scores)
        yield checked
        if not checked.passed:
            raise dg.Failure(
                f"the scores of {month} are not whole: {checked.description}", allow_retries=False
            )
        result = lake.write(SCORES, month, scores, run_id=context.run.run_id)
        predicted = scores["churn_prediction"]
        yield dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "model_version": champion.version,
                "predicted_churners": int(predicted.sum()),
                **evidence.numbers({"mean_probability": scores["churn_probability"].mean()}),  # type: ignore[dict-item]
                "score_histogram": dg.MetadataValue.md(
                    charts.as_markdown(
                        charts.score_histogram(scores["churn_probability"].to_numpy()), "scores"
                    )
                ),
            },
        )

    return churn_scores


def champion_of(lake: Lake, month: Month) -> Decision:
    """Return the champion in force at the close of a month.

    Raises:
        dg.Failure: no model has passed the gates by then.
    """
    champion = champion_at(lake, month)
    if champion is None:
        raise dg.Failure(
            f"there is no champion at the close of {month}: no model has passed the gates. `churn status` names them",
            allow_retries=False,
        )
    return champion


def score(model: ChurnModel, matrix: pl.DataFrame, champion: Decision) -> pl.DataFrame:
    """Score a feature matrix with the one scorer that serving uses too; reasons for the predicted ones."""
    scored = model.score(matrix).select("customer_id", "churn_probability", "churn_prediction", "risk_band")
    predicted = matrix.filter(scored["churn_prediction"])
    reasons = pl.DataFrame(
        {"customer_id": predicted["customer_id"], "reasons": top_reasons(model, predicted)}
    )
    return scored.join(
        reasons.with_columns(pl.col("reasons").cast(pl.List(pl.String))),
        on="customer_id",
        how="left",
        maintain_order="left",
    ).select(
        "customer_id",
        "churn_probability",
        "churn_prediction",
        "risk_band",
        pl.lit(champion.version).alias("model_version"),
        pl.lit(CHAMPION).alias("arm"),
        "reasons",
    )


def _coverage(matrix: pl.DataFrame, scores: pl.DataFrame) -> dg.AssetCheckResult:
    probability = scores["churn_probability"]
    numbers = int((probability.is_finite() & probability.is_between(0, 1)).sum())
    customers = scores["customer_id"].n_unique()
    return dg.AssetCheckResult(
        asset_key=SCORES,
        check_name="scores_cover_active_customers",
        passed=matrix.height == customers == numbers == scores.height,
        description=f"{matrix.height} active customers, {customers} scored, {numbers} probabilities from 0 to 1",
        metadata={"active": matrix.height, "scored": customers, "probabilities": numbers},
    )
