"""Whether the population has moved away from what the champion knows."""

import hashlib

import dagster as dg
import polars as pl

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.adapters.files import write_atomically
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs import evidence
from churn_assets.defs.features import MATRIX, features_in, read_matrix
from churn_assets.defs.project import Project
from churn_assets.defs.scoring import SCORES, champion_of
from churn_assets.domain.drift import DriftReport, ReferenceProfile, drift_report
from churn_assets.domain.months import Month
from churn_assets.plots.drift_page import drift_page

GROUP = "monitoring"
DRIFT = "drift_report"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_drift(project)]


def _drift(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        DRIFT,
        group=GROUP,
        description="How far every feature and the scores moved from the month that the champion was calibrated on: "
        "effect sizes on all rows, weighted by what the champion looks at, and one verdict.",
        deps=[MATRIX, SCORES],
        shaped_by=[project.settings.drift],
    )
    def drift_report_(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        report = judge_drift(project, lake, registry, month)
        text = report.to_json()
        page = project.home.reports / f"drift-{month}.html"
        write_atomically(page, drift_page(report).encode())
        row = {
            "severity": report.severity,
            "drifted": report.drifted,
            "sentence": report.sentence,
            "share_in_alarm": report.share_in_alarm,
            "report": text,
        }
        result = lake.write(DRIFT, month, pl.DataFrame([row]), run_id=context.run.run_id)
        moved = report.to_frame().sort("psi", descending=True, nulls_last=True)
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "severity": report.severity,
                "drifted": dg.MetadataValue.bool(report.drifted),
                "sentence": report.sentence,
                "report_digest": hashlib.sha256(text.encode()).hexdigest()[:16],
                "page": dg.MetadataValue.path(str(page)),
                "most_moved": evidence.table(
                    moved.select("feature", "status", "importance", "psi", "w1_sd", "null_change")
                ),
                **evidence.numbers(
                    {"share_in_alarm": report.share_in_alarm, "score_psi": _score_psi(report)}
                ),
            }
        )

    return drift_report_


def judge_drift(project: Project, lake: Lake, registry: ModelRegistry, month: Month) -> DriftReport:
    """Compare a month's features and scores with what its champion was calibrated on."""
    champion = champion_of(lake, month)
    trained = lake.read(CHALLENGERS, Month.parse(champion.trained_at)).row(0, named=True)
    model = registry.load(champion.digest)
    scores = lake.read(SCORES, month).select("customer_id", "churn_probability")
    current = read_matrix(project, lake, month).join(scores, on="customer_id")
    present = set(features_in(project, lake, month))
    features = [feature for feature in project.features if feature.name in present]
    reference = ReferenceProfile.from_json(trained["reference"])
    return drift_report(reference, current, features, model.importance(), project.settings.drift, month)


def _score_psi(report: DriftReport) -> float | None:
    return report.score.movement.psi if report.score else None
