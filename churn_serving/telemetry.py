"""Counters of all replicas of a machine, exact at every moment: each process writes its own memory-mapped file.

prometheus_client's multiprocess mode adds the files up when somebody asks, whichever replica that is, and what a killed
replica counted stays counted. Its metrics take their storage when they are made, so this module makes them in a
constructor, after the folder is named.
"""

from __future__ import annotations

import os
from pathlib import Path

from churn_assets.domain.assignment import ARMS

_LATENCY_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
_SCORES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_DIFFERENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MODES = ("features", "id", "batch", "shadow")


class Telemetry:
    """The service's metrics.

    Args:
        folder: where all replicas of the machine keep their counters.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from prometheus_client import Counter, Gauge, Histogram, values  # noqa: PLC0415  see above

        values.ValueClass = (
            values.MultiProcessValue()  # type: ignore[no-untyped-call]
        )  # another library may have imported it without the folder
        self._folder = folder
        self._shown: set[tuple[str, str]] = set()
        self.predictions = Counter(
            "churn_predictions",
            "Customers scored, by arm, model version and way of asking.",
            ("arm", "version", "mode"),
        )
        self.requests = Counter("churn_requests", "Requests answered.", ("route", "status"))
        self.latency = Histogram(
            "churn_request_seconds",
            "From the request's arrival in the replica to its answer.",
            ("route",),
            buckets=_LATENCY_S,
        )
        self.scores = Histogram("churn_score", "Calibrated probabilities given.", ("arm",), buckets=_SCORES)
        self.batch_rows = Histogram("churn_batch_customers", "Customers in a batch.", buckets=_ROWS)
        self.fallbacks = Counter(
            "churn_fallbacks", "Customers whom the champion answered in the challenger's place.", ("reason",)
        )
        self.shadow = Counter(
            "churn_shadow", "Customers scored in the challenger's shadow mode.", ("outcome",)
        )
        self.shadow_difference = Histogram(
            "churn_shadow_difference",
            "Distance between the challenger's and the champion's probability.",
            buckets=_DIFFERENCES,
        )
        self.reasons = Counter("churn_reasons", "Requests for reasons.", ("outcome",))
        self.refused_keys = Counter("churn_refused_keys", "Requests without an accepted key.", ("reason",))
        self.limited = Counter("churn_rate_limited", "Requests over their key's rate.", ("key",))
        self.reload_failures = Counter(
            "churn_reload_failures", "Models, snapshots or keys that could not be taken over.", ("what",)
        )
        self.unknown_customers = Counter(
            "churn_unknown_customers", "Look-ups of customers whom the online store does not know."
        )
        self.store_age = Gauge(
            "churn_online_store_age_seconds",
            "Time since the snapshot of the features that are served.",
            multiprocess_mode="livemax",
        )
        self.configuration = Gauge(
            "churn_configuration",
            "Number of the configuration in force, the oldest of any replica.",
            ("arm",),
            multiprocess_mode="livemin",
        )
        self.model = Gauge(
            "churn_model_info", "1 for the served versions.", ("arm", "version"), multiprocess_mode="livemax"
        )
        self.breaker = Gauge(
            "churn_challenger_away",
            "1 while a replica asks the challenger no more.",
            multiprocess_mode="livemax",
        )
        self.proxy_revivals = Counter(
            "churn_proxy_revivals", "Times that HAProxy was found dead and started again."
        )

    def count(self, arm: str, version: str, mode: str, probabilities: list[float]) -> None:
        """Count scored customers and their probabilities."""
        self.predictions.labels(arm, version, mode).inc(len(probabilities))
        histogram = self.scores.labels(arm)
        for probability in probabilities:
            histogram.observe(probability)

    def show_models(self, versions: dict[str, str]) -> None:
        """Show which version serves which arm; one that serves no longer is shown as 0."""
        now: set[tuple[str, str]] = {(arm, version) for arm in ARMS if (version := versions.get(arm))}
        for labels in self._shown | now:
            self.model.labels(*labels).set(labels in now)
        self._shown = now

    def text(self) -> bytes:
        """Return the sum over all replicas in Prometheus' text format; some milliseconds: not on an event loop."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        self._bury_the_dead()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _bury_the_dead(self) -> None:
        """Take the live gauges of dead processes away; their counters stay."""
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        pids = {int(path.stem.rpartition("_")[2]) for path in self._folder.glob("gauge_live*_*.db")}
        for pid in pids:
            if not Path(f"/proc/{pid}").exists():
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
