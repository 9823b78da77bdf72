"""Deliveries as the operator hands them over: found, read, and typed losslessly; nothing is judged here.

The sources of deliveries belong here (files, SQL) and what reads their formats. Rules about rows belong to
`domain.cleaning`, rules about types to `domain.lossless_types`.
"""

from churn_assets.adapters.deliveries.errors import DeliveryError
from churn_assets.adapters.deliveries.files import FilesSource
from churn_assets.adapters.deliveries.fingerprints import Fingerprint, Stamp
from churn_assets.adapters.deliveries.source import Delivered, Source
from churn_assets.adapters.deliveries.sql import SqlSource

__all__ = ["Delivered", "DeliveryError", "FilesSource", "Fingerprint", "Source", "SqlSource", "Stamp"]
