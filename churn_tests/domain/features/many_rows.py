"""A few thousand customers with awkward amounts, and the digest of their matrix: also run as a program."""

from __future__ import annotations

import hashlib
import sys
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from churn_assets.domain.features.matrix import Engine, Window, feature_matrix
from churn_assets.domain.lifetime import lifetime_partial, refold
from churn_assets.domain.months import Month
from churn_tests.domain.features.agreement import bits
from churn_tests.domain.features.deliveries import customer, frame

MONTH = Month.parse("2024-02")
PEOPLE = 300
EVENTS = 12_000

Tables = dict[str, pl.DataFrame]


def tables() -> Tables:
    """Return accepted rows of all tables, the same at each call; some lie at or after the snapshot."""
    draw = np.random.default_rng(20240229)
    who = pl.Series(draw.integers(1, PEOPLE + 1, EVENTS))
    seconds = draw.integers(-10 * 86_400, 130 * 86_400, EVENTS)
    at = pl.Series([MONTH.snapshot - timedelta(seconds=int(second)) for second in seconds])
    uneven = pl.Series(draw.lognormal(1, 4, EVENTS).clip(0, 1e6))  # no sum of these is exact in floats
    numbers = pl.int_range(EVENTS, eager=True)
    flag = [pl.Series(draw.random(EVENTS) < share) for share in (0.1, 0.3, 0.5)]
    payments = pl.DataFrame(
        {
            "transaction_id": numbers,
            "customer_id": who,
            "transaction_date": at,
            "amount": uneven,
            "status": pl.Series(draw.choice(["paid", "paid", "paid", "failed", "refunded"], EVENTS)),
            "paid_late": flag[0],
        }
    )
    calls = pl.DataFrame(
        {
            "call_id": numbers,
            "customer_id": who,
            "call_date": at,
            "duration_seconds": pl.Series(draw.integers(0, 500, EVENTS), dtype=pl.Int32),
            "data_usage_mb": uneven * uneven,  # beyond everyday size too
            "is_international": flag[0],
            "is_peak_hour": flag[1],
            "called_number_hash": pl.Series(draw.integers(-9, 9, EVENTS)),
        }
    )
    tickets = pl.DataFrame(
        {
            "ticket_id": numbers % 9_000,
            "customer_id": who,
            "ticket_date": at,
            "is_escalated": flag[0],
            "is_complaint": flag[1],
            "resolved_at": at + timedelta(days=5),
            "resolution_hours": uneven,
            "delivered_month": (numbers // 9_000).replace_strict({0: "2024-02", 1: "2024-03"}),
        }
    )
    app = pl.DataFrame(
        {"customer_id": who, "usage_date": at.dt.date(), "sessions": numbers.cast(pl.Int32) + 1}
    )
    return {
        "customers": frame("customers", [customer(number) for number in range(1, PEOPLE + 1)]),
        "transactions": payments,
        "call_records": calls,
        "support_tickets": tickets,
        "app_usage": app.unique(["customer_id", "usage_date"], keep="first", maintain_order=True),
    }


def matrix_of(rows: Tables, engine: Engine = "streaming") -> pl.DataFrame:
    """Return the matrix of these rows, through lifetime partials of every month until the matrix's."""
    lifetime = refold(lifetime_partial(rows["transactions"], month) for month in MONTH.plus(-5).until(MONTH))
    window = Window(
        customers=rows["customers"].lazy(),
        lifetime=lifetime.lazy(),
        transactions=rows["transactions"].lazy(),
        call_records=rows["call_records"].lazy(),
        support_tickets=rows["support_tickets"].lazy(),
        app_usage=rows["app_usage"].lazy(),
    )
    return feature_matrix(window, MONTH, engine=engine)


def shuffled(rows: Tables, seed: int) -> Tables:
    """Return the same rows in another order, each table cut into uneven chunks."""
    chunked: Tables = {}
    for name, table in rows.items():
        mixed = table.sample(fraction=1.0, shuffle=True, seed=seed)
        cuts = [0, 1, table.height // 7, table.height // 3, table.height]
        pieces = [mixed.slice(start, end - start) for start, end in pairwise(cuts)]
        chunked[name] = pl.concat(pieces, rechunk=False)
    return chunked


def digest(matrix: pl.DataFrame) -> str:
    """Return a fingerprint of every bit of the matrix."""
    return hashlib.sha256(repr(bits(matrix)).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(matrix_of(shuffled(tables(), seed=int(sys.argv[1])))))
