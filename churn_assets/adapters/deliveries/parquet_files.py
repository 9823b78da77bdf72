"""One Parquet file, read as a table's contract says."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.exceptions import DuplicateError, PanicException, PolarsError

from churn_assets.adapters.deliveries.errors import DeliveryFault
from churn_assets.domain.lossless_types import require_columns, to_contract
from churn_assets.domain.tables import Table

MAGIC = b"PAR1"
AGAIN = "deliver it again, whole"


def read_parquet(path: Path, table: Table) -> pl.DataFrame:
    """Return the table's columns of a Parquet file.

    Raises:
        DeliveryFault: the file is no Parquet, is torn, or names a column twice.
        ContractTypeError: a column is missing or does not fit.
        OSError: the file cannot be opened.
    """
    _require_magic(path)
    try:
        require_columns(table, list(pl.read_parquet_schema(path)))
        found = pl.read_parquet(path, columns=table.schema.names(), glob=False, hive_partitioning=False)
    except DuplicateError as error:
        raise DeliveryFault("column_twice", f"{error}", "deliver each column once") from error
    except (
        PolarsError,
        PanicException,
    ) as error:  # damaged pages make the decoder panic, which is no Exception
        first_line = str(error).partition("\n")[0][:200]
        raise DeliveryFault("torn", f"the file is damaged ({first_line})", AGAIN) from error
    return to_contract(table, found)


def _require_magic(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(len(MAGIC))
        stream.seek(-min(len(MAGIC), path.stat().st_size), 2)
        tail = stream.read()
    if not MAGIC.startswith(head):
        raise DeliveryFault(
            "not_parquet", "the file is no Parquet, whatever its name says", "deliver Parquet, or .csv"
        )
    if tail != MAGIC or head != MAGIC:
        raise DeliveryFault("torn", "the file ends before its footer", AGAIN)
