"""A baseline, not a product: `mlflow models serve`, what MLflow offers for a logged model.

The trees are saved in the flavour of their library, native and without pickle, with a signature of doubles: MLflow
then checks and casts each request, as its documentation recommends. A signature knows no categories, so the client
sends their codes, which is work that the other services do themselves. One uvicorn worker, MLflow's default.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_tests.benchmarks.serving.sender import HOST
from churn_tests.benchmarks.serving.trees import LIGHTGBM, XGBOOST, contract_of

QUIET = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def save(folder: Path, saved: Path) -> Path:
    """Save a folder's trees as an MLflow model."""
    os.environ.update(QUIET)
    from mlflow.models import infer_signature  # noqa: PLC0415  after the environment that it reads

    contract = contract_of(folder)
    example = pd.DataFrame(np.zeros((1, len(contract.features))), columns=list(contract.feature_names))
    flavour = import_module(f"mlflow.{contract.family}")
    flavour.save_model(
        _booster(folder, contract.family),
        saved,
        signature=infer_signature(example, np.zeros(1)),
        pip_requirements=[f"{contract.family}=={version(contract.family)}"],
    )
    return saved


def command(saved: Path, port: int) -> list[str]:
    """Return the command line that serves a saved model."""
    return [
        "mlflow",
        "models",
        "serve",
        "-m",
        str(saved),
        "--env-manager",
        "local",
        "-h",
        HOST,
        "-p",
        str(port),
    ]


def _booster(folder: Path, family: str) -> Any:  # noqa: ANN401  a booster of one of two libraries
    if family == "xgboost":
        import xgboost as xgb  # noqa: PLC0415  the one library that is needed

        booster = xgb.Booster()
        booster.load_model(folder / XGBOOST)
        return booster
    import lightgbm as lgb  # noqa: PLC0415  likewise

    return lgb.Booster(model_file=folder / LIGHTGBM)


def main() -> None:
    """Save the model below a scratch folder and become MLflow's server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    served = command(save(asked.folder, asked.scratch / f"mlflow-{os.getpid()}"), asked.port)
    os.execvp(served[0], served)  # noqa: S606  MLflow's own command


if __name__ == "__main__":
    main()
