"""An installation as acceptance sees it: a folder of deliveries, a home that lives them, and what can be read of it."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.defs.cleaned import COUNTS, cleaned_name, quarantine_name
from churn_assets.defs.features import LABELS, MATRIX, PARTIAL, STATE, read_matrix
from churn_assets.defs.live import Stage, live
from churn_assets.defs.overview import overview
from churn_assets.defs.project import Project
from churn_assets.defs.staleness import newest_ids
from churn_assets.domain.months import Month
from churn_assets.domain.tables import TABLES

JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE = (Month(2025, number) for number in range(1, 7))
CLEANED = tuple(cleaned_name(table.name) for table in TABLES)
PUBLISHED = (*CLEANED, PARTIAL, STATE, MATRIX, LABELS)
"""What a month's close publishes; quarantine and counts are written for a blocked month too."""


@dataclass(frozen=True)
class Installation:
    """A folder with a home and, beside it, the deliveries that it reads."""

    folder: Path

    @classmethod
    def new(cls, folder: Path, deliveries: Path, settings: str = "") -> Installation:
        """Make one that has taken nothing in.

        Args:
            folder: where.
            deliveries: what is delivered to it, by hard links: replacing a file leaves the other one.
            settings: sections of TOML beside that of the source.
        """
        installation = cls(folder)
        _link(deliveries, installation.deliveries)
        installation.home.prepare()
        source = '[source]\nkind = "files"\npath = "../deliveries"\n'
        installation.home.settings_file.write_text(source + settings, encoding="utf-8")
        return installation

    def copied(self, folder: Path) -> Installation:
        """Return an installation of its own that has lived what this one has."""
        shutil.copytree(self.home.root, folder / "home")
        _link(self.deliveries, folder / "deliveries")
        return Installation(folder)

    @property
    def home(self) -> Home:
        """Its state."""
        return Home(self.folder / "home")

    @property
    def deliveries(self) -> Path:
        """What the operator delivers."""
        return self.folder / "deliveries"

    @property
    def project(self) -> Project:
        """The installation as it is now, settings and files read anew."""
        return Project.of(self.home)

    @property
    def lake(self) -> Lake:
        """Its tables."""
        return Lake(str(self.home.lake))

    def live(self, until: Month, *, since: Month | None = None, scored: Iterable[Month] = ()) -> list[Stage]:
        """Do what `churn run --until` does: live all months up to one; only close those that are not `scored`."""
        project = self.project
        with self.opened():
            return live(project, list((since or project.first_month).until(until)), list(scored))

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let Dagster use this home's instance."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home.dagster))
            yield

    def status(self, month: Month) -> tuple[str, str]:
        """Return what `churn status` says of a month: its state (published, blocked, not taken in), and why."""
        with self.opened():
            rows = overview(self.project)["months"]
        row = next(row for row in rows if row["month"] == str(month))
        return row["state"], row["reason"] or ""

    def matrix(self, month: Month) -> pl.DataFrame:
        """Return what `churn features` exports."""
        return read_matrix(self.project, self.lake, month)

    def counts(self, month: Month, table: str) -> dict[str, object]:
        """Return what the month's cleaning counted of a table."""
        return self.lake.read(COUNTS, month).row(by_predicate=pl.col("table") == table, named=True)

    def quarantined(self, month: Month, table: str) -> pl.DataFrame:
        """Return the quarantine of a month's table."""
        return self.lake.scan(quarantine_name(table), [month]).drop("month").collect()

    def published(self, months: Iterable[Month], tables: Iterable[str] = PUBLISHED) -> dict[str, str]:
        """Return a digest of every published month of every table, equal only where every bit is."""
        return {
            f"{table} {month}": digest(self.lake.scan(table, [month]).collect())
            for table in tables
            for month in months
            if self.lake.has(table, month)
        }

    @cached_property
    def bits(self) -> dict[str, str]:
        """All that is published, of an installation that is not changed any more."""
        return self.published(Lake(str(self.home.lake)).months(PARTIAL))

    def bits_of(self, months: Iterable[Month]) -> dict[str, str]:
        """Return what is published of some months, of an installation that is not changed any more."""
        keys = {str(month) for month in months}
        return {name: bits for name, bits in self.bits.items() if name.split()[1] in keys}

    def made(self) -> dict[tuple[str, str], int]:
        """Return the newest materialisation, by asset and month, that Dagster knows."""
        with self.opened(), dg.DagsterInstance.get() as instance:
            return {
                (key.to_user_string(), month): number
                for key in instance.all_asset_keys()
                for month, number in newest_ids(instance, key).items()
            }

    def path(self, table: str, month: Month, form: str = ".parquet") -> Path:
        """Return where the operator puts a file."""
        return self.deliveries / table / f"{month}{form}"

    def rows(self, table: str, month: Month) -> pl.DataFrame:
        """Return a delivered file."""
        return pl.read_parquet(self.path(table, month))

    def deliver(
        self, table: str, month: Month, content: pl.DataFrame | bytes, form: str = ".parquet"
    ) -> None:
        """Deliver a file as operators do: under another name first, for the old one may be shared by hard links."""
        path = self.path(table, month, form)
        incoming = path.with_suffix(".incoming")
        if isinstance(content, bytes):
            incoming.write_bytes(content)
        elif form == ".csv":
            content.write_csv(incoming)
        else:
            content.write_parquet(incoming)
        incoming.rename(path)

    def put_in_place(self, deliveries: Path) -> None:
        """Deliver all files of another folder."""
        for path in sorted(deliveries.glob("*/*.parquet")):
            self.deliver(path.parent.name, Month.parse(path.stem), path.read_bytes())

    def withdraw(self, table: str, month: Month, form: str = ".parquet") -> bytes:
        """Take a file away; return what it held."""
        path = self.path(table, month, form)
        content = path.read_bytes()
        path.unlink()
        return content


def digest(frame: pl.DataFrame) -> str:
    """Return a digest of a frame's values, in whatever order; Parquet keeps every bit and no garbage under nulls."""
    frame = frame.select(sorted(frame.columns))
    keys = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    buffer = io.BytesIO()
    frame.sort(keys, nulls_last=True).rechunk().write_parquet(
        buffer, compression="uncompressed", statistics=False
    )
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _link(deliveries: Path, target: Path) -> None:
    for path in sorted(deliveries.glob("[a-z]*/*.parquet")):
        link = target / path.relative_to(deliveries)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(path)
