"""Models that must not answer, each bad in one way; what can be, whole and with a digest that is right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from churn_assets.learning.calibration import LogisticCalibration
from churn_assets.learning.families import family_named
from churn_assets.learning.folder import write_folder
from churn_assets.learning.model import ChurnModel
from churn_serving.configuration import ServedModel
from churn_serving.places import ServingPlaces
from churn_tests.serving.stand import Models

Spoiling = Callable[[ServingPlaces, Models], ServedModel]
VERSION = "13"
CALIBRATION = LogisticCalibration(-3.0, (1.0,))


def trees_of(model: ChurnModel) -> bytes:
    """Return a model's native bytes."""
    return model._files[family_named(model.family).file]


def with_nan_scores(model: ChurnModel) -> ChurnModel:
    """Return a model of LightGBM whose first tree gives no number."""
    text = re.sub(r"^tree_sizes=.*\n", "", trees_of(model).decode(), flags=re.MULTILINE)
    head, leaves, tail = re.split(r"(?<=^leaf_value=)(.*)$", text, maxsplit=1, flags=re.MULTILINE)
    numbers = " ".join("nan" for _ in leaves.split())
    return ChurnModel(model.contract, f"{head}{numbers}{tail}".encode(), CALIBRATION)


def with_constant_scores(model: ChurnModel) -> ChurnModel:
    """Return a model that gives everybody the same."""
    return ChurnModel(model.contract, trees_of(model), LogisticCalibration(-3.0, (0.0,)))


def with_other_calibration(model: ChurnModel) -> ChurnModel:
    """Return a model that scores, and scores otherwise."""
    return ChurnModel(model.contract, trees_of(model), CALIBRATION)


def kept(places: ServingPlaces, model: ChurnModel) -> ServedModel:
    """Lay a model down where the service finds it."""
    model.save(places.model(model.digest))
    return ServedModel(VERSION, model.digest)


def _new(places: ServingPlaces, models: Models) -> tuple[ServedModel, Path]:
    """Lay down a model that is good until somebody touches it."""
    found = kept(places, with_other_calibration(models.challenger))
    return found, places.model(found.digest)


def missing_folder(places: ServingPlaces, models: Models) -> ServedModel:
    del places, models
    return ServedModel(VERSION, "f" * 64)


def missing_file(places: ServingPlaces, models: Models) -> ServedModel:
    found, folder = _new(places, models)
    (folder / "model.txt").unlink()
    return found


def added_file(places: ServingPlaces, models: Models) -> ServedModel:
    found, folder = _new(places, models)
    (folder / "model.pkl").write_bytes(b"\x80\x04")
    return found


def edited_byte(places: ServingPlaces, models: Models) -> ServedModel:
    found, folder = _new(places, models)
    content = bytearray((folder / "model.txt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.txt").write_bytes(content)
    return found


def edited_contract(places: ServingPlaces, models: Models) -> ServedModel:
    found, folder = _new(places, models)
    text = (folder / "contract.json").read_text()
    (folder / "contract.json").write_text(text.replace('"seed": 7', '"seed": 8'))
    return found


def wrong_digest(places: ServingPlaces, models: Models) -> ServedModel:
    found, _ = _new(places, models)
    return ServedModel(VERSION, found.digest[:16] + "0" * 48)


def nan_scores(places: ServingPlaces, models: Models) -> ServedModel:
    return kept(places, with_nan_scores(models.challenger))


def constant_scores(places: ServingPlaces, models: Models) -> ServedModel:
    return kept(places, with_constant_scores(models.champion))


def other_feature_order(places: ServingPlaces, models: Models) -> ServedModel:
    """Let a contract name the features in another order than the trees do; every digest is right."""
    features = models.champion.contract.features
    contract = replace(models.champion.contract, features=(*features[1:], features[0]))
    write_folder(places.model(contract.digest()), contract, models.champion._files)
    return ServedModel(VERSION, contract.digest())


SPOILINGS: dict[str, tuple[Spoiling, str]] = {
    "missing folder": (missing_folder, "no model folder"),
    "missing file": (missing_file, "lacks model.txt"),
    "added file": (added_file, "model.pkl"),
    "edited byte": (edited_byte, "model.txt is not the file"),
    "edited contract": (edited_contract, "another model or an edited one"),
    "wrong digest": (wrong_digest, "another model or an edited one"),
    "NaN scores": (nan_scores, "no probability"),
    "constant scores": (constant_scores, "all the same"),
    "other feature order": (other_feature_order, "columns of another contract"),
}
"""Each with what is said about it."""
