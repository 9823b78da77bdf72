"""The five delivered tables as they came, typed but not judged, and who the operator's customers ever were."""

from dataclasses import replace

import dagster as dg
import polars as pl

from churn_assets.adapters.deliveries import Delivered, DeliveryError, Source
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.settings import SourceSettings
from churn_assets.defs import evidence
from churn_assets.defs.project import BEFORE, Project
from churn_assets.domain.feed import profile
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS, Table

GROUP = "raw"
REGISTER = "customer_register"


def raw_name(table: str) -> str:
    """Return the asset, and lake table, of a delivered table."""
    return f"raw_{table}"


def files_name(table: str) -> str:
    """Return the lake table that records which file a raw month came from, and its profile."""
    return f"delivered_{table}"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the raw assets of the tables that this operator delivers."""
    return [_raw(project, table) for table in project.tables] + [_register(project)]


def _raw(project: Project, table: Table) -> dg.AssetsDefinition:
    @project.asset(
        raw_name(table.name),
        group=GROUP,
        description=f"`{table.name}` as the operator delivered it: every row of the month's file, typed losslessly, "
        "not judged. A file that is missing, torn or of another schema fails here, by name.",
        kinds=("polars", "deltalake", "parquet"),
        shaped_by=[_shaping(project.settings.source)],
        tags={"pii": "pseudonymous"},
    )
    def raw(
        context: dg.AssetExecutionContext, source: dg.ResourceParam[Source], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        first = source.first_month(table.name)
        delivered = None if first is None or month < first else _read(source, table, month)
        rows = delivered.rows if delivered else pl.DataFrame(schema=table.schema)
        # The record first: after a kill in between it names another file than the materialisation does, which is seen.
        lake.write(files_name(table.name), month, _file_record(table, delivered), run_id=context.run.run_id)
        result = lake.write(raw_name(table.name), month, rows, run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "file": delivered.source if delivered else "not delivered yet",
            },
            data_version=dg.DataVersion(data_version_of(delivered.sha256 if delivered else None)),
        )

    return raw


def _shaping(source: SourceSettings) -> SourceSettings:
    """Return the settings that shape the rows: not where they lie or what a missing file means, for content tells those."""
    return replace(source, path="", url="", missing_file="block")


def data_version_of(sha256: str | None) -> str:
    """Return the data version of a raw month: its file's digest, or that there was none."""
    return sha256 or "none"


def _read(source: Source, table: Table, month: Month) -> Delivered:
    try:
        return source.read(table.name, month)
    except DeliveryError as error:
        raise dg.Failure(
            f"month {month} is blocked: {error}",
            metadata={"table": error.table, "month": str(error.month), "kind": error.kind},
            allow_retries=False,
        ) from error


def _file_record(table: Table, delivered: Delivered | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "delivered": [delivered is not None],
            "file": [delivered.source if delivered else None],
            "sha256": [delivered.sha256 if delivered else None],
            "stamp": [delivered.stamp.to_json() if delivered else None],
            "profile": [profile(table, delivered.rows).to_json() if delivered else None],
        },
        schema={
            "delivered": pl.Boolean,
            "file": pl.String,
            "sha256": pl.String,
            "stamp": pl.String,
            "profile": pl.String,
        },
    )


def _register(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        REGISTER,
        group=GROUP,
        description="Every customer that any delivery up to this month named, with the first month. "
        "An event of someone who is not in it belongs to an unknown customer.",
        deps=[raw_name(CUSTOMERS.name), dg.AssetDep(REGISTER, partition_mapping=BEFORE)],
        tags={"pii": "pseudonymous"},
    )
    def customer_register(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        rows = lake.scan(raw_name(CUSTOMERS.name), [month])  # which may be none: judging the month says so
        named = rows.select("customer_id").drop_nulls().unique().collect()
        named = named.with_columns(pl.lit(str(month)).alias("first_month"))
        if month > project.first_month:
            former = require_before(lake, REGISTER, month)
            named = pl.concat([former, named.join(former, on="customer_id", how="anti")])
        result = lake.write(REGISTER, month, named.sort("customer_id"), run_id=context.run.run_id)
        return dg.MaterializeResult(metadata=evidence.written(result))

    return customer_register


def require_before(lake: Lake, table: str, month: Month) -> pl.DataFrame:
    """Read the month before, on which this one builds.

    Raises:
        dg.Failure: it is not there: it was blocked, or never run.
    """
    before = month.previous()
    if not lake.has(table, before):
        raise dg.Failure(
            f"month {month} needs {table} of {before}, which is not published: run {before} first "
            "(`churn run` does it in order), or mend what blocked it",
            allow_retries=False,
        )
    return lake.read(table, before)
