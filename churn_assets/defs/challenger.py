"""The challenger: trained on the labelled months, stored by digest, registered, described."""

import hashlib
import json
from typing import Any

import dagster as dg
import polars as pl

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import CHALLENGER, ModelRegistry
from churn_assets.defs import evidence, pictures
from churn_assets.defs.project import Project
from churn_assets.defs.raw import files_name
from churn_assets.defs.training_set import GROUP, TRAINING_SET, LabelledMonths, learnable, split_at
from churn_assets.domain.drift import reference_profile
from churn_assets.domain.features.catalogue import Feature
from churn_assets.domain.months import Month
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.split import TemporalSplit
from churn_assets.learning.threshold import Floors
from churn_assets.learning.training import Training, TrainingSettings, train_challenger

POOL = "training"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the challenger of a month."""
    return [_challenger(project)]


def _challenger(project: Project) -> dg.AssetsDefinition:
    settings = project.settings

    @project.asset(
        CHALLENGERS,
        group=GROUP,
        description="The better of the families by the calibration month, calibrated, with its threshold fixed before the "
        "hold-out is opened; a folder of native, inert files, registered in MLflow.",
        deps=[TRAINING_SET],
        kinds=("xgboost", "lightgbm", "mlflow"),
        shaped_by=[settings.learning, settings.economics, settings.gates],
        pool=POOL,
    )
    def challenger_model(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        split = split_at(project, lake, month)
        months = LabelledMonths(project, lake, split.learning_months)
        features = learnable(project, lake, split)
        training = train_challenger(
            months,
            split,
            features,
            seed=settings.learning.seed,
            threads=settings.learning.threads,
            economics=settings.economics,
            families=settings.learning.families,
            data_versions=_data_versions(project, lake, split),
            settings=TrainingSettings(
                floors=Floors(settings.gates.recall_floor, settings.gates.precision_floor)
            ),
            progress=context.log.info,
        )
        digest = registry.store(training.model)
        version = registry.register(
            digest,
            month=str(month),
            metrics=evidence.numbers(training.chosen.calibration.metrics()),
            params=_params(training),
            tags={"dagster_run_id": context.run.run_id},
        )
        registry.point(CHALLENGER, version.version)
        row = {
            "version": version.version,
            "digest": digest,
            "family": training.model.family,
            "learned_from": _learned_from(project, lake, split),
            "mlflow_run": version.run_id,
            "reference": _reference(months, training.model, features),
        }
        result = lake.write(CHALLENGERS, month, pl.DataFrame([row]), run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={**evidence.written(result), **_described(training, version.version, digest)},
            data_version=dg.DataVersion(digest),
        )

    return challenger_model


def _data_versions(project: Project, lake: Lake, split: TemporalSplit) -> dict[str, int | str]:
    """Name the data that a model learned from by its content: the digests of the files of the split's months.

    A commit's number differs between two homes with the same data; the digest of the model must not.
    """
    learned = [Month.parse(key) for key in split.learning_months]
    return {
        f"{table.name}/{month}": digest[:16]
        for month in [*learned, learned[-1].next()]
        for table in project.tables
        if (digest := lake.read(files_name(table.name), month)["sha256"].item()) is not None
    }


def _learned_from(project: Project, lake: Lake, split: TemporalSplit) -> str:
    """Return a digest of all deliveries that can have shaped a model: those of the whole history up to its newest label."""
    months = list(project.first_month.until(Month.parse(split.calibration).next()))
    files = {
        table.name: sorted(
            lake.scan(files_name(table.name), months).select("month", "sha256").collect().rows()
        )
        for table in project.tables
    }
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _params(training: Training) -> dict[str, str]:
    contract = training.model.contract
    return {
        "family": contract.family,
        "rounds": str(contract.rounds),
        "threshold": f"{contract.threshold:.6f}",
        "threshold_policy": contract.threshold_policy,
        "training_months": ",".join(contract.training_months),
        "calibration_month": contract.calibration_month,
        "seed": str(contract.seed),
        **{f"tree.{name}": str(value)[:500] for name, value in contract.params.items()},
    }


def _reference(months: LabelledMonths, model: ChurnModel, features: list[Feature]) -> str:
    """Return what the model learned from, as the drift report will compare with it: the month it was calibrated on."""
    frame = months[model.contract.calibration_month]
    scored = frame.with_columns(pl.Series("churn_probability", model.probabilities(frame)))
    return reference_profile(scored, features, [model.contract.calibration_month]).to_json()


def _described(training: Training, version: str, digest: str) -> dict[str, Any]:
    candidates = pl.DataFrame(
        [
            {
                "family": candidate.family,
                "rounds": candidate.rounds,
                "log_loss": candidate.log_loss,
                "auc": candidate.calibration.auc,
                "pr_auc": candidate.calibration.pr_auc,
                "threshold": candidate.threshold.value,
                "seconds": candidate.seconds,
            }
            for candidate in training.candidates
        ]
    )
    return {
        "model_version": version,
        "model_digest": digest,
        "family": training.model.family,
        "threshold": training.model.threshold,
        "candidates_on_calibration_month": evidence.table(candidates),
        "features_by_importance": pictures.importance(training.model),
    }
