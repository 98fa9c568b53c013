"""The ports: what assets ask for, and what an adapter in ``resources/`` fulfils.

One file per port, with its requests and results.
"""

from intermodal.platform.ports.bills import Bills
from intermodal.platform.ports.charges import ChargeStore
from intermodal.platform.ports.deployment import Deployment
from intermodal.platform.ports.endpoints import EndpointTarget, Targets
from intermodal.platform.ports.gateway import Gateway
from intermodal.platform.ports.images import ImageBuilder, ImageRegistry, Images
from intermodal.platform.ports.incidents import Incidents
from intermodal.platform.ports.metrics import Gauges, Metrics
from intermodal.platform.ports.notifications import Notifications, Notifier
from intermodal.platform.ports.object_store import ObjectStore, Stores
from intermodal.platform.ports.package_server import PackageServer
from intermodal.platform.ports.registry import ModelRegistry
from intermodal.platform.ports.requirements import Locker
from intermodal.platform.ports.rollouts import Rollouts
from intermodal.platform.ports.signer import Signer
from intermodal.platform.ports.tables import Tables

__all__ = [
    "Bills",
    "ChargeStore",
    "Deployment",
    "EndpointTarget",
    "Gateway",
    "Gauges",
    "ImageBuilder",
    "ImageRegistry",
    "Images",
    "Incidents",
    "Locker",
    "Metrics",
    "ModelRegistry",
    "Notifications",
    "Notifier",
    "ObjectStore",
    "PackageServer",
    "Rollouts",
    "Signer",
    "Stores",
    "Tables",
    "Targets",
]
