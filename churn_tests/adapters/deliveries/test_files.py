"""Deliveries in a folder: which tables and months there are, which file is read, and what is wrong with it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn_assets.adapters.deliveries import DeliveryError, FilesSource
from churn_assets.adapters.deliveries import files as files_module
from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, CUSTOMERS, TABLES, TRANSACTIONS, Table
from churn_tests.domain.good_rows import MONTH, good_rows


def deliver(root: Path, table: str, *months: str, suffix: str = ".parquet") -> Path:
    """Write good rows for the months, and return the last file."""
    folder = root / table
    folder.mkdir(parents=True, exist_ok=True)
    for month in months:
        path = folder / f"{month}{suffix}"
        rows = good_rows(BY_NAME[table])
        rows.write_parquet(path) if suffix == ".parquet" else rows.write_csv(path)
    return path


def error_of(root: Path, table: str = "transactions") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        FilesSource(root).read(table, MONTH)
    assert (caught.value.table, caught.value.month) == (table, MONTH)
    assert f"table {table}, month 2024-05" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_good_file_comes_back_unchanged_and_is_recognised(
    tmp_path: Path, table: Table, suffix: str
) -> None:
    path = deliver(tmp_path, table.name, "2024-05", suffix=suffix)

    delivered = FilesSource(tmp_path).read(table.name, MONTH)

    assert_frame_equal(delivered.rows, good_rows(table))
    assert delivered.source == f"{table.name}/2024-05{suffix}"
    assert delivered.bytes == path.stat().st_size
    assert delivered.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_declared_columns_are_read_and_all_others_ignored(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "customers").mkdir()
    path = tmp_path / "customers" / f"2024-05{suffix}"
    rows = good_rows(CUSTOMERS).select(
        pl.lit("x").alias("batch"),
        pl.lit(3).alias("score"),
        pl.lit("gold").alias("tier"),
        *reversed(CUSTOMERS.schema),
    )
    rows.write_parquet(path) if suffix == ".parquet" else rows.write_csv(path)

    source = FilesSource(tmp_path, extra_columns={"score": "number", "tier": "category"})
    read = source.read("customers", MONTH).rows

    assert read.columns == [*CUSTOMERS.schema.names(), "score", "tier"]
    assert (read["score"].to_list()[0], read["tier"].to_list()[0]) == (3.0, "gold")
    assert source.tables()[0].schema == read.schema


def test_a_declared_column_that_is_missing_is_an_error(tmp_path: Path) -> None:
    deliver(tmp_path, "customers", "2024-05")

    with pytest.raises(DeliveryError) as caught:
        FilesSource(tmp_path, extra_columns={"tier": "category"}).read("customers", MONTH)

    assert (caught.value.kind, caught.value.column) == ("column_missing", "tier")


def test_tables_are_those_with_files_and_the_two_that_are_indispensable(tmp_path: Path) -> None:
    deliver(tmp_path, "app_usage", "2024-05")

    assert [table.name for table in FilesSource(tmp_path).tables()] == [
        "customers",
        "transactions",
        "app_usage",
    ]


def test_the_settings_may_declare_the_tables(tmp_path: Path) -> None:
    deliver(tmp_path, "app_usage", "2024-05")
    source = FilesSource(tmp_path, declared_tables=("call_records",))

    assert [table.name for table in source.tables()] == ["customers", "transactions", "call_records"]
    with pytest.raises(KeyError, match="app_usage is not delivered"):
        source.read("app_usage", MONTH)


def test_a_table_that_no_contract_has_cannot_be_declared(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no table 'calls': the tables are customers"):
        FilesSource(tmp_path, declared_tables=("calls",))


def test_months_run_from_the_first_file_to_the_last_without_a_gap(tmp_path: Path) -> None:
    deliver(tmp_path, "customers", "2024-01", "2024-03")
    deliver(tmp_path, "transactions", "2023-12", suffix=".csv")

    months = [str(month) for month in FilesSource(tmp_path).months()]

    assert months == ["2023-12", "2024-01", "2024-02", "2024-03"]


def test_a_table_is_needed_from_its_first_file_on_and_a_required_or_declared_one_from_the_start(
    tmp_path: Path,
) -> None:
    deliver(tmp_path, "customers", "2024-01", "2024-03")
    deliver(tmp_path, "transactions", "2024-02")
    deliver(tmp_path, "app_usage", "2024-03")
    source = FilesSource(tmp_path)
    declared = FilesSource(tmp_path, declared_tables=("app_usage", "call_records"))

    assert source.first_month("transactions") == Month(2024, 1)
    assert source.first_month("app_usage") == Month(2024, 3)
    assert source.first_month("call_records") is None
    assert declared.first_month("app_usage") == Month(2024, 3)
    assert declared.first_month("call_records") == Month(2024, 1)


def test_an_empty_or_absent_folder_has_no_months(tmp_path: Path) -> None:
    source = FilesSource(tmp_path / "nothing")

    assert (source.months(), source.first_month("customers")) == ([], None)


def test_other_files_and_hidden_folders_are_not_looked_at(tmp_path: Path) -> None:
    deliver(tmp_path, "customers", "2024-05")
    deliver(tmp_path / ".truth", "customers", "2020-01")
    for name in (".2024-04.parquet", "2024-04.parquet.part", "2024-4.parquet", "_SUCCESS", "2024-13.csv"):
        (tmp_path / "customers" / name).write_bytes(b"")
    (tmp_path / "customers" / "2024-06.parquet").mkdir()

    assert FilesSource(tmp_path).months() == [MONTH]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    deliver(tmp_path, "transactions", "2024-04")

    error = error_of(tmp_path)

    assert error.kind == "missing"
    assert "transactions/2024-05.parquet or .csv" in str(error)


def test_parquet_and_csv_of_one_month_are_an_error_that_names_both(tmp_path: Path) -> None:
    deliver(tmp_path, "transactions", "2024-05")
    deliver(tmp_path, "transactions", "2024-05", suffix=".csv")

    error = error_of(tmp_path)

    assert error.kind == "two_files"
    assert "transactions/2024-05.parquet and transactions/2024-05.csv" in str(error)
    with pytest.raises(DeliveryError, match="are both there"):
        FilesSource(tmp_path).fingerprint("transactions", MONTH)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_of_no_bytes_is_empty(tmp_path: Path, suffix: str) -> None:
    deliver(tmp_path, "transactions", "2024-05", suffix=suffix).write_bytes(b"")

    error = error_of(tmp_path)

    assert (error.kind, error.source) == ("empty", f"transactions/2024-05{suffix}")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"transaction_id,customer_id\n1,2\n", "not_parquet"),
        (os.urandom(0) + bytes(range(256)), "not_parquet"),
        (b"PAR1", "torn"),
        (b"PA", "torn"),
        (b"PAR1PAR1", "torn"),
        (b"PAR1" + bytes(500) + b"PAR1", "torn"),
    ],
)
def test_what_is_no_parquet_is_told_from_what_is_torn(tmp_path: Path, content: bytes, kind: str) -> None:
    deliver(tmp_path, "transactions", "2024-05").write_bytes(content)

    error = error_of(tmp_path)

    assert (error.kind, error.source) == (kind, "transactions/2024-05.parquet")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_parquet_file_that_was_cut_is_torn(tmp_path: Path, share: float) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    whole = path.read_bytes()
    path.write_bytes(whole[: max(int(len(whole) * share), 5)])

    assert error_of(tmp_path).kind == "torn"


def test_a_parquet_file_with_a_hole_is_torn_even_where_the_decoder_panics(tmp_path: Path) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    good_rows(TRANSACTIONS, 50_000).with_columns(
        amount=pl.int_range(pl.len()).cast(pl.Float64).sin()
    ).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:1000] + whole[9000:])

    assert error_of(tmp_path).kind == "torn"


def test_a_renamed_column_is_named_with_what_was_found(tmp_path: Path) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    good_rows(TRANSACTIONS).rename({"amount": "amount_eur"}).write_parquet(path)

    error = error_of(tmp_path)

    assert (error.kind, error.column, error.expected) == ("column_missing", "amount", "amount Float64")
    assert "amount_eur" in str(error.found)


def test_another_type_is_named_with_column_found_and_expected(tmp_path: Path) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    good_rows(TRANSACTIONS).cast({"amount": pl.String}).write_parquet(path)

    error = error_of(tmp_path)

    assert (error.kind, error.column, error.found, error.expected) == (
        "column_type",
        "amount",
        "String",
        "Float64",
    )
    for part in ("transactions", "2024-05", "amount", "String", "Float64"):
        assert part in str(error)


def test_a_dictionary_and_a_zone_survive_parquet(tmp_path: Path) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    rows = good_rows(TRANSACTIONS)
    rows.cast({"status": pl.Categorical, "transaction_id": pl.UInt32}).with_columns(
        pl.col("transaction_date").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    ).write_parquet(path)

    assert_frame_equal(FilesSource(tmp_path).read("transactions", MONTH).rows, rows)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    read = files_module.READERS[".parquet"]

    def read_and_touch(file: Path, table: Table) -> pl.DataFrame:
        rows = read(file, table)
        good_rows(TRANSACTIONS, 3).write_parquet(path)
        return rows

    monkeypatch.setitem(files_module.READERS, ".parquet", read_and_touch)

    assert error_of(tmp_path).kind == "changed"


def test_a_file_that_a_backup_links_while_it_is_read_has_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver(tmp_path, "transactions", "2024-05")
    read = files_module.READERS[".parquet"]

    def read_and_link(file: Path, table: Table) -> pl.DataFrame:
        (tmp_path / "backup").hardlink_to(path)
        return read(file, table)

    monkeypatch.setitem(files_module.READERS, ".parquet", read_and_link)

    assert FilesSource(tmp_path).read("transactions", MONTH).rows.height == good_rows(TRANSACTIONS).height


def test_an_error_carries_no_value_of_the_delivery(tmp_path: Path) -> None:
    path = deliver(tmp_path, "transactions", "2024-05", suffix=".csv")
    path.write_text(path.read_text().replace("29.9", "secret-4711", 1))

    assert "4711" not in str(error_of(tmp_path))
