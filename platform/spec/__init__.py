"""The spec: what a team writes about one model."""

from intermodal.platform.spec.fields import NAME
from intermodal.platform.spec.gate import Gate
from intermodal.platform.spec.model import ModelSpec
from intermodal.platform.spec.monitoring import Budget, DriftPolicy, Objectives
from intermodal.platform.spec.serving import Failover, RoutePolicy
from intermodal.platform.spec.training import Data, Features, Train

__all__ = [
    "NAME",
    "Budget",
    "Data",
    "DriftPolicy",
    "Failover",
    "Features",
    "Gate",
    "ModelSpec",
    "Objectives",
    "RoutePolicy",
    "Train",
]
