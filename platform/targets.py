"""Where things run: clouds, sites and targets.

A target is the key for everything that serves: endpoint, upstream, route weight, incident, metric label. Its site (a
cloud in one region) and its cloud are its failure domains.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from intermodal.platform.errors import SpecError

Cloud = str
"""``aws``, ``gcp``, ``azure``, ``onprem``, or the name that a plug-in provides."""

DEFAULT = "default"
"""The region in ``aws@default``: the one that the cloud's settings name. Written ``aws`` wherever no cloud is meant."""
_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
TARGET = rf"^({_NAME})/({_NAME})(?:@({_NAME}))?$"
SITE = rf"^({_NAME})(?:@({_NAME}))?$"


@dataclass(frozen=True, order=True)
class Site:
    """A cloud in one configured region. Object store, image registry, identity and bill belong to a site.

    ``region`` is empty for the region that the cloud's settings name.
    """

    cloud: Cloud
    region: str = ""

    def __str__(self) -> str:
        return f"{self.cloud}@{self.region}" if self.region else self.cloud


@dataclass(frozen=True, order=True)
class Target:
    """A serving platform at a site, written ``aws/sagemaker`` or ``aws/sagemaker@eu-west-1``."""

    cloud: Cloud
    kind: str
    region: str = ""

    def __str__(self) -> str:
        return f"{self.cloud}/{self.kind}@{self.region}" if self.region else f"{self.cloud}/{self.kind}"

    @property
    def site(self) -> Site:
        return Site(self.cloud, self.region)

    @property
    def dotted(self) -> str:
        """The target as a name without ``/`` and ``@``: ``aws.sagemaker.eu-west-1``. No part has a dot, so different
        targets have different names."""
        return ".".join(part for part in (self.cloud, self.kind, self.region) if part)


def parse_target(text: str) -> Target:
    """Read ``cloud/kind`` or ``cloud/kind@region``. SpecError for anything else; whether such an adapter is installed
    is the catalogue's to answer."""
    match = re.fullmatch(TARGET, text)
    if match is None:
        raise SpecError(f"'{text}' is not a target.", hint="Write cloud/kind or cloud/kind@region: aws/sagemaker.")
    region = match[3] or ""
    return Target(match[1], match[2], "" if region == DEFAULT else region)


def parse_site(text: str) -> Site:
    """Read ``cloud`` or ``cloud@region``. SpecError for anything else."""
    match = re.fullmatch(SITE, text)
    if match is None:
        raise SpecError(f"'{text}' is not a site.", hint="Write cloud or cloud@region: aws, aws@eu-west-1.")
    region = match[2] or ""
    return Site(match[1], "" if region == DEFAULT else region)


def select(text: str, targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets that ``text`` names: one target, those of a site (``aws@eu-west-1``, ``aws@default``), or those of a
    cloud in all its regions (``aws``). Empty when it names none of them."""
    known = tuple(targets)
    if "/" in text:
        wanted = parse_target(text)
        return tuple(target for target in known if target == wanted)
    if "@" in text:
        site = parse_site(text)
        return tuple(target for target in known if target.site == site)
    return tuple(target for target in known if target.cloud == text)


def sites_of(targets: Iterable[Target]) -> tuple[Site, ...]:
    """The sites of the targets, each once, in order of appearance."""
    return tuple(dict.fromkeys(target.site for target in targets))


class Feature(Enum):
    """What not every target can do. An adapter gives the reason for each that it lacks."""

    MONITOR = "measures its endpoints by a monitor of its own"
    REPLICAS = "runs a stated number of replicas"


@dataclass(frozen=True)
class Limits:
    """What a target can take. Each adapter's docstring has the vendor's pages."""

    request_bytes: int
    answer_bytes: int
    answer_seconds: float
    start_seconds: float
    name_length: int
