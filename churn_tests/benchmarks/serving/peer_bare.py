"""A baseline, not a product: the least that FastAPI can do for one score.

FastAPI with a pydantic model of the request, one row of float32 and the booster's own call with one thread
(`inplace_predict` of XGBoost, `predict` of LightGBM), one uvicorn worker. It has no key, no online store, no
calibration, no second model, no limits: what a service with all that may cost is measured against it.
"""

from __future__ import annotations

from churn_tests.benchmarks.serving.baseline import serve
from churn_tests.benchmarks.serving.trees import score_by_row

if __name__ == "__main__":
    serve(score_by_row)
