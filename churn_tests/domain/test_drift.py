"""The drift report: what must alarm, what must not, and the verdict's rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import pytest

from churn_assets.domain.drift import (
    SCORE,
    DriftReport,
    DriftSettings,
    FeatureDrift,
    ReferenceProfile,
    drift_report,
    reference_profile,
)
from churn_assets.domain.drift_verdict import Severity, severity_of

SETTINGS = DriftSettings()


@dataclass(frozen=True)
class Feature:
    """A column of the matrix as the catalogue would name it."""

    name: str
    kind: Literal["number", "category"] = "number"


def customers(rows: int, seed: int, *, shift: float = 0.0, season: float = 1.0) -> pl.DataFrame:
    """A small feature matrix with scores; `shift` moves one feature, by its standard deviations."""
    random = np.random.default_rng(seed)
    calls = random.poisson(random.lognormal(2, 0.8, rows) * season)
    return pl.DataFrame(
        {
            "spend": random.lognormal(3, 0.5, rows),
            "balance": random.normal(shift, 1, rows),
            "calls": calls,
            "tickets": random.poisson(0.1, rows),
            "ends_soon": (random.random(rows) < 0.05).astype(int),
            "resolution": pl.Series(np.where(random.random(rows) < 0.9, np.nan, 5)).fill_nan(None),
            "region": random.choice(["north", "south", "islands"], rows, p=[0.5, 0.4, 0.1]),
            SCORE: random.beta(0.5, 20, rows),
        }
    )


NUMBERS = [Feature(name) for name in ("spend", "balance", "calls", "tickets", "ends_soon", "resolution")]
FEATURES = [*NUMBERS, Feature("region", "category")]
REFERENCE = customers(20_000, seed=1)
PROFILE = reference_profile(REFERENCE, FEATURES, ["2025-01", "2025-02"])


def report_of(current: pl.DataFrame, importance: dict[str, float] | None = None) -> DriftReport:
    return drift_report(PROFILE, current, FEATURES, importance, SETTINGS, "2025-03")


def one(
    reference: pl.Series, current: pl.Series, kind: Literal["number", "category"] = "number"
) -> FeatureDrift:
    """Judge a single column."""
    feature = Feature("column", kind)
    profile = reference_profile(reference.alias("column").to_frame(), [feature], ["2025-01"])
    report = drift_report(profile, current.alias("column").to_frame(), [feature], None, SETTINGS, "2025-03")
    return report.features[0]


def test_the_reference_has_not_drifted_from_itself() -> None:
    report = report_of(REFERENCE)

    assert (report.severity, report.drifted) == ("none", False)
    assert [drift.movement.psi for drift in report.features] == [0.0] * len(FEATURES)
    assert not any(drift.movement.w1 for drift in report.features)
    assert report.score is not None
    assert report.score.movement.psi == 0


@pytest.mark.parametrize("rows", [100, 300, 3_000])
def test_stable_months_of_any_size_are_quiet(rows: int) -> None:
    reports = [report_of(customers(rows, seed)) for seed in range(100, 124)]

    assert [report.severity for report in reports].count("none") >= 23
    assert not any(report.drifted for report in reports)


def test_a_handful_of_rows_is_not_judged_and_the_report_says_so() -> None:
    report = report_of(customers(5, seed=1).with_columns(pl.lit(50.0).alias("balance")))

    assert report.severity == "none"
    assert report.sentence == "Too few rows to judge: 100 are needed."


def test_a_season_that_the_scores_do_not_feel_is_no_drift() -> None:
    report = report_of(customers(10_000, seed=2, season=0.8))

    calls = report.features[2]
    assert calls.status != "none"
    assert not report.drifted


def test_a_third_of_a_deviation_in_one_feature_is_always_found() -> None:
    for seed in range(10):
        balance = report_of(customers(5_000, seed, shift=0.3)).features[1]

        assert balance.status != "none"
        assert balance.movement.w1 == pytest.approx(0.3, abs=0.05)
        assert balance.movement.mean[1] == pytest.approx(0.3, abs=0.06)


def test_a_column_that_goes_missing_alarms_and_puts_the_feed_in_doubt() -> None:
    current = customers(5_000, seed=3).with_columns(pl.lit(None, pl.Float64).alias("spend"))

    report = report_of(current)

    assert report.features[0].status == "alarm"
    assert report.features[0].movement.null_change == 1.0
    assert "First ask whether the feed is whole: the missing values of spend changed." in report.sentence


def test_scores_that_move_are_drift_whatever_the_inputs_say() -> None:
    current = customers(5_000, seed=4).with_columns(pl.col(SCORE) * 2)

    report = report_of(current)

    assert report.severity == "high"
    assert report.drifted
    assert "The inputs are stable." in report.sentence
    assert "Retraining is due" in report.sentence


def test_half_as_many_churners_again_to_expect_are_drift_though_few_customers_moved() -> None:
    place = pl.int_range(pl.len())
    churners = REFERENCE.with_columns(pl.when(place % 100 == 0).then(0.7).otherwise(0.006).alias(SCORE))
    current = REFERENCE.with_columns(pl.when(place % 50 == 0).then(0.7).otherwise(0.006).alias(SCORE))
    profile = reference_profile(churners, FEATURES, ["2025-01"])

    report = drift_report(profile, current, FEATURES, None, SETTINGS, "2025-03")

    assert report.score is not None
    assert report.score.movement.mean_change == pytest.approx(0.694 * 0.01)
    assert report.drifted


def test_inputs_count_by_what_they_mean_to_the_model() -> None:
    current = customers(5_000, seed=5, shift=1.0)

    unimportant = report_of(current, {"balance": 1.0, "spend": 99.0})
    important = report_of(current, {"balance": 90.0, "spend": 10.0})

    assert unimportant.share_in_alarm == pytest.approx(0.01)
    assert unimportant.severity == "low"
    assert important.share_in_alarm == pytest.approx(0.9)
    assert important.severity == "medium"
    assert important.sentence.startswith("balance moved: 90 % of the model's importance.")


def test_without_scores_inputs_decide() -> None:
    current = customers(5_000, seed=6, shift=1.0).drop(SCORE)

    report = report_of(current, {"balance": 1.0})

    assert report.score is None
    assert report.severity == "high"


@pytest.mark.parametrize(
    ("score", "share", "severity"),
    [
        ("alarm", 0.3, "critical"),
        ("alarm", 0.29, "high"),
        ("warn", 0.3, "high"),
        ("warn", 0.0, "medium"),
        ("none", 1.0, "medium"),
        ("none", 0.1, "medium"),
        ("none", 0.09, "low"),
        (None, 0.3, "high"),
        (None, 0.29, "medium"),
    ],
)
def test_the_severity_follows_the_written_rule(
    score: Literal["none", "warn", "alarm"] | None, share: float, severity: Severity
) -> None:
    assert severity_of(["warn"], share, score, SETTINGS) == severity


def test_nothing_in_alarm_and_nothing_that_warns_is_no_severity() -> None:
    assert severity_of(["none", "none"], 0.0, "none", SETTINGS) == "none"


def test_a_constant_stays_quiet_until_it_is_another_one() -> None:
    fives, sevens = pl.Series([5.0] * 1_000), pl.Series([7.0] * 200)

    same, other = one(fives, pl.Series([5.0] * 200)), one(fives, sevens)

    assert (same.status, same.movement.psi, same.movement.w1) == ("none", 0.0, None)
    assert other.status == "alarm"


def test_a_column_without_values_stays_quiet_until_it_has_some() -> None:
    nothing = pl.Series([None] * 1_000, dtype=pl.Float64)

    assert one(nothing, nothing).status == "none"
    assert one(nothing, pl.Series([1.0] * 1_000)).status == "alarm"


def test_a_value_that_is_half_of_the_rows_has_a_bin_of_its_own() -> None:
    reference = pl.Series([0.0] * 600 + list(range(1, 401)))

    drift = one(reference, pl.Series([0.5] * 600 + list(range(1, 401))))

    assert drift.movement.bins[1] == "0"
    assert drift.movement.reference_shares[1] == pytest.approx(0.6)
    assert drift.movement.current_shares[1] == 0
    assert drift.status == "alarm"


def test_a_category_alarms_for_a_new_value_and_for_other_shares() -> None:
    plans = pl.Series(["monthly"] * 500 + ["annual"] * 500)

    unchanged = one(plans, plans.reverse(), "category")
    shares = one(plans, pl.Series(["monthly"] * 700 + ["annual"] * 300), "category")
    unknown = one(plans, pl.Series(["monthly"] * 400 + ["annual"] * 400 + ["family"] * 200), "category")

    assert (unchanged.status, unchanged.movement.psi) == ("none", 0.0)
    assert shares.status == "alarm"
    assert unknown.status == "alarm"
    assert unknown.movement.bins == ("annual", "family", "monthly", "missing")


def test_numbers_too_great_or_not_finite_are_missing() -> None:
    drift = one(pl.Series([1.0, 2.0, 3.0] * 300), pl.Series([1.0, float("inf"), 1e300] * 300))

    assert drift.movement.null_share == pytest.approx((0, 2 / 3))
    assert drift.movement.mean[1] == 1.0


def test_profile_and_report_survive_json_to_the_last_bit() -> None:
    report = report_of(customers(500, seed=8))

    assert ReferenceProfile.from_json(PROFILE.to_json()) == PROFILE
    assert DriftReport.from_json(report.to_json()) == report


def test_what_is_no_json_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="no reference profile"):
        ReferenceProfile.from_json("{}")
    with pytest.raises(ValueError, match="no drift report"):
        DriftReport.from_json('{"features": []}')


def test_the_table_has_a_row_a_feature_and_one_for_the_scores() -> None:
    table = report_of(customers(5_000, seed=9, shift=1.0)).to_frame()

    assert table["feature"].to_list() == [*(feature.name for feature in FEATURES), SCORE]
    assert table.filter(pl.col("feature") == "balance")["status"].item() == "alarm"
    assert table["importance"].sum() == pytest.approx(1.0)


def test_a_feature_that_the_reference_does_not_know_is_named_and_not_judged() -> None:
    current = customers(500, seed=10).with_columns(pl.lit(1.0).alias("loyalty_points"))

    report = drift_report(PROFILE, current, [*FEATURES, Feature("loyalty_points")], None, SETTINGS, "2025-03")

    assert report.unjudged == ("loyalty_points",)
    assert len(report.features) == len(FEATURES)


def test_the_order_of_rows_changes_nothing() -> None:
    current = customers(2_000, seed=11)

    assert report_of(current).to_json() == report_of(current.reverse()).to_json()


def test_what_cannot_be_judged_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="lacks the features spend"):
        report_of(REFERENCE.drop("spend"))
    with pytest.raises(ValueError, match="2025-03 cannot be judged"):
        report_of(REFERENCE.clear())
    with pytest.raises(ValueError, match="importance of spend"):
        report_of(REFERENCE, {"spend": -1.0})
    with pytest.raises(ValueError, match="needs rows"):
        reference_profile(REFERENCE.clear(), FEATURES)


def test_limits_in_the_wrong_order_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="w1_warn"):
        DriftSettings(w1_warn=0.5)
    with pytest.raises(ValueError, match="psi_warn"):
        DriftSettings(psi_warn=0)
