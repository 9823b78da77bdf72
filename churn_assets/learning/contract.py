"""What a model version promises: its inputs in order, its threshold, and what it was made from.

The contract is one JSON document, `contract.json`. It carries the sha256 of the other files of the folder, so the
sha256 of the document alone identifies every byte of the model: that is the model's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from churn_assets.learning.errors import ModelError
from churn_assets.learning.inputs import FeatureKind, FeatureLike

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class ContractFeature:
    """One input of the model; its place in the contract is its column in the matrix.

    Attributes:
        name: the column of the feature matrix.
        kind: `number` or `category`.
        vocabulary: the categories in the order of their codes; any other value is missing to the model.
        cause: what the feature tells a retention manager.
        sensitive: an attribute of a person that is never given as a reason.
        minimum: the least value that a request may name; None where there is no bound.
        maximum: the greatest one.
        nullable: whether a request may leave the feature out.
    """

    name: str
    kind: FeatureKind
    vocabulary: tuple[str, ...] = ()
    cause: str = ""
    sensitive: bool = False
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = True

    @classmethod
    def of(cls, feature: FeatureLike) -> ContractFeature:
        """Take a feature of the catalogue into the contract."""
        return cls(
            feature.name,
            feature.kind,
            tuple(feature.categories),
            feature.cause,
            feature.sensitive,
            feature.minimum,
            feature.maximum,
            feature.nullable,
        )


@dataclass(frozen=True)
class ModelContract:
    """Everything about a model version that is not its trees or its calibration.

    Attributes:
        family: the name of the family of models, for example `xgboost`.
        features: the inputs in the order of the matrix.
        threshold: a calibrated probability at or above it predicts churn.
        threshold_policy: the rule that fixed the threshold: `room_above_floors` or `break_even`.
        training_months: months whose rows the trees have seen (the early-stopping month too where they were grown again).
        early_stopping_month: the month that fixed the number of rounds.
        calibration_months: the months that fixed the calibration and the threshold, the newest last.
        data_versions: lake version of each table that training read.
        base_rate: share of churners among the customers of the training months and the early-stopping month.
        seed: seed of training.
        params: the parameters of the trees as the library took them.
        rounds: number of trees.
        files: sha256 in hexadecimal of each other file of the folder.
        schema_version: version of this document's layout.
    """

    family: str
    features: tuple[ContractFeature, ...]
    threshold: float
    threshold_policy: str
    training_months: tuple[str, ...]
    early_stopping_month: str
    calibration_months: tuple[str, ...]
    data_versions: Mapping[str, int | str]
    base_rate: float
    seed: int
    params: Mapping[str, Any]
    rounds: int
    files: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def calibration_month(self) -> str:
        """The newest month that anything of the model was fixed on."""
        return self.calibration_months[-1]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the inputs in the order of the matrix."""
        return tuple(feature.name for feature in self.features)

    def to_json(self) -> str:
        """Return the canonical document: sorted keys, so that equal contracts are equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    def digest(self) -> str:
        """Return the sha256 of the document, which covers the other files through `files`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> ModelContract:
        """Read a document that `to_json` wrote.

        Raises:
            ModelError: the document has another layout.
        """
        document = _parsed(text)
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ModelError(
                f"contract.json has schema version {version}, this release reads {SCHEMA_VERSION}: "
                "retrain the model, or use the release that wrote it"
            )
        known = {entry.name for entry in fields(cls)}
        if set(document) != known:
            raise ModelError(
                f"contract.json has not the fields of a contract (differing: {sorted(set(document) ^ known)}): "
                "take the folder from the registry again"
            )
        try:
            return cls(**document | _tuples(document))
        except (KeyError, TypeError, ValueError) as problem:
            raise ModelError(
                f"contract.json holds a value of another type ({problem}): take the folder from the registry again"
            ) from problem


def contract_features(features: Iterable[FeatureLike]) -> tuple[ContractFeature, ...]:
    """Take the features of the catalogue into a contract, in their order."""
    return tuple(ContractFeature.of(feature) for feature in features)


def _parsed(text: str) -> dict[str, Any]:
    """Return the document as an object.

    Raises:
        ModelError: the text is no JSON object.
    """
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise ModelError(
            f"contract.json is no JSON ({problem}): take the folder from the registry again"
        ) from problem
    if not isinstance(document, dict):
        raise ModelError("contract.json is no JSON object: take the folder from the registry again")
    return document


def _tuples(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that JSON knows as lists, as the contract holds them."""
    features = tuple(
        ContractFeature(**entry | {"vocabulary": tuple(entry["vocabulary"])})
        for entry in document["features"]
    )
    return {
        "features": features,
        "training_months": tuple(document["training_months"]),
        "calibration_months": tuple(document["calibration_months"]),
        "threshold": float(document["threshold"]),
        "base_rate": float(document["base_rate"]),
    }
