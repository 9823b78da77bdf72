"""Writing a frame as a file for another program, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from churn_assets.adapters.files import write_atomically


def write_table(frame: pl.DataFrame, out: Path) -> None:
    """Write a frame as Parquet or CSV, by the file's ending; a list becomes text joined by `; ` in CSV.

    Raises:
        ValueError: the ending is neither.
    """
    content = io.BytesIO()
    if out.suffix == ".parquet":
        frame.write_parquet(content)
    elif out.suffix == ".csv":
        lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
        frame.with_columns(pl.col(name).list.join("; ") for name in lists).write_csv(content)
    else:
        raise ValueError(
            f"'{out}' ends neither in .parquet nor in .csv: name the file by what it should hold"
        )
    write_atomically(out, content.getvalue())
