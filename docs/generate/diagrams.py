"""The three diagrams of the architecture as SVG files: ``python -m docs.generate.diagrams`` writes them.

They are files, not Mermaid, so that the README and the built site show them without a script or a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from docs.generate.markdown import ROOT

FOLDER = ROOT / "docs/images"
FILLS = {"client": "#eceff1", "gateway": "#b2dfdb", "cloud": "#e3f2fd", "dagster": "#ede7f6", "store": "#fff3e0"}
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    width: int
    height: int
    kind: str
    lines: Sequence[str]

    def side(self, name: str) -> tuple[int, int]:
        dx, dy = {"l": (0, 1), "r": (2, 1), "t": (1, 0), "b": (1, 2)}[name]
        return self.x + dx * self.width // 2, self.y + dy * self.height // 2

    def svg(self) -> str:
        middle, top = self.x + self.width / 2, self.y + self.height / 2 - 8.5 * (len(self.lines) - 1) + 5
        words = "".join(
            f'<text x="{middle:g}" y="{top + 17 * row:g}" text-anchor="middle" font-size="{14 if row == 0 else 12}"'
            f"{' font-weight=' + chr(34) + '600' + chr(34) if row == 0 else ''}>{escape(line)}</text>"
            for row, line in enumerate(self.lines)
        )
        return (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="7" '
            f'fill="{FILLS[self.kind]}" stroke="#546e7a"/>{words}'
        )


@dataclass(frozen=True)
class Arrow:
    """From a side of one box to a side of another; ``label`` stands at its middle, moved by ``dx`` and ``dy``."""

    start: tuple[int, int]
    end: tuple[int, int]
    label: str = ""
    dashed: bool = False
    dx: int = 0
    dy: int = -6

    def svg(self) -> str:
        (x1, y1), (x2, y2) = self.start, self.end
        dash = ' stroke-dasharray="5 4"' if self.dashed else ""
        line = f'<path d="M{x1},{y1} L{x2},{y2}" stroke="#37474f" fill="none" marker-end="url(#head)"{dash}/>'
        if not self.label:
            return line
        x, y = (x1 + x2) / 2 + self.dx, (y1 + y2) / 2 + self.dy
        return line + f'<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="12">{escape(self.label)}</text>'


def svg(title: str, width: int, height: int, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> str:
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L10,5 L0,10 z" fill="#37474f"/></marker>'
    )
    body = "\n".join([*(arrow.svg() for arrow in arrows), *(box.svg() for box in boxes)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="{FONT}" '
        f'fill="#212121"><title>{escape(title)}</title><defs>{head}</defs>\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def request_path() -> str:
    client = Box(10, 118, 120, 64, "client", ["Client", "V2 request"])
    gateway = Box(
        210, 98, 190, 104, "gateway", ["Gateway (Envoy)", "weights, failover order", "second tries", "probes"]
    )
    targets = [
        Box(520, 20 + 100 * row, 190, 72, "cloud", [name, f"endpoint {kind}", "same version, same bytes"])
        for row, (name, kind) in enumerate(
            (("aws/sagemaker", "SageMaker"), ("gcp/cloud-run", "Cloud Run"), ("azure/ml", "Azure ML"))
        )
    ]
    logs = [Box(800, 28 + 100 * row, 170, 56, "store", [store, "prediction log"]) for row, store in
            enumerate(("S3", "Cloud Storage", "Blob storage"))]  # fmt: skip
    arrows = [Arrow(client.side("r"), gateway.side("l"), "one address")]
    for row, target in enumerate(targets):
        start = (gateway.x + gateway.width, 124 + 26 * row)
        label = ("", "", "only when others fail")[row]
        arrows.append(Arrow(start, target.side("l"), label, row == 2, -30, 34))
        arrows.append(Arrow(target.side("r"), logs[row].side("l"), "later" if row == 0 else "", True))
    return svg("The path of a request", 980, 310, [client, gateway, *targets, *logs], arrows)


def control_loop() -> str:
    gateway = Box(20, 110, 190, 90, "gateway", ["Gateway", "ejects and degrades", "in under a second"])
    targets = Box(20, 270, 190, 70, "cloud", ["Targets", "endpoints on clouds"])
    sensors = Box(400, 30, 200, 74, "dagster", ["Sensors", "outage, traffic, drift", "deployments, orphans"])
    jobs = Box(400, 168, 200, 74, "dagster", ["Jobs", "failover, recover, watch", "retrain, deploy"])
    registry = Box(400, 290, 200, 60, "store", ["Registry (MLflow)", "versions, champion"])
    people = Box(760, 30, 190, 74, "client", ["On-call engineer", "notifications", "alerts, runbooks"])
    incidents = Box(760, 168, 190, 74, "store", ["Incidents", "timeline of each", "outage"])
    arrows = [
        Arrow(gateway.side("b"), targets.side("t"), "requests, probes", dx=62, dy=4),
        Arrow((210, 135), (400, 75), "health of each upstream", dx=-20, dy=-24),
        Arrow(sensors.side("b"), jobs.side("t"), "one run per event", dx=62, dy=4),
        Arrow(jobs.side("l"), (210, 170), "weights", dy=-10),
        Arrow((400, 225), targets.side("r"), "capacity, versions", dx=20, dy=24),
        Arrow(registry.side("t"), jobs.side("b"), "champion", dx=40, dy=4),
        Arrow(sensors.side("r"), people.side("l"), "failed or late runs"),
        Arrow(jobs.side("r"), incidents.side("l"), "each step"),
        Arrow((600, 180), (760, 90), "notifies", dx=-22, dy=-8),
    ]
    return svg(
        "The two control loops", 970, 370, [gateway, targets, sensors, jobs, registry, people, incidents], arrows
    )


def lineage() -> str:
    chain = [
        Box(10 + 128 * column, 130, 104, 54, kind, lines)
        for column, (kind, lines) in enumerate(
            (
                ("store", ["dataset", "by month"]),
                ("store", ["features"]),
                ("dagster", ["model", "gate"]),
                ("dagster", ["version", "champion"]),
            )
        )
    ]
    names = (("mirror/s3", "endpoint/sagemaker"), ("mirror/gcs", "endpoint/cloud-run"), ("mirror/blob", "endpoint/ml"))
    mirrors = [Box(528, 40 + 90 * row, 112, 54, "cloud", [name[0], "verified"]) for row, name in enumerate(names)]
    ends = [Box(670, 40 + 90 * row, 180, 54, "cloud", [name[1], "parity"]) for row, name in enumerate(names)]
    route = Box(900, 130, 110, 54, "gateway", ["route", "answers"])
    watch = [
        Box(740 - 160 * column, 330, 130, 54, "dagster", lines)
        for column, lines in enumerate((["predictions"], ["drift"], ["drift_report"]))
    ]
    health = Box(890, 330, 130, 54, "dagster", ["health, drill", "timeline"])
    arrows = [Arrow(a.side("r"), b.side("l")) for a, b in pairwise(chain)]
    for mirror, end in zip(mirrors, ends, strict=True):
        arrows += [
            Arrow(chain[3].side("r"), mirror.side("l")),
            Arrow(mirror.side("r"), end.side("l")),
            Arrow(end.side("r"), route.side("l")),
        ]
    arrows += [Arrow(route.side("b"), watch[0].side("t"), "prediction logs", dx=-78, dy=52)]
    arrows += [Arrow(a.side("l"), b.side("r")) for a, b in pairwise(watch)]
    arrows.append(Arrow(route.side("b"), health.side("t")))
    return svg("The assets of one model", 1030, 400, [*chain, *mirrors, *ends, route, *watch, health], arrows)


DIAGRAMS = {"request-path.svg": request_path, "control-loop.svg": control_loop, "lineage.svg": lineage}


def main() -> None:
    for name, draw in DIAGRAMS.items():
        (FOLDER / name).write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
