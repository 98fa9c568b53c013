"""A served version whose model's folder is gone: failover, recovery and mirrors need the package only."""

from pathlib import Path

import pytest

from tests.failover_world import MODEL, World, outage_and_back
from tests.team_project import Project


@pytest.mark.parametrize("function", ["own_class", "a_lambda", "lazy_import"])
def test_failover_when_the_models_folder_was_renamed(tmp_path: Path, function: str) -> None:
    project = Project(tmp_path / "tree", f"failing_over_{function}").write()
    with project.importable() as train:
        package = project.package(train, function, tmp_path / "package", MODEL)
    (tmp_path / "tree").rename(tmp_path / "renamed")
    world = World(package)
    before = world.gateway.route(MODEL)
    outage_and_back(world)
    assert world.changes > 0
    assert world.gateway.route(MODEL) == before
    assert not world.incidents.all(open_only=True)
    for store in world.stores.values():
        assert f"{MODEL}/1.0.0/code/{project.name}/defs/wine/train.py" in store.objects
        assert not store.damaged(world.candidate.manifest, f"{MODEL}/1.0.0")
