"""The settings file that is shipped lists every setting with its default."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from churn_assets.adapters.home import PROJECT_ROOT, Home
from churn_assets.adapters.settings import Settings, load_settings

SHIPPED = PROJECT_ROOT / "deployments" / "local" / "settings.toml"


def test_the_shipped_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_settings(Home(tmp_path), {"CHURN_SETTINGS": str(SHIPPED)}) == Settings()


def test_the_shipped_file_names_every_setting() -> None:
    text = SHIPPED.read_text()
    for section in dataclasses.fields(Settings):
        assert f"[{section.name}]" in text
        for setting in dataclasses.fields(getattr(Settings(), section.name)):
            assert f"\n{setting.name} =" in text or f"\n# {setting.name} =" in text, (
                f"{section.name}.{setting.name}"
            )
