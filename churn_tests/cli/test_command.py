"""The command as a person or a script meets it: exit codes, sentences, JSON, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from churn_assets.domain.features.catalogue import FEATURES


def churn(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own on a home."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    return subprocess.run(
        [sys.executable, "-m", "churn_assets.cli", *arguments],
        env={**clean, "CHURN_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_two_months_are_taken_in_and_exported(tmp_path: Path) -> None:
    delivered, home = tmp_path / "deliveries", tmp_path / "home"
    made = churn(
        home,
        "simulate",
        "--out",
        str(delivered),
        "--customers",
        "500",
        "--months",
        "2",
        "--until",
        "2024-02",
        "--json",
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["months"] == ["2024-01", "2024-02"]

    ran = churn(home, "run", "--deliveries", str(delivered), "--json")

    assert ran.returncode == 0, ran.stderr
    assert [month["state"] for month in json.loads(ran.stdout)["months"]] == ["published", "published"]

    for month, labelled in (("2024-01", True), ("2024-02", False)):
        out = tmp_path / f"{month}.parquet"
        assert churn(home, "features", month, "--out", str(out)).returncode == 0
        frame = pl.read_parquet(out)
        assert frame.columns == ["customer_id", "month", *(feature.name for feature in FEATURES), "churned"]
        assert (frame["churned"].null_count() == 0) == labelled

    unscored = churn(home, "scores", "2024-02", "--out", str(tmp_path / "s.parquet"))
    assert unscored.returncode == 2
    assert "churn_scores" in unscored.stderr
    assert not (tmp_path / "s.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["features", "2024-13", "--out", "f.parquet"], "'2024-13' is not a month: write it as YYYY-MM"),
        (["run", "--deliveries", "/nowhere"], "--deliveries /nowhere is no folder"),
        (["release", "2024-01", "--by", "me", "--reason", "why"], "nothing has been delivered for 2024-01"),
        (["simulate", "--out", "x", "--world", "Z"], "Z"),
        (["simulate", "--out", "x", "--incident", "flood:2024-01"], "'flood' is no incident"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    refused = churn(tmp_path / "home", *arguments)

    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_is_named_by_every_command(tmp_path: Path) -> None:
    refused = churn(tmp_path, "status", CHURN_GATES_AUC_FLOOR="high")

    assert refused.returncode == 2
    assert "setting gates.auc_floor" in refused.stderr


def test_status_of_an_empty_home_is_empty(tmp_path: Path) -> None:
    seen = churn(tmp_path, "status", "--json")

    assert seen.returncode == 0, seen.stderr
    status = json.loads(seen.stdout)
    assert status["months"] == []
    assert status["champion"] is None
    assert status["gates"] == []


def test_doctor_names_what_is_missing_and_its_mend(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[source]\nkind = "files"\n')

    found = churn(tmp_path / "home", "doctor", "--json", CHURN_SETTINGS=str(settings))

    assert found.returncode == 1
    broken = {
        diagnosis["subject"]: diagnosis["mend"] for diagnosis in json.loads(found.stdout) if diagnosis["mend"]
    }
    assert set(broken) == {"deliveries"}
    assert "needs path" in broken["deliveries"]
