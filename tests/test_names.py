"""Names that are made of a model's, for pairs of models: none is another's, and none is a folder of another's."""

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from intermodal.assets.keys import endpoint_key, key, mirror_key
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.protocol.prediction_log import folder, object_key
from intermodal.platform.spec.fields import RESERVED_NAMES
from intermodal.resources.aws.targets.sagemaker.plan import revision_of
from intermodal.resources.envoy.upstream import UpstreamConfig
from tests.platform.target_sets import spec_on
from tests.targets import AWS, AWS_EU, AZURE, GCP

words = st.sampled_from(["a", "predictions", "drift", "deploy", "and", "train", "_", "1", "0", "mirror"])
models = st.from_regex(r"[a-z][a-z0-9_]{0,47}", fullmatch=True) | st.lists(words, min_size=1, max_size=5).map(
    lambda parts: f"a{'_'.join(parts)}"[:48]
)
models = (models | st.just("predictions")).filter(lambda name: not re.fullmatch(RESERVED_NAMES, name))
versions = st.tuples(*[st.integers(0, 12)] * 3).map(lambda numbers: ".".join(map(str, numbers)))
deployments = st.tuples(models, versions)
HOUR = 1.7e9


@given(deployments, deployments)
def test_mirrors_and_logs_of_different_versions_are_apart(first: tuple[str, str], second: tuple[str, str]) -> None:
    """They are in one bucket. What lists or deletes a folder lists what begins with its name and a slash."""
    assume(first != second)
    mirrors = [f"{prefix(*each)}/" for each in (first, second)]
    logs = {f"{folder(model)}/" for model, _ in (first, second)}
    folders = [*mirrors, *logs]
    for outer in folders:
        assert not [inner for inner in folders if inner != outer and inner.startswith(outer)]
    assert len(set(folders)) == 2 + len({first[0], second[0]})
    written = [object_key(model, HOUR, "w", 1) for model, _ in (first, second)]
    assert not any(key_.startswith(mirror) for key_ in written for mirror in mirrors)


@given(deployments, deployments)
def test_sagemaker_configurations_belong_to_one_endpoint(first: tuple[str, str], second: tuple[str, str]) -> None:
    names = [endpoint_name(*each, "sandbox") for each in (first, second)]
    assert revision_of(names[0], f"{names[1]}-0123456789") == (first == second)


@given(deployments, deployments)
def test_envoy_clusters_of_different_versions_differ(first: tuple[str, str], second: tuple[str, str]) -> None:
    ours, theirs = (
        UpstreamConfig(model, AWS, version, "https://x.example/infer") for model, version in (first, second)
    )
    assert (ours.name == theirs.name) == (ours.domain == theirs.domain) == (first == second)
    assert ours.name.partition("/")[0] == first[0]


@given(models, models)
def test_asset_keys_of_different_models_differ(first: str, second: str) -> None:
    """Also as the names of their steps, which Dagster makes of a key with two underscores for a slash."""
    assume(first != second)
    steps = []
    for model in (first, second):
        spec = spec_on([AWS, AWS_EU, GCP, AZURE], name=model)
        keys = [key(spec, "dataset"), key(spec, "drift"), *(endpoint_key(spec, target) for target in spec.targets)]
        steps += ["__".join(each.path) for each in [*keys, *(mirror_key(spec, site) for site in spec.sites)]]
    assert len(set(steps)) == len(steps)
