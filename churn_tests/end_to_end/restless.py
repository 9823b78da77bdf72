"""A process of its own that takes a month in again and again, each time from another delivery, until it is killed.

`python -m churn_tests.end_to_end.restless INSTALLATION MONTH RETRAINED DELIVERIES...`: each of the delivery folders is
put in place in turn, and the months are lived up to that month, the last one retrained and scored where that is `yes`.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from churn_assets.domain.months import Month
from churn_tests.end_to_end.installation import Installation


def main(folder: str, key: str, retrained: str, *versions: str) -> None:
    """Live a month from one delivery after the other, for ever."""
    installation, month = Installation(Path(folder)), Month.parse(key)
    for version in itertools.cycle(versions):
        installation.put_in_place(Path(version))
        sys.stdout.write("living\n")
        sys.stdout.flush()
        installation.live(month, scored=[month] if retrained == "yes" else [])


if __name__ == "__main__":
    main(*sys.argv[1:])
