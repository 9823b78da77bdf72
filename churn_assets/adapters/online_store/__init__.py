"""Each month's features of every customer, as read-only snapshots for scoring by customer id.

The stores belong here (files of one machine, Redis for several) and the rules of their pointer. How a feature becomes a
number belongs to `learning.encoding`; when a snapshot is published is decided by `defs`.
"""

from churn_assets.adapters.online_store.addresses import store_from
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.files_store import FilesStore
from churn_assets.adapters.online_store.golden import Golden, golden_of
from churn_assets.adapters.online_store.manifest import SnapshotManifest
from churn_assets.adapters.online_store.protocol import OnlineSnapshot, OnlineStore, Prepared, Publication

__all__ = [
    "FilesStore",
    "Golden",
    "OnlineSnapshot",
    "OnlineStore",
    "OnlineStoreError",
    "Prepared",
    "Publication",
    "SnapshotManifest",
    "golden_of",
    "store_from",
]
