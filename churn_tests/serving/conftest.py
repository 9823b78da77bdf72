"""Two small real models, a home that serves them, a month in the online store, and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store import FilesStore, SnapshotManifest, golden_of
from churn_assets.adapters.serving_settings import ServingSettings
from churn_assets.domain.economics import Economics
from churn_assets.domain.months import Month
from churn_assets.learning.contract import contract_features
from churn_assets.learning.model import ChurnModel
from churn_assets.learning.split import temporal_split
from churn_assets.learning.training import TrainingSettings, train_challenger
from churn_serving import keeper
from churn_serving.access_log import AccessLog
from churn_serving.challenger import ChallengerLink
from churn_serving.door import ROUTES, Door
from churn_serving.places import ServingPlaces
from churn_serving.security.key_file import KeyFile
from churn_serving.security.keys import KeyWatch, Scope
from churn_serving.security.limits import RateLimits
from churn_serving.telemetry import Telemetry
from churn_tests.learning.synthetic import FEATURES, MONTHS, Feature, labelled_months, month_of_customers
from churn_tests.serving.counts import Counts
from churn_tests.serving.security.made_keys import bytes_of
from churn_tests.serving.stand import Models, Stand

NewStand = Callable[..., Stand]
NewDoor = Callable[[Stand], Door]


class Keys(NamedTuple):
    """Plaintexts of the keys in the key file: what each may do, or why it is refused."""

    both: str
    score: str
    observe: str
    limited: str
    revoked: str
    expired: str


@pytest.fixture(scope="session")
def models() -> Models:
    """A champion of XGBoost and a challenger of LightGBM that learned from the same months."""
    return Models(trained("xgboost"), trained("lightgbm"))


def trained(family: str, features: Sequence[Feature] = FEATURES) -> ChurnModel:
    """Train a small model of a family on the synthetic months."""
    training = train_challenger(
        labelled_months(3, customers=2_500),
        temporal_split(MONTHS[:4]),
        features,
        seed=7,
        threads=1,
        economics=Economics(),
        families=(family,),
        settings=TrainingSettings(max_rounds=60),
    )
    return training.model


@pytest.fixture(scope="session")
def customers() -> pl.DataFrame:
    """A month that no model has seen."""
    return month_of_customers(99, customers=400)


@pytest.fixture
def places(tmp_path: Path, models: Models) -> ServingPlaces:
    """A home that holds the folders of both models and nothing else."""
    found = ServingPlaces(Home(tmp_path / "home"))
    for model in models:
        model.save(found.model(model.digest))
    return found


@pytest.fixture
def store(places: ServingPlaces, customers: pl.DataFrame, models: Models) -> FilesStore:
    """An online store in which last month is published, with the champion's golden rows."""
    found = FilesStore(places.home.online_store)
    publish(found, customers, models.champion)
    return found


def publish(
    store: FilesStore,
    customers: pl.DataFrame,
    scored_by: ChurnModel,
    *,
    months_ago: int = 1,
    shift: float = 0.0,
) -> SnapshotManifest:
    """Publish a month of the synthetic features, its golden scores shifted; return its manifest."""
    now = datetime.now(UTC)
    month = Month.of(now.date()).plus(-months_ago)
    scores = scored_by.score(customers).with_columns(pl.col("churn_probability") + shift)
    prepared = store.prepare(
        customers,
        contract_features(FEATURES),
        month=month,
        made_at=now,
        golden=golden_of(scores, month, scored_by.digest, "1"),
    )
    store.publish(prepared)
    return prepared.manifest


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """The counters of this process; it leaves the environment and the library as it found them."""
    from prometheus_client import REGISTRY, values  # noqa: PLC0415  it looks for the folder when it is imported

    before, value_class = set(REGISTRY._collector_to_names), values.ValueClass
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
        yield Telemetry(tmp_path_factory.mktemp("metrics"))
    values.ValueClass = value_class
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


@pytest.fixture
def counts(telemetry: Telemetry) -> Counts:
    """What a test made the service count."""
    return Counts(telemetry)


@pytest.fixture
def new_stand(places: ServingPlaces, store: FilesStore, telemetry: Telemetry, models: Models) -> NewStand:
    """Put a replica's parts together; with settings, and with a link, of one's own."""

    def make(link: ChallengerLink | None = None, **settings: float) -> Stand:
        return Stand(places, store, telemetry, ServingSettings(**settings), models, link)  # type: ignore[arg-type]

    return make


@pytest.fixture
def stand(new_stand: NewStand) -> Stand:
    """A replica whose challenger is well."""
    return new_stand()


@pytest.fixture
def restless_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keepers look for snapshots all the time, and have little patience."""
    monkeypatch.setattr(keeper, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(keeper, "_CHALLENGER_WITHIN_S", 0.3)
    monkeypatch.setattr(keeper, "_CLOSE_AFTER_S", 0.1)


@pytest.fixture
def keys(places: ServingPlaces) -> Keys:
    """A real key file."""
    file, now = KeyFile(places.api_keys), datetime.now(UTC)
    every = frozenset(Scope)
    before = now - timedelta(days=2)
    revoked = file.create("revoked", every, now, bytes_of("revoked"))
    file.revoke(revoked.key.id, now)
    limited = file.create("limited", every, now, bytes_of("limited"), rate_per_second=0.01, burst=3)
    return Keys(
        both=file.create("both", every, now, bytes_of("both")).plaintext,
        score=file.create("score", [Scope.SCORE], now, bytes_of("score")).plaintext,
        observe=file.create("observe", [Scope.OBSERVE], now, bytes_of("observe")).plaintext,
        limited=limited.plaintext,
        revoked=revoked.plaintext,
        expired=file.create(
            "expired", every, before, bytes_of("expired"), expires_at=before + timedelta(days=1)
        ).plaintext,
    )


@pytest.fixture
def access_log(places: ServingPlaces) -> Iterator[AccessLog]:
    """The access log of the door."""
    log = AccessLog(places.logs, ROUTES)
    yield log
    log.close()


@pytest.fixture
def new_door(
    places: ServingPlaces, keys: Keys, telemetry: Telemetry, access_log: AccessLog
) -> Iterator[NewDoor]:
    """Put a door before a replica's parts; all doors of a test share the keys and their limits."""
    assert keys
    limits = RateLimits(places.limits)

    def make(stand: Stand) -> Door:
        watch = KeyWatch(KeyFile(places.api_keys))
        return Door(
            stand.service, stand.keeper, telemetry, watch, limits, access_log, stand.settings, "1.2.3"
        )

    yield make
    limits.close()


@pytest.fixture
def door(stand: Stand, new_door: NewDoor) -> Door:
    """A door before a replica whose challenger is well."""
    return new_door(stand)
