"""The month's features where real-time scoring looks them up: judged as they were written, then published in one step."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import polars as pl

from churn_assets.adapters.lake import Lake
from churn_assets.adapters.online_store import Golden, OnlineStore, Prepared, golden_of
from churn_assets.defs import evidence
from churn_assets.defs.features import MATRIX, read_matrix
from churn_assets.defs.project import Project
from churn_assets.defs.scoring import SCORES, champion_of
from churn_assets.domain.declared_columns import CATEGORY
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.inputs import Flags, Matrix

GROUP = "serving"
ONLINE = "online_features"
MATCHES = "online_features_match_lake"
SAMPLED_ROWS = 200
Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_online(project)]


def _online(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        ONLINE,
        group=GROUP,
        description="Each customer's features as real-time scoring reads them by customer id: a read-only snapshot of the "
        "month, published in one step and never in place of a newer month; the former one stays for a roll-back.",
        deps=[MATRIX, SCORES],
        kinds=("numpy", "deltalake"),
        checks=[
            project.check(
                ONLINE,
                MATCHES,
                "Every customer of the feature matrix is there, and rows read back are those of the lake, bit for bit.",
                blocking=True,
            )
        ],
        tags={"pii": "pseudonymous"},
    )
    def online_features(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        online_store: dg.ResourceParam[OnlineStore],
    ) -> Results:
        month = evidence.month_of(context)
        matrix = read_matrix(project, lake, month)
        features = _features(project, matrix)
        prepared = online_store.prepare(
            matrix, features, month=month, made_at=datetime.now(UTC), golden=_golden(lake, month)
        )
        checked = _matches(online_store, prepared, matrix, month)
        yield checked
        if not checked.passed:
            online_store.discard(prepared)
            raise dg.Failure(
                f"the online features of {month} are not published: {checked.description}",
                allow_retries=False,
            )
        publication = online_store.publish(prepared)
        snapshot = prepared.manifest
        row = pl.DataFrame([{"snapshot_id": snapshot.snapshot_id, "rows": snapshot.rows}])
        result = lake.write(ONLINE, month, row, run_id=context.run.run_id)
        yield dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "rows": snapshot.rows,
                "snapshot_id": snapshot.snapshot_id,
                "bytes": prepared.size,
                "published": dg.MetadataValue.bool(publication.visible),
                "sentence": publication.sentence,
            },
        )

    return online_features


def _features(project: Project, matrix: pl.DataFrame) -> list[ContractFeature]:
    """Return the features of a month's matrix; a declared category has the values of the month as its vocabulary."""
    catalogue = [
        ContractFeature(feature.name, feature.kind, feature.categories)
        for feature in project.features
        if feature.name in matrix.columns
    ]
    declared = project.settings.source.extra_customer_columns
    return catalogue + [
        ContractFeature(name, "category", tuple(matrix[name].drop_nulls().unique().sort()))
        if kind == CATEGORY
        else ContractFeature(name, "number")
        for name, kind in declared.items()
    ]


def _golden(lake: Lake, month: Month) -> Golden:
    """Return the champion's scores of a few customers.

    Raises:
        dg.Failure: the month's scores are another model's.
    """
    champion = champion_of(lake, month)
    scores = lake.read(SCORES, month)
    if set(scores["model_version"].unique()) != {champion.version}:
        raise dg.Failure(
            f"the scores of {month} are not those of version {champion.version}, its champion: run the job `score_month`",
            allow_retries=False,
        )
    return golden_of(scores, month, champion.digest, champion.version)


def _matches(
    store: OnlineStore, prepared: Prepared, matrix: pl.DataFrame, month: Month
) -> dg.AssetCheckResult:
    """Read rows of customers drawn by the month back from the prepared snapshot and encode the same from the lake."""
    draw = np.random.default_rng([month.year, month.number])
    places = draw.choice(matrix.height, min(SAMPLED_ROWS, matrix.height), replace=False)
    sample = matrix[places]
    expected = encode(sample, prepared.manifest.features)
    rows, found = asyncio.run(_read_back(store, prepared, sample["customer_id"].to_list()))
    same = found & (rows.view(np.uint32) == expected.view(np.uint32)).all(axis=1)
    stored, different = prepared.manifest.rows, int((~same).sum())
    return dg.AssetCheckResult(
        asset_key=ONLINE,
        check_name=MATCHES,
        passed=stored == matrix.height and not different,
        description=f"{matrix.height} customers in the lake, {stored} stored; {different} of {sample.height} rows differ",
        metadata={
            "customers": matrix.height,
            "stored": stored,
            "read_back": sample.height,
            "different": different,
        },
    )


async def _read_back(
    store: OnlineStore, prepared: Prepared, customer_ids: Sequence[int]
) -> tuple[Matrix, Flags]:
    snapshot = store.open(prepared.manifest)
    try:
        return await snapshot.rows(customer_ids)
    finally:
        await snapshot.close()
