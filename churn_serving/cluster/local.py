"""A Ray cluster of this machine alone, with Serve and the application on it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from churn_assets.adapters.serving_settings import ServingSettings
from churn_serving.cluster.application import NAME, declaration
from churn_serving.cluster.arguments import ReplicaArguments
from churn_serving.cluster.environment import RuntimeFolders, prepare_environment
from churn_serving.cluster.loopback import LOOPBACK, keep_node_on_loopback
from churn_serving.configuration import Configuration
from churn_serving.failures import CONFIGURATION
from churn_serving.places import ServingPlaces
from churn_serving.replica_status import statuses

_OBJECT_STORE_BYTES = 80 << 20
_START_WITHIN_S = 120.0
Progress = Callable[[str], object]


class StartError(RuntimeError):
    """The service did not come up; the sentence says why."""


class LocalCluster:
    """Starts, changes and ends the service of one home.

    Args:
        places: its state.
        settings: of serving.
        code: digest of the code that the replicas run.
    """

    def __init__(self, places: ServingPlaces, settings: ServingSettings, code: str) -> None:
        self._places = places
        self._settings = settings
        self._arguments = ReplicaArguments(str(places.home.root), settings)
        self._code = code
        self._folders: RuntimeFolders | None = None

    def start(self, configuration: Configuration, progress: Progress) -> None:
        """Start Ray, Serve and the replicas, and wait until they answer.

        Raises:
            StartError: they do not.
        """
        self._folders = prepare_environment(self._places, self._settings)
        end_haproxies(self._folders)
        for folder in (self._places.replicas, self._places.metrics):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        progress("starting Ray")
        keep_node_on_loopback()
        import ray  # noqa: PLC0415  reads the environment that was just set
        from ray import serve  # noqa: PLC0415

        ray.init(
            address="local",
            num_cpus=os.cpu_count(),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address=LOOPBACK,
            _temp_dir=str(self._folders.ray),
        )
        progress("starting Ray Serve and HAProxy")
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        serve.start(http_options={"host": self._settings.host, "port": self._settings.port})
        progress("loading the models")
        self.declare(configuration)
        self._await_running(configuration)

    def declare(self, configuration: Configuration) -> None:
        """Hand Ray what should run; replicas take a changed configuration over live."""
        from ray.serve.context import _get_global_client  # noqa: PLC0415
        from ray.serve.schema import ServeDeploySchema  # noqa: PLC0415

        schema = ServeDeploySchema.model_validate(declaration(self._arguments, configuration, self._code))
        client = _get_global_client()
        if client is None:
            raise StartError("Ray Serve is not started")
        client.deploy_apps(schema)

    def renew(self, code: str, configuration: Configuration) -> None:
        """Roll out replicas that run other code; the old ones go when the new ones answer."""
        self._code = code
        self.declare(configuration)

    def status(self) -> tuple[str, str]:
        """Return the application's state and Ray's message about it."""
        from ray import serve  # noqa: PLC0415

        application = serve.status().applications.get(NAME)
        return (
            ("MISSING", "") if application is None else (str(application.status.value), application.message)
        )

    def alive(self) -> bool:
        """Tell whether Ray answers at all."""
        import ray  # noqa: PLC0415

        try:
            self.status()
        except Exception:  # noqa: BLE001  whatever a dead cluster raises
            return False
        return bool(ray.is_initialized())

    def stop(self) -> None:
        """Let running requests end, then end everything."""
        import ray  # noqa: PLC0415

        if self._folders is not None:
            end_haproxies(self._folders, gently=True)
        with contextlib.suppress(Exception):
            ray.shutdown()
        if self._folders is not None:
            end_haproxies(self._folders)
            shutil.rmtree(self._folders.ray, ignore_errors=True)

    def _await_running(self, configuration: Configuration) -> None:
        deadline = time.monotonic() + _START_WITHIN_S
        while time.monotonic() < deadline:
            state, message = self.status()
            if state == "RUNNING":
                return
            told = [failure for each in statuses(self._places.replicas) for failure in each.failures]
            failures = [failure for failure in told if failure.what == CONFIGURATION]
            if failures or state in {"DEPLOY_FAILED", "UNHEALTHY"}:
                reason = failures[0].reason if failures else message
                raise StartError(f"configuration {configuration.number} cannot be served: {reason}")
            time.sleep(0.1)
        raise StartError(
            f"the replicas did not answer within {_START_WITHIN_S:.0f} s; Ray's logs are in {self._folders and self._folders.ray}"
        )


def end_haproxies(folders: RuntimeFolders, *, gently: bool = False) -> None:
    """End the HAProxy processes of a home, which can outlive their cluster: it knows them by their configuration's path."""
    pids = haproxies_of(folders)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1 if gently else signal.SIGKILL)
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids):
        time.sleep(0.02)


def haproxies_of(folders: RuntimeFolders) -> list[int]:
    """Return the HAProxy processes of a home."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if words[0].endswith(b"haproxy") and any(
                word.startswith(str(folders.haproxy).encode()) for word in words
            ):
                found.append(int(path.parent.name))
    return found
