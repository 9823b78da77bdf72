"""Ways to the challenger: a real one without Ray, and ones that are slow, dead or wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np

from churn_assets.learning.inputs import Matrix
from churn_serving.challenger import WrongModel
from churn_serving.challenger_host import ChallengerHost


@dataclass
class HostLink:
    """To a real host in the same process; bytes cross it, as they cross Ray."""

    host: ChallengerHost

    async def score(self, digest: str, rows: Matrix) -> list[float]:
        found = self.host.score(digest, rows.tobytes())
        return [float(each) for each in np.frombuffer(found, dtype=np.float64)]

    async def reasons(self, digest: str, rows: Matrix) -> list[list[str]]:
        return await self.host.reasons(digest, rows.tobytes())

    async def readiness(self, digest: str, number: int) -> str:
        return self.host.readiness(digest, number)


@dataclass
class SimpleLink:
    """Gives every row one probability and one reason, and counts how often it was asked to score.

    Attributes:
        probability: what it gives.
        delay_s: how long it takes; one that sleeps here is slow.
        raises: what it raises instead; one that does is dead.
        answer: what it gives instead, whatever was asked; one that does is wrong.
        ready: its word about a new model.
        digests: the models that it was asked for, in order.
        under_way: questions that it works on.
        most_under_way: the most at once.
    """

    probability: float = 0.5
    delay_s: float = 0.0
    raises: Exception | None = None
    answer: list[float] | None = None
    ready: str = "ready"
    digests: list[str] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def score(self, digest: str, rows: Matrix) -> list[float]:
        self.digests.append(digest)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._trouble()
        finally:
            self.under_way -= 1
        return [self.probability] * len(rows) if self.answer is None else self.answer

    async def reasons(self, digest: str, rows: Matrix) -> list[list[str]]:
        del digest
        await self._trouble()
        return [["open complaint"]] * len(rows)

    async def readiness(self, digest: str, number: int) -> str:
        del digest, number
        await self._trouble()
        return self.ready

    def becomes(self, other: SimpleLink) -> None:
        """Have the trouble of another from now on."""
        self.probability, self.delay_s, self.raises = other.probability, other.delay_s, other.raises

    async def _trouble(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.raises is not None:
            raise self.raises


def slow() -> SimpleLink:
    """Return one that answers long after anybody waits."""
    return SimpleLink(delay_s=30.0)


def dead() -> SimpleLink:
    """Return one whose process is gone."""
    return SimpleLink(raises=ConnectionResetError("the actor died"))


def wrong() -> SimpleLink:
    """Return one whose model gives no probabilities."""
    return SimpleLink(probability=float("nan"))


def with_another_model() -> SimpleLink:
    """Return one that holds another model than it is asked for."""
    return SimpleLink(raises=WrongModel("another model is loaded here"))


TROUBLES = {"late": slow, "failed": dead, "wrong": wrong, "other_model": with_another_model}
"""What can ail a challenger, by the word that is counted."""
