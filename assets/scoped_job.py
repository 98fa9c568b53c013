"""An asset job that is resolved among its own model's assets.

Dagster looks for the assets of every job among all of the code location, and gives it every resource: with 1,000 models
that is 8,000 looks at 29,000 definitions, and as many copies of 20 resources' forms (docs/adr/0023).
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

MODEL = "model"
"""Metadata of a job: the first part of its assets' keys."""


class OwnJob(UnresolvedAssetJobDefinition):
    """Selects among the assets of the model that its metadata names, and has the resources that these ask for."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, Any] | None = None,  # noqa: ARG002  # the assets bring theirs
    ) -> dg.JobDefinition:
        return super().resolve(_by_model(asset_graph)[(self.metadata or {})[MODEL]], default_executor_def)


def own_job(name: str, model: str, **rest: Any) -> OwnJob:
    """A job of one model; ``rest`` is as in ``dg.define_asset_job``, the selection an AssetSelection."""
    return OwnJob(name=name, metadata={MODEL: model}, **rest)


@lru_cache(maxsize=1)
def _by_model(graph: AssetGraph) -> Mapping[str, AssetGraph]:
    found = defaultdict(list)
    for definition in graph.assets_defs:
        keys = definition.keys or {key.asset_key for key in definition.check_keys}
        for model in {key.path[0] for key in keys}:
            found[model].append(definition)
    return {model: AssetGraph.from_assets(definitions) for model, definitions in found.items()}
