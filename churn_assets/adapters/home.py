"""Where all state lives: the one place that knows paths below `CHURN_HOME`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from churn_assets.adapters.files import write_atomically

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """The folder of one installation; two homes never touch each other."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """Return the home that `CHURN_HOME` names, by default `var/` of the project."""
        return cls(Path(os.environ.get("CHURN_HOME") or PROJECT_ROOT / "var").resolve())

    @property
    def settings_file(self) -> Path:
        """What this home remembers of its operator, above the defaults and below `CHURN_SETTINGS`."""
        return self.root / "settings.toml"

    @property
    def deliveries(self) -> Path:
        """Where the simulated operator's IT puts its files."""
        return self.root / "deliveries"

    @property
    def lake(self) -> Path:
        """The Delta tables."""
        return self.root / "lake"

    @property
    def dagster(self) -> Path:
        """Dagster's own home."""
        return self.root / "dagster"

    @property
    def models(self) -> Path:
        """One folder a model version, named by its digest."""
        return self.root / "models"

    @property
    def mlflow_database(self) -> Path:
        """MLflow's embedded tracking store and registry."""
        return self.root / "mlflow" / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "mlflow" / "artifacts"

    @property
    def audit_log(self) -> Path:
        """The append-only trail of decisions."""
        return self.root / "audit" / "audit.jsonl"

    @property
    def serving(self) -> Path:
        """What the scoring service knows of its own: API keys, limits, logs."""
        return self.root / "serving"

    @property
    def online_store(self) -> Path:
        """Snapshots of the features for scoring by customer id, where no Redis is set."""
        return self.root / "online_store"

    @property
    def reports(self) -> Path:
        """Pages for people."""
        return self.root / "reports"

    def prepare(self) -> None:
        """Make the folders and hand Dagster its configuration; safe to repeat.

        Raises:
            PermissionError: the home cannot be written.
        """
        for folder in (self.lake, self.dagster, self.models, self.mlflow_artifacts, self.audit_log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        configuration = (PROJECT_ROOT / "dagster.yaml").read_bytes()
        target = self.dagster / "dagster.yaml"
        if not target.exists() or target.read_bytes() != configuration:
            write_atomically(target, configuration)
