"""A model of any kind: trained and deployed by the real assets, then served from its mirror as a cloud serves it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pandas as pd

from intermodal.assets.deployment.withdraw import withdraw
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Signature
from intermodal.platform.targets import Target
from intermodal.platform.training.fit import Fitted
from intermodal.resources.requirements import packages_of
from tests.assets.conftest import World
from tests.memory import MemoryStore
from tests.serving.test_process import Server
from tests.targets import TARGETS

HELD_OUT = "2020-03-01"
CALLERS, ALONE = 8, 40
WHOLE = ("v2", "records", "instances", "split", "columns", "csv", "shuffled")
Rows = Sequence[Mapping[str, Any]]
Predictions = list[list[float]]


def fetched(store: MemoryStore, model: str, folder: Path) -> Path:
    """The mirror's files, as a platform puts them into a container."""
    start = prefix(model, "1.0.0")
    for key in store.list(start):
        path = folder / key.removeprefix(f"{start}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(key))
    return folder


@dataclass(frozen=True)
class Caller:
    """Requests predictions of a server in each form that a request may have."""

    client: httpx.Client
    model: str
    signature: Signature

    def v2(self, rows: Rows) -> Predictions:
        return v2.predictions(self._post(f"/v2/models/{self.model}/infer", v2.request_body(self.signature, rows)))

    def records(self, rows: Rows) -> Predictions:
        return self._frame({"dataframe_records": rows})

    def instances(self, rows: Rows) -> Predictions:
        return self._frame({"instances": rows})

    def split(self, rows: Rows) -> Predictions:
        names = list(rows[0])
        return self._frame({"dataframe_split": {"columns": names, "data": [[row[n] for n in names] for row in rows]}})

    def columns(self, rows: Rows) -> Predictions:
        return self._frame({"inputs": {name: [row[name] for row in rows] for name in rows[0]}})

    def csv(self, rows: Rows) -> Predictions:
        return self._frame(pd.DataFrame(rows, dtype=object).to_csv(index=False), "text/csv")

    def alone(self, rows: Rows) -> Predictions:
        """One row in each request, several at a time, so that the server may join them."""
        with ThreadPoolExecutor(CALLERS) as pool:
            return [answer[0] for answer in pool.map(lambda row: self.v2([row]), rows)]

    def shuffled(self, rows: Rows) -> Predictions:
        """Sent in another order, and returned in that of the rows."""
        order = sorted(range(len(rows)), key=lambda number: number * 7919 % len(rows))
        found = dict(zip(order, self.v2([rows[number] for number in order]), strict=True))
        return [found[number] for number in range(len(rows))]

    def _frame(self, content: Any, media: str = "application/json") -> Predictions:
        text = content if isinstance(content, str) else json.dumps(content)
        found = json.loads(self._post("/invocations", text.encode(), media))["predictions"]
        return [_numbers(row) for row in found]

    def _post(self, path: str, body: bytes, media: str = "application/json") -> bytes:
        answer = self.client.post(path, content=body, headers={"content-type": media})
        assert answer.status_code == 200, answer.text
        return answer.content


def _numbers(row: Any) -> list[float]:
    """A row's numbers in order: of a number, a list, or an object with one for each output."""
    if isinstance(row, dict):
        return [number for part in row.values() for number in _numbers(part)]
    return row if isinstance(row, list) else [row]


@contextmanager
def served(world: World, target: Target, folder: Path) -> Iterator[Caller]:
    """The packaged server in a process of its own on the target's mirror, with the variables of its deployment. Its
    prediction log is in the target's store afterwards."""
    (deploy,) = world.targets[target].deploys
    store, package, logged = world.stores[target.site], folder / "mnt/model", folder / "logged"
    fetched(store, world.model, package)
    packages = packages_of(package)
    command = ["-P", "-m", "intermodal.serving", "serve", "--host", "127.0.0.1", "--root", str(folder)]
    variables = {
        **deploy.variables,
        "INTERMODAL_PREDICTIONS": logged.as_uri(),
        "INTERMODAL_UNSIGNED": "0",
        "INTERMODAL_VERSION": deploy.version,
        "INTERMODAL_CLOUD": target.cloud,
        "INTERMODAL_TARGET": str(target),
        "MODEL_URI": "/mnt/model",
    }
    server = Server(
        folder, folder / "log", [*command, *(("--packages", str(packages)) if packages else ())], **variables
    )
    try:
        server.until("/v2/health/ready")
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            yield Caller(client, world.model, Package.read(package).signature)
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log
    finally:
        server.process.kill()
        server.process.wait()
    for path in (path for path in logged.rglob("*") if path.is_file()):
        store.put(path.relative_to(logged).as_posix(), path.read_bytes())


def answers(caller: Caller, rows: Rows) -> Mapping[str, Predictions]:
    """The predictions of these rows by each way to send them. Those that are sent alone are the first ones only."""
    found = {name: getattr(caller, name)(rows) for name in WHOLE}
    return {**found, "alone": caller.alone(rows[:ALONE])}


def heldout(world: World, fitted: Fitted) -> pd.DataFrame:
    """The inputs of the month that the model was not fitted to."""
    table = world.resources["tables"].read(world.model, "features", HELD_OUT)
    return table[[column.name for column in fitted.signature.inputs]]


def passed_checks(world: World) -> Mapping[str, bool]:
    """Whether each check of the deployment passed, by its name."""
    found = {}
    for key in world.defs.resolve_asset_graph().asset_check_keys:
        if key.asset_key.path[-1] not in ("drift", "drill"):
            (record,) = world.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            found[key.to_user_string()] = record.status.value == "SUCCEEDED"
    return found


def withdrawn(world: World) -> bool:
    """Withdraw the model, as a user does who has removed its folder."""
    config = {"ops": {"withdraw_model": {"config": {"model": world.model, "drain_seconds": 0}}}}
    job = withdraw(served=[])
    needed = ("deployment", "gateway", "gauges", "incidents", "targets", "stores", "images")
    resources: dict[str, Any] = {name: world.resources[name] for name in needed}
    result: dg.ExecuteInProcessResult = job.execute_in_process(
        resources=resources, run_config=config, tags={"model": world.model}, instance=world.instance
    )
    return result.success and not world.gateway.models() and not any(world.targets[t].endpoints for t in TARGETS)
