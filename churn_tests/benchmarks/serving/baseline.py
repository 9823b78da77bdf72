"""The FastAPI application that the two hand-written baselines share; they differ in how they ask the trees."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from churn_tests.benchmarks.serving.sender import HOST
from churn_tests.benchmarks.serving.trees import Score, contract_of, request_model


def application(folder: Path, make_score: Callable[[Path], Score]) -> FastAPI:
    """Return the service of a model's folder."""
    app, score, body = FastAPI(), make_score(folder), request_model(contract_of(folder))

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {"status": "ok"}

    async def predict(request: BaseModel) -> dict[str, Any]:
        asked = request.model_dump()
        return {"customer_id": asked["customer_id"], "churn_probability": score(asked["features"])}

    predict.__annotations__["request"] = body  # known only now, from the contract
    app.post("/predict")(predict)
    return app


def serve(make_score: Callable[[Path], Score]) -> None:
    """Serve with one worker until the process ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    app = application(asked.folder, make_score)
    uvicorn.run(app, host=HOST, port=asked.port, log_level="warning", access_log=False)
