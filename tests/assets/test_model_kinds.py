"""Models of many kinds, each in a folder as a user writes it, from rows to predictions to drift, and withdrawn."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from intermodal.platform.protocol import parity, v2
from intermodal.platform.protocol.keys import key_text
from intermodal.platform.training import fit
from intermodal.platform.training.dataframes import records
from intermodal.resources.package_server import LocalPackageServer
from intermodal.resources.requirements import UvLocker
from intermodal.resources.storage.tables import ParquetTables
from tests import pytorch
from tests.assets import served_kinds
from tests.assets.conftest import MODELS, World, world_of
from tests.assets.monitoring.watching_world import look
from tests.memory import MemoryDeployment, MemorySigner
from tests.signing import PRIVATE, der
from tests.targets import AWS, TARGETS
from tests.wheels import installed, wheels

__all__ = ["installed", "wheels"]

KINDS = sorted(folder.parent.name for folder in MODELS.glob("*/data.py"))
FINDINGS = {"cat": "of the rows have a value of model that training did not have: M14."}
"""What the held-out month has that the window has not."""
ALL_IS_LOGGED = "  log_rows_per_second: 100000\n"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path, installed: Path) -> Iterator[World]:
    """The training environment has what a model's requirements.txt names."""
    assert installed.is_dir()
    if request.param == "network":
        pytorch.require()
    ports = {
        "tables": ParquetTables(address=str(tmp_path / "tables")),
        "package_server": LocalPackageServer(),
        "locker": UvLocker(),
        "signer": MemorySigner(PRIVATE),
        "deployment": MemoryDeployment(trusted_keys=(der(),)),
    }
    with world_of(tmp_path, ALL_IS_LOGGED, model=request.param, **ports) as world:
        yield world


def test_kind_is_trained_served_watched_and_withdrawn(
    kind: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits, package = list[fit.Fitted](), fit.package
    monkeypatch.setattr(
        fit, "package", lambda spec, fitted, *more: (fits.append(fitted), package(spec, fitted, *more))[1]
    )
    result = kind.run(f"train_and_deploy_{kind.model}")
    assert result.success, [
        *(event.step_failure_data.error.to_string() for event in result.all_events if event.is_step_failure),
        *(each.metadata for each in result.get_asset_check_evaluations() if not each.passed),
    ]
    checks = served_kinds.passed_checks(kind)
    assert len(checks) == 13
    assert all(checks.values()), checks
    (fitted,) = fits
    _require_deployed(kind)
    rows = served_kinds.heldout(kind, fitted)
    expected, sent = fitted.predict(rows).reshape(len(rows), -1).tolist(), records(rows)
    with served_kinds.served(kind, AWS, tmp_path / "container") as caller:
        answers = served_kinds.answers(caller, sent)
    for name, found in answers.items():
        deviation = parity.worst(expected[: len(found)], found)
        assert deviation.holds, f"{name}: {deviation}"
        assert found == answers["v2"][: len(found)], f"{name} differs in a bit"
    _require_watched(kind, sum(map(len, answers.values())))
    assert served_kinds.withdrawn(kind)


def _require_deployed(world: World) -> None:
    """The mirrors are signed and equal, and the route answers its golden rows."""
    route = world.gateway.route(world.model)
    assert route is not None
    assert set(route.weights) == set(TARGETS)
    assert len({world.targets[target].deploys[0].digest for target in TARGETS}) == 1
    assert all(world.targets[target].deploys[0].trusted_keys == (key_text(der()),) for target in TARGETS)
    body, _, version = world.gateway.infer(world.model, route.golden_body.encode())
    assert version == "1.0.0"
    assert len(v2.predictions(body)) == json.loads(route.golden_body)["inputs"][0]["shape"][0]


def _require_watched(world: World, rows: int) -> None:
    look(world, "predictions")
    gathered = world.metadata("predictions")
    assert (gathered["new_rows"], gathered["damaged"]) == (rows, "nothing")
    found = look(world, "drift")
    assert found["rows"] == rows
    assert found["quality"].endswith(FINDINGS.get(world.model, "None.")), found["quality"]
    assert found["quality_findings"] == (world.model in FINDINGS)
    assert found["state"] in ("none", "drifted"), found
