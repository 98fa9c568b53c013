"""The arithmetic of controllers: rolling updates, autoscaling, quantities, back-offs, addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.kubernetes.controllers import scaling_rule
from intermodal.sandbox.kubernetes.controllers.addresses import HOSTS, Addresses
from intermodal.sandbox.kubernetes.controllers.back_off import BackOff
from intermodal.sandbox.kubernetes.controllers.environment import expanded
from intermodal.sandbox.kubernetes.controllers.parts import quantity
from intermodal.sandbox.kubernetes.controllers.rolling import Bounds, Set, bounds, grown, shrunk

counts = st.integers(0, 20)
shares = st.one_of(counts, st.integers(0, 100).map(lambda number: f"{number}%"))


@given(counts.filter(bool), shares, shares, st.data())
def test_rolling_update_stays_within_its_bounds(
    replicas: int, surge: str, unavailable: str, data: st.DataObject
) -> None:
    """Pods become available in any order; no step exceeds the surge or takes a Pod that must serve."""
    limits, new, old = bounds(replicas, surge, unavailable), Set(0, 0), Set(replicas, replicas)
    for _ in range(200):
        size = grown(replicas, limits, new.wanted, new.wanted + old.wanted)
        new = Set(size, min(size, new.available))
        (kept,) = shrunk(replicas, limits, new, [old])
        old = Set(kept, min(kept, old.available))
        assert new.wanted + old.wanted <= replicas + limits.surge
        assert new.available + old.available >= replicas - limits.unavailable
        if (new, old) == (Set(replicas, replicas), Set(0, 0)):
            return
        new = Set(new.wanted, data.draw(st.integers(min(new.available + 1, new.wanted), new.wanted)))
    raise AssertionError("it did not end")


def test_bounds_that_would_block_let_one_be_missing() -> None:
    assert bounds(3, 0, "10%") == Bounds(0, 1)
    assert bounds(4, "25%", "25%") == Bounds(1, 1)
    assert bounds(3, "25%", "25%") == Bounds(1, 0)


def test_broken_old_replicas_go_before_those_that_serve() -> None:
    assert shrunk(3, Bounds(1, 1), Set(1, 0), [Set(1, 0), Set(2, 2)]) == [0, 2]


@given(st.integers(1, 50), st.floats(0, 1000), st.integers(1, 200))
def test_autoscaler_keeps_its_bounds_and_its_tolerance(replicas: int, usage: float, target: int) -> None:
    wanted = scaling_rule.desired(replicas, usage, target)
    if abs(usage / target - 1) <= scaling_rule.TOLERANCE:
        assert wanted == replicas
    assert 2 <= scaling_rule.bounded(replicas, wanted, 2, 9) <= 9


def test_autoscaler_shrinks_to_the_most_of_its_window() -> None:
    assert scaling_rule.stabilised(1, 5, [3, 2]) == 3
    assert scaling_rule.stabilised(7, 5, [3]) == 7


@pytest.mark.parametrize(("text", "value"), [("500m", 0.5), ("1Gi", 2.0**30), (2, 2.0), ("1e3", 1000.0), ("2k", 2e3)])
def test_quantity_is_a_number(text: object, value: float) -> None:
    assert quantity(text) == value


def test_back_off_doubles_up_to_its_limit() -> None:
    restarts, pulls = BackOff(10, 300), BackOff(0, 30, first=10)
    assert [restarts.next() for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert [pulls.next() for _ in range(4)] == [10, 20, 30, 30]


def test_variables_are_expanded_as_the_kubelet_does() -> None:
    assert expanded("$(A)-$(B)-$$(A)", {"A": "1"}) == "1-$(B)-$(A)"


def test_address_belongs_to_one_until_it_is_released() -> None:
    addresses = Addresses(4660)
    given = [addresses.of(f"pod-{number}") for number in range(len(HOSTS))]
    assert given[0] == addresses.of("pod-0") == "127.18.52.2"
    assert len(set(given)) == len(HOSTS)
    with pytest.raises(IntermodalError, match="are taken"):
        addresses.of("another")
    addresses.release("pod-7")
    assert addresses.of("another", before="127.18.52.2") == given[7]
