"""Every port in memory: what an adapter promises, without a cloud."""

from tests.memory.endpoints import MemoryDeployment, MemoryTarget, MemoryTargets
from tests.memory.gateway import MemoryGateway
from tests.memory.images import IMAGE_FILE, SBOM, MemoryImageBuilder, MemoryImageRegistry, MemoryImages
from tests.memory.monitoring import MemoryGauges, MemoryIncidents, MemoryMetrics, MemoryNotifications, MemoryNotifier
from tests.memory.registry import MemoryLocker, MemoryPackageServer, MemoryRegistry, MemorySigner
from tests.memory.rollouts import MemoryRollouts
from tests.memory.storage import MemoryStore, MemoryStores, MemoryTables

__all__ = [
    "IMAGE_FILE",
    "SBOM",
    "MemoryDeployment",
    "MemoryGateway",
    "MemoryGauges",
    "MemoryImageBuilder",
    "MemoryImageRegistry",
    "MemoryImages",
    "MemoryIncidents",
    "MemoryLocker",
    "MemoryMetrics",
    "MemoryNotifications",
    "MemoryNotifier",
    "MemoryPackageServer",
    "MemoryRegistry",
    "MemoryRollouts",
    "MemorySigner",
    "MemoryStore",
    "MemoryStores",
    "MemoryTables",
    "MemoryTarget",
    "MemoryTargets",
]
