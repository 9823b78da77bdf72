"""The truth about a simulated operator: what no platform may read, kept apart in `.truth`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.domain.months import Month
from churn_assets.simulator.delivery import write_atomically
from churn_assets.simulator.draws import Array
from churn_assets.simulator.incidents import Incident
from churn_assets.simulator.population import EPOCH, Cast
from churn_assets.simulator.worlds import World

FOLDER = ".truth"
STATES = ("staying", "leaving", "not_paying")


def truth_table(cast: Cast, customer_ids: Array) -> pa.Table:
    """Return the truth about the customers who are active at the month's snapshot.

    `oracle_p` is the probability of leaving in the next month, `churned` the outcome that was drawn from it.
    """
    state = cast.people.state[: cast.active]
    return pa.table({
        "customer_id": customer_ids[: cast.active],
        "month": pa.DictionaryArray.from_arrays(pa.array(np.zeros(cast.active, dtype=np.int8)), pa.array([str(cast.month)])),
        "oracle_p": cast.probability.astype(np.float64),
        "leaving": state > 0,
        "state": pa.DictionaryArray.from_arrays(pa.array(state), pa.array(STATES)),
        "churned": cast.leaves,
    })  # fmt: skip


def world_text(world: World, seed: int, customers: int, incidents: Sequence[Incident]) -> dict[str, Any]:
    """Return the world as it is written to `world.json`."""
    listed = [
        {"kind": incident.kind, "month": str(incident.month), "table": incident.table, "size": incident.size}
        for incident in incidents
    ]
    return {
        "world": world.name,
        "parameters": asdict(world),
        "seed": seed,
        "customers": customers,
        "epoch": str(EPOCH),
        "incidents": listed,
    }


def check_same_operator(folder: Path, text: dict[str, Any]) -> None:
    """Refuse a folder that holds the deliveries of another simulated operator.

    Raises:
        ValueError: world, seed or number of customers differ from those of the folder.
    """
    path = folder / FOLDER / "world.json"
    if not path.exists():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    for name in ("world", "seed", "customers"):
        if found.get(name) != text[name]:
            raise ValueError(
                f"{folder} holds the deliveries of another operator ({name} {found.get(name)}, not {text[name]}): "
                "choose an empty folder"
            )


def write_world(folder: Path, text: dict[str, Any]) -> None:
    """Write the world's parameters."""
    write_atomically(folder / FOLDER / "world.json", _json(text))


def write_month(folder: Path, month: Month, injected: Sequence[dict[str, Any]]) -> None:
    """Write what was injected into the deliveries of a month: kind, table, rows, ids."""
    write_atomically(
        folder / FOLDER / f"{month}.json", _json({"month": str(month), "injected": list(injected)})
    )


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
