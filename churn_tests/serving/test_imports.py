"""What a process that serves imports: neither Dagster nor MLflow, and Ray only in the cluster's shell."""

from __future__ import annotations

import subprocess
import sys

import pytest

from churn_assets.adapters.home import PROJECT_ROOT


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("churn_serving, churn_serving.cluster.deployments", {"dagster", "mlflow"}),
        (
            "churn_serving.door, churn_serving.change, churn_serving.cluster.application",
            {"dagster", "mlflow", "ray"},
        ),
    ],
)
def test_serving_leaves_out_what_it_does_not_need(modules: str, absent: set[str]) -> None:
    command = [sys.executable, "-c", f"import {modules}; import sys; print(*sys.modules)"]

    imported = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "churn_serving" in imported
    assert absent.isdisjoint(imported)
