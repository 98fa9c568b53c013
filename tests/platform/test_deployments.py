"""One deployment for each champion and each spec, whatever happens meanwhile."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployments import GRACE_SECONDS, Decision, Due, Seen, decide, digest

STATES = st.builds(Seen, st.sampled_from(["1", "2", "3"]), st.sampled_from(["a", "b"]), st.booleans(), st.booleans())


def test_it_waits_for_what_runs_and_no_longer() -> None:
    known, said = decide(None, Seen("2", "a", busy=True), 0)
    assert said.action == "wait"
    known, said = decide(known, Seen("2", "a"), 30)
    assert said.action == "deploy"
    assert known.key("m") == "m-2-a-0"


def test_a_failed_deployment_is_told_and_not_repeated() -> None:
    known, said = decide(Due("2", "a", 5, 5, asked=5), Seen("2", "a", failed=6), 10)
    assert said.action == "ask people"
    for now in (20, 10_000):
        known, said = decide(known, Seen("2", "a", failed=6), now)
        assert said.action == "wait"
        assert "told" in said.reason


def test_what_failed_earlier_was_something_else() -> None:
    assert decide(None, Seen("2", "a", failed=6), 10)[1].action == "deploy"


def test_a_deployment_that_ended_elsewhere_is_told_after_the_grace() -> None:
    known = Due("2", "a", 0, 0, asked=0)
    assert decide(known, Seen("2", "a"), GRACE_SECONDS - 1)[1].action == "wait"
    assert decide(known, Seen("2", "a"), GRACE_SECONDS)[1].action == "ask people"


def test_a_deployment_that_fails_after_its_route_was_published_is_told_once() -> None:
    known = Due("2", "a", 0, 0, asked=0)
    assert decide(known, Seen("2", "a", served=True, busy=True), 10)[0] == known
    told, said = decide(known, Seen("2", "a", served=True, failed=1), 10)
    assert said.action == "ask people"
    assert decide(told, Seen("2", "a", served=True, failed=1), 20) == (None, Decision("nothing"))
    assert decide(known, Seen("2", "a", served=True), 10) == (None, Decision("nothing"))


def test_what_is_served_and_was_not_asked_for_here_is_nobodys_business() -> None:
    assert decide(None, Seen("2", "a", served=True, failed=1), 10) == (None, Decision("nothing"))
    assert decide(Due("2", "a", 0, 0), Seen("2", "a", served=True, failed=1), 10) == (None, Decision("nothing"))


def test_another_spec_is_another_event() -> None:
    told = Due("2", "a", 0, 0, asked=0, told=True)
    assert decide(told, Seen("2", "b", failed=6), 10)[1].action == "deploy"


def test_a_digest_names_what_is_stated_and_not_its_order() -> None:
    assert digest({"x": "1", "y": "2"}) == digest({"y": "2", "x": "1"}) != digest({"x": "1", "y": "3"})


@given(st.lists(st.tuples(STATES, st.booleans(), st.floats(0, 100)), max_size=60))
def test_one_deployment_and_one_question_for_each_event(steps: list[tuple[Seen, bool, float]]) -> None:
    known, now, acted, event = None, 1000.0, set[tuple[str, int]](), 0
    for step, fails, passed in steps:
        now += passed
        seen = replace(step, failed=now if fails else None)
        before = known
        known, said = decide(Due.from_dict(known.to_dict()) if known else None, seen, now)
        if known is not None:
            event += before is None or (before.version, before.spec) != (known.version, known.spec)
        if said.action in ("deploy", "ask people"):
            assert not seen.busy
            assert (said.action, event) not in acted
            acted.add((said.action, event))
