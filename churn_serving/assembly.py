"""From a configuration to what answers: models loaded and proven, the challenger's contract read, the schema made."""

from __future__ import annotations

from churn_assets.adapters.online_store import OnlineSnapshot, OnlineStoreError
from churn_assets.domain.assignment import CHALLENGER, CHAMPION
from churn_assets.learning.contract import ModelContract
from churn_assets.learning.errors import ModelError
from churn_assets.learning.folder import read_folder
from churn_serving.configuration import Configuration
from churn_serving.inputs import RequestInputs
from churn_serving.places import ServingPlaces
from churn_serving.proving import GoldenRows, RefusedModel, load_proven
from churn_serving.requests import RequestSchema
from churn_serving.scorer import Scorer, Speaker
from churn_serving.state import ArmView, Served


def assemble(
    places: ServingPlaces,
    configuration: Configuration,
    before: Served | None,
    golden: GoldenRows | None,
    batch_limit: int,
) -> Served:
    """Load what is new of a configuration; takes tenths of a second: not on an event loop.

    Args:
        places: where models lie.
        configuration: what is to answer.
        before: what answers now; a champion that stays is not loaded again.
        golden: rows that prove a new champion.
        batch_limit: customers in one batch at the most.

    Raises:
        RefusedModel: a model must not answer.
    """
    champion = configuration.champion
    if before is not None and before.scorer.served == champion:
        scorer = before.scorer
    else:
        scorer = load_proven(places.model(champion.digest), champion, golden)
    contract = _challenger_contract(places, configuration)
    contracts = [scorer.features, *([contract.features] if contract else [])]
    schema = RequestSchema(contracts, batch_limit)
    challenger = _challenger_view(configuration, contract, schema)
    return Served(configuration, scorer, schema, _view_of(scorer, schema), challenger)


async def golden_of(snapshot: OnlineSnapshot) -> GoldenRows | None:
    """Return a snapshot's golden rows, or None where it has none that can be read."""
    golden = snapshot.manifest.golden
    if golden is None:
        return None
    try:
        rows, found = await snapshot.rows(golden.customer_ids)
    except OnlineStoreError:
        return None
    if not found.all():
        return None
    return GoldenRows(snapshot.manifest.features, rows, golden.model_digest, golden.probabilities)


def _challenger_contract(places: ServingPlaces, configuration: Configuration) -> ModelContract | None:
    if configuration.challenger is None:
        return None
    served = configuration.challenger
    try:
        return read_folder(places.model(served.digest), served.digest)[0]
    except (ModelError, OSError) as problem:
        raise RefusedModel(f"version {served.version} is not served: {problem}") from problem


def _view_of(scorer: Scorer, schema: RequestSchema) -> ArmView:
    inputs = RequestInputs(schema.names, scorer.features)
    return ArmView(CHAMPION, scorer.served, scorer.features, scorer.speaker, inputs)


def _challenger_view(
    configuration: Configuration, contract: ModelContract | None, schema: RequestSchema
) -> ArmView | None:
    if contract is None or configuration.challenger is None:
        return None
    return ArmView(
        CHALLENGER,
        configuration.challenger,
        contract.features,
        Speaker(contract.threshold, contract.base_rate),
        RequestInputs(schema.names, contract.features),
    )
