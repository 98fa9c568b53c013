"""The table of what grows with the number of models."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import sensor_ticks, ticks
from tests.bench.orchestration import bare, projects, routes
from tests.bench.report import Rounds, Section

ROUNDS = {1: 3, 10: 3, 100: 3, 1000: 1}
"""Of each number of models; a load of 1,000 takes minutes."""
STAGES = {
    "imports": "imports s",
    "definitions": "definitions made s",
    "jobs": "repository, every job resolved s",
    "picture": "the webserver's picture s",
    "assets": "UI's asset graph s",
}
KINDS = {
    "ours": "",
    "bare": "Dagster alone, as many assets, checks, jobs: ",
    "assets": "Dagster alone, without jobs: ",
}
Figures = dict[str, dict[int, Rounds]]


def section() -> Section:
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        written = {models: projects.write(Path(folder) / str(models), models) for models in ROUNDS}
        for kind, prefix in KINDS.items():
            # Dagster resolves each job against every asset: 1,000 models would take it hours.
            sizes = [models for models in ROUNDS if kind != "bare" or models < 1000]
            _loads(found, prefix, {models: _rounds(kind, models, written[models]) for models in sizes})
    for models in ROUNDS:
        _ticks(found, models)
        published, shifted = routes.measure(models)
        _note(found, "route: a new one answers s", models, published)
        _note(found, "route: new weights answer s", models, shifted)
    rows = [[name, *(by.get(models, "") for models in ROUNDS), _growth(by)] for name, by in found.items()]
    header = ["what", *(f"{models:,} models" for models in ROUNDS), "per model, largest / a tenth of it"]
    return Section("Orchestration", _text(), header, rows)


def _text() -> str:
    return (
        "Generated models (flight_delay's spec and functions under names of their own) on three clouds, loaded by the "
        f"front door in a fresh process; {ROUNDS[100]} rounds, of 1,000 models {ROUNDS[1000]}. A model has "
        f"{bare.ASSETS} assets, {bare.CHECKS} checks, {bare.JOBS} jobs and {bare.SCHEDULES} schedules. *load*: the "
        "next two together. *definitions*: specs read and every definition made. *repository*: what the code server "
        "does before it answers. *picture*: what the webserver gets of it, in the same process. *UI's asset graph*: "
        "LocationWorkspaceAssetsQuery, which dagster-webserver's pages send for it, answered by dagster_graphql in "
        "process. *Imports*, before any of that, are in no other figure. "
        "*Dagster alone*: the same numbers of empty ones by `@dg.asset`, `@dg.asset_check` and `dg.define_asset_job`; "
        "with jobs not at 1,000, since its cost grows with the square. Ticks: the slowest of all situations of the two "
        "parts on sensors. Routes: one written while the others are published, real Envoy, until it answers so. 1.0 in "
        "the last column is linear growth. Goals at 1,000: load under 5 s, a tick under 2 s, linear."
    )


def _rounds(kind: str, models: int, folder: Path) -> list[Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.orchestration.one", kind, str(models), str(folder)]
    return [json.loads(subprocess.check_output(command, text=True)) for _ in range(ROUNDS[models])]


def _loads(found: Figures, prefix: str, taken: dict[int, list[Any]]) -> None:
    for models, rounds in taken.items():
        wanted = [bare.ASSETS * models, bare.CHECKS * models]
        if any(load["counts"][:2] != wanted for load in rounds):
            raise SystemExit(f"a model has not {bare.ASSETS} assets and {bare.CHECKS} checks: {rounds[0]['counts']}")
        loads = [load["seconds"]["definitions"] + load["seconds"]["jobs"] for load in rounds]
        _note(found, f"{prefix}load s", models, loads)
        for stage, name in STAGES.items():
            if stage in rounds[0]["seconds"]:
                _note(found, prefix + name, models, [load["seconds"][stage] for load in rounds])
        _note(found, f"{prefix}memory MB", models, [load["megabytes"] for load in rounds])


def _ticks(found: Figures, models: int) -> None:
    outages = ticks.outage_figures(models)
    _note(
        found,
        "tick: outage, all is well s",
        models,
        [tick.seconds.median for tick in outages if tick.situation == "all is well"],
    )
    _note(found, "tick: outage, the slowest s", models, [max(max(tick.seconds.values) for tick in outages)])
    others = sensor_ticks.rows(models)
    for sensor in sorted({row.sensor for row in others}):
        slowest = max(max(row.seconds.values) for row in others if row.sensor == sensor)
        _note(found, f"tick: {sensor}, the slowest s", models, [slowest])


def _note(found: Figures, name: str, models: int, values: Sequence[float]) -> None:
    found.setdefault(name, {})[models] = Rounds(values)


def _growth(by: dict[int, Rounds]) -> str:
    largest = max(by)
    grown = by[largest].median / largest / (by[largest // 10].median / (largest // 10))
    return f"{grown:.2f}"
