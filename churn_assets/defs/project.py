"""What all assets of one installation share: months, settings, delivered tables, and the way an asset is declared."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from churn_assets.adapters.audit import AuditLog
from churn_assets.adapters.deliveries import FilesSource, Source, SqlSource
from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.online_store import store_from
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.adapters.settings import Settings, SettingsError, digest_of, load_settings
from churn_assets.domain.features.catalogue import Feature, features_of
from churn_assets.domain.months import Month
from churn_assets.domain.tables import BY_NAME, Table

FIRST_MONTH_WITHOUT_DELIVERIES = "2025-01"
OWNERS = ("team:churn-platform",)
BEFORE = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)


def reaching_back(months: int, to: int = 0) -> dg.TimeWindowPartitionMapping:
    """Map a month to the window of months that starts so many months before it and ends `to` months from it."""
    return dg.TimeWindowPartitionMapping(start_offset=-months, end_offset=to)


@dataclass(frozen=True)
class Project:
    """One installation as the assets see it."""

    home: Home
    settings: Settings
    source: Source

    @classmethod
    def of(cls, home: Home) -> Project:
        """Read the settings of a home and open its source."""
        settings = load_settings(home)
        return cls(home, settings, open_source(home, settings))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The tables that this operator delivers."""
        return self.source.tables()

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The catalogue's features that these tables allow."""
        return features_of([table.name for table in self.tables])

    @cached_property
    def first_month(self) -> Month:
        """The month with which the history begins."""
        if self.settings.source.first_month:
            return Month.parse(self.settings.source.first_month)
        delivered = self.source.months()
        return delivered[0] if delivered else Month.parse(FIRST_MONTH_WITHOUT_DELIVERIES)

    @cached_property
    def lake(self) -> Lake:
        """The tables of this installation."""
        return Lake(str(self.home.lake))

    @cached_property
    def months(self) -> dg.MonthlyPartitionsDefinition:
        """One partition a month, `YYYY-MM`; it exists once the month closed in the operator's time zone, or was delivered."""
        running = Month.of(datetime.now(ZoneInfo(self.settings.operator.timezone)))
        delivered = self.source.months()
        return dg.MonthlyPartitionsDefinition(
            start_date=str(self.first_month),
            fmt="%Y-%m",
            timezone=self.settings.operator.timezone,
            end_offset=max(delivered[-1].since(running) + 1, 0) if delivered else 0,
        )

    @cached_property
    def resources(self) -> dict[str, object]:
        """The adapters that assets ask for by name; tests override them."""
        return {
            "project": self,
            "source": self.source,
            "lake": self.lake,
            "registry": ModelRegistry(
                f"sqlite:///{self.home.mlflow_database}",
                self.home.mlflow_artifacts.as_uri(),
                self.home.models,
            ),
            "audit": AuditLog(self.home.audit_log),
            "online_store": store_from(self.settings.serving.online_store_url, self.home),
        }

    def spec(  # noqa: PLR0913  what an asset says of itself
        self,
        name: str,
        *,
        group: str,
        description: str,
        deps: Sequence[Any] = (),
        kinds: Sequence[str] = ("polars", "deltalake"),
        code: str = "1",
        shaped_by: Sequence[object] = (),
        tags: Mapping[str, str] | None = None,
    ) -> dg.AssetSpec:
        """Declare a monthly asset.

        Args:
            name: the noun of what it holds.
            group: its layer.
            description: what it means to the business.
            deps: what it reads.
            kinds: technologies, for the badges.
            code: version of its code, raised when the result changes.
            shaped_by: sections of the settings that shape the result; changing one makes it stale.
            tags: further tags.
        """
        version = f"{code}+{digest_of(*shaped_by)}" if shaped_by else code
        return dg.AssetSpec(
            name,
            deps=deps,
            description=description,
            group_name=group,
            code_version=version,
            kinds=set(kinds),
            owners=OWNERS,
            tags={"domain": "churn", "tier": "core", **(tags or {})},
            partitions_def=self.months,
            metadata={"dagster/table_name": name, "dagster/storage_kind": "deltalake"},
        )

    def asset(
        self,
        name: str,
        *,
        group: str,
        description: str,
        checks: Sequence[dg.AssetCheckSpec] = (),
        pool: str | None = None,
        **spec: Any,  # noqa: ANN401  the further arguments of `spec`
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Declare a monthly asset over the function that makes it."""
        declared = self.spec(name, group=group, description=description, **spec)
        return dg.multi_asset(name=name, specs=[declared], check_specs=list(checks), pool=pool)

    def check(self, asset: str, name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
        """Declare a check by the fact that is true when it passes, month by month."""
        with preview_accepted():
            return dg.AssetCheckSpec(
                name, asset=asset, description=description, blocking=blocking, partitions_def=self.months
            )


def open_source(home: Home, settings: Settings) -> Source:
    """Return the source that the settings name.

    Raises:
        SettingsError: what the source needs is not set.
    """
    source = settings.source
    if source.kind == "sql":
        if not source.url or not source.queries or not source.first_month:
            raise SettingsError("[source] kind = 'sql' needs url, queries (a query a table) and first_month")
        return SqlSource(
            source.url,
            source.queries,
            first_month=Month.parse(source.first_month),
            extra_columns=source.extra_customer_columns,
        )
    if source.kind == "files" and not source.path:
        raise SettingsError("[source] kind = 'files' needs path: the folder of the deliveries")
    simulated = source.kind == "simulator"
    # The embedded operator delivers all tables, also before its first delivery.
    tables = tuple(BY_NAME) if simulated and not source.tables else source.tables
    return FilesSource(
        home.deliveries if simulated else home.root / source.path,
        declared_tables=tables or None,
        extra_columns=source.extra_customer_columns,
    )


@contextmanager
def preview_accepted() -> Iterator[None]:
    """Silence one warning: partitions on checks are a preview of the pinned Dagster, chosen knowingly (ADR 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        yield
