"""What a cluster's node has, where it pulls images from, and how fast its clocks go."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """``node`` has ``cpu`` and ``memory`` to give, as Kubernetes quantities.

    Images by digest come from the registry of ``registry`` (a site, ``aws``), to which the clients of ``environ`` log
    in. ``pace`` is how many real seconds a second of the kubelet and of autoscalers takes: periods of probes,
    back-offs, ``preStop`` sleeps. Deadlines and grace periods are in real seconds.
    """

    node: str = "node-1"
    cpu: str = "64"
    memory: str = "256Gi"
    registry: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    pace: float = 1.0
