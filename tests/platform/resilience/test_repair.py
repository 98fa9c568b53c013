"""One byte of a mirror is changed: what the incident says, and how the recovery repairs it or leaves it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intermodal.platform.deployment.copying import is_whole
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import MODEL, NAME, DownRegistry, Killed, World, build_world
from tests.targets import AWS, AZURE, GCP, TARGETS

WHERE = f"{MODEL}/1.0.0"
VERSION = Identity("1.0.0")


def flip(world: World, *paths: str, target: Any = AWS, written: bool = True) -> None:
    """Change one byte of each. ``written``: through the store's API, so that the ETag is another one."""
    store = world.stores[target.site]
    for key in (f"{WHERE}/{path}" for path in paths):
        data = bytearray(store.objects[key])
        data[len(data) // 2] ^= 1
        if written:
            store.put(key, bytes(data))
        else:
            store.objects[key] = bytes(data)


def refused(*paths: str, written: bool = True) -> World:
    """A world whose endpoint on AWS ended, since its server refused to start from the changed mirror; contained."""
    world = build_world()
    flip(world, *paths, written=written)
    world.targets[AWS].delete(NAME)
    serves = world.gateway._serves
    world.gateway._serves = lambda target: serves(target) and NAME in world.targets[target].endpoints  # type: ignore[method-assign]
    world.run_until_stable(ticks=20)
    return world


def opened(world: World) -> Incident:
    (incident,) = world.incidents.all(open_only=True)
    return incident


def texts(world: World, *steps: str) -> list[str]:
    (incident,) = world.incidents.all()
    return [entry.text for entry in incident.entries if entry.step in steps]


def good(world: World) -> dict[str, bytes]:
    return world.stores[AZURE.site].objects


def test_failover_changed_file_is_named_and_others_serve() -> None:
    world = refused("model.txt")
    assert texts(world, "damaged") == ["the package in aws/s3 differs from its manifest: model.txt"]
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    assert not opened(world).has("repaired")


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize(("registry", "source"), [(True, "the registry"), (False, "gcp/gcs")])
def test_recovery_changed_file_is_repaired_before_deploy(written: bool, registry: bool, source: str) -> None:
    """Also where the ETag is the old one, as after a disk's fault."""
    world = refused("model.txt", written=written)
    if not registry:
        world.registry = DownRegistry()
    deploy = world.targets[AWS].deploy
    whole: list[bool] = []

    def watched(request: Any) -> Any:
        whole.append(is_whole(world.stores[AWS.site], MODEL, VERSION))
        return deploy(request)

    world.targets[AWS].deploy = watched  # type: ignore[method-assign]
    incident = recover(world.ports(), world.spec, opened(world).id)
    assert not incident.is_open
    assert whole == [True]
    assert world.stores[AWS.site].objects == good(world)
    assert texts(world, "damaged", "repaired", "current") == [
        "the package in aws/s3 differs from its manifest: model.txt",
        f"the package in aws/s3 was repaired from {source}: every file has the hash of its manifest",
        "aws/sagemaker has 1.0.0, 1 replicas",
    ]


def test_recovery_after_repair_of_a_whole_mirror_writes_nothing() -> None:
    world = refused("model.txt")
    world.targets[AWS].broken = "no capacity"
    with pytest.raises(IntermodalError, match="no capacity"):
        recover(world.ports(), world.spec, opened(world).id)
    world.killer.log.clear()
    world.targets[AWS].broken = ""
    recover(world.ports(), world.spec, opened(world).id)
    assert not any(call in ("aws store.mirror", "aws store.delete") for call in world.killer.log)
    assert len(texts(world, "repaired")) == 1


@pytest.mark.parametrize("registry", ["down", "damaged"])
def test_recovery_without_a_good_source_overwrites_nothing(registry: str, tmp_path: Path) -> None:
    world = refused("model.txt")
    for target in (GCP, AZURE):
        flip(world, "golden.json", target=target)
    if registry == "down":
        world.registry = DownRegistry()
    else:
        artifacts = Path(shutil.copytree(world.folder, tmp_path / "artifacts"))
        model = bytearray((artifacts / "model.txt").read_bytes())
        model[9] ^= 1
        (artifacts / "model.txt").write_bytes(model)
        candidate = replace(world.candidate, artifacts=str(artifacts))
        world.registry.registered[:] = [replace(each, candidate=candidate) for each in world.registry.registered]
    before = {target: dict(world.stores[target.site].objects) for target in TARGETS}
    deploys = len(world.targets[AWS].deploys)
    for _ in range(3):
        with pytest.raises(IntermodalError, match="nothing was overwritten in aws/s3"):
            recover(world.ports(), world.spec, opened(world).id)
    assert {target: world.stores[target.site].objects for target in TARGETS} == before
    assert len(world.targets[AWS].deploys) == deploys
    (why,) = [text for text in texts(world, "note") if text.startswith("No registry and no other site")]
    assert "nothing was overwritten in aws/s3" in why
    assert "run this again, or deploy another version" in why
    assert [n.title for n in world.notices if "cannot be brought back" in n.title]


def test_recovery_killed_at_any_call_repairs_once_more() -> None:
    calls = 0
    for after in (False, True):
        for number in range(1, 200):
            world = refused("model.txt", written=False)
            world.killer.arm(number, after)
            try:
                recover(world.ports(), world.spec, opened(world).id)
            except Killed:
                recover(world.ports(), world.spec, world.incidents.all()[0].id)
            died, store = world.killer.died_at, world.stores[AWS.site]
            assert store.objects == good(world), died
            assert not world.incidents.all(open_only=True), died
            assert len(texts(world, "repaired")) == 1, died
            if not died:
                calls = number
                break
    assert calls > 10


def test_recovery_killed_between_copies_leaves_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    world = refused("model.txt", "golden.json")
    store = world.stores[AWS.site]
    put, sent = store.put, list[str]()

    def dying(key: str, data: bytes) -> None:
        if sent:
            raise Killed
        sent.append(key)
        put(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", dying)
        with pytest.raises(Killed):
            recover(world.ports(), world.spec, opened(world).id)
    assert len(sent) == 1
    assert f"{WHERE}/{MANIFEST}" not in store.objects
    assert not is_whole(store, MODEL, VERSION)
    recover(world.ports(), world.spec, opened(world).id)
    assert store.objects == good(world)
    assert len(texts(world, "repaired")) == 1


Act = Callable[[World], None]


def whole_recovery(world: World) -> None:
    recover(world.ports(kill=False), world.spec, world.incidents.all()[0].id)


def only_deletes_the_manifest(world: World) -> None:
    """A second recovery that is under way: it has begun to copy."""
    world.stores[AWS.site].delete(f"{WHERE}/{MANIFEST}")


@pytest.mark.parametrize("second", [whole_recovery, only_deletes_the_manifest])
@pytest.mark.parametrize("call", ["delete", "mirror", "damaged"])
@pytest.mark.parametrize("first", [True, False])
def test_recovery_beside_another_ends_whole(
    second: Act, call: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second runs right before or after a call of the first: to compare, to begin, to copy."""
    world = refused("model.txt", written=False)
    store = world.stores[AWS.site]
    original, ran = getattr(store, call), list[str]()

    def beside(*args: Any) -> Any:
        if ran:
            return original(*args)
        ran.append(call)
        if first:
            second(world)
        result = original(*args)
        if not first:
            second(world)
        return result

    monkeypatch.setattr(store, call, beside)
    incident = recover(world.ports(), world.spec, opened(world).id)
    assert ran
    assert not incident.is_open
    assert {key: data for key, data in store.objects.items() if not key.endswith(MANIFEST)} == {
        key: data for key, data in good(world).items() if not key.endswith(MANIFEST)
    }
    assert len(texts(world, "repaired")) == 1
    assert world.targets[AWS].replicas == {NAME: 1}


def test_recovery_store_that_keeps_other_bytes_deploys_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = refused("model.txt")
    store, deploys = world.stores[AWS.site], len(world.targets[AWS].deploys)
    mirror = store.mirror

    def losing(*args: Any) -> Any:
        report = mirror(*args)
        flip(world, "model.txt", written=False)
        return report

    monkeypatch.setattr(store, "mirror", losing)
    with pytest.raises(Unavailable, match=r"anew, the package in aws/s3 differs from its manifest: model\.txt"):
        recover(world.ports(), world.spec, opened(world).id)
    assert len(world.targets[AWS].deploys) == deploys
    assert not opened(world).has("repaired")
