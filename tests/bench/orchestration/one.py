"""One load in a process of its own: ``python -m tests.bench.orchestration.one ours|bare|assets <models> [folder]``.

Prints seconds by stage and counts as JSON. The stages are those of Dagster's code server and webserver: definitions are
made; the repository resolves every job; the webserver's picture of it is made; the UI asks for all assets.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUERY = Path(__file__).with_name("assets.graphql")
SECONDS: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    SECONDS[name] = time.perf_counter() - started


def made(kind: str, models: int, folder: str) -> Any:
    """The definitions: ours by the front door, or Dagster's alone."""
    from tests.bench.orchestration import bare

    if kind == "ours":
        with stage("imports"):
            from intermodal.definitions import load

        sys.path.insert(0, folder)
        with stage("definitions"):
            return load(Path(folder))
    with stage("definitions"):
        return bare.definitions(models, jobs=kind == "bare")


def assets_in_ui(repository: Any) -> int:
    """Run the UI's query as the webserver does, on its picture of the repository. Returns the number of assets."""
    import dagster as dg
    from dagster._core.test_utils import in_process_test_workspace
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster_graphql.test.utils import execute_dagster_graphql

    globals()["repository"] = repository
    origin = LoadableTargetOrigin(executable_path=sys.executable, module_name=__spec__.name, attribute="repository")
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        sys.modules[__spec__.name] = sys.modules["__main__"]
        with stage("picture"):
            context = in_process_test_workspace(instance, origin).__enter__()
        with stage("assets"):
            (location,) = context.code_location_names
            answer = execute_dagster_graphql(context, QUERY.read_text(), {"name": location})
    entry = answer.data["workspaceLocationEntryOrError"]
    return len(entry["locationOrLoadError"]["repositories"][0]["assetNodes"])


def main(kind: str, models: int, folder: str = "") -> None:
    definitions = made(kind, models, folder)
    with stage("jobs"):
        repository = definitions.get_repository_def()
        repository.load_all_definitions()
    graph = repository.asset_graph
    counts = [
        *(len(graph.get_all_asset_keys()), len(graph.asset_check_keys)),
        *(len(repository.get_all_jobs()) - 1, len(repository.schedule_defs)),
    ]
    if assets_in_ui(repository) != counts[0]:
        raise SystemExit("the UI did not get every asset")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"seconds": SECONDS, "counts": counts, "megabytes": megabytes}))  # noqa: T201


if __name__ == "__main__":
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "true")
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
