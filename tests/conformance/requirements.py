"""What every Locker does. The index has tinyscale 1.0 and 1.1, and the server's NumPy."""

import pytest

from intermodal.platform.ports.requirements import Locker
from intermodal.platform.protocol.requirements import pinned


class LockerConformance:
    @pytest.fixture
    def locker(self) -> Locker:
        raise NotImplementedError

    def test_lock_has_the_installed_version(self, locker: Locker) -> None:
        assert pinned(locker.lock("tinyscale>=1\n", "sklearn", {"tinyscale": "1.0"})) == {"tinyscale": "1.0"}

    def test_lock_leaves_out_what_the_server_has(self, locker: Locker) -> None:
        found = pinned(locker.lock("numpy\ntinyscale\n", "sklearn", {"numpy": "1.0", "tinyscale": "1.1"}))
        assert found == {"tinyscale": "1.1"}

    def test_lock_that_holds_is_given_back(self, locker: Locker) -> None:
        first = locker.lock("tinyscale", "sklearn", {"tinyscale": "1.0"})
        assert locker.lock("tinyscale", "sklearn", {"tinyscale": "1.0", "other": "2"}, first) == first

    def test_lock_of_another_installed_version_is_another(self, locker: Locker) -> None:
        first = locker.lock("tinyscale", "sklearn", {"tinyscale": "1.0"})
        assert pinned(locker.lock("tinyscale", "sklearn", {"tinyscale": "1.1"}, first)) == {"tinyscale": "1.1"}
