"""How real-time scoring is run: the section `[serving]` of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServingSettings:
    """The HTTP service; durations are in the unit that their name ends with."""

    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback put TLS and a firewall before it (docs/serving.md)."""
    port: int = 8000
    experiment: str = "champion-challenger"
    """Name of the running experiment; a new name deals the customers out anew."""
    champion_replicas: int = 2
    """Processes that take requests and score the champion's arm; with one, its death is felt for seconds."""
    challenger_replicas: int = 1
    replica_concurrency: int = 8
    """Requests that one champion replica works on at a time."""
    queue_limit: int = 32
    """Requests that may wait for a free replica; any more are refused at once with 503."""
    challenger_timeout_ms: float = 80.0
    """After so long the champion answers in the challenger's place."""
    shadow_concurrency: int = 8
    """Shadow requests under way at a time in a replica; any more are dropped and counted."""
    explain_budget_ms: float = 120.0
    """After so long the answer goes out without its reasons."""
    body_limit_bytes: int = 32_768
    """Largest body of a request about one customer."""
    batch_limit_bytes: int = 2_097_152
    """Largest body of a batch."""
    batch_limit_customers: int = 1_000
    body_timeout_s: float = 5.0
    """How long a body may take to arrive."""
    stale_after_days: int = 35
    """Features whose snapshot is older are served with `features_stale` true."""
    online_store_url: str = ""
    """Empty: files below the home; redis://... where several machines serve."""
    ray_probes: bool = False
    """Whether Ray's own `/-/healthz` and `/-/routes` answer without a key, as KubeRay's probes need."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise ValueError(f"port {self.port} is none; write one from 1 to 65535")
        for name in ("champion_replicas", "replica_concurrency", "queue_limit", "batch_limit_customers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
