"""What must be made anew: an asset's month that is missing, made by other code or settings, or older than what it read.

The rule is make's: newer inputs, stale output. It needs no bookkeeping beside Dagster's own event log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg
from dagster import AssetKey, DagsterEventType

from churn_assets.adapters.deliveries import DeliveryError, Stamp
from churn_assets.defs.project import Project
from churn_assets.defs.raw import data_version_of, files_name, raw_name
from churn_assets.domain.months import Month

CODE_VERSION_TAG = "dagster/code_version"
DATA_VERSION_TAG = "dagster/data_version"


@dataclass
class Staleness:
    """Answers, for one moment of an instance, which assets of a month are stale."""

    project: Project
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    _newest: dict[AssetKey, dict[str, int]] = field(default_factory=dict, init=False)

    def stale_in(self, job: str, month: Month) -> list[AssetKey]:
        """Return the assets of a job that are stale for a month, upstream first."""
        graph = self.definitions.resolve_asset_graph()
        selected = self.definitions.resolve_job_def(job).asset_layer.executable_asset_keys
        stale: dict[AssetKey, None] = {}
        for key in (
            key for level in graph.toposorted_asset_keys_by_level for key in level if key in selected
        ):
            if self._is_stale(key, month, stale):
                stale[key] = None
        return list(stale)

    def newest_id(self, asset: str | AssetKey, month: Month) -> int | None:
        """Return the number of an asset's newest materialisation for a month; greater is later."""
        key = asset if isinstance(asset, AssetKey) else AssetKey(asset)
        if key not in self._newest:
            self._newest[key] = newest_ids(self.instance, key)
        return self._newest[key].get(str(month))

    def _is_stale(self, key: AssetKey, month: Month, stale: Iterable[AssetKey]) -> bool:
        made = self.newest_id(key, month)
        if made is None or self._made_otherwise(key, month):
            return True
        read = list(self._read_by(key))
        if any(parent in stale for parent, offset in read if offset == 0):
            return True
        return any((self.newest_id(parent, month.plus(offset)) or 0) > made for parent, offset in read)

    def _read_by(self, key: AssetKey) -> Iterator[tuple[AssetKey, int]]:
        """Yield what an asset reads for a month: other assets, and how many months from it."""
        graph = self.definitions.resolve_asset_graph()
        for parent in graph.get(key).parent_keys:
            mapping = graph.get_partition_mapping(key, parent)
            first, last = 0, 0
            if isinstance(mapping, dg.TimeWindowPartitionMapping):
                first, last = mapping.start_offset, mapping.end_offset
            for offset in range(first, last + 1):
                yield parent, offset

    def _made_otherwise(self, key: AssetKey, month: Month) -> bool:
        """Tell whether an asset was made by other code or settings, or from another file."""
        tags = self._tags(key, month)
        if tags.get(CODE_VERSION_TAG) != self.definitions.resolve_asset_graph().get(key).code_version:
            return True
        return any(
            delivery_changed(self.project, table.name, month, tags.get(DATA_VERSION_TAG))
            for table in self.project.tables
            if key == AssetKey(raw_name(table.name))
        )

    def _tags(self, key: AssetKey, month: Month) -> Mapping[str, str]:
        """Return the tags of an asset's newest materialisation for a month."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[str(month)]), limit=1
        ).records
        materialisation = records[0].asset_materialization if records else None
        return (materialisation.tags if materialisation else None) or {}


def newest_ids(instance: dg.DagsterInstance, asset: AssetKey) -> dict[str, int]:
    """Return, by month, the number of an asset's newest materialisation; greater is later."""
    storage = instance.event_log_storage
    return dict(storage.get_latest_storage_id_by_partition(asset, DagsterEventType.ASSET_MATERIALIZATION))


def newest_id(instance: dg.DagsterInstance, asset: str, month: Month) -> int | None:
    """Return the number of an asset's newest materialisation for a month, or None."""
    return newest_ids(instance, AssetKey(asset)).get(str(month))


def delivery_changed(project: Project, table: str, month: Month, made_from: str | None) -> bool:
    """Tell whether a month's file is another one than the lake's raw month was made from.

    The lake's record of the file names another version than the newest materialisation (`made_from`) where a kill came
    between writing the month and saying so. A file that cannot be told (two of them, unreadable) counts as changed:
    reading it says what is wrong.
    """
    record = project.lake.read(files_name(table), month).row(0, named=True)
    if data_version_of(record["sha256"]) != made_from:
        return True
    first = project.source.first_month(table)
    needed = first is not None and first <= month
    if not needed or not record["delivered"]:
        return bool(needed != record["delivered"])
    try:
        now = project.source.fingerprint(table, month)
    except DeliveryError:
        return True
    return now is None or not now.unchanged_since(Stamp.from_json(record["stamp"]))
