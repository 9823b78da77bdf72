"""Attributes that the operator declares beyond the contract become features 46 and up, of the model too."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn_assets.adapters.champions import CHALLENGERS
from churn_assets.adapters.home import Home
from churn_assets.adapters.lake import Lake
from churn_assets.adapters.online_store import FilesStore
from churn_assets.adapters.registry import ModelRegistry
from churn_assets.defs.build import definitions_of
from churn_assets.defs.live import live
from churn_assets.defs.project import Project
from churn_assets.domain.months import Month
from churn_assets.simulator.operator import simulate

UNTIL = Month(2025, 5)


@pytest.mark.timeout(600)
def test_declared_columns_reach_the_model(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "deliveries"
    simulate(folder, customers=2_000, months=5, until=UNTIL, world="A", seed=7)
    for file in (folder / "customers").glob("*.parquet"):
        rows = pl.read_parquet(file)
        segment = pl.when(pl.col("customer_id") % 3 == 0).then(pl.lit("gold")).otherwise(pl.lit("blue"))
        rows.with_columns(
            segment=segment, household=(pl.col("customer_id") % 5).cast(pl.Float64)
        ).write_parquet(file)
    home.settings_file.write_text(
        f'[source]\nkind = "files"\npath = "{folder}"\n'
        '[source.extra_customer_columns]\nsegment = "category"\nhousehold = "number"\n'
    )
    project = Project.of(home)

    live(project, list(Month(2025, 1).until(UNTIL)), [UNTIL])

    checks = {key.name for key in definitions_of(project).resolve_asset_graph().asset_check_keys}
    assert "customers_do_not_vanish" in checks

    lake = Lake(str(home.lake))
    assert lake.read("feature_matrix", UNTIL).columns[-2:] == ["segment", "household"]
    registry = project.resources["registry"]
    assert isinstance(registry, ModelRegistry)
    learned = registry.load(lake.read(CHALLENGERS, UNTIL)["digest"].item()).contract.features
    assert [(feature.name, feature.kind, feature.vocabulary) for feature in learned[-2:]] == [
        ("segment", "category", ("blue", "gold")),
        ("household", "number", ()),
    ]

    published = FilesStore(home.online_store).current()
    assert published is not None
    assert [(feature.name, feature.vocabulary) for feature in published.features[-2:]] == [
        ("segment", ("blue", "gold")),
        ("household", ()),
    ]
