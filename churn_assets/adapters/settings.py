"""Settings: defaults, then the home's file, then `CHURN_SETTINGS`, then `CHURN_SECTION_KEY` variables.

A setting's type, meaning and default stand where it is used (`domain`, `learning`); this module gathers and reads them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter, ValidationError

from churn_assets.adapters.files import write_atomically
from churn_assets.adapters.home import Home
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.campaign_settings import CampaignSettings
from churn_assets.domain.cleaning import CleaningLimits
from churn_assets.domain.drift import DriftSettings
from churn_assets.domain.economics import Economics
from churn_assets.learning.gates import GateSettings

PREFIX = "CHURN_"
NOT_SETTINGS = frozenset({"CHURN_HOME", "CHURN_SETTINGS"})


class SettingsError(ValueError):
    """A setting that does not exist or has no possible value; the sentence names it and its mend."""


@dataclasses.dataclass(frozen=True)
class OperatorSettings:
    """Who is served."""

    timezone: str = "Europe/Rome"
    """Time zone of the schedules; the data itself is in UTC."""
    automation: bool = False
    """Whether schedule and sensors run by themselves as soon as Dagster's daemon does."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"there is no time zone '{self.timezone}'; write one like Europe/Rome") from None


@dataclasses.dataclass(frozen=True)
class SourceSettings:
    """Where deliveries come from."""

    kind: Literal["simulator", "files", "sql"] = "simulator"
    path: str = ""
    """Folder of the deliveries (kind files)."""
    url: str = ""
    """SQLAlchemy address of the operator's database (kind sql); a password belongs in CHURN_SOURCE_URL."""
    queries: dict[str, str] = dataclasses.field(default_factory=dict)
    """A query a table with :month_start and :month_end (kind sql)."""
    first_month: str = ""
    """First month of the history; by default the first one delivered. Kind sql must name it."""
    tables: tuple[str, ...] = ()
    """The tables that are delivered; by default those that have files."""
    extra_customer_columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """More attributes of the customer that become features: name -> number | category."""
    missing_file: Literal["block", "wait"] = "block"
    """What a missing file means: the month fails, or it is left for later."""


@dataclasses.dataclass(frozen=True)
class SimulatorSettings:
    """The embedded operator, where it plays the source."""

    customers: int = 24_000
    months: int = 12
    until: str = "2025-12"
    world: str = "A"
    seed: int = 7


@dataclasses.dataclass(frozen=True)
class LearningSettings:
    """How challengers are trained."""

    families: tuple[str, ...] = ("xgboost", "lightgbm")
    window_months: int = 12
    """How many labelled months a model learns from at the most, the hold-out included."""
    seed: int = 7
    threads: int = 2
    excluded_features: tuple[str, ...] = ()
    """Features that a model may not use, for example age_group; the checks still see them."""


@dataclasses.dataclass(frozen=True)
class RetrainingSettings:
    """When challengers are trained."""

    monthly: bool = True
    """Whether each closed month retrains; otherwise only drift, or a person, asks for it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of one installation."""

    operator: OperatorSettings = dataclasses.field(default_factory=OperatorSettings)
    source: SourceSettings = dataclasses.field(default_factory=SourceSettings)
    simulator: SimulatorSettings = dataclasses.field(default_factory=SimulatorSettings)
    cleaning: CleaningLimits = dataclasses.field(default_factory=CleaningLimits)
    learning: LearningSettings = dataclasses.field(default_factory=LearningSettings)
    gates: GateSettings = dataclasses.field(default_factory=GateSettings)
    economics: Economics = dataclasses.field(default_factory=Economics)
    campaign: CampaignSettings = dataclasses.field(default_factory=CampaignSettings)
    drift: DriftSettings = dataclasses.field(default_factory=DriftSettings)
    retraining: RetrainingSettings = dataclasses.field(default_factory=RetrainingSettings)
    serving: ServingSettings = dataclasses.field(default_factory=ServingSettings)


def load_settings(home: Home, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a home.

    Raises:
        SettingsError: a file is missing or no TOML, a setting does not exist, or a value does not fit.
    """
    environment = os.environ if environment is None else environment
    layers: dict[str, dict[str, Any]] = {}
    if home.settings_file.exists():
        _merge(layers, _read(home.settings_file))
    if named := environment.get("CHURN_SETTINGS"):
        _merge(layers, _read(Path(named)))
    _merge(layers, _from_environment(environment))
    return settings_from(layers)


def settings_from(sections: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Build settings from sections of plain values, the rest by default.

    Raises:
        SettingsError: a setting does not exist, or a value does not fit.
    """
    known = {field.name: field for field in dataclasses.fields(Settings)}
    for section, values in sections.items():
        if section not in known:
            raise SettingsError(
                f"there is no section [{section}] in the settings; there are {', '.join(known)}"
            )
        names = [field.name for field in dataclasses.fields(_section_type(section))]
        for name in values:
            if name not in names:
                raise SettingsError(f"[{section}] has no setting '{name}'; it has {', '.join(names)}")
    try:
        return TypeAdapter(Settings).validate_python(dict(sections))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {where}: {first['msg']}") from None


def remember_source(home: Home, source: SourceSettings) -> None:
    """Write down in the home where its deliveries come from, so that every later command reads the same."""
    lines = ["# Written by `churn run`: where this home's deliveries come from.", "[source]"]
    lines += [
        f"{name} = {json.dumps(value)}" for name in ("kind", "path") if (value := getattr(source, name))
    ]
    write_atomically(home.settings_file, ("\n".join(lines) + "\n").encode())


def digest_of(*sections: object) -> str:
    """Return a short digest of sections: it is part of the code version of the assets that they shape."""
    plain = [dataclasses.asdict(section) for section in sections]  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _section_type(section: str) -> Any:  # noqa: ANN401  a dataclass of any shape
    factory = {field.name: field.default_factory for field in dataclasses.fields(Settings)}
    return factory[section]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"the settings file {path} does not exist; mend CHURN_SETTINGS or unset it"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is no TOML: {error}") from None


def _merge(into: dict[str, dict[str, Any]], layer: Mapping[str, Any]) -> None:
    for section, values in layer.items():
        if not isinstance(values, Mapping):
            raise SettingsError(
                f"'{section}' stands outside a section; write it below one, for example [source]"
            )
        into.setdefault(section, {}).update(values)


def _from_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    sections = [field.name for field in dataclasses.fields(Settings)]
    found: dict[str, dict[str, Any]] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        section, _, name = variable.removeprefix(PREFIX).lower().partition("_")
        if section not in sections or not name:
            raise SettingsError(
                f"the variable {variable} names no setting; write CHURN_SECTION_KEY with a section of {', '.join(sections)}"
            )
        found.setdefault(section, {})[name] = _plain(text)
    return found


def _plain(text: str) -> Any:  # noqa: ANN401  numbers, lists and tables are written as JSON, all else is text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
