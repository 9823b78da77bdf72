"""What a request may say, derived from the models' contracts: names, types, bounds, categories, and what may be missing.

One source: a model's contract carries them from the catalogue; the decoders, the OpenAPI document and the errors all
read the types that are made here. Features of the catalogue that no served model reads are known and ignored, so that
a client may send the whole row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from churn_assets.domain.features.catalogue import FEATURES
from churn_assets.learning.contract import ContractFeature, contract_features
from churn_serving.decoding_errors import problem_of
from churn_serving.inputs import Value
from churn_serving.problems import Problem

GREATEST_ID = 2**63 - 1
GREATEST_FLOAT32 = 3.4e38
_LONGEST_CATEGORY = 64
_CATALOGUE = frozenset(feature.name for feature in FEATURES)

CustomerId = Annotated[
    int, msgspec.Meta(ge=1, le=GREATEST_ID, description="The operator's pseudonymous customer number.")
]


class RequestSchema:
    """The types of the requests that the served models understand.

    Args:
        contracts: the features of each served model.
        batch_limit: customers in one batch at the most.
    """

    def __init__(self, contracts: Iterable[Sequence[ContractFeature]], batch_limit: int) -> None:
        known = _union(contracts)
        self.names = tuple(known)
        self.features_type = msgspec.defstruct(
            "Features",
            [_field(feature, required=required) for feature, required in known.values()],
            forbid_unknown_fields=True,
            kw_only=True,
            module=__name__,
        )
        self.overrides_type = msgspec.defstruct(
            "Overrides",
            [
                (feature.name, _type_of(feature) | msgspec.UnsetType, msgspec.UNSET)
                for feature, _ in known.values()
            ],
            forbid_unknown_fields=True,
            kw_only=True,
            module=__name__,
        )
        customer: list[Any] = [
            ("customer_id", CustomerId),
            ("features", self.features_type | None, None),
            ("overrides", self.overrides_type | None, None),
        ]
        self.customer_type = msgspec.defstruct(
            "Customer", customer, forbid_unknown_fields=True, module=__name__
        )
        self.batch_type = msgspec.defstruct(
            "Batch",
            [
                (
                    "customers",
                    Annotated[list[self.customer_type], msgspec.Meta(min_length=1, max_length=batch_limit)],  # type: ignore[name-defined]
                ),
                ("threshold", Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None, None),
            ],
            forbid_unknown_fields=True,
            module=__name__,
        )
        self._customer = msgspec.json.Decoder(self.customer_type)
        self._batch = msgspec.json.Decoder(self.batch_type)
        self._categories = {
            feature.name: feature.vocabulary for feature, _ in known.values() if feature.kind == "category"
        }

    def customer(self, body: bytes) -> Any:  # noqa: ANN401  a type that is made from the contracts
        """Decode a request about one customer.

        Raises:
            Problem: 422, with the field and what is wrong with it.
        """
        return self._decoded(self._customer, body)

    def batch(self, body: bytes) -> Any:  # noqa: ANN401  likewise
        """Decode a batch.

        Raises:
            Problem: 422, with the field and what is wrong with it.
        """
        return self._decoded(self._batch, body)

    def _decoded(self, decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:  # noqa: ANN401
        try:
            request = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise problem_of(error, self.names, self._categories) from None
        for place, customer in enumerate(getattr(request, "customers", (request,))):
            if customer.features is not None and customer.overrides is not None:
                field = f"$.customers[{place}].overrides" if hasattr(request, "customers") else "$.overrides"
                raise Problem(
                    422,
                    "overrides change features of the online store: leave out features, or overrides",
                    field=field,
                )
        return request


def values_of(features: msgspec.Struct) -> tuple[Value, ...]:
    """Return a request's features in the order of the schema's names."""
    return msgspec.structs.astuple(features)


def overrides_of(overrides: msgspec.Struct) -> dict[str, Value]:
    """Return the features that a request overrides."""
    return {
        name: value for name, value in msgspec.structs.asdict(overrides).items() if value is not msgspec.UNSET
    }


def _union(
    contracts: Iterable[Sequence[ContractFeature]],
) -> dict[str, tuple[ContractFeature, bool]]:
    """Return all known features by name, and whether a request must have each."""
    known: dict[str, tuple[ContractFeature, bool]] = {}
    for feature in (feature for contract in contracts for feature in contract):
        known.setdefault(feature.name, (feature, not feature.nullable))
    for feature in contract_features(FEATURES):
        known.setdefault(feature.name, (feature, False))
    return known


def _field(feature: ContractFeature, *, required: bool) -> Any:  # noqa: ANN401  what `defstruct` takes
    if required:
        return (feature.name, _type_of(feature))
    return (feature.name, _type_of(feature) | None, None)


def _type_of(feature: ContractFeature) -> Any:  # noqa: ANN401  a type
    described = feature.cause or None
    if feature.kind == "number":
        least = -GREATEST_FLOAT32 if feature.minimum is None else feature.minimum
        greatest = GREATEST_FLOAT32 if feature.maximum is None else feature.maximum
        number: Any = Annotated[float, msgspec.Meta(ge=least, le=greatest, description=described)]
        return number | None if feature.nullable else number
    if feature.name in _CATALOGUE and feature.vocabulary:
        return Literal[feature.vocabulary] | None
    return Annotated[str, msgspec.Meta(max_length=_LONGEST_CATEGORY, description=described)] | None
