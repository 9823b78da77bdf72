"""`churn serve`: real-time scoring on this home, in the foreground."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from churn_assets.cli.screen import ERR, complain, say

if TYPE_CHECKING:
    from rich.status import Status

    from churn_assets.adapters.home import Home
    from churn_assets.adapters.serving_settings import ServingSettings
    from churn_serving.cluster.local import LocalCluster
    from churn_serving.configuration import Configuration
    from churn_serving.places import ServingPlaces
    from churn_serving.versions import Versions

_LOOK_EVERY_S = 0.2
_ALIVE_EVERY = 25


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback see docs/serving.md first.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve champion and challenger over HTTP until Ctrl-C; `churn deploy` changes what is served, live."""
    import dataclasses  # noqa: PLC0415

    from churn_assets.adapters.home import Home  # noqa: PLC0415
    from churn_assets.adapters.settings import load_settings  # noqa: PLC0415

    home = Home.from_environment()
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = dataclasses.replace(load_settings(home).serving, **changed)  # type: ignore[arg-type]
    raise typer.Exit(_Serving(home, settings).run())


class _Serving:
    """The life of the service, from the first look to the last."""

    def __init__(self, home: Home, settings: ServingSettings) -> None:
        from churn_serving.places import ServingPlaces  # noqa: PLC0415

        self._home = home
        self._settings = settings
        self._places: ServingPlaces = ServingPlaces(home)
        self._ended = threading.Event()

    def run(self) -> int:
        """Serve until a signal comes; return the exit code."""
        from churn_serving.cluster.arguments import digest_of_code  # noqa: PLC0415
        from churn_serving.cluster.local import LocalCluster, StartError  # noqa: PLC0415

        self._refuse_a_second_one()
        configuration = self._first_configuration()
        self._end_on_signals()
        code = digest_of_code()
        self._places.want_code(code)
        cluster = LocalCluster(self._places, self._settings, code)
        started = time.monotonic()
        try:
            with ERR.status("starting") as status:
                cluster.start(configuration, lambda text: self._show(status, text))
            self._end_on_signals()  # Ray has put handlers of its own in their place
            self._announce(configuration, time.monotonic() - started)
            return self._watch(cluster, configuration)
        except StartError as problem:
            complain(str(problem))
            return 1
        finally:
            self._places.service.unlink(missing_ok=True)
            ERR.print("stopping", highlight=False)
            cluster.stop()

    def _end_on_signals(self) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self._ended.set())

    @staticmethod
    def _show(status: Status, text: str) -> None:
        if ERR.is_terminal:
            status.update(text)
        else:
            ERR.print(f"{text} ...", highlight=False)

    def _refuse_a_second_one(self) -> None:
        from churn_serving.change import running_service  # noqa: PLC0415

        if (running := running_service(self._places)) is not None:
            raise ValueError(
                f"this home is served already at {running.url} (process {running.pid}): stop that first, or name another "
                "CHURN_HOME"
            )
        _demand_free(self._settings.host, self._settings.port)

    def _first_configuration(self) -> Configuration:
        """Return what was wanted last, or the champion alone."""
        from churn_serving.configuration import Configuration  # noqa: PLC0415
        from churn_serving.history import ConfigurationHistory  # noqa: PLC0415

        history = ConfigurationHistory(self._places.configurations)
        if (wanted := history.wanted()) is not None:
            return wanted
        champion = versions_of(self._home).champion()
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        return history.keep(
            Configuration(self._settings.experiment, champion, made_at=made_at, reason="first start")
        )

    def _announce(self, configuration: Configuration, seconds: float) -> None:
        """Write down where the service is, and print a line that can be pasted."""
        import os  # noqa: PLC0415

        import msgspec  # noqa: PLC0415

        from churn_assets.adapters.files import write_atomically  # noqa: PLC0415
        from churn_serving.change import RunningService  # noqa: PLC0415
        from churn_serving.history import ConfigurationHistory  # noqa: PLC0415
        from churn_serving.security.local import local_key  # noqa: PLC0415

        service = RunningService(os.getpid(), self._settings.host, self._settings.port)
        ConfigurationHistory(self._places.configurations).note_served(configuration.number)
        local_key(self._places.root, datetime.now(UTC))
        write_atomically(self._places.service, msgspec.json.encode(service))
        say(
            f"Serving at {service.url} after {seconds:.0f} s: configuration {configuration.number}, {_arms(configuration)}. "
            f"Documentation: {service.url}/docs (any user name, the key as password). Ctrl-C stops."
        )
        key = self._places.root / "local.key"
        path = self._something_to_ask()
        say(f"curl -s -H \"X-API-Key: $(cat '{key}')\" '{service.url}{path}'")

    def _something_to_ask(self) -> str:
        """Return a path that has an answer: a customer where features are published."""
        from churn_assets.adapters.online_store import OnlineStoreError, store_from  # noqa: PLC0415

        try:
            manifest = store_from(self._settings.online_store_url, self._home).current()
        except OnlineStoreError as problem:
            complain(str(problem))
            return "/ready"
        if manifest is None:
            say(
                "No features of customers are published: `churn run` publishes them; until then send features."
            )
        if manifest is None or manifest.golden is None:
            return "/ready"
        return f"/customers/{manifest.golden.customer_ids[0]}/score?explain=true"

    def _watch(self, cluster: LocalCluster, configuration: Configuration) -> int:
        """Hand over what becomes wanted, until a signal comes or Ray dies."""
        from churn_serving.history import ConfigurationHistory  # noqa: PLC0415

        history = ConfigurationHistory(self._places.configurations)
        in_hand, looks = configuration.number, 0
        code = self._places.wanted_code()
        while not self._ended.wait(_LOOK_EVERY_S):
            wanted = history.wanted()
            newer = self._places.wanted_code()
            if wanted is not None and newer != code:
                in_hand, code = wanted.number, newer
                cluster.renew(code, wanted)
            elif wanted is not None and wanted.number != in_hand:
                in_hand = wanted.number
                cluster.declare(wanted)
            looks += 1
            if looks % _ALIVE_EVERY == 0 and not cluster.alive():
                complain("Ray has died; start `churn serve` again (a service manager does that)")
                return 1
        return 0


def _arms(configuration: Configuration) -> str:
    trial = configuration.challenger
    champion = f"champion {configuration.champion.version}"
    return (
        f"{champion}, challenger {trial.version} with {configuration.challenger_share:.0%}"
        if trial
        else champion
    )


def versions_of(home: Home) -> Versions:
    """Return the versions of a home."""
    from churn_assets.adapters.lake import Lake  # noqa: PLC0415
    from churn_assets.adapters.registry import ModelRegistry  # noqa: PLC0415
    from churn_serving.versions import Versions  # noqa: PLC0415

    registry = ModelRegistry(f"sqlite:///{home.mlflow_database}", home.mlflow_artifacts.as_uri(), home.models)
    return Versions(Lake(str(home.lake)), registry)


def _demand_free(host: str, port: int) -> None:
    """Raise where something else listens on the port."""
    import socket  # noqa: PLC0415

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise ValueError(
                f"{host}:{port} cannot be listened on ({problem.strerror}): stop what does, or choose another with --port"
            ) from None
