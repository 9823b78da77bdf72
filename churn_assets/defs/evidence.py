"""Metadata that every materialisation carries, as Dagster's interface expects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from churn_assets.adapters.lake import Written
from churn_assets.domain.months import Month


def month_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Month:
    """Return the month that a run is about."""
    return Month.parse(context.partition_key)


def written(result: Written) -> dict[str, Any]:
    """Describe what went to the lake: rows, column schema, table version."""
    return {
        "dagster/partition_row_count": result.rows,
        "dagster/row_count": result.rows,
        "dagster/column_schema": column_schema(result.schema),
        "lake_version": result.version,
    }


def column_schema(schema: pl.Schema) -> dg.TableSchema:
    """Turn a Polars schema into Dagster's."""
    return dg.TableSchema([dg.TableColumn(name, str(dtype)) for name, dtype in schema.items()])


def numbers(values: Mapping[str, float | int | None]) -> dict[str, Any]:
    """Keep the numbers that exist, so that Dagster plots them over the months."""
    return {name: float(value) for name, value in values.items() if value is not None and value == value}  # noqa: PLR0124


def table(frame: pl.DataFrame, rows: int = 20) -> dg.MarkdownMetadataValue:
    """Show the first rows of a small frame as a Markdown table."""
    head = frame.head(rows)
    lines = [" | ".join(head.columns), " | ".join("---" for _ in head.columns)]
    lines += [" | ".join(_cell(value) for value in row) for row in head.iter_rows()]
    return dg.MetadataValue.md("\n".join(f"| {line} |" for line in lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
