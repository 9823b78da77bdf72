"""The one error of the online store."""

from __future__ import annotations


class OnlineStoreError(Exception):
    """A snapshot cannot be written, found, trusted or reached; the sentence names the thing and its mend."""
