"""What every Targets and every Stores promises. A resource's test inherits them, with ``targets`` or ``stores``."""

import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.ports import Stores, Targets
from intermodal.platform.targets import Site, Target

UNKNOWN = Target("oracle", "oci")


class TargetsConformance:
    """Adapters of enabled targets, each built once."""

    @pytest.fixture
    def targets(self) -> Targets:
        """With at least one enabled target."""
        raise NotImplementedError

    def test_enabled_targets_are_in_default_regions_and_each_once(self, targets: Targets) -> None:
        enabled = list(targets.enabled())
        assert enabled
        assert all(not target.region for target in enabled)
        assert len(set(enabled)) == len(enabled)

    def test_adapter_knows_its_target_and_is_built_once(self, targets: Targets) -> None:
        for target in targets.enabled():
            assert targets.get(target).target == target
            assert targets.get(target) is targets.get(target)

    def test_target_that_is_not_enabled_is_named(self, targets: Targets) -> None:
        with pytest.raises(SpecError, match="oracle"):
            targets.get(UNKNOWN)


class StoresConformance:
    """Object stores of enabled sites, each built once."""

    @pytest.fixture
    def stores(self) -> Stores:
        raise NotImplementedError

    @pytest.fixture
    def sites(self) -> list[Site]:
        """Those that are enabled."""
        raise NotImplementedError

    def test_store_knows_its_site_and_is_built_once(self, stores: Stores, sites: list[Site]) -> None:
        for site in sites:
            assert stores.get(site).site == site
            assert stores.get(site) is stores.get(site)

    def test_site_that_is_not_enabled_is_named(self, stores: Stores) -> None:
        with pytest.raises(SpecError, match="oracle"):
            stores.get(Site("oracle"))
