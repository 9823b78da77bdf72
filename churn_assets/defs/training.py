"""The challenger: its training set, the model, its evaluation on the hold-out, and who is champion after it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.champions import CHALLENGERS, DECISIONS, Decision, champion_at, record_decision
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.registry import CHALLENGER, ModelRegistry
from churn_assets.defs import evidence, pictures
from churn_assets.defs.features import LABELS, MATRIX, features_in, labelled_months, read_labelled
from churn_assets.defs.gates import EVALUATION, stored_verdicts
from churn_assets.defs.project import BEFORE, Project, reaching_back
from churn_assets.defs.raw import files_name
from churn_assets.domain.declared_columns import CATEGORY
from churn_assets.domain.drift import reference_profile
from churn_assets.domain.features.catalogue import FEATURES, Feature
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS
from churn_assets.learning.auc import Comparison
from churn_assets.learning.evaluation import compare, evaluate
from churn_assets.learning.gates import CHAMPION, GATE_NAMES, judge_gates, may_promote
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.split import TemporalSplit, temporal_split
from churn_assets.learning.threshold import Floors
from churn_assets.learning.training import Training, TrainingSettings, train_challenger

GROUP = "training"
TRAINING_SET = "training_set"
POOL = "training"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_training_set(project), _challenger(project), _evaluation(project), _champion(project)]


def split_at(project: Project, lake: Lake, month: Month) -> TemporalSplit:
    """Return which labelled month serves which purpose at the close of a month.

    Raises:
        dg.Failure: too few months are labelled.
    """
    labelled = [str(labelled) for labelled in labelled_months(lake, month)]
    try:
        return temporal_split(labelled, window=project.settings.learning.window_months)
    except ValueError as error:
        raise dg.Failure(f"no challenger at the close of {month}: {error}", allow_retries=False) from error


def _training_set(project: Project) -> dg.AssetsDefinition:
    reach = project.settings.learning.window_months

    @project.asset(
        TRAINING_SET,
        group=GROUP,
        description="Which labelled month trains, stops, calibrates and judges the challenger of this month, "
        "with its customers and churners and the lake versions that it was read from.",
        deps=[
            dg.AssetDep(MATRIX, partition_mapping=reaching_back(reach, to=-1)),
            dg.AssetDep(LABELS, partition_mapping=reaching_back(reach - 1)),
        ],
        shaped_by=[project.settings.learning],
    )
    def training_set(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        split = split_at(project, lake, month)
        roles = {
            **dict.fromkeys(split.train, "train"),
            split.early_stopping: "early_stopping",
            split.calibration: "calibration",
            split.hold_out: "hold_out",
        }
        rows = pl.DataFrame([_month_row(lake, Month.parse(key), role) for key, role in roles.items()])
        rows = rows.with_columns(pl.lit(lake.version(MATRIX)).alias("feature_matrix_version"))
        result = lake.write(TRAINING_SET, month, rows, run_id=context.run.run_id)
        return dg.MaterializeResult(metadata={**evidence.written(result), "months": evidence.table(rows)})

    return training_set


def _month_row(lake: Lake, month: Month, role: str) -> dict[str, object]:
    churned = lake.read(LABELS, month.next())["churned"]
    return {
        "feature_month": str(month),
        "role": role,
        "customers": churned.len(),
        "churners": int(churned.sum()),
    }


@dataclass(frozen=True)
class LabelledMonths(Mapping[str, pl.DataFrame]):
    """The labelled feature matrices by month, each read when it is asked for, so that one at a time needs memory."""

    project: Project
    lake: Lake
    keys_: tuple[str, ...]

    def __getitem__(self, key: str) -> pl.DataFrame:
        return read_labelled(self.project, self.lake, Month.parse(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_)

    def __len__(self) -> int:
        return len(self.keys_)


def learnable(project: Project, lake: Lake, split: TemporalSplit) -> list[Feature]:
    """Return the features that every month of a split has, without those that the settings leave out."""
    months = [Month.parse(key) for key in (*split.learning_months, split.hold_out)]
    present = set.intersection(*(set(features_in(project, lake, month)) for month in months))
    excluded = project.settings.learning.excluded_features
    known = [*project.features, *_declared(project, lake, split)]
    return [feature for feature in known if feature.name in present and feature.name not in excluded]


def _declared(project: Project, lake: Lake, split: TemporalSplit) -> Iterator[Feature]:
    """Yield the attributes that the settings declare as features, with the categories seen while learning."""
    matrix = lake.scan(MATRIX, [Month.parse(key) for key in split.learning_months])
    declared = project.settings.source.extra_customer_columns
    for number, (name, kind) in enumerate(declared.items(), len(FEATURES) + 1):
        seen: tuple[str, ...] = ()
        if kind == CATEGORY:
            seen = tuple(matrix.select(pl.col(name).drop_nulls().unique().sort()).collect().to_series())
            if not seen:
                continue  # without a single value there is nothing to learn from
        yield Feature(
            number=number,
            name=name,
            table=CUSTOMERS.name,
            dtype=pl.String() if kind == CATEGORY else pl.Float64(),
            unit="",
            description="declared in the settings",
            cause=name.replace("_", " "),
            categories=seen,
        )


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


def _evaluation(project: Project) -> dg.AssetsDefinition:
    settings = project.settings

    @project.asset(
        EVALUATION,
        group=GROUP,
        description="The challenger on the newest labelled month, which nothing of it has seen: ranking, recall and precision "
        "at the threshold, calibration, money, and the comparison with the champion on the same customers.",
        # It reads the former champion too. Declaring that would close a circle with `champion`, which Dagster refuses; a
        # former champion that changes has learned from months that this challenger learned from, so this is stale then.
        deps=[CHALLENGERS],
        kinds=("polars", "mlflow"),
        shaped_by=[settings.gates, settings.economics],
        pool=POOL,
    )
    def challenger_evaluation(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        challenger = lake.read(CHALLENGERS, month).row(0, named=True)
        model = registry.load(challenger["digest"])
        hold_out = read_labelled(project, lake, Month.parse(split_at(project, lake, month).hold_out))
        churned, probability = hold_out["churned"].to_numpy(), model.probabilities(hold_out)
        evaluation = evaluate(churned, probability, model.threshold, settings.economics)
        champion = champion_at(lake, month.previous())
        comparison: Comparison | None = None
        if champion is not None and champion.digest != challenger["digest"]:
            comparison = compare(churned, probability, registry.load(champion.digest).probabilities(hold_out))
        verdicts = judge_gates(evaluation, settings.gates, comparison)
        metrics = evidence.numbers(evaluation.metrics())
        row = {
            "hold_out": str(month.previous()),
            "model_digest": challenger["digest"],
            "gates": json.dumps([verdict.to_dict() for verdict in verdicts]),
            "report": evaluation.to_json(),
            **metrics,
        }
        registry.log_metrics(
            challenger["mlflow_run"], {f"hold_out_{name}": value for name, value in metrics.items()}
        )
        result = lake.write(EVALUATION, month, pl.DataFrame([row]), run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **pictures.evaluation(evaluation, settings.gates),
                **metrics,
                **evidence.written(result),
            }
        )

    return challenger_evaluation


def _champion(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        DECISIONS,
        group=GROUP,
        description="Who is champion after this month's challenger: promoted when every gate passed, by the stored evidence "
        "read again, and it is not worse than the champion; else the champion stays.",
        deps=[EVALUATION, dg.AssetDep(DECISIONS, partition_mapping=BEFORE)],
        kinds=("mlflow",),
    )
    def champion(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        registry: dg.ResourceParam[ModelRegistry],
        audit: dg.ResourceParam[AuditLog],
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        decision = decide(context.instance, lake, month)
        result = record_decision(
            decision,
            lake=lake,
            registry=registry,
            audit=audit,
            actor="platform",
            at=datetime.now(UTC),
            run_id=context.run.run_id,
        )
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "champion_version": decision.version,
                "promoted": decision.promoted,
                "reason": decision.reason,
            },
            data_version=dg.DataVersion(decision.digest),
        )

    return champion


def decide(instance: dg.DagsterInstance, lake: Lake, month: Month) -> Decision:
    """Decide from the stored evidence alone; it fails closed.

    Raises:
        dg.Failure: a gate has no evidence about this very model, or one blocks.
    """
    challenger = lake.read(CHALLENGERS, month).row(0, named=True)
    version, digest = challenger["version"], challenger["digest"]
    verdicts = stored_verdicts(instance, month, digest)
    missing = sorted(set(GATE_NAMES) - {verdict.name for verdict in verdicts})
    if missing:
        raise dg.Failure(
            f"version {version} is not promoted: no stored evidence of {', '.join(missing)} about the model {digest[:16]}; "
            f"run the job `retrain` for {month}, which evaluates and checks it",
            allow_retries=False,
        )
    if may_promote(verdicts):
        return Decision(str(month), version, digest, str(month), promoted=True, reason="All gates passed.")
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    champion = champion_at(lake, month.previous())
    if {verdict.name for verdict in blocking} == {CHAMPION} and champion is not None:
        reason = f"The champion stays: {blocking[0].sentence}."
        return Decision(
            str(month), champion.version, champion.digest, champion.trained_at, promoted=False, reason=reason
        )
    raise dg.Failure(
        f"version {version} is not promoted: {'; '.join(verdict.sentence for verdict in blocking)}",
        allow_retries=False,
    )
