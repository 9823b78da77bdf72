"""What a replica is built with, and which code it runs."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from churn_assets.adapters.home import PROJECT_ROOT
from churn_assets.adapters.serving_settings import ServingSettings

CODE_VARIABLE = "SERVED_CODE"
"""Tells a replica the digest of the code that it was started for."""
_PACKAGES = ("churn_serving", "churn_assets/adapters", "churn_assets/domain", "churn_assets/learning")


@dataclasses.dataclass(frozen=True)
class ReplicaArguments:
    """Plain values that travel in a declarative configuration.

    Attributes:
        home: the folder of the installation.
        settings: of serving.
    """

    home: str
    settings: ServingSettings

    def plain(self) -> dict[str, Any]:
        """Return them as JSON knows values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> ReplicaArguments:
        """Read what `plain` gave."""
        return cls(**values | {"settings": ServingSettings(**values["settings"])})


def digest_of_code() -> str:
    """Return a digest of the sources that a replica imports."""
    found = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((PROJECT_ROOT / package).rglob("*.py")):
            found.update(str(path.relative_to(PROJECT_ROOT)).encode() + b"\0")
            found.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return found.hexdigest()[:16]
