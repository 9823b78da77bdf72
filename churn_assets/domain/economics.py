"""The money of a retention campaign: what contacts cost and what saved customers are worth, in EUR.

The naive account of the product's business case, with its assumptions as parameters: each contact costs the
same, a fixed share of the contacted churners stays, and a saved customer is worth the acquisition of
another one. Whether the save rate is true is a question for the campaign's control group, not for this
module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Probabilities = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True)
class Economics:
    """The assumptions behind every amount of money in the platform.

    Attributes:
        contact_cost_eur: cost of contacting one customer with an offer, EUR.
        save_rate: share of the contacted churners who stay because of the contact, 0 to 1.
        value_eur: what a saved customer is worth: the acquisition cost of a replacement, EUR.
    """

    contact_cost_eur: float = 35.0
    save_rate: float = 0.4
    value_eur: float = 180.0

    def __post_init__(self) -> None:
        """Refuse assumptions under which no account can be made."""
        if not (np.isfinite(self.contact_cost_eur) and self.contact_cost_eur >= 0):
            raise ValueError(f"contact_cost_eur is {self.contact_cost_eur}: it must be 0 EUR or more")
        if not 0 < self.save_rate <= 1:
            raise ValueError(f"save_rate is {self.save_rate}: it must be a share above 0 and up to 1")
        if not (np.isfinite(self.value_eur) and self.value_eur > 0):
            raise ValueError(f"value_eur is {self.value_eur}: it must be above 0 EUR")

    @property
    def break_even_probability(self) -> float:
        """The calibrated probability at which a contact pays for itself (above 1: none ever does).

        >>> round(Economics().break_even_probability, 3)
        0.486
        """
        return self.contact_cost_eur / (self.save_rate * self.value_eur)


@dataclass(frozen=True)
class Account:
    """The account of one campaign, expected or realised.

    Attributes:
        contacts: customers contacted.
        churners_found: churners among them; a sum of probabilities when expected.
        cost_eur: what the contacts cost.
        saved_customers: churners who stay, by the assumed save rate.
        saved_eur: acquisition cost that their staying saves.
        profit_eur: saved_eur less cost_eur.
    """

    contacts: int
    churners_found: float
    cost_eur: float
    saved_customers: float
    saved_eur: float
    profit_eur: float


def account(contacts: int, churners_found: float, economics: Economics) -> Account:
    """Make the account of so many contacts with so many churners among them.

    >>> month = account(51_692, 33_600, Economics())
    >>> month.cost_eur, round(month.saved_eur), round(month.profit_eur)
    (1809220.0, 2419200, 609980)

    Raises:
        ValueError: a number is negative, or there are more churners than contacts.
    """
    if contacts < 0 or churners_found < 0 or churners_found > contacts * (1 + 1e-9):
        raise ValueError(
            f"{churners_found} churners among {contacts} contacts is no campaign: check both counts"
        )
    cost = contacts * economics.contact_cost_eur
    saved_customers = churners_found * economics.save_rate
    saved = saved_customers * economics.value_eur
    return Account(contacts, churners_found, cost, saved_customers, saved, saved - cost)


def expected_account(probabilities: Probabilities, economics: Economics) -> Account:
    """Make the account that contacting customers of these calibrated probabilities promises."""
    checked = _checked(probabilities)
    return account(checked.size, float(checked.sum()), economics)


def expected_profit(probabilities: Probabilities, economics: Economics) -> npt.NDArray[np.float64]:
    """Return what contacting each customer is expected to earn, EUR: negative below the break-even.

    The rule is p x save rate x value - contact cost, for a calibrated p.
    """
    return _checked(probabilities) * economics.save_rate * economics.value_eur - economics.contact_cost_eur


def _checked(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Return the probabilities as an array, or say which one is none."""
    values = np.asarray(probabilities, dtype=np.float64)
    wrong = ~((values >= 0) & (values <= 1))  # so written, NaN is wrong too
    if wrong.any():
        raise ValueError(f"{values[wrong][0]} is not a probability: expected money needs numbers from 0 to 1")
    return values
