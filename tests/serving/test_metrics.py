"""The histogram that Prometheus reads, against what was observed."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from intermodal.serving.metrics import BUCKETS, Counts, Metrics
from intermodal.serving.settings import Identity

REQUESTS = st.tuples(
    st.sampled_from(["/a", "/b"]), st.sampled_from([200, 500]), st.floats(0, 100) | st.sampled_from(BUCKETS)
)


@given(st.lists(REQUESTS))
def test_every_request_is_in_its_buckets(requests: list[tuple[str, int, float]]) -> None:
    counts = Counts("m")
    for one in requests:
        counts.answered(*one)
    metrics = Metrics(Identity("1"), [counts], lambda _: True)
    samples = [s for family in text_string_to_metric_families(metrics.text().decode()) for s in family.samples]
    for route in ("/a", "/b"):
        seconds = [one[2] for one in requests if one[0] == route]
        mine = {
            (sample.name.rpartition("_")[2], sample.labels.get("le", sample.labels.get("code"))): sample.value
            for sample in samples
            if sample.labels.get("route") == route
        }
        if not seconds:
            assert not mine
            continue
        for bound in BUCKETS:
            assert mine["bucket", str(bound)] == sum(value <= bound for value in seconds)
        assert mine["bucket", "+Inf"] == mine["count", None] == len(seconds)
        assert abs(mine["sum", None] - sum(seconds)) < 1e-6 * (1 + sum(seconds))
        for code in {one[1] for one in requests if one[0] == route}:
            assert mine["total", str(code)] == sum(one[:2] == (route, code) for one in requests)
