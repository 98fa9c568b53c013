"""Everything behind the gateway is overloaded for a while: callers wait, no request is refused, and then it is over.

A gateway that gives late tries up and asks anew makes four times the load of it, for which everything stays late for
ever: before docs/adr/0019 nearly all requests of this test failed, those after the overload too.
"""

from intermodal.resources.envoy.control.admin import Admin
from tests.resources.envoy.conftest import Model, until
from tests.resources.envoy.load import drive
from tests.targets import TARGETS

WORK, TRY = 0.01, 0.2
CAPACITY = int(len(TARGETS) / WORK)


def test_overload_delays_requests_and_ends(model: Model) -> None:
    model.gateway = model.gateway.model_copy(update={"try_seconds": TRY})
    model.publish()
    for fake in model.fakes.values():
        fake.work_seconds = WORK
    overload = drive(f"{model.url}/infer", 1, 2 * CAPACITY)
    after = drive(f"{model.url}/infer", 2, CAPACITY // 3)
    assert overload.failed == []
    assert after.failed == []
    until(lambda: model.healthy() == set(TARGETS))
    assert set(drive(f"{model.url}/infer", 1, CAPACITY // 3).order) == set(TARGETS)
    counted = Admin(model.gateway.admin_url).stats("Counters", rf"^cluster\.{model.name}/.*rq_per_try_timeout$")
    assert counted == {} or sum(counted.values()) == 0, "late tries were given up"
