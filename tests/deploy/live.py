"""A real Prometheus and Pushgateway with the configuration of ``deploy/``, and series that move as the real ones do."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import yaml

from intermodal.platform.targets import Target
from intermodal.resources.envoy.stats.config import BUCKETS_MS
from intermodal.resources.pushgateway import Pushgateway
from intermodal.sandbox.local import monitoring, scrape, services
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.settings import Ports, Settings, free_port
from intermodal.serving.metrics import Counts, Metrics
from intermodal.serving.settings import Identity
from tests.targets import AWS, AWS_EU, AZURE, GCP

MODEL, VERSION = "flight_delay", "1.0.0"
FAILING = {AWS: 0.3, AWS_EU: 0.0, GCP: 0.0, AZURE: 0.0}
"""The share of tries that each target answers with 503."""
TOGETHER = {"target": "", "cloud": ""}
"""Labels of what is measured over all targets."""
TRIES_A_SECOND = 100
FIRING = {"AvailabilityBudgetBurns", "DataDrifted", "BudgetSpent"}
"""Alerts that this data fires at once."""


class Scraped:
    """What Prometheus scrapes: the gateway's text, as Envoy 1.40 writes it, and a real server's own metrics."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        counts = Counts(MODEL)
        counts.answered("v2", 200, 0.004)
        counts.predicted(1, {"carrier": {0: "ZZ"}})
        self.server = Metrics(Identity(VERSION, AWS.cloud, str(AWS)), [counts], lambda _: True)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.gateway().encode() if self.path.startswith("/stats") else outer.server.text()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        Thread(target=self.http.serve_forever, daemon=True).start()

    def gateway(self) -> str:
        count = int((time.monotonic() - self.began) * TRIES_A_SECOND)
        lines = [f'envoy_intermodal_answers_total{{model="",code="404",tries="0"}} {count}']
        lines += histogram("answers", {"model": MODEL}, 3 * count)
        for code, tries, share in (("200", "1", 2.7), ("200", "2", 0.2), ("503", "3", 0.1)):
            labels = f'model="{MODEL}",code="{code}",tries="{tries}",flags="-"'
            lines.append(f"envoy_intermodal_answers_total{{{labels}}} {count * share}")
        for target, failing in FAILING.items():
            upstream = {"model": MODEL, "target": str(target), "cloud": target.cloud}
            version = {**upstream, "version": VERSION}
            lines += histogram("tries", version, count)
            for code, share in (("200", 0.9 - failing), ("503", failing), ("429", 0.1)):
                lines.append(f"envoy_intermodal_tries_total{text({**version, 'code': code})} {count * share}")
            for name, value in ((f"{MODEL}/{target}/0123456789ab", 1), (f"{MODEL}/{target}/0123456789ab/endpoint", 0)):
                cluster = {"envoy_cluster_name": name, **upstream}
                lines.append(f"envoy_cluster_membership_healthy{text(cluster)} {value}")
        lines.append("envoy_server_live 1")
        return "\n".join(lines) + "\n"


def histogram(what: str, labels: Mapping[str, str], count: int) -> list[str]:
    """Every answer takes between 3 and 5 ms, except one in fifty, which takes 200 to 250 ms."""
    name = f"envoy_intermodal_{what}_time_us"
    lines = [f"# TYPE {name} histogram"]
    for bound in BUCKETS_MS:
        below = 0.0 if bound < 5 else 0.98 if bound < 250 else 1.0
        lines.append(f"{name}_bucket{text({**labels, 'le': f'{bound * 1000:.32g}'})} {int(count * below)}")
    lines.append(f"{name}_bucket{text({**labels, 'le': '+Inf'})} {count}")
    return [*lines, f"{name}_sum{text(labels)} {count * 5000}", f"{name}_count{text(labels)} {count}"]


def text(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def labels(target: Target) -> dict[str, str]:
    return {"target": str(target), "cloud": target.cloud}


def push(gauges: Pushgateway) -> None:
    """Everything that Intermodal pushes, with data that is stale and a budget that is spent."""
    model, now = {"model": MODEL}, time.time()
    drift = {**model, "version": VERSION}
    monitored = {**drift, **labels(AWS), "source": "cloudwatch"}
    monitors = ("requests", "error_rate", "throttled", "p50_seconds", "p95_seconds", "p99_seconds", "saturation")
    gauges.push("monitor-flight_delay", [(f"intermodal_monitor_{name}", monitored, 0.5) for name in monitors])
    gauges.push("more", [(f"intermodal_monitor_{name}", monitored, 1) for name in ("instances", "cold_starts")])
    gauges.push(
        "watch/everything",
        [
            *(
                ("intermodal_drift_psi", {**drift, "column": "hour", **of}, 0.1)
                for of in (TOGETHER, *map(labels, FAILING))
            ),
            ("intermodal_drift_share", drift, 0.6),
            ("intermodal_drift_limit", model, 0.5),
            ("intermodal_drift_psi", {**drift, "column": "prediction_0", **TOGETHER}, 0.3),
            ("intermodal_drift_prediction_limit", model, 0.25),
            *(("intermodal_drifted", {**drift, "what": what}, 1) for what in ("inputs", "predictions")),
            ("intermodal_heartbeat_timestamp_seconds", {"sensor": "outage"}, now),
            ("intermodal_sensor_interval_seconds", {"sensor": "outage"}, 30),
            ("intermodal_objective_p95_seconds", model, 0.1),
            ("intermodal_objective_availability", model, 0.999),
            ("intermodal_budget_usd", model, 500),
            ("intermodal_spend_usd", {**model, "cloud": "aws"}, 400),
            ("intermodal_spend_usd", {**model, "cloud": "gcp"}, 200),
            ("intermodal_data_timestamp_seconds", model, now - 86400 * 40),
            ("intermodal_stale_after_seconds", model, 86400 * 31),
            ("intermodal_incident_open", {**model, **labels(AWS)}, 1),
        ],
    )


ADDRESSES = ("prometheus", "pushgateway", "alertmanager")


@dataclass(frozen=True)
class Live:
    """``query`` gives the rows of an instant query; the addresses are in the order of ``ADDRESSES``."""

    url: str
    pushgateway: str
    alertmanager: str
    settings: Settings

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.url}/api/v1/query", data={"query": expression}, trust_env=False).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return list(answer["data"]["result"])


@contextmanager
def running(home: Path) -> Iterator[Live]:
    """Until there are rates: some seconds."""
    scraped = Scraped()
    ports = {name: free_port() for name in monitoring.PROGRAMS}
    settings = Settings(home, Ports(**ports, gateway_admin=scraped.port))
    monitoring.prepare(settings)
    _impatient(home / "prometheus" / "prometheus.yml")
    scrape.announce(home / "sandbox" / "aws" / "endpoints" / "flight-delay", scraped.port, AWS)
    started = monitoring.services(settings, {})
    try:
        for service in started:
            services.start(settings, service, {"PATH": "/usr/bin:/bin"})
        for service in started:
            services.wait(settings, service)
        live = Live(*(f"http://127.0.0.1:{ports[name]}" for name in ADDRESSES), settings)
        push(Pushgateway(url=live.pushgateway))
        _wait(live)
        yield live
    finally:
        for service in started:
            Programs(home).stop(service.name)
        scraped.http.shutdown()


def _impatient(config: Path) -> None:
    """Rules that have an interval of their own, which is minutes, get the common one."""
    document = yaml.safe_load(config.read_text())
    for number, file in enumerate(document["rule_files"]):
        rules = yaml.safe_load(Path(file).read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
        copy = config.parent / Path(file).name
        copy.write_text(yaml.safe_dump(rules))
        document["rule_files"][number] = str(copy)
    config.write_text(yaml.safe_dump(document))


def _wait(live: Live) -> None:
    """The last series are the ratios and the alerts on them, which use counters that are themselves recorded."""
    firing = [f'ALERTS{{alertname="{name}", alertstate="firing"}}' for name in FIRING]
    last = ["intermodal:answers_late:ratio_rate3d >= 0", "intermodal:servers:saturation", *firing]
    deadline = time.monotonic() + 60
    while not all(live.query(expression) for expression in last):
        assert time.monotonic() < deadline, [expression for expression in last if not live.query(expression)]
        time.sleep(0.25)
