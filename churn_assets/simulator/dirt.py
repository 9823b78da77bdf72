"""Dirt: turns the correct file of a table and month into the one that is delivered, and keeps the books.

First the feed breaks, then single rows, then the file: so each count is of what is really in the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, TABLES
from churn_assets.simulator.broken_files import FILE_KINDS, write_as
from churn_assets.simulator.delivery import path_of
from churn_assets.simulator.draws import Stream, generator
from churn_assets.simulator.feed_faults import FEED_KINDS, break_feed
from churn_assets.simulator.incidents import DRIFTS, Incident, IncidentKind
from churn_assets.simulator.population import EPOCH
from churn_assets.simulator.row_dirt import ROW_KINDS, TOUCHED, Spoiling, spoil_rows

CORRECTED = ".corrected"
"""Folder beside the deliveries with the correct files of those that were spoilt, for the correction afterwards."""
_HARMLESS = frozenset({IncidentKind.EDGE_TIMES, IncidentKind.CSV})


def dirty_tables(incidents: Sequence[Incident], month: Month) -> dict[str, list[Incident]]:
    """Return the incidents of a month by table, in the order in which they happen."""
    found: dict[str, list[Incident]] = {}
    for incident in incidents:
        if incident.month == month and incident.table is not None and incident.kind not in DRIFTS:
            found.setdefault(incident.table, []).append(incident)
    return {table: sorted(listed, key=_stage) for table, listed in found.items()}


def _stage(incident: Incident) -> int:
    if incident.kind in FEED_KINDS:
        return 0
    if incident.kind == IncidentKind.FILE_TWICE:
        return 2  # after the single rows, which then come twice like all others
    return 1 if incident.kind in ROW_KINDS else 3


def deliver_dirty(
    out: Path, month: Month, table: str, incidents: Sequence[Incident], seed: int, customers: Path
) -> list[dict[str, Any]]:
    """Write the spoilt file of a table in its place; the correct one lies in `.corrected` already.

    Args:
        out: the delivery folder.
        month: the month.
        table: the table.
        incidents: of this table and month, in the order in which they happen.
        seed: of the operator.
        customers: the correct file of the month's customers.

    Returns:
        What was injected, an entry for each incident: kind, table, rows, ids.
    """
    rows = pl.read_parquet(path_of(out / CORRECTED, table, month)).with_columns(
        pl.lit(value=False).alias(TOUCHED)
    )
    lasting = _lasting(customers, month)
    contract, records, form = BY_NAME[table], [], None
    for place, incident in enumerate(incidents):
        chunk = 1_000 * TABLES.index(contract) + place
        draws = generator(seed, Stream.DIRT, month.since(EPOCH), chunk)
        spoiling = Spoiling(contract, month, incident, draws, lasting)
        record: dict[str, Any] = {"rows": 0, "ids": [], "column": None}
        if incident.kind in FILE_KINDS:
            form = incident.kind
            record["rows"] = rows.height
        elif incident.kind in FEED_KINDS:
            rows, record = break_feed(rows, spoiling)
        else:
            rows, record = spoil_rows(rows, spoiling)
        records.append(
            {"kind": incident.kind, "table": table, "harmless": incident.kind in _HARMLESS, **record}
        )
    column = write_as(form, rows.drop(TOUCHED), path_of(out, table, month))
    if column is not None:
        records[-1]["column"] = column
    return records


def _lasting(customers: Path, month: Month) -> pl.Series:
    """Return the ids of the customers who were there before the month and are active at its end."""
    there = pl.scan_parquet(customers).filter(
        (pl.col("signup_date") < month.start.date()) & pl.col("churned_on").is_null()
    )
    return there.select("customer_id").collect().to_series()
