"""Clouds, and the kinds of places that serve in them."""

from dataclasses import dataclass
from typing import Literal, get_args

from intermodal.platform.errors import SpecError

Cloud = Literal["aws", "gcp", "azure"]
CLOUDS: tuple[Cloud, ...] = get_args(Cloud)


@dataclass(frozen=True, order=True)
class Target:
    """A kind of place that serves, written ``cloud/kind`` (``aws/sagemaker``)."""

    cloud: Cloud
    kind: str

    def __str__(self) -> str:
        return f"{self.cloud}/{self.kind}"


TARGETS: tuple[Target, ...] = (
    Target("aws", "sagemaker"),
    Target("gcp", "cloud-run"),
    Target("azure", "ml"),
)


def parse_target(text: str) -> Target:
    """Read ``cloud/kind``; raise SpecError that lists the known targets."""
    for target in TARGETS:
        if str(target) == text:
            return target
    raise SpecError(f"Unknown target '{text}'.", hint=f"Known targets: {', '.join(map(str, TARGETS))}.")


def parse_cloud(text: str) -> Cloud:
    """Read a cloud's name; raise SpecError that lists the known ones."""
    for cloud in CLOUDS:
        if cloud == text:
            return cloud
    raise SpecError(f"Unknown cloud '{text}'.", hint=f"Known clouds: {', '.join(CLOUDS)}.")
