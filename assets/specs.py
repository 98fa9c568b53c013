"""The specs of all models in a code location, for sensors, which handle all models."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

import dagster as dg

from intermodal.platform.spec import ModelSpec

SPEC = "intermodal/spec"
"""Metadata of ``<model>/route`` that holds the spec as JSON."""


def as_json(spec: ModelSpec) -> str:
    """The spec's own fields as JSON. A component has further fields, which are left out."""
    return ModelSpec.model_validate({name: getattr(spec, name) for name in ModelSpec.model_fields}).model_dump_json()


@lru_cache(maxsize=4)
def specs_of(repository: dg.RepositoryDefinition) -> Mapping[str, ModelSpec]:
    """Every model's spec by name, from the metadata of ``<model>/route``."""
    graph = repository.asset_graph
    found = {}
    for key in graph.get_all_asset_keys():
        if key.path[1:] == ["route"] and SPEC in (metadata := graph.get(key).metadata):
            found[key.path[0]] = ModelSpec.model_validate_json(str(metadata[SPEC]))
    return found


@lru_cache(maxsize=4)
def fingerprints_of(repository: dg.RepositoryDefinition) -> Mapping[str, Mapping[dg.AssetKey, str]]:
    """The code versions of each model's endpoints and route, which are fingerprints of its spec (docs/adr/0026)."""
    graph, found = repository.asset_graph, defaultdict[str, dict[dg.AssetKey, str]](dict)
    for key in graph.get_all_asset_keys():
        if key.path[1:2] in (["endpoint"], ["route"]) and (version := graph.get(key).code_version):
            found[key.path[0]][key] = version
    return found
