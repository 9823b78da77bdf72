"""The model registry: MLflow's versions and aliases over folders of native, inert files.

A version's digest is its identity: the same bytes registered again are the same version. Aliases have no history of
their own, so the audit log keeps it (`adapters.champions`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.learning.model import ChurnModel

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

REGISTERED_NAME = "churn"
EXPERIMENT = "churn"
CHALLENGER = "challenger"
CHAMPION = "champion"
DIGEST_TAG = "digest"
ARTIFACT_FOLDER = "model"


class RegistryError(Exception):
    """A version that is asked for does not exist or is not what it was; the sentence names it."""


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its number, the digest of its files, and the month whose close it was trained at."""

    version: str
    digest: str
    month: str
    run_id: str


@dataclass(frozen=True)
class ModelRegistry:
    """MLflow at an address (an embedded SQLite file or a server) and the folder of models on this machine."""

    tracking_uri: str
    artifacts_uri: str
    models: Path

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        from mlflow.tracking import MlflowClient  # noqa: PLC0415  two seconds that readers of models do not need

        if self.tracking_uri.startswith("sqlite:///"):
            Path(self.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        return MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)

    def folder(self, digest: str) -> Path:
        """Return where the files of a digest lie on this machine."""
        return self.models / digest[:16]

    def store(self, model: ChurnModel) -> str:
        """Keep a model's files under their digest, atomically; return the digest."""
        incoming = self.models / f".incoming-{os.getpid()}"
        shutil.rmtree(incoming, ignore_errors=True)
        digest = model.save(incoming)
        target = self.folder(digest)
        if target.exists():
            shutil.rmtree(incoming)
        else:
            incoming.rename(target)
        return digest

    def load(self, digest: str) -> ChurnModel:
        """Load a model from this machine, fetching it from MLflow where it is not here yet; its files are verified.

        Raises:
            RegistryError: no version has that digest.
        """
        folder = self.folder(digest)
        if not folder.exists():
            self._fetch(digest, folder)
        return ChurnModel.load(folder, expected_digest=digest)

    def _fetch(self, digest: str, folder: Path) -> None:
        version = self.find(digest)
        if version is None:
            raise RegistryError(
                f"no registered model has the digest {digest[:16]}; `churn run` trains and registers one"
            )
        incoming = folder.with_name(f".fetched-{os.getpid()}")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        self._client.download_artifacts(version.run_id, ARTIFACT_FOLDER, str(incoming))
        (incoming / ARTIFACT_FOLDER).rename(folder)
        shutil.rmtree(incoming)

    def register(
        self,
        digest: str,
        *,
        month: str,
        metrics: Mapping[str, float],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Log the files of a digest as a run with its parameters and metrics, and register them as a version.

        Registering the same digest again for the same month returns the version that is there.
        """
        known = self.find(digest)
        if known is not None and known.month == month:
            return known
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        client = self._client
        run = client.create_run(
            self._experiment(), run_name=f"challenger {month}", tags={"month": month, **tags}
        )
        run_id = run.info.run_id
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, run.info.start_time, 0) for name, value in metrics.items()],
            params=[Param(name, value) for name, value in params.items()],
        )
        client.log_artifacts(run_id, str(self.folder(digest)), ARTIFACT_FOLDER)
        client.set_terminated(run_id)
        if not client.search_registered_models(f"name = '{REGISTERED_NAME}'"):
            client.create_registered_model(REGISTERED_NAME)
        version = client.create_model_version(
            REGISTERED_NAME,
            source=f"{run.info.artifact_uri}/{ARTIFACT_FOLDER}",
            run_id=run_id,
            tags={DIGEST_TAG: digest, "month": month},
        )
        return ModelVersion(str(version.version), digest, month, run_id)

    def find(self, digest: str) -> ModelVersion | None:
        """Return the newest version with that digest, or None."""
        versions = [version for version in self.versions() if version.digest == digest]
        return max(versions, key=lambda version: int(version.version), default=None)

    def versions(self) -> list[ModelVersion]:
        """Return all registered versions, the oldest first."""
        found = self._client.search_model_versions(f"name = '{REGISTERED_NAME}'")
        listed = [
            ModelVersion(str(v.version), v.tags.get(DIGEST_TAG, ""), v.tags.get("month", ""), v.run_id or "")
            for v in found
        ]
        return sorted(listed, key=lambda version: int(version.version))

    def alias(self, name: str) -> ModelVersion | None:
        """Return the version that an alias points to, or None."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            v = self._client.get_model_version_by_alias(REGISTERED_NAME, name)
        except MlflowException:
            return None
        return ModelVersion(
            str(v.version), v.tags.get(DIGEST_TAG, ""), v.tags.get("month", ""), v.run_id or ""
        )

    def point(self, alias: str, version: str) -> None:
        """Let an alias point to a version."""
        self._client.set_registered_model_alias(REGISTERED_NAME, alias, version)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Add metrics to the run of a version."""
        from mlflow.entities import Metric  # noqa: PLC0415

        self._client.log_batch(run_id, metrics=[Metric(name, value, 0, 0) for name, value in metrics.items()])

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=self.artifacts_uri))
