"""What every Gauges promises. An adapter's test inherits it and gives the fixtures that raise here."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports import Gauges

Kept = Callable[[str, str], Mapping[frozenset[tuple[str, str]], float]]
"""(group, name) → labels → value, without empty labels and those that the adapter adds."""


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


class GaugesConformance:
    """A push replaces its group and nothing else."""

    @pytest.fixture
    def gauges(self) -> Gauges:
        raise NotImplementedError

    @pytest.fixture
    def kept(self) -> Kept:
        raise NotImplementedError

    @pytest.fixture
    def unreachable(self) -> Gauges:
        raise NotImplementedError

    @pytest.fixture
    def group(self) -> str:
        return f"group/{uuid4().hex}"

    def test_push_replaces_its_group_whole(self, gauges: Gauges, kept: Kept, group: str) -> None:
        gauges.push(group, [("one", {"model": "a"}, 1), ("one", {"model": "b"}, 1.5), ("two", {"model": "a"}, 2)])
        assert kept(group, "one") == {labels(model="a"): 1, labels(model="b"): 1.5}
        gauges.push(group, [("one", {"model": "a"}, 4)])
        assert kept(group, "one") == {labels(model="a"): 4}
        assert kept(group, "two") == {}

    def test_push_leaves_other_groups(self, gauges: Gauges, kept: Kept, group: str) -> None:
        gauges.push(group, [("one", {"model": "a"}, 1)])
        gauges.push(f"{group}/other", [("one", {"model": "b"}, 2)])
        assert kept(group, "one") == {labels(model="a"): 1}
        assert kept(f"{group}/other", "one") == {labels(model="b"): 2}

    def test_push_takes_labels_that_only_some_have(self, gauges: Gauges, kept: Kept, group: str) -> None:
        gauges.push(group, [("psi", {"column": "hour"}, 0.1), ("psi", {"column": "hour", "target": "aws/eks"}, 0.2)])
        assert kept(group, "psi") == {labels(column="hour"): 0.1, labels(column="hour", target="aws/eks"): 0.2}

    def test_push_of_nothing_empties_the_group(self, gauges: Gauges, kept: Kept, group: str) -> None:
        gauges.push(group, [("alone", {}, 1.5)])
        assert kept(group, "alone") == {labels(): 1.5}
        gauges.push(group, [])
        assert kept(group, "alone") == {}

    def test_push_that_nobody_takes_is_unavailable(self, unreachable: Gauges) -> None:
        with pytest.raises(Unavailable):
            unreachable.push("group", [("one", {}, 1)])
