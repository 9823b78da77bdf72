"""From months of labelled customers to rows to learn from: ordered, thinned without bias, encoded."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from churn_assets.learning.contract import ContractFeature
from churn_assets.learning.encoding import encode
from churn_assets.learning.errors import ModelError
from churn_assets.learning.families.protocol import Sample
from churn_assets.learning.inputs import Flags

LABEL = "churned"
_ID = "customer_id"


def labelled_rows(months: Mapping[str, pl.DataFrame], month: str) -> pl.DataFrame:
    """Return a month's labelled customers, ordered by id, so that the order of delivery shapes no model.

    Raises:
        ModelError: the month is not there, or has no label, id, or a customer without label.
    """
    if month not in months:
        raise ModelError(
            f"the month {month} is not among the training set's: build its feature matrix and labels"
        )
    frame = months[month]
    missing = [name for name in (_ID, LABEL) if name not in frame.columns]
    if missing:
        raise ModelError(
            f"the month {month} lacks {', '.join(missing)}: join the labels to the feature matrix"
        )
    if unlabelled := frame[LABEL].null_count():
        raise ModelError(
            f"{unlabelled} customers of {month} have no label: leave those who vanished out of training"
        )
    return frame.sort(_ID)


def churned_of(frame: pl.DataFrame) -> Flags:
    """Return the label of each row."""
    flags: Flags = frame[LABEL].cast(pl.Boolean).to_numpy()
    return flags


def learning_sample(
    months: Mapping[str, pl.DataFrame],
    month: str,
    features: Sequence[ContractFeature],
    *,
    seed: int,
    ratio: int,
) -> Sample:
    """Return a month's churners, and at most `ratio` stayers for each, every stayer standing for as many as were left out.

    At 2.3 % churn most stayers teach nothing new: with 20 of 42 for each churner the models of world A are equal
    within noise, in half the time. The weights keep the base rate, so probabilities stay true (no class weights).

    Raises:
        ModelError: the month is not there or not labelled.
    """
    frame = labelled_rows(months, month)
    churned = churned_of(frame)
    stayers = np.flatnonzero(~churned)
    kept = min(len(stayers), max(ratio * int(churned.sum()), ratio))
    # one generator per month: a month's sample does not depend on which other months are trained on
    chosen = np.random.default_rng([seed, zlib.crc32(month.encode())]).permutation(stayers)[:kept]
    rows = np.sort(np.r_[np.flatnonzero(churned), chosen])
    weights = np.where(churned[rows], 1.0, len(stayers) / max(kept, 1)).astype(np.float32)
    return Sample(encode(frame[rows], features), churned[rows], weights)


def together(samples: Sequence[Sample]) -> Sample:
    """Return the rows of several samples, one after the other."""
    return Sample(
        np.concatenate([sample.matrix for sample in samples]),
        np.concatenate([sample.churned for sample in samples]),
        np.concatenate([sample.weights for sample in samples]),
    )
