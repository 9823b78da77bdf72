"""From the address in the settings to the store."""

from __future__ import annotations

from churn_assets.adapters.home import Home
from churn_assets.adapters.online_store.errors import OnlineStoreError
from churn_assets.adapters.online_store.files_store import FilesStore
from churn_assets.adapters.online_store.protocol import OnlineStore

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def store_from(address: str, home: Home) -> OnlineStore:
    """Return the store of an address: Redis where it names one, files below the home where it is empty.

    Raises:
        OnlineStoreError: the address is neither.
    """
    if not address:
        return FilesStore(home.online_store)
    if not address.startswith(REDIS_SCHEMES):
        scheme = address.partition("://")[0]
        raise OnlineStoreError(
            f"the online store's address begins with '{scheme}': write redis://HOST:PORT/0, or leave it empty for files"
        )
    from churn_assets.adapters.online_store.redis_store import RedisStore  # noqa: PLC0415  one machine needs no client

    return RedisStore(address)
