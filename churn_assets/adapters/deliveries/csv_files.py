"""One CSV file (UTF-8, header, comma, ISO 8601), read as a table's contract says."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from churn_assets.adapters.deliveries.csv_layout import AGAIN, Layout, check_layout
from churn_assets.adapters.deliveries.errors import DeliveryFault
from churn_assets.adapters.deliveries.text_fields import from_text, misread, misread_error
from churn_assets.domain.tables import Table


def read_csv(path: Path, table: Table) -> pl.DataFrame:
    """Return the table's columns of a CSV file.

    Raises:
        DeliveryFault: the file is torn, not UTF-8, or names a column twice.
        ContractTypeError: a column is missing, or a value has another form than its type.
        OSError: the file cannot be read.
    """
    layout = check_layout(path, table)
    text = pl.scan_csv(path, infer_schema=False, glob=False).head(layout.rows)
    try:
        _check_forms(text, table, layout)
        typed = text.select(from_text(column).alias(column.name) for column in table.columns)
        rows = typed.collect(engine="streaming")
    except PolarsError as error:
        raise DeliveryFault(
            "torn", f"the file is damaged ({str(error).splitlines()[0][:200]})", AGAIN
        ) from error
    if rows.height != layout.rows:
        raise DeliveryFault("torn", f"{rows.height} rows can be read, expected {layout.rows}", AGAIN)
    return rows


def _check_forms(text: pl.LazyFrame, table: Table, layout: Layout) -> None:
    """Check that every text has the form of its column's type."""
    wrong = [column for column in table.columns if column.dtype != pl.String]
    firsts = text.with_row_index("row", offset=1).select(
        pl.struct("row", column.name).filter(misread(column)).first().alias(column.name) for column in wrong
    )
    found = firsts.collect(engine="streaming").row(0, named=True)
    for column in wrong:
        if found[column.name] is not None:
            row = int(found[column.name]["row"])
            if row == layout.rows and not layout.ends_with_newline:
                raise DeliveryFault(
                    "torn", f"the file ends within column {column.name} of its last row", AGAIN
                )
            raise misread_error(column, row, str(found[column.name][column.name]))
