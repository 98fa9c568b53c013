"""What a cluster's node has, where it pulls images from, and how fast its clocks go."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """``node`` has ``cpu`` and ``memory`` to give, as Kubernetes quantities.

    Images by digest come from the registry of ``registry`` (a site, ``aws``), to which the clients of ``environ`` log
    in. ``pace`` is how many real seconds a second of the kubelet and of autoscalers takes: periods of probes,
    back-offs, ``preStop`` sleeps. Deadlines and grace periods are in real seconds. ``workload_identity`` gives a Pod's
    containers the variables of the cloud's identity that its service account stands for, and ``slow_start`` is how many
    seconds a container waits before it starts.
    """

    node: str = "node-1"
    cpu: str = "64"
    memory: str = "256Gi"
    registry: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    pace: float = 1.0
    workload_identity: Callable[[Mapping[str, Any]], Mapping[str, str]] = field(default=lambda _: {})
    slow_start: Callable[[], float] = field(default=lambda: 0.0)
