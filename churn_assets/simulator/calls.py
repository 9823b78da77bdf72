"""Call records: calls and data sessions of a month."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from churn_assets.simulator.clock import SLOTS, hours_of, start_microseconds
from churn_assets.simulator.conduct import Conduct
from churn_assets.simulator.draws import Array, Floats, Stream, Trait, generator, mixed
from churn_assets.simulator.population import Cast
from churn_assets.simulator.rows import event_ids, repeated

_DISPERSION = (
    30.0  # shape of the gamma behind the negative binomial counts: variation beyond Poisson's of 27 %
)
_DATA_SHARE = 0.64  # of the records; the others are calls
_SESSION_SPREAD, _LENGTH_SPREAD = np.float32(0.55), np.float32(0.75)
_LONGEST_SECONDS = 86_400
_KIB_IN_MB = 1 / 1024
_LARGEST_KIB = 2**31 - 129


def call_records(cast: Cast, customer_ids: Array, conduct: Conduct, seed: int) -> dict[str, pa.Array | Array]:
    """Return the columns of the call records of a cast."""
    draws = generator(seed, Stream.CALLS, cast.index, cast.chunk)
    count = draws.poisson(conduct.calls * draws.standard_gamma(_DISPERSION, len(cast.people)) / _DISPERSION)
    who = repeated(count)
    bits = draws.bit_generator.random_raw(len(who))
    peak = (bits & np.uint64(0xFFFF)).astype(np.uint16) < (conduct.peak_share * 65_536).astype(np.uint16)[who]
    hours = np.concatenate([hours_of(cast.month, peak=False), hours_of(cast.month, peak=True)])
    slot = (bits >> np.uint64(16)).astype(np.uint16) & np.uint16(SLOTS - 1)
    slot += peak * np.uint16(SLOTS)
    second = hours[slot]
    second += ((bits >> np.uint64(48)) * np.uint64(3_600) >> np.uint64(16)).astype(np.int32)
    inside = (second >= conduct.first_second[who]) & (second < conduct.end_second[who])
    kept = np.flatnonzero(inside)
    who, second, peak, bits = who[kept], second[kept], peak[kept], bits[kept]
    contact = ((bits >> np.uint64(32)) & np.uint64(0xFFFF)).astype(np.float32)
    return {
        "call_id": event_ids(cast, len(who)),
        "customer_id": customer_ids[who],
        "call_date": start_microseconds(cast.month) + second.astype(np.int64) * 1_000_000,
        "duration_seconds": _durations(conduct, who, draws),
        "data_usage_mb": _data(conduct, who, draws),
        "is_international": draws.random(len(who), dtype=np.float32) < conduct.abroad_share[who],
        "is_peak_hour": peak,
        "called_number_hash": _numbers(cast, conduct, who, contact),
    }


def _durations(conduct: Conduct, who: Array, draws: np.random.Generator) -> Array:
    """Draw log-normal lengths; a share of the records breaks off at once."""
    seconds = np.exp(_LENGTH_SPREAD * draws.standard_normal(len(who), dtype=np.float32))
    seconds *= conduct.call_seconds[who]
    seconds += 10
    chance = draws.random(len(who), dtype=np.float32)
    share = conduct.short_share[who]
    short = np.flatnonzero(chance < share)
    seconds[short] = 10 * chance[short] / share[short]
    whole: Array = np.minimum(seconds, _LONGEST_SECONDS).astype(np.int32)
    return whole


def _data(conduct: Conduct, who: Array, draws: np.random.Generator) -> Array:
    """Draw log-normal MB for the data sessions, metered in KiB."""
    kib = np.exp(_SESSION_SPREAD * draws.standard_normal(len(who), dtype=np.float32))
    kib *= (conduct.session_mb * 1024)[who]
    kib *= draws.random(len(who), dtype=np.float32) < _DATA_SHARE
    mb: Array = np.minimum(kib, _LARGEST_KIB).astype(np.int32) * _KIB_IN_MB
    return mb


def _numbers(cast: Cast, conduct: Conduct, who: Array, place: Floats) -> Array:
    """Return the hashes of the called numbers: some contacts of a customer are called far more often than others."""
    place *= np.float32(1 / 65_536)
    place *= place
    place *= conduct.contacts[who]
    keys = cast.people.key * np.uint64(2 * int(Trait.CONTACT_KEY) + 1)
    return (mixed(keys[who] + place.astype(np.uint64)) >> np.uint64(1)).astype(np.int64)
