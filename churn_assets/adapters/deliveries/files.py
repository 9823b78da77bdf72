"""Deliveries as files: `TABLE/YYYY-MM.parquet` or `TABLE/YYYY-MM.csv` below one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from churn_assets.adapters.deliveries.csv_files import read_csv
from churn_assets.adapters.deliveries.delivered_tables import delivered_tables
from churn_assets.adapters.deliveries.errors import DeliveryError, DeliveryFault
from churn_assets.adapters.deliveries.fingerprints import Fingerprint, Stamp, file_fingerprint
from churn_assets.adapters.deliveries.parquet_files import read_parquet
from churn_assets.adapters.deliveries.source import Delivered
from churn_assets.domain.lossless_types import ContractTypeError
from churn_assets.domain.months import Month
from churn_assets.domain.tables import TABLES, Table

READERS = {".parquet": read_parquet, ".csv": read_csv}


class FilesSource:
    """The deliveries of one folder. Only its folders with the tables' names are looked at."""

    def __init__(
        self,
        root: Path,
        declared_tables: tuple[str, ...] | None = None,
        extra_columns: Mapping[str, str] | None = None,
    ) -> None:
        """Look at a delivery folder.

        Args:
            root: the folder.
            declared_tables: names of the tables that are delivered; by default those that have files. `customers`
                and `transactions` always are.
            extra_columns: further columns of `customers`: name -> `number` or `category`.

        Raises:
            ValueError: a declared table or column that cannot be.
        """
        self.root = root
        self._declared = declared_tables
        self._extra_columns = dict(extra_columns or {})
        delivered_tables(declared_tables or (), self._extra_columns)

    def tables(self) -> tuple[Table, ...]:
        """Return the contracts of the tables that are declared, or else that have files, and of those required."""
        names = self._declared
        if names is None:
            names = tuple(table.name for table in TABLES if self._months_of(table.name))
        return delivered_tables(names, self._extra_columns)

    def months(self) -> list[Month]:
        """Return the months from the first file of any delivered table to the last, without a gap."""
        found = [month for table in self.tables() for month in self._months_of(table.name)]
        return list(min(found).until(max(found))) if found else []

    def first_month(self, table: str) -> Month | None:
        """Return the month from which on a file of the table is needed every month.

        It is that of the table's first file. A required table, and a declared one without any file, is needed from
        the first month of all. None where the table is not delivered, or where there are no files at all.
        """
        contract = self._contract(table)
        if contract is None:
            return None
        of_table, of_all = self._months_of(table), self.months()
        return of_table[0] if of_table and not contract.required else (of_all[0] if of_all else None)

    def fingerprint(self, table: str, month: Month) -> Fingerprint | None:
        """Return by what the month's file is recognised; None without a file.

        Raises:
            DeliveryError: Parquet and CSV are both there, or the file cannot be looked at.
        """
        name = f"{table}/{month}"
        try:
            paths = self._paths(table, month)
            return file_fingerprint(self._only(paths), self._name(paths[0])) if paths else None
        except DeliveryFault as fault:
            raise DeliveryError(table, month, name, fault) from None
        except OSError as error:
            raise DeliveryError(table, month, name, _unreadable(error)) from error

    def read(self, table: str, month: Month) -> Delivered:
        """Return the rows of the month's file.

        Raises:
            DeliveryError: the file is missing, there are two, or it cannot be read as the contract says.
            KeyError: the table is not delivered.
        """
        contract = self._contract(table)
        if contract is None:
            raise KeyError(f"{table} is not delivered: declare it in the settings, or read one that is")
        name = f"{table}/{month}.parquet or .csv"
        try:
            path = self._only(self._paths(table, month))
            name = self._name(path)
            rows, stamp = self._read_unchanged(contract, path)
        except (DeliveryFault, ContractTypeError) as fault:
            raise DeliveryError(table, month, name, fault) from fault
        except OSError as error:
            raise DeliveryError(table, month, name, _unreadable(error)) from error
        return Delivered(rows, stamp)

    def _read_unchanged(self, table: Table, path: Path) -> tuple[pl.DataFrame, Stamp]:
        stamp = file_fingerprint(path, self._name(path)).stamp
        if stamp.size == 0:
            raise DeliveryFault("empty", "the file has 0 bytes", "deliver it again, whole")
        rows = READERS[path.suffix](path, table)
        # Attributes alone would blame a backup that links the file, or a mount that sets its rights.
        if not file_fingerprint(path, self._name(path)).unchanged_since(stamp):
            raise DeliveryFault(
                "changed", "the file changed while it was read", "read it again when it is whole"
            )
        return rows, stamp

    def _contract(self, table: str) -> Table | None:
        return next((each for each in self.tables() if each.name == table), None)

    def _months_of(self, table: str) -> list[Month]:
        folder = self.root / table
        if not folder.is_dir():
            return []
        names = {path.stem for path in folder.iterdir() if path.suffix in READERS and path.is_file()}
        return sorted(month for name in names if (month := _month(name)) is not None)

    def _paths(self, table: str, month: Month) -> list[Path]:
        candidates = [self.root / table / f"{month}{suffix}" for suffix in READERS]
        return [path for path in candidates if path.is_file()]

    def _only(self, paths: list[Path]) -> Path:
        if not paths:
            raise DeliveryFault(
                "missing", "there is no such file", "deliver it, one file per table and month"
            )
        if len(paths) > 1:
            both = " and ".join(self._name(path) for path in paths)
            raise DeliveryFault("two_files", f"{both} are both there", "remove the one that does not count")
        return paths[0]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _month(name: str) -> Month | None:
    try:
        return Month.parse(name)
    except ValueError:
        return None


def _unreadable(error: OSError) -> DeliveryFault:
    return DeliveryFault(
        "unreadable", f"the file cannot be read ({error.strerror})", "let the platform read it"
    )
