"""Hypothesis strategies: sets of targets on a few clouds and regions, and specs that serve on them."""

from typing import Any

from hypothesis import strategies as st

from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

CLOUDS = {
    "aws": ("sagemaker", "eks"),
    "gcp": ("cloud-run", "vertex"),
    "azure": ("ml", "aks"),
    "onprem": ("kserve",),
}
REGIONS = ("", "eu-west-1", "us-2")
EVERY_TARGET = tuple(
    Target(cloud, kind, region) for cloud, kinds in CLOUDS.items() for kind in kinds for region in REGIONS
)


def targets_of_clouds(most: int = 6) -> st.SearchStrategy[list[Target]]:
    """1 to ``most`` different targets, in any order."""
    return st.lists(st.sampled_from(EVERY_TARGET), min_size=1, max_size=most, unique=True)


def spec_on(serve: list[Target], **fields: Any) -> ModelSpec:
    """A spec that serves there; ``fields`` are those of a ModelSpec."""
    return ModelSpec.model_validate(
        {
            "name": "m",
            "owner": "team:t",
            "data": {"function": "d.f", "partitions": {"monthly": {"start": "2013-01"}}},
            "features": {"function": "d.g", "target": "late"},
            "train": {"function": "t.f"},
            "gate": {"metric": "roc_auc"},
            "serve": [str(target) for target in serve],
            **fields,
        }
    )


@st.composite
def specs(draw: st.DrawFn) -> ModelSpec:
    """Any serve, order, replicas and cold targets (at least one warm), with even or stated weights."""
    serve = draw(targets_of_clouds())
    cold = draw(st.lists(st.sampled_from(serve), max_size=len(serve) - 1, unique=True))
    fields: dict[str, Any] = {
        "replicas": draw(st.integers(1, 5)),
        "failover": {
            "order": [str(target) for target in draw(st.permutations(serve))] if draw(st.booleans()) else [],
            "cold": [str(target) for target in cold],
        },
    }
    if draw(st.booleans()):
        warm = [target for target in serve if target not in cold]
        shares = {str(target): draw(st.integers(0, 100)) for target in warm}
        if any(shares.values()):
            fields["route"] = {"policy": "weighted", "weights": shares}
    return spec_on(serve, **fields)


@st.composite
def failures(draw: st.DrawFn) -> tuple[ModelSpec, frozenset[Target], frozenset[Target]]:
    """A spec, unavailable targets and exhausted ones."""
    spec = draw(specs())
    some = st.sets(st.sampled_from(spec.targets)).map(frozenset)
    return spec, draw(some), draw(some)
