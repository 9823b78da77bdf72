"""What learning asks of things that other floors define: features, and the arrays between the modules."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

FeatureKind = Literal["number", "category"]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class FeatureLike(Protocol):
    """A column of the feature matrix as the catalogue describes it."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> FeatureKind:
        """A number, or a category of a closed list."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The closed list of a category, in its order; empty for a number."""

    @property
    def cause(self) -> str:
        """What the feature tells a retention manager, for example "falling use"; several features may share one."""

    @property
    def sensitive(self) -> bool:
        """Whether it is an attribute of a person that is never given as a reason."""

    @property
    def minimum(self) -> float | None:
        """The least value that the definition allows; None where there is none."""

    @property
    def maximum(self) -> float | None:
        """The greatest value that the definition allows; None where there is none."""

    @property
    def nullable(self) -> bool:
        """Whether a customer may be without a value."""
