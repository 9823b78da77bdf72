"""Settings come in layers, and a wrong one is named with its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.settings import (
    SettingsError,
    SourceSettings,
    digest_of,
    load_settings,
    remember_source,
)


def test_a_variable_beats_the_named_file_which_beats_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    remember_source(home, SourceSettings(kind="files", path="/deliveries"))
    named = tmp_path / "named.toml"
    named.write_text('[source]\npath = "/other"\n[economics]\ncontact_cost_eur = 20\n')

    settings = load_settings(home, {"CHURN_SETTINGS": str(named), "CHURN_ECONOMICS_CONTACT_COST_EUR": "10.5"})

    assert settings.source.kind == "files"
    assert settings.source.path == "/other"
    assert settings.economics.contact_cost_eur == 10.5
    assert settings.economics.value_eur == 180.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[economy]\n", r"no section \[economy\]"),
        ("[economics]\ncost = 1\n", r"\[economics\] has no setting 'cost'; it has contact_cost_eur"),
        ('[economics]\ncontact_cost_eur = "much"\n', "setting economics.contact_cost_eur"),
        ("[operator]\ntimezone = 'Europe/Rom'\n", "operator"),
        ("economics = 1\n", "outside a section"),
        ("[economics\n", "is no TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    named = tmp_path / "named.toml"
    named.write_text(text)

    with pytest.raises(SettingsError, match=sentence):
        load_settings(Home(tmp_path), {"CHURN_SETTINGS": str(named)})


def test_a_variable_that_names_no_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CHURN_ECONOMY_COST names no setting"):
        load_settings(Home(tmp_path), {"CHURN_ECONOMY_COST": "1"})


def test_the_digest_follows_the_values(tmp_path: Path) -> None:
    plain = load_settings(Home(tmp_path), {})
    dearer = load_settings(Home(tmp_path), {"CHURN_ECONOMICS_CONTACT_COST_EUR": "36"})

    assert digest_of(plain.economics) == digest_of(load_settings(Home(tmp_path), {}).economics)
    assert digest_of(plain.economics) != digest_of(dearer.economics)
