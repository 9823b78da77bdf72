"""Which labelled month serves which purpose: strictly in time, so that every judgement is of a later month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_LABELLED_MONTHS = 4
"""One month each to train, to stop, to calibrate, and to judge."""


@dataclass(frozen=True)
class TemporalSplit:
    """The months of one training, each after the ones before it.

    Attributes:
        train: the months that the trees learn from, oldest first.
        early_stopping: the month that fixes the number of rounds.
        calibration: the month that fixes calibration, family and threshold.
        hold_out: the month that judges, opened last.
    """

    train: tuple[str, ...]
    early_stopping: str
    calibration: str
    hold_out: str

    @property
    def learning_months(self) -> tuple[str, ...]:
        """All months that training may open, oldest first: never the hold-out."""
        return (*self.train, self.early_stopping, self.calibration)


def temporal_split(labelled: Sequence[str], window: int = 12) -> TemporalSplit:
    """Give each labelled month its purpose: the newest is the hold-out, the ones before calibrate, stop, and train.

    Args:
        labelled: months whose labels are mature, sorted, oldest first.
        window: at most so many months for all purposes together, the hold-out included; older ones are left out.

    Raises:
        ValueError: fewer than four months are labelled or allowed, or they are not sorted.

    >>> temporal_split(["2025-01", "2025-02", "2025-03", "2025-04", "2025-05"]).train
    ('2025-01', '2025-02')
    """
    if window < LEAST_LABELLED_MONTHS:
        raise ValueError(
            f"a window of {window} months leaves none to train: allow at least {LEAST_LABELLED_MONTHS}"
        )
    if list(labelled) != sorted(set(labelled)):
        raise ValueError(
            "the labelled months are not sorted, or one is there twice: pass each once, oldest first"
        )
    if len(labelled) < LEAST_LABELLED_MONTHS:
        raise ValueError(
            f"training needs {LEAST_LABELLED_MONTHS} labelled months (training, early stopping, calibration, hold-out), "
            f"{len(labelled)} {'is' if len(labelled) == 1 else 'are'} there ({', '.join(labelled) or 'none'}): "
            f"{LEAST_LABELLED_MONTHS - len(labelled)} more must close"
        )
    *train, early_stopping, calibration, hold_out = labelled[-window:]
    return TemporalSplit(tuple(train), early_stopping, calibration, hold_out)
