"""``make bench``: measure a fresh installation, write docs/benchmarks.md. ``python -m tests.bench serving``: a part."""

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from tests.bench import drift, gateway, many, mirrors, peers, proxied, sensor_ticks, serving, ticks, wrk
from tests.bench.installation import Installation, installed
from tests.bench.report import Section, page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def up(installation: Installation) -> Section:
    """How long the installation that is measured took to come up."""
    phases = installation.phases
    text = (
        "`make up` on an empty home with everything installed, until flight_delay answers on three clouds. *prepare*: "
        "identities, DAGSTER_HOME, starting programs. *start*: waiting until all answer. *run*: "
        "`train_and_deploy_flight_delay`, launched and followed, from four months of rows to the route. Goal: 60 s."
    )
    return Section("From nothing to three clouds", text, ["phase", "seconds"], [[k, v] for k, v in phases.items()])


PARTS: dict[str, Callable[[Installation], Section]] = {
    "up": up,
    "serving": serving.measure,
    "peers": peers.measure,
    "many": many.measure,
    "gateway": lambda _: proxied.measure(),
    "clouds": gateway.added,
    "killed": gateway.killed,
    "ticks": lambda _: ticks.section(),
    "sensors": lambda _: sensor_ticks.measure(),
    "mirrors": mirrors.measure,
    "drift": drift.measure,
}
LIVE = {"up", "clouds", "killed"}
"""Parts that need the installation. It is stopped for the others, which would share the cores with it."""


def main(chosen: list[str]) -> None:
    if unknown := set(chosen) - set(PARTS):
        raise SystemExit(f"Unknown part {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    console = Console()
    wrk.require()
    console.print("Bringing up an installation of its own ...")
    with installed() as installation:
        found = {}
        for name in sorted(chosen or PARTS, key=lambda name: name not in LIVE):
            if name not in LIVE:
                installation.stop()
            console.print(f"Measuring {name} ...")
            found[name] = PARTS[name](installation)
            console.print(Markdown(found[name].markdown()))
            if not chosen:  # after each part: what comes later may fail
                sections = [found[name] for name in PARTS if name in found]
                PAGE.write_text(page(sections), encoding="utf-8")
    if not chosen:
        console.print(f"Written to {PAGE.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main(sys.argv[1:])
