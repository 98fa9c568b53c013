"""The histogram that Prometheus scrapes equals the recorded requests."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from intermodal.serving.metrics import BUCKETS, Counts, Metrics
from intermodal.serving.settings import Identity

REQUESTS = st.tuples(
    st.sampled_from(["/a", "/b"]), st.sampled_from([200, 500]), st.floats(0, 100) | st.sampled_from(BUCKETS)
)


@given(st.lists(REQUESTS))
def test_metrics_every_request_is_in_its_buckets(requests: list[tuple[str, int, float]]) -> None:
    counts = Counts("m")
    for request in requests:
        counts.answered(*request)
    metrics = Metrics(Identity("1"), [counts], lambda _: True)
    samples = [s for family in text_string_to_metric_families(metrics.text().decode()) for s in family.samples]
    for route in ("/a", "/b"):
        seconds = [taken for path, _, taken in requests if path == route]
        values = {
            (sample.name.rpartition("_")[2], sample.labels.get("le", sample.labels.get("code"))): sample.value
            for sample in samples
            if sample.labels.get("route") == route
        }
        if not seconds:
            assert not values
            continue
        for bound in BUCKETS:
            assert values["bucket", str(bound)] == sum(value <= bound for value in seconds)
        assert values["bucket", "+Inf"] == values["count", None] == len(seconds)
        assert abs(values["sum", None] - sum(seconds)) < 1e-6 * (1 + sum(seconds))
        for code in {status for path, status, _ in requests if path == route}:
            assert values["total", str(code)] == sum(request[:2] == (route, code) for request in requests)
