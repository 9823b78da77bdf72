"""The drift page: whole, self-contained, in the order in which it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Literal

import numpy as np
import polars as pl
import pytest

from churn_assets.domain.drift import SCORE, DriftReport, DriftSettings, drift_report, reference_profile
from churn_assets.plots.drift_page import drift_page

VOID = {"meta"}


@dataclass(frozen=True)
class Feature:
    """A column of the matrix as the catalogue would name it."""

    name: str
    kind: Literal["number", "category"] = "number"


FEATURES = [Feature("spend"), Feature("calls"), Feature("region", "category"), Feature("resolution")]


def customers(seed: int, shift: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    rows = 3_000
    return pl.DataFrame(
        {
            "spend": random.normal(20, 5, rows),
            "calls": random.poisson(8, rows) + shift * 3,
            "region": random.choice(["north", "<b>south</b>"], rows),
            "resolution": pl.Series([None] * rows, dtype=pl.Float64),
            SCORE: random.beta(0.5, 20, rows) * (1 + shift),
        }
    )


def report_of(current: pl.DataFrame, features: list[Feature] = FEATURES) -> DriftReport:
    profile = reference_profile(customers(1), FEATURES, ["2025-01", "2025-02"])
    return drift_report(profile, current, features, {"spend": 1, "calls": 3}, DriftSettings(), "2025-03")


class Reader(HTMLParser):
    """Reads a page, keeps its text, and insists that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"line", "rect"}
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_says_the_verdict_first_then_what_moved_then_the_rest() -> None:
    report = report_of(customers(2, shift=1.0))

    text = " ".join(read(drift_page(report)).text)

    rest = text
    for part in ("Drift of 2025-03", "Drifted", report.sentence, "Scores", "What moved", "calls", "3 stable"):
        before, found, rest = rest.partition(part)
        assert found, f"{part} is missing after {before[-40:]}"
    assert "3,000 customers, compared with 3,000 of 2025-01 to 2025-02" in text


def test_every_feature_is_on_the_page_with_its_numbers() -> None:
    report = report_of(customers(2, shift=1.0))

    text = " ".join(read(drift_page(report)).text)

    for feature in FEATURES:
        assert feature.name in text
    calls = report.features[1].movement
    assert f"{calls.psi:.2f}" in text
    assert "75.0 %" in text


def test_the_page_needs_nothing_but_itself() -> None:
    page = drift_page(report_of(customers(2)))

    reader = read(page)

    assert not {"src", "href", "onload"} & set(reader.attributes)
    assert "<script" not in page
    assert "url(" not in page
    assert "http" not in page


def test_names_from_the_data_are_text_never_markup() -> None:
    page = drift_page(report_of(customers(2)))

    assert "<b>south</b>" not in page
    assert "&lt;b&gt;south&lt;/b&gt;" in page


@pytest.mark.parametrize("severity", ["none", "low", "medium", "high", "critical"])
def test_every_severity_has_its_heading(
    severity: Literal["none", "low", "medium", "high", "critical"],
) -> None:
    report = replace(report_of(customers(2)), severity=severity)

    page = drift_page(report)

    assert f'class="verdict {severity}"' in page
    assert ("retraining is due" in page) == report.drifted


def test_without_scores_or_movement_the_page_says_so() -> None:
    text = " ".join(read(drift_page(report_of(customers(2).drop(SCORE)))).text)

    assert "There are no scores of this model to compare." in text
    assert "No feature moved." in text


def test_features_that_could_not_be_judged_are_named() -> None:
    current = customers(2).with_columns(loyalty=1.0)

    text = " ".join(read(drift_page(report_of(current, [*FEATURES, Feature("loyalty")]))).text)

    assert "Not judged, since the reference does not know them: loyalty." in text
