"""Lifetime state, the feature matrix, and the labels that mature a month later."""

import dagster as dg
import polars as pl

from churn_assets.adapters.lake import Lake
from churn_assets.defs import evidence
from churn_assets.defs.cleaned import cleaned_name
from churn_assets.defs.project import BEFORE, Project, reaching_back
from churn_assets.defs.raw import files_name
from churn_assets.domain import labels as label_rules
from churn_assets.domain.features.catalogue import features_of
from churn_assets.domain.features.matrix import LOOK_BACK_MONTHS, Window, feature_matrix
from churn_assets.domain.lifetime import fold, lifetime_partial, refold
from churn_assets.domain.months import Month
from churn_assets.domain.tables import CUSTOMERS, SUPPORT_TICKETS, TRANSACTIONS

GROUP = "features"
PARTIAL = "lifetime_partial"
STATE = "lifetime_state"
MATRIX = "feature_matrix"
LABELS = "matured_labels"


def build(project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of this layer."""
    return [_partial(project), _state(project), _matrix(project), _labels(project)]


def _partial(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        PARTIAL,
        group=GROUP,
        description="What one month adds to each customer's lifetime of payments: count, moments, first and last. "
        "Kept, so that a corrected month is folded anew without reading the others.",
        deps=[cleaned_name(TRANSACTIONS.name)],
    )
    def lifetime_partial_(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        rows = lake.scan(cleaned_name(TRANSACTIONS.name), [month])
        result = lake.write(PARTIAL, month, lifetime_partial(rows, month), run_id=context.run.run_id)
        return dg.MaterializeResult(metadata=evidence.written(result))

    return lifetime_partial_


def _state(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        STATE,
        group=GROUP,
        description="Each customer's lifetime of payments up to the snapshot, folded month by month.",
        deps=[PARTIAL, dg.AssetDep(STATE, partition_mapping=BEFORE)],
    )
    def lifetime_state(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        partial = lake.scan(PARTIAL, [month]).drop("month").collect()
        if month == project.first_month:
            state = refold([partial])
        else:
            state = fold(_state_before(lake, project.first_month, month), partial)
        result = lake.write(STATE, month, state, run_id=context.run.run_id)
        return dg.MaterializeResult(metadata=evidence.written(result))

    return lifetime_state


def _state_before(lake: Lake, first: Month, month: Month) -> pl.DataFrame:
    before = month.previous()
    if lake.has(STATE, before):
        return lake.read(STATE, before)
    cleaned = lake.months(cleaned_name(CUSTOMERS.name))
    missing = [earlier for earlier in first.until(before) if earlier not in cleaned]
    if missing:
        raise dg.Failure(
            f"the lifetime features of {month} need the whole history, and {missing[0]} is not published: "
            "`churn run` makes the months in order",
            allow_retries=False,
        )
    return refold(lake.scan(PARTIAL, [earlier]).drop("month").collect() for earlier in first.until(before))


def _matrix(project: Project) -> dg.AssetsDefinition:
    deps = [
        dg.AssetDep(cleaned_name(table.name), partition_mapping=reaching_back(LOOK_BACK_MONTHS[table.name]))
        for table in project.tables
    ]

    @project.asset(
        MATRIX,
        group=GROUP,
        description="One row per customer active at the snapshot, with the features of the catalogue, "
        "computed only from what happened before it.",
        deps=[STATE, *deps],
    )
    def feature_matrix_(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        matrix = feature_matrix(window_of(project, lake, month), month)
        result = lake.write(MATRIX, month, matrix.drop("month"), run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "customers": matrix.height,
                "missing_shares": evidence.table(_missing_shares(matrix), rows=60),
            }
        )

    return feature_matrix_


def window_of(project: Project, lake: Lake, month: Month) -> Window:
    """Return the accepted rows that the features of a month can reach, lazily."""
    delivered = delivered_tables(project, lake, month)
    rows = {name: _rows(project, lake, name, month) for name in delivered}
    return Window(
        customers=rows[CUSTOMERS.name],
        lifetime=lake.scan(STATE, [month]).drop("month"),
        transactions=rows[TRANSACTIONS.name],
        call_records=rows.get("call_records"),
        support_tickets=rows.get(SUPPORT_TICKETS.name),
        app_usage=rows.get("app_usage"),
        declared=tuple(project.settings.source.extra_customer_columns),
    )


def _rows(project: Project, lake: Lake, table: str, month: Month) -> pl.LazyFrame:
    first = max(month.plus(-LOOK_BACK_MONTHS[table]), project.first_month)
    rows = lake.scan(cleaned_name(table), list(first.until(month)))
    return rows.rename({"month": "delivered_month"}) if table == SUPPORT_TICKETS.name else rows.drop("month")


def delivered_tables(project: Project, lake: Lake, month: Month) -> list[str]:
    """Return the tables that the operator delivered up to a month, in the contract's order."""
    names = [table.name for table in project.tables]
    return [name for name in names if lake.read(files_name(name), month)["delivered"].item()]


def features_in(project: Project, lake: Lake, month: Month) -> list[str]:
    """Return the names of the features that a month's matrix has: those of the tables delivered by then."""
    names = [feature.name for feature in features_of(delivered_tables(project, lake, month))]
    return names + list(project.settings.source.extra_customer_columns)


def read_matrix(project: Project, lake: Lake, month: Month) -> pl.DataFrame:
    """Read a month's feature matrix with the columns that this month has: customer_id, month, features."""
    matrix = lake.read(MATRIX, month)
    names = features_in(project, lake, month)
    return matrix.select("customer_id", pl.lit(str(month)).alias("month"), *names).sort("customer_id")


def read_labelled(project: Project, lake: Lake, month: Month) -> pl.DataFrame:
    """Read a month's feature matrix with its matured labels; customers without a label are left out."""
    labels = lake.read(LABELS, month.next()).select("customer_id", "churned")
    return read_matrix(project, lake, month).join(labels, on="customer_id", how="inner").sort("customer_id")


def labelled_months(lake: Lake, until: Month) -> list[Month]:
    """Return the feature months whose labels have matured by the close of a month."""
    return [matured.previous() for matured in lake.months(LABELS) if matured <= until]


def _missing_shares(matrix: pl.DataFrame) -> pl.DataFrame:
    shares = matrix.null_count().transpose(
        include_header=True, header_name="feature", column_names=["missing"]
    )
    return shares.with_columns(pl.col("missing") / max(matrix.height, 1)).filter(pl.col("missing") > 0)


def _labels(project: Project) -> dg.AssetsDefinition:
    @project.asset(
        LABELS,
        group=GROUP,
        description="Who of the customers active at the former snapshot left during this month: "
        "the labels of the month before, known only now.",
        deps=[dg.AssetDep(cleaned_name(CUSTOMERS.name), partition_mapping=reaching_back(1))],
    )
    def matured_labels(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[None]:
        month = evidence.month_of(context)
        empty = pl.DataFrame(schema={"customer_id": pl.Int64, "churned": pl.Int8})
        if month == project.first_month:
            result = lake.write(LABELS, month, empty, run_id=context.run.run_id)
            return dg.MaterializeResult(metadata=evidence.written(result))
        active = label_rules.active_at_snapshot(lake.read(cleaned_name(CUSTOMERS.name), month.previous()))
        known = label_rules.labels(active, lake.read(cleaned_name(CUSTOMERS.name), month))
        result = lake.write(LABELS, month, known.labels, run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **evidence.written(result),
                "feature_month": str(month.previous()),
                "churners": int(known.labels["churned"].sum()),
                "vanished": known.vanished,
                **evidence.numbers({"churn_rate": known.labels["churned"].mean()}),  # type: ignore[dict-item]
            }
        )

    return matured_labels
