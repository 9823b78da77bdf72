"""A baseline, not a product: the service that most tutorials end with.

FastAPI with a pydantic model of the request, `pd.DataFrame([row])` and the estimator's `predict_proba` (XGBoost) or
`predict` (LightGBM) for each request, the libraries' defaults, one uvicorn worker. It has no key, no online store, no
calibration, no second model, no limits. The handler is `async def`, which is the faster of FastAPI's two ways here.
"""

from __future__ import annotations

from churn_tests.benchmarks.serving.baseline import serve
from churn_tests.benchmarks.serving.trees import score_by_frame

if __name__ == "__main__":
    serve(score_by_frame)
