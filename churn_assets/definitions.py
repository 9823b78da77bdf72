"""The Dagster entry point: the definitions of the home that `CHURN_HOME` names."""

import dagster as dg

from churn_assets.adapters.home import Home
from churn_assets.defs.build import build_definitions


@dg.definitions
def definitions() -> dg.Definitions:
    """Return the platform's assets, checks, jobs, schedules, sensors and resources."""
    return build_definitions(Home.from_environment())
