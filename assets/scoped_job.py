"""An asset job that is resolved against the assets of its own model.

Dagster resolves each job against every asset of the code location and gives it every resource. With 1,000 models that
is 8,000 passes over 29,000 definitions, and as many copies of 20 resources' configuration schemas (docs/adr/0023).
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import dagster as dg

from intermodal.assets.dagster_internals import AssetGraph, UnresolvedAssetJobDefinition

MODEL_METADATA = "model"
"""The job's metadata that names its model, which is the first part of its assets' keys."""


class ModelScopedJob(UnresolvedAssetJobDefinition):
    """A job over the assets of the model that its metadata names, with the resources that these assets require."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, Any] | None = None,  # noqa: ARG002  # the assets have their own
    ) -> dg.JobDefinition:
        return super().resolve(
            _graphs_by_model(asset_graph)[(self.metadata or {})[MODEL_METADATA]], default_executor_def
        )


def model_scoped_job(name: str, model: str, **options: Any) -> ModelScopedJob:
    """A job of one model. ``options`` are those of ``dg.define_asset_job``; the selection must be an AssetSelection."""
    return ModelScopedJob(name=name, metadata={MODEL_METADATA: model}, **options)


@lru_cache(maxsize=1)
def _graphs_by_model(graph: AssetGraph) -> Mapping[str, AssetGraph]:
    found = defaultdict(list)
    for definition in graph.assets_defs:
        keys = definition.keys or {key.asset_key for key in definition.check_keys}
        for model in {key.path[0] for key in keys}:
            found[model].append(definition)
    return {model: AssetGraph.from_assets(definitions) for model, definitions in found.items()}
