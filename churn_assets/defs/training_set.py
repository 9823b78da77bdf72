"""Which labelled months and features a challenger learns from, and which month judges it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
import polars as pl

from churn_assets.adapters.lake import Lake
from churn_assets.defs import evidence
from churn_assets.defs.features import LABELS, MATRIX, features_in, labelled_months, read_labelled
from churn_assets.defs.project import Project, reaching_back
from churn_assets.domain.declared_columns import CATEGORY
from churn_assets.domain.features.catalogue import FEATURES, Feature
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS
from churn_assets.learning.split import TemporalSplit, temporal_split

GROUP = "training"
TRAINING_SET = "training_set"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the training set."""
    return [_training_set(project)]


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
