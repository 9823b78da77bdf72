"""A model's folder: written in one step, verified before it is parsed, the same bytes again."""

from __future__ import annotations

import ast
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import churn_assets.learning
from churn_assets.learning.contract import ModelContract
from churn_assets.learning.errors import ModelError
from churn_assets.learning.model import ChurnModel

Tamper = Callable[[Path], object]


def native_file(folder: Path) -> Path:
    """Return the file that holds the trees."""
    return next(path for path in folder.iterdir() if path.name.startswith("model."))


def rewritten_contract(folder: Path, **changes: object) -> None:
    """Change the contract and leave it well-formed."""
    document = json.loads((folder / "contract.json").read_text())
    (folder / "contract.json").write_text(json.dumps(document | changes, sort_keys=True, indent=1) + "\n")


def test_loaded_model_scores_bit_for_bit_as_the_trained_one(
    model: ChurnModel, customers: pl.DataFrame, tmp_path: Path
) -> None:
    digest = model.save(tmp_path / "model")

    loaded = ChurnModel.load(tmp_path / "model", expected_digest=digest)

    assert loaded.digest == digest == model.digest
    assert loaded.contract == model.contract
    assert (loaded.probabilities(customers) == model.probabilities(customers)).all()


def test_folder_holds_native_inert_files_only(model: ChurnModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")

    expected = {"xgboost": "model.ubj", "lightgbm": "model.txt"}[model.family]
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        expected,
        "calibration.json",
        "contract.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # nothing is left beside it


def test_saving_the_loaded_model_gives_the_same_bytes(model: ChurnModel, tmp_path: Path) -> None:
    model.save(tmp_path / "one")
    ChurnModel.load(tmp_path / "one").save(tmp_path / "other")

    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "other" / path.name).read_bytes() == path.read_bytes()


def linked_elsewhere(folder: Path) -> None:
    """Put a link in the place of the trees."""
    native = native_file(folder)
    native.rename(folder.parent / "elsewhere")
    native.symlink_to(folder.parent / "elsewhere")


TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "trees edited": (
        lambda folder: native_file(folder).write_bytes(native_file(folder).read_bytes() + b" "),
        "not the file",
    ),
    "calibration edited": (lambda folder: (folder / "calibration.json").write_text("{}"), "not the file"),
    "trees missing": (lambda folder: native_file(folder).unlink(), "lacks model"),
    "contract missing": (lambda folder: (folder / "contract.json").unlink(), "missing or no regular file"),
    "extra file": (lambda folder: (folder / "model.pkl").write_bytes(b"."), "holds model.pkl"),
    "trees a link": (linked_elsewhere, "no regular file"),
    "contract no JSON": (lambda folder: (folder / "contract.json").write_text("{"), "no JSON"),
    "contract no text": (lambda folder: (folder / "contract.json").write_bytes(b"\xff\xfe"), "no UTF-8"),
    "field missing": (
        lambda folder: (folder / "contract.json").write_text('{"schema_version": 2}'),
        "not the fields",
    ),
    "later release": (lambda folder: rewritten_contract(folder, schema_version=3), "schema version 3"),
    "value of another type": (lambda folder: rewritten_contract(folder, threshold="high"), "another type"),
    "file outside the folder": (
        lambda folder: rewritten_contract(folder, files={"../elsewhere": "0"}),
        "lacks",
    ),
    "other family": (lambda folder: rewritten_contract(folder, family="forest"), "no model family"),
    "no folder": (shutil.rmtree, "no model folder"),
}


@pytest.mark.parametrize(("tamper", "message"), TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_folder_that_is_not_what_was_saved_is_refused(
    model: ChurnModel, tmp_path: Path, tamper: Tamper, message: str
) -> None:
    model.save(tmp_path / "model")
    tamper(tmp_path / "model")

    with pytest.raises(ModelError, match=message):
        ChurnModel.load(tmp_path / "model")


def test_contract_that_was_edited_consistently_is_refused_by_its_digest(
    model: ChurnModel, tmp_path: Path
) -> None:
    digest = model.save(tmp_path / "model")
    rewritten_contract(tmp_path / "model", threshold=0.01)

    with pytest.raises(ModelError, match="another model or an edited one"):
        ChurnModel.load(tmp_path / "model", expected_digest=digest)


def test_another_order_of_features_is_refused_even_without_a_digest(
    model: ChurnModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    features = json.loads((tmp_path / "model" / "contract.json").read_text())["features"]
    rewritten_contract(tmp_path / "model", features=[features[1], features[0], *features[2:]])

    with pytest.raises(ModelError, match="first difference: column 0"):
        ChurnModel.load(tmp_path / "model")


def test_trees_of_the_other_family_are_refused(challengers: dict[str, ChurnModel], tmp_path: Path) -> None:
    challengers["xgboost"].save(tmp_path / "model")
    rewritten_contract(tmp_path / "model", family="lightgbm")

    with pytest.raises(ModelError, match=r"a lightgbm model has calibration\.json and model\.txt"):
        ChurnModel.load(tmp_path / "model")


@pytest.mark.parametrize("family", ["xgboost", "lightgbm"])
def test_bytes_that_are_no_trees_are_refused(challengers: dict[str, ChurnModel], family: str) -> None:
    model = challengers[family]

    with pytest.raises(ModelError, match="take the folder from the registry again"):
        ChurnModel(model.contract, b"no trees", model._calibration)


def test_folder_is_never_overwritten_by_another_model(
    challengers: dict[str, ChurnModel], tmp_path: Path
) -> None:
    digest = challengers["xgboost"].save(tmp_path / "model")

    assert challengers["xgboost"].save(tmp_path / "model") == digest  # the same again is no change
    with pytest.raises(ModelError, match="save each model to a new folder"):
        challengers["lightgbm"].save(tmp_path / "model")
    assert ChurnModel.load(tmp_path / "model").digest == digest


def test_contract_document_is_canonical(model: ChurnModel) -> None:
    text = model.contract.to_json()

    assert ModelContract.from_json(text).to_json() == text
    assert model.contract.feature_names[-2:] == ("contract_type", "region")


def test_loading_and_scoring_never_unpickle(
    model: ChurnModel, customers: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "model")
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)

    assert ChurnModel.load(tmp_path / "model").score(customers).height == customers.height


def test_no_module_of_the_floor_imports_a_pickling_library() -> None:
    folder = Path(churn_assets.learning.__file__).parent
    imported = {
        name.split(".")[0]
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "json" in imported
    assert not imported & {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops", "torch"}
