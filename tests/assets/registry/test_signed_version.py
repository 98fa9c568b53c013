"""A version is signed when it is registered, and its signature reaches every mirror and the servers' variables."""

from tests.assets.conftest import World
from tests.signing import PRIVATE, der


def test_version_with_key_is_signed_and_mirrored(world: World) -> None:
    world.resources["signer"].private = PRIVATE
    world.deployment.trusted_keys = (der(),)
    assert world.run("train_and_deploy_wine").success
    assert "model.sig" in world.registry.registered[-1].candidate.manifest.files
    assert all("wine/1.0.0/model.sig" in store.objects for store in world.stores.values() if store.objects)


def test_version_without_key_is_refused_by_those_who_trust_one(world: World) -> None:
    world.deployment.trusted_keys = (der(),)
    assert not world.run("train_and_deploy_wine").success
    assert not any(store.objects for store in world.stores.values())
