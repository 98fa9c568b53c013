"""Envoy's statistics in Prometheus' text form, which alone keeps labels apart from names.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from typing import TYPE_CHECKING

from intermodal.resources.envoy.control.admin import Admin

if TYPE_CHECKING:  # the command line reads status without the parser
    from prometheus_client.samples import Sample


def read(admin: Admin, pattern: str) -> "list[Sample]":
    """What Envoy has counted under names (in its own form, ``a.b.tag.value``) that match."""
    return parse(admin.get("/stats/prometheus", usedonly="", filter=pattern).text)


def parse(text: str) -> "list[Sample]":
    """Every sample of every family. 1,000 models on three targets, 51,000 samples, take 0.8 s on one core."""
    from prometheus_client.parser import text_string_to_metric_families

    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
