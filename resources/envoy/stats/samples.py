"""Envoy's statistics in Prometheus' text form, which alone keeps labels apart from names.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.resources.envoy.control.admin import Admin

LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


def read(admin: Admin, pattern: str) -> list[Sample]:
    """What Envoy has counted under names (in its own form, ``a.b.tag.value``) that match."""
    return parse(admin.get("/stats/prometheus", usedonly="", filter=pattern).text)


def parse(text: str) -> list[Sample]:
    """Every line that has labels. A label's escapes are left as they are: none of ours has any."""
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return [Sample(match[1], dict(LABEL.findall(match[2])), float(match[3])) for match in found if match]
