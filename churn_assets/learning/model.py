"""The one class that scores customers; the monthly batch and the online service both call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from churn_assets.learning.bands import confidence_of, risk_band_of
from churn_assets.learning.calibration import Calibration, calibration_from_json, calibration_to_json
from churn_assets.learning.contract import ModelContract
from churn_assets.learning.encoding import encode
from churn_assets.learning.errors import ModelError
from churn_assets.learning.families import family_named
from churn_assets.learning.folder import CALIBRATION, read_folder, sha256, write_folder
from churn_assets.learning.inputs import Floats, Matrix

CHUNK_ROWS = 65_536


class ChurnModel:
    """A pinned model version: trees, calibration, threshold, and the contract that binds them.

    A score depends on the customer's own row only: neither on the other rows, nor on their order, the chunk size or
    the threads, bit for bit.

    Args:
        contract: what the model promises; `files` is filled in here.
        trees: the native bytes of the contract's family.
        calibration: from log-odds to probabilities.
        threads: threads that score; 1 in a server's replica, more in a batch.

    Raises:
        ModelError: the trees are unreadable, or have other columns or another order than the contract.
    """

    def __init__(
        self, contract: ModelContract, trees: bytes, calibration: Calibration, *, threads: int = 1
    ) -> None:
        family = family_named(contract.family)
        self._files = {family.file: trees, CALIBRATION: calibration_to_json(calibration).encode()}
        self._contract = replace(
            contract, files={name: sha256(content) for name, content in self._files.items()}
        )
        self._calibration = calibration
        self._trees = family.load(trees, threads)
        if self._trees.feature_names != contract.feature_names:
            raise ModelError(
                f"{family.file} has the columns of another contract (first difference: "
                f"{_first_difference(self._trees.feature_names, contract.feature_names)}): "
                "never edit contract.json, retrain or take the folder from the registry again"
            )

    @classmethod
    def load(cls, folder: Path, expected_digest: str | None = None, *, threads: int = 1) -> ChurnModel:
        """Read a folder that `save` wrote, every byte verified before it is parsed.

        Raises:
            ModelError: a file is missing, extra, edited, or the digest is not the expected one.
        """
        contract, files = read_folder(folder, expected_digest)
        file = family_named(contract.family).file
        if set(files) != {file, CALIBRATION}:
            raise ModelError(
                f"the contract of {folder.name} names {', '.join(sorted(files))}, a {contract.family} model has "
                f"{CALIBRATION} and {file}: take the folder from the registry again"
            )
        calibration = calibration_from_json(files[CALIBRATION].decode("utf-8"))
        model = cls(contract, files[file], calibration, threads=threads)
        if model.digest != contract.digest():
            raise ModelError(
                f"{folder.name} is not written canonically: take the folder from the registry again"
            )
        return model

    def save(self, folder: Path) -> str:
        """Write the folder in one step and return the digest.

        Raises:
            ModelError: another model is there already.
        """
        write_folder(folder, self._contract, self._files)
        return self.digest

    @property
    def contract(self) -> ModelContract:
        """What the model promises."""
        return self._contract

    @property
    def digest(self) -> str:
        """The sha256 that identifies every byte of the model."""
        return self._contract.digest()

    @property
    def threshold(self) -> float:
        """A probability at or above it predicts churn."""
        return self._contract.threshold

    @property
    def family(self) -> str:
        """The name of the family, for example `xgboost`."""
        return self._contract.family

    def probabilities(self, frame: pl.DataFrame, *, chunk_rows: int = CHUNK_ROWS) -> Floats:
        """Return each customer's calibrated probability to churn within the next month, in row order.

        Args:
            frame: at least the contract's features, in any order; other columns are ignored.
            chunk_rows: rows that are encoded at a time; bounds the memory, changes no bit.

        Raises:
            ModelError: a feature is missing, has another type, or is infinite.
        """
        return self._calibration.apply(self._by_chunk(frame, self._trees.margins, chunk_rows, ()))

    def probabilities_of(self, rows: Matrix) -> Floats:
        """Return the same for rows that are encoded already, the contract's columns in its order, missing as NaN."""
        return self._calibration.apply(self._trees.margins(rows))

    def score(self, frame: pl.DataFrame, *, chunk_rows: int = CHUNK_ROWS) -> pl.DataFrame:
        """Return `customer_id, churn_probability, churn_prediction, risk_band, confidence`, in row order.

        Raises:
            ModelError: `customer_id` or a feature is missing, has another type, or is infinite.
        """
        if "customer_id" not in frame.columns:
            raise ModelError(
                "the frame lacks customer_id: score frames of the feature matrix, with their ids"
            )
        probability = pl.Series(
            "churn_probability", self.probabilities(frame, chunk_rows=chunk_rows), pl.Float64
        )
        scored = pl.DataFrame([frame["customer_id"], probability])
        column = pl.col("churn_probability")
        return scored.with_columns(
            (column >= self.threshold).alias("churn_prediction"),
            risk_band_of(column, self.threshold, self._contract.base_rate).alias("risk_band"),
            confidence_of(column, self.threshold).alias("confidence"),
        )

    def contributions(self, frame: pl.DataFrame, *, chunk_rows: int = CHUNK_ROWS) -> Floats:
        """Return TreeSHAP values in uncalibrated log-odds: a row per customer, a column per feature of the contract.

        One more column, the last, is the expected log-odds; a row sums to the customer's own. About 4 ms a customer.

        Raises:
            ModelError: a feature is missing, has another type, or is infinite.
        """
        width = len(self._contract.features) + 1
        return self._by_chunk(frame, self._trees.contributions, chunk_rows, (width,))

    def contributions_of(self, rows: Matrix) -> Floats:
        """Return the same for rows that are encoded already."""
        return self._trees.contributions(rows)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the summed gain, the greatest first; shares sum to 1 (all 0 without a split)."""
        gains = self._trees.gains()
        total = sum(gains.values()) or 1.0
        return {
            name: gain / total for name, gain in sorted(gains.items(), key=lambda item: (-item[1], item[0]))
        }

    def _by_chunk(
        self, frame: pl.DataFrame, compute: Callable[[Matrix], Floats], chunk_rows: int, tail: tuple[int, ...]
    ) -> Floats:
        """Return what is computed from each chunk of encoded rows, in row order."""
        found = np.empty((frame.height, *tail), dtype=np.float64)
        for start in _starts(frame.height, chunk_rows):
            rows = frame.slice(start, chunk_rows)
            found[start : start + rows.height] = compute(encode(rows, self._contract.features))
        if frame.is_empty():
            encode(frame, self._contract.features)  # an empty frame of another layout is still an error
        return found


def _starts(rows: int, chunk_rows: int) -> Iterator[int]:
    """Yield the first row of each chunk."""
    yield from range(0, rows, chunk_rows)


def _first_difference(found: tuple[str, ...], expected: tuple[str, ...]) -> str:
    """Return where two lists of columns part."""
    for place, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"column {place} is {one}, the contract says {other}"
    return f"{len(found)} columns, the contract has {len(expected)}"
