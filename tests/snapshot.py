"""What the definitions hold, as plain data. ``python -m tests.snapshot`` writes it down anew."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

PATH = Path(__file__).parent / "snapshots" / "definitions.json"


def take() -> dict[str, Any]:
    """Every asset, check, job, schedule and sensor, with what people and automation rely on."""
    from intermodal.definitions import defs

    definitions: dg.Definitions = defs()
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {key.to_user_string(): _asset(graph.get(key)) for key in sorted(graph.get_all_asset_keys())},
        "checks": {
            f"{key.asset_key.to_user_string()}: {key.name}": {"blocking": graph.get_check_spec(key).blocking}
            for key in sorted(graph.asset_check_keys, key=str)
        },
        "jobs": {
            name: sorted(key.to_user_string() for key in repository.get_job(name).asset_layer.executable_asset_keys)
            for name in sorted(repository.job_names)
            if not name.startswith("__")
        },
        "schedules": {
            s.name: {"cron": s.cron_schedule, "job": s.job_name, "default": s.default_status.value}
            for s in repository.schedule_defs
        },
        "sensors": {
            s.name: {"default": s.default_status.value, "seconds": s.minimum_interval_seconds}
            for s in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
    }


def _asset(node: Any) -> dict[str, Any]:
    condition = node.automation_condition
    return {
        "group": node.group_name,
        "owners": node.owners,
        "kinds": sorted(node.kinds),
        "depends_on": sorted(key.to_user_string() for key in node.parent_keys),
        "partitions": str(node.partitions_def) if node.partitions_def else None,
        "automation": condition.get_label() or str(condition) if condition else None,
        "description": node.description,
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(take(), indent=1) + "\n", encoding="utf-8")
