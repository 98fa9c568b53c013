"""One deployment for each promotion, whatever happens meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.promotions import GRACE_SECONDS, Promotion, Seen, decide

STATES = st.builds(
    Seen, st.sampled_from(["1", "2", "3"]), st.sampled_from(["", "1", "2"]), st.booleans(), st.booleans()
)


def test_it_waits_until_nothing_ran_for_a_while() -> None:
    known, said = decide(None, Seen("2", "1"), 0)
    assert said.action == "wait"
    known, said = decide(known, Seen("2", "1", busy=True), 80)
    assert said.action == "wait"
    known, said = decide(known, Seen("2", "1"), 80 + GRACE_SECONDS - 1)
    assert said.action == "wait"
    known, said = decide(known, Seen("2", "1"), 80 + GRACE_SECONDS)
    assert said.action == "deploy"
    assert known is not None
    assert known.key("m") == "m-2-0"
    assert decide(known, Seen("2", "2"), 300) == (None, decide(None, Seen("2", "2"), 300)[1])


def test_a_failed_deployment_is_told_and_not_repeated() -> None:
    known, said = decide(Promotion("2", 0, 0, asked=0), Seen("2", "1", failed=True), 10)
    assert said.action == "ask people"
    for now in (20, 10_000):
        known, said = decide(known, Seen("2", "1", failed=True), now)
        assert said.action == "wait"
        assert "told" in said.reason


def test_a_deployment_that_ended_elsewhere_is_told() -> None:
    _, said = decide(Promotion("2", 0, 0, asked=0), Seen("2", "1"), GRACE_SECONDS)
    assert said.action == "ask people"


@given(st.lists(st.tuples(STATES, st.floats(0, 100)), max_size=60))
def test_one_deployment_and_one_question_for_each_promotion(steps: list[tuple[Seen, float]]) -> None:
    known, now, acted = None, 1000.0, set[tuple[str, str, int]]()
    event = 0
    for seen, passed in steps:
        now += passed
        before = known
        known, said = decide(Promotion.from_dict(known.to_dict()) if known else None, seen, now)
        assert (known is None) == (seen.champion == seen.routed)
        if known is not None and (before is None or before.version != known.version):
            event += 1
        if said.action in ("deploy", "ask people"):
            assert not seen.busy
            assert (said.action, seen.champion, event) not in acted
            acted.add((said.action, seen.champion, event))
