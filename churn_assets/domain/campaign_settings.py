"""What a retention manager decides about campaigns: capacity, control group, offers."""

from __future__ import annotations

from dataclasses import dataclass, field


def _offers_by_cause() -> dict[str, str]:
    return {
        "bill shock": "price_review",
        "plan price": "price_review",
        "plan or price change": "price_review",
        "spending falling": "price_review",
        "contract ending": "contract_renewal",
        "contract type": "contract_renewal",
        "support trouble": "service_call",
        "slow support": "service_call",
        "complaints": "service_call",
        "open complaint": "service_call",
        "dropped calls": "service_call",
        "payment trouble": "payment_plan",
    }


@dataclass(frozen=True)
class CampaignSettings:
    """How a campaign is cut.

    Attributes:
        capacity: contacts that the call centre can make in a month; None for no limit.
        capacity_share: the same as a share of the scored customers; where both are given the smaller one
            counts.
        control_share: probability that a chosen customer is held out and not contacted.
        offers: cause, as the model's reasons name it -> offer that fits it. What to talk about, no estimate
            of what works: the save rate is assumed to be the same for all of them.
        default_offer: the offer where no cause decides.
        experiment: name of the hold-out experiment; another name draws other customers.
        seed: another seed draws other customers too.
    """

    capacity: int | None = None
    capacity_share: float | None = None
    control_share: float = 0.05
    offers: dict[str, str] = field(default_factory=_offers_by_cause)
    default_offer: str = "retention_call"
    experiment: str = "retention"
    seed: int = 7

    def __post_init__(self) -> None:
        if self.capacity is not None and self.capacity < 0:
            raise ValueError(
                f"capacity is {self.capacity}: it must be 0 contacts or more, or left out for no limit"
            )
        if self.capacity_share is not None and not 0 <= self.capacity_share <= 1:
            raise ValueError(f"capacity_share is {self.capacity_share}: it must be a share from 0 to 1")
        if not 0 <= self.control_share < 1:
            raise ValueError(f"control_share is {self.control_share}: it must be a share from 0 to below 1")

    def limit(self, scored: int) -> int:
        """Return the greatest number of contacts for so many scored customers."""
        limits = [scored]
        if self.capacity is not None:
            limits.append(self.capacity)
        if self.capacity_share is not None:
            limits.append(int(self.capacity_share * scored + 1e-9))  # 0.29 x 100 is 29, not 28
        return min(limits)
