"""What Envoy counts of requests, for its ``/stats/prometheus`` and for ``EnvoyMetrics``.

Its own statistics are not enough here: a failover order knows the last answer and no target, an upstream knows no
status, an endpoint counts probes and misses drills. So access logs count, without a file: answers at the entrance, and
tries at the upstream listener, where an answer has the meaning that the gateway acts on. Probes are in neither.
"""

from intermodal.resources.envoy.render.proto import Json, extension

NAMESPACE = "intermodal"
"""Of the routes' metadata that name model, target, cloud and version; and of the names of what is counted."""
PROBE = "x-intermodal-probe"
"""The header of a golden row that is no caller's prediction: it is neither counted nor logged as one."""
BUCKETS_MS = (
    0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000,
    10000, 30000, 60000,
)  # fmt: skip
"""Upper bounds of the latency buckets; Envoy counts in microseconds.

Its histograms keep two digits, so a bound also takes in what is up to a tenth over it (1.0 takes in 1.09)."""


def of_route(*fields: str) -> Json:
    """Tags whose values stand in the route's metadata."""
    return {field: f"%METADATA(ROUTE:{NAMESPACE}:{field})%" for field in fields}


def counting(what: str, tags: Json, counted: Json) -> list[Json]:
    """Count ``<what>_total`` with the tags in both, and how long those that were answered took: ``<what>_time_us``."""
    no_probe = {"header_filter": {"header": {"name": PROBE, "present_match": True, "invert_match": True}}}
    status = {"op": "GE", "value": {"default_value": 100, "runtime_key": "intermodal.none"}}
    answered = {"and_filter": {"filters": [no_probe, {"status_code_filter": {"comparison": status}}]}}
    counter = {"stat": {"name": f"{what}_total", "tags": formatted({**tags, **counted})}, "value_fixed": 1}
    histogram = {
        "stat": {"name": f"{what}_time_us", "tags": formatted(tags)},
        "unit": "Microseconds",
        "value_format": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    }
    return [logger(no_probe, counters=[counter]), logger(answered, histograms=[histogram])]


def logger(condition: Json, **stats: list[Json]) -> Json:
    scope = {"prefix": NAMESPACE}
    made = extension("envoy.access_loggers.stats", "access_loggers.stats.v3.Config", stats_scope=scope, **stats)
    return {**made, "filter": condition}


def formatted(tags: Json) -> list[Json]:
    return [{"name": name, "value_format": text} for name, text in tags.items()]


def answers() -> list[Json]:
    """For the entrance: what callers got, and how many tries it took. The model ``-`` is whatever named none.

    Code 0 is no answer at all; the flags DC and DR say that the caller left before one (Envoy's %RESPONSE_FLAGS%)."""
    return counting(
        "answers",
        of_route("model"),
        {
            "code": "%RESPONSE_CODE%",
            "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
            "flags": "%RESPONSE_FLAGS%",
        },
    )


def tries() -> list[Json]:
    """For the upstream listener: what a target answered to each try; 0: nothing before the gateway went on, or the
    caller left."""
    return counting("tries", of_route("model", "target", "cloud", "version"), {"code": "%RESPONSE_CODE%"})


def stats_config() -> Json:
    """Labels and buckets; a cluster ``<model>/<target>/...`` is labelled with its model, target and cloud too.

    The first group of a pattern is what a label takes out of the name, the second its value. The model takes all but
    the last part of the statistic's name, which a model's dots would spoil.
    """
    return {
        "stats_tags": [
            {"tag_name": "model", "regex": r"^cluster\.(([^/]+)/[^/]+/[^/]+/[^/.]+\.)"},
            {"tag_name": "target", "regex": r"^cluster\.[^/]+/(([^/]+/[^/]+)/)"},
            {"tag_name": "cloud", "regex": r"^cluster\.[^/]+/(([^/]+)/)[^/]+/"},
        ],
        "histogram_bucket_settings": [
            {"match": {"prefix": f"{NAMESPACE}."}, "buckets": [bound * 1000 for bound in BUCKETS_MS]}
        ],
    }
