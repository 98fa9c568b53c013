"""Private modules of Dagster: one file imports them, of one version.

Before the version below is raised, check in the new release:

- ``UnresolvedAssetJobDefinition.resolve`` still takes ``asset_graph``, ``default_executor_def`` and ``resource_defs``,
  and ``AssetGraph.from_assets`` still builds a graph from definitions (tests/assets/test_scoped_job.py);
- ``SensorInstigatorData`` still has the times of the last tick, start and success, and clears the time of the last
  success when a tick begins or fails (tests/sensors/test_heartbeat.py, tests/sensors/toolkit);
- ``schedule_execution_time_iterator`` still goes backwards with ``ascending=False``;
- whether one of them has become public: then import it from ``dagster``.
"""

import inspect
import re
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from intermodal.assets import dagster_internals

CHECKED_VERSION = "1.13.27"
ROOT = Path(__file__).resolve().parents[2]
OUR_CODE = ("assets", "cli", "definitions.py", "platform", "resources", "sandbox", "sensors", "serving")
PRIVATE_IMPORT = re.compile(r"^\s*(?:from|import)\s+dagster\w*\._", re.MULTILINE)


def test_dagster_version_is_the_one_that_was_checked() -> None:
    assert dg.__version__ == CHECKED_VERSION, __doc__


def test_private_modules_are_imported_in_one_file() -> None:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *OUR_CODE]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    files = [path for path in listed.split("\0") if path.endswith(".py") and (ROOT / path).is_file()]
    importing = [path for path in files if PRIVATE_IMPORT.search((ROOT / path).read_text(encoding="utf-8"))]
    assert importing == ["assets/dagster_internals.py"]


def test_resolve_takes_the_parameters_that_a_scoped_job_overrides() -> None:
    parameters = inspect.signature(dagster_internals.UnresolvedAssetJobDefinition.resolve).parameters
    assert list(parameters) == ["self", "asset_graph", "default_executor_def", "resource_defs"]


def test_sensor_data_has_the_times_that_heartbeat_reads() -> None:
    fields = set(dagster_internals.SensorInstigatorData._fields)  # type: ignore[attr-defined]
    times = {"last_tick_timestamp", "last_tick_start_timestamp", "last_sensor_start_timestamp"}
    assert times | {"last_tick_success_timestamp"} <= fields
