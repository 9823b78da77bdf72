"""The rows of one training, read from the labelled months and encoded once for all families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.families.protocol import Sample
from churn_assets.learning.inputs import Flags, Matrix
from churn_assets.learning.sampling import churned_of, labelled_rows, learning_sample, together
from churn_assets.learning.split import TemporalSplit


@dataclass(frozen=True)
class EncodedMonth:
    """All labelled customers of one month, encoded."""

    matrix: Matrix
    churned: Flags


@dataclass(frozen=True)
class Material:
    """The rows of one training, encoded once for all families.

    Attributes:
        train: rows of the training months.
        early: rows of the early-stopping month.
        calibration: the months that calibrate, the calibration month last.
        base_rate: share of churners in the training months and the early-stopping month.
        regrows: whether the trees are grown again on the early-stopping month too, which then cannot calibrate.
    """

    train: Sample
    early: Sample
    calibration: Mapping[str, EncodedMonth]
    base_rate: float
    regrows: bool


def gather_material(
    months: Mapping[str, pl.DataFrame],
    split: TemporalSplit,
    features: Sequence[ContractFeature],
    *,
    seed: int,
    stayers_per_churner: int,
    regrow_up_to_months: int,
) -> Material:
    """Read and encode the months of a split, all but the hold-out.

    Args:
        months: per month the feature matrix with `customer_id` and `churned`.
        split: which month serves which purpose.
        features: the columns of the matrix.
        seed: of the thinning.
        stayers_per_churner: most stayers of a month that are grown from, for each churner.
        regrow_up_to_months: with at most so many training months the trees are grown again.

    Raises:
        ModelError: a month, a label or a feature is missing.
        ValueError: a month has no churner, or nobody who stayed.
    """
    grown_from = (*split.train, split.early_stopping)
    samples = {
        month: learning_sample(months, month, features, seed=seed, ratio=stayers_per_churner)
        for month in grown_from
    }
    regrows = len(split.train) <= regrow_up_to_months
    calibrating = (split.calibration,) if regrows else (split.early_stopping, split.calibration)
    calibration = {month: _encoded(months, month, features) for month in calibrating}
    for month, found in (samples | calibration).items():
        _demand_both_kinds(month, found.churned)
    learned = together(list(samples.values()))
    return Material(
        train=together([samples[month] for month in split.train]),
        early=samples[split.early_stopping],
        calibration=calibration,
        base_rate=float(np.average(learned.churned, weights=learned.weights)),
        regrows=regrows,
    )


def _encoded(
    months: Mapping[str, pl.DataFrame], month: str, features: Sequence[ContractFeature]
) -> EncodedMonth:
    """Return all labelled customers of a month."""
    frame = labelled_rows(months, month)
    return EncodedMonth(encode(frame, features), churned_of(frame))


def _demand_both_kinds(month: str, churned: Flags) -> None:
    """Raise where a month has no churner, or nobody who stayed."""
    if churned.all() or not churned.any():
        raise ValueError(
            f"{int(churned.sum())} churners of {len(churned)} customers in {month}: "
            "training needs both kinds, check its labels"
        )
