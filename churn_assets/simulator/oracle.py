"""What the best possible model reaches: exact from the true probabilities, without drawing who leaves.

Sort by p, descending: the first k customers hold sum(p) true and sum(1 - p) false alarms in expectation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.simulator.draws import Array


@dataclass(frozen=True)
class Oracle:
    """The best possible ranking of a month's active customers.

    Attributes:
        churn_rate: expected share of the customers who leave.
        auc: area under the ROC curve.
        true_share: recall when the first k are alerted, for each k.
        precision: precision of the same.
    """

    churn_rate: float
    auc: float
    true_share: Array
    precision: Array

    @classmethod
    def of(cls, probabilities: Array) -> Oracle:
        """Return the oracle of the true probabilities of leaving."""
        ordered = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
        found, false = np.cumsum(ordered), np.cumsum(1 - ordered)
        alerted = np.arange(1, len(ordered) + 1)
        recall = np.concatenate([[0.0], found / found[-1]])
        false_share = np.concatenate([[0.0], false / false[-1]])
        area = float(np.trapezoid(recall, false_share))
        return cls(float(ordered.mean()), area, recall[1:], found / alerted)

    def recall_at_precision(self, precision: float) -> float:
        """Return the largest recall with at least that precision; 0 where none has it."""
        enough = self.true_share[self.precision >= precision]
        return float(enough[-1]) if len(enough) else 0.0
