"""A byte of a mirror is changed while its endpoint serves: the check finds it, repairs it and notifies people."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import NotFound, Unavailable
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol.manifest import MANIFEST
from tests.assets.conftest import World
from tests.targets import AWS, AZURE, GCP

WHERE = "wine/1.0.0"
KEY = dg.AssetCheckKey(dg.AssetKey(["wine", "mirror", "s3"]), "mirror_unchanged")


def flip(world: World, path: str, target: Any = AWS) -> None:
    store, key = world.stores[target.site], f"{WHERE}/{path}"
    data = bytearray(store.objects[key])
    data[len(data) // 2] ^= 1
    store.put(key, bytes(data))


def watch(world: World) -> dict[str, Any]:
    """Run the observing job's checks. The evaluation of AWS's mirror: ``passed``, and its metadata."""
    job = world.defs.resolve_job_def("watch_wine")
    checks = {key for key in world.defs.resolve_asset_graph().asset_check_keys if key.name == KEY.name}
    assert checks <= job.asset_layer.asset_graph.asset_check_keys  # type: ignore[operator]
    subset = job.get_subset(asset_check_selection=checks)
    result = subset.execute_in_process(instance=world.instance, raise_on_error=False)
    assert result.success
    (found,) = [each for each in result.get_asset_check_evaluations() if each.asset_check_key == KEY]
    return {"passed": found.passed, **{name: value.value for name, value in found.metadata.items()}}


def objects(world: World, target: Any = AWS) -> dict[str, bytes]:
    return dict(world.stores[target.site].objects)


def test_check_of_an_untouched_mirror_passes(deployed: World) -> None:
    before = objects(deployed)
    assert watch(deployed) == {"passed": True, "version": "1.0.0"}
    assert objects(deployed) == before
    assert deployed.notifier.sent == []


@pytest.mark.parametrize("registry", [True, False])
def test_check_changed_byte_is_repaired_and_notified_once(
    deployed: World, registry: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, deploys = objects(deployed), len(deployed.targets[AWS].deploys)
    if not registry:
        monkeypatch.setattr(deployed.registry, "versions", _raise(Unavailable("MLflow does not answer.")))
    flip(deployed, "golden.json")
    found = watch(deployed)
    assert found["passed"] is False
    assert found["damaged"].keys() == {"golden.json"}
    assert found["outcome"] == f"It was repaired from {'the registry' if registry else 'gcp/gcs'}."
    assert objects(deployed) == before
    assert watch(deployed)["passed"] is True
    (notice,) = deployed.notifier.sent
    assert notice.title == "wine: the package in aws/s3 differs from its manifest: golden.json"
    assert notice.severity == "warning"
    assert len(deployed.targets[AWS].deploys) == deploys
    assert not deployed.incidents.all()


def test_check_without_a_good_source_overwrites_nothing(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed.registry, "versions", _raise(NotFound("There is no model 'wine'.")))
    for target in (AWS, GCP, AZURE):
        flip(deployed, "golden.json", target)
    before = {target: objects(deployed, target) for target in (AWS, GCP, AZURE)}
    for _ in range(2):
        found = watch(deployed)
        assert found["passed"] is False
        assert "nothing was overwritten in aws/s3" in found["outcome"]
        assert "Restore the version's files in the registry" in found["outcome"]
    assert {target: objects(deployed, target) for target in (AWS, GCP, AZURE)} == before
    assert len(deployed.notifier.sent) == 3  # one for each mirror


def test_check_of_a_killed_copy_finishes_it(deployed: World) -> None:
    before = objects(deployed)
    flip(deployed, "golden.json")
    deployed.stores[AWS.site].delete(f"{WHERE}/{MANIFEST}")
    assert watch(deployed)["damaged"] == {MANIFEST: "is missing"}
    assert objects(deployed) == before


def test_check_of_a_store_that_is_down_says_so(deployed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed.stores[AWS.site], "changed", _raise(Unavailable("S3 answers 503.")))
    assert watch(deployed) == {"passed": True, "state": "not compared: S3 answers 503."}


def test_check_leaves_a_site_with_an_incident_to_its_recovery(deployed: World) -> None:
    deployed.incidents.open(Incident("wine-aws.sagemaker-1", "wine", AWS, 1.0))
    flip(deployed, "golden.json")
    changed = objects(deployed)
    found = watch(deployed)
    assert found["passed"] is True
    assert "has an open incident" in found["state"]
    assert objects(deployed) == changed


def _raise(error: Exception) -> Callable[..., Any]:
    def failing(*_: Any, **__: Any) -> Any:
        raise error

    return failing
