"""The one place that knows paths below a home's `serving/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn_assets.adapters.files import write_atomically
from churn_assets.adapters.home import Home
from churn_serving.security.key_file import KeyFile


@dataclass(frozen=True)
class ServingPlaces:
    """Where the service of one home keeps its state."""

    home: Home

    @property
    def root(self) -> Path:
        """All of it."""
        return self.home.serving

    @property
    def configurations(self) -> Path:
        """Every configuration that was ever applied, a file each."""
        return self.root / "configurations"

    @property
    def replicas(self) -> Path:
        """What each replica says of itself."""
        return self.root / "replicas"

    @property
    def metrics(self) -> Path:
        """The counters of all replicas, memory-mapped."""
        return self.root / "metrics"

    @property
    def logs(self) -> Path:
        """The access log."""
        return self.root / "logs"

    @property
    def api_keys(self) -> Path:
        """Who may ask, hashed."""
        return KeyFile.in_folder(self.root).path

    @property
    def limits(self) -> Path:
        """How much each key has asked of late, shared by the replicas."""
        return self.root / "limits.bin"

    @property
    def ray_token(self) -> Path:
        """What Ray's own ports ask for."""
        return self.root / "ray_token"

    @property
    def service(self) -> Path:
        """Where the running service listens, written while it runs."""
        return self.root / "service.json"

    def model(self, digest: str) -> Path:
        """The folder of a model's files, as the registry lays them down."""
        return self.home.models / digest[:16]

    def want_code(self, digest: str) -> None:
        """Let the service roll out replicas that run the code with this digest."""
        write_atomically(self.root / "code", digest.encode())

    def wanted_code(self) -> str:
        """Return the code that was asked for last; empty for none."""
        try:
            return (self.root / "code").read_text(encoding="ascii")
        except FileNotFoundError:
            return ""
