"""What a snapshot is: its month, its features in order, the digests of its data; one canonical JSON document.

The snapshot's id carries a digest of that document (without the time at which it was made), and the document carries
the digests of the data, so the id alone identifies every value: the same month of the same data is the same snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import index
from typing import Any

from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.golden import Golden
from churn_assets.domain.months import Month
from churn_assets.learning.contract import ContractFeature

SCHEMA_VERSION = 1
CUSTOMER_IDS = "customer_ids.npy"
ROWS = "rows.npy"
MEND = "run the job `score_month` for its month again"


@dataclass(frozen=True)
class SnapshotManifest:
    """Everything about a snapshot that is not its rows.

    Attributes:
        month: the month whose features it holds.
        made_at: when it was made, UTC.
        rows: number of customers.
        features: the columns in order; a category's value is its place in the vocabulary, missing is NaN.
        files: sha256 in hexadecimal of `customer_ids.npy` (int64, ascending) and `rows.npy` (float32, a row per customer).
        golden: the batch's scores of a few customers, by the champion of the month.
        schema_version: version of this document's layout.
    """

    month: Month
    made_at: datetime
    rows: int
    features: tuple[ContractFeature, ...]
    files: Mapping[str, str]
    golden: Golden | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def snapshot(self) -> datetime:
        """The instant at which the features are known: the first of the next month, UTC."""
        return self.month.snapshot.replace(tzinfo=UTC)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def snapshot_id(self) -> str:
        """The month and a short digest of everything but the time at which the snapshot was made."""
        content = {name: value for name, value in self._document().items() if name != "made_at"}
        return f"{self.month}-{hashlib.sha256(_canonical(content).encode()).hexdigest()[:16]}"

    def to_json(self) -> str:
        """Return the canonical document: sorted keys, so that equal manifests are equal bytes."""
        return _canonical(self._document())

    def _document(self) -> dict[str, Any]:
        return {
            "month": str(self.month),
            "snapshot": self.snapshot.isoformat(),
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "rows": self.rows,
            "features": [
                {"name": feature.name, "kind": feature.kind, "vocabulary": list(feature.vocabulary)}
                for feature in self.features
            ],
            "files": dict(self.files),
            "golden": None if self.golden is None else asdict(self.golden),
            "schema_version": self.schema_version,
        }

    @classmethod
    def from_json(cls, text: str, where: str) -> SnapshotManifest:
        """Read a document that `to_json` wrote.

        Args:
            text: the document.
            where: what an error calls it.

        Raises:
            OnlineStoreError: it is torn, edited, or of another layout.
        """
        try:
            document = json.loads(text)
            version = document["schema_version"]
            manifest = cls._from(document) if version == SCHEMA_VERSION else None
        except (KeyError, TypeError, ValueError) as problem:
            raise OnlineStoreError(f"{where} is torn or edited ({problem!r}): {MEND}") from problem
        if manifest is None:
            raise OnlineStoreError(
                f"{where} has schema version {version}, this release reads {SCHEMA_VERSION}: {MEND} with this release"
            )
        if manifest.to_json() != text:
            raise OnlineStoreError(f"{where} was edited: {MEND}")
        return manifest

    @classmethod
    def _from(cls, document: dict[str, Any]) -> SnapshotManifest:
        golden = document["golden"]
        return cls(
            month=Month.parse(document["month"]),
            made_at=datetime.fromisoformat(document["made_at"]),
            rows=index(document["rows"]),
            features=tuple(
                ContractFeature(each["name"], each["kind"], tuple(each["vocabulary"]))
                for each in document["features"]
            ),
            files=dict(document["files"]),
            golden=None if golden is None else _golden(golden),
        )


def _golden(document: dict[str, Any]) -> Golden:
    return Golden(**document | {name: tuple(document[name]) for name in ("customer_ids", "probabilities")})


def _canonical(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"
