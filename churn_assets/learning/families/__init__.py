"""The families of models: one module each, behind one protocol.

Here belongs what is particular to a library: its parameters, its native bytes, its way to score. Calibration,
threshold and judgement are the same for all families and live outside.
"""

from __future__ import annotations

from churn_assets.learning.errors import ModelError
from churn_assets.learning.families.protocol import Family

FAMILIES = ("xgboost", "lightgbm")


def family_named(name: str) -> Family:
    """Return a family; its library is imported only now, so that a scorer loads one library and the command none.

    Raises:
        ModelError: no family has that name.
    """
    if name == "xgboost":
        from churn_assets.learning.families.xgboost_trees import XGBoostFamily  # noqa: PLC0415  see the docstring

        return XGBoostFamily()
    if name == "lightgbm":
        from churn_assets.learning.families.lightgbm_trees import LightGBMFamily  # noqa: PLC0415  see the docstring

        return LightGBMFamily()
    raise ModelError(f"no model family is called '{name}': choose one of {', '.join(FAMILIES)}")
