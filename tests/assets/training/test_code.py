"""What a candidate needs of its folder is in its package, or the trial before the gate says what is missing."""

from pathlib import Path

import pytest

from intermodal.resources.package_server import LocalPackageServer
from tests.assets.training.cases import Case, reasons
from tests.team_project import Project

NO_FILE = "factor.txt, which the server does not have. Data files do not travel: read it in the fit function"
NO_MODULE = "common, which is neither in its package nor in this image. The Python files of the model's own folder"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("own_class", ""),
        ("a_lambda", ""),
        ("data_file", NO_FILE),
        ("data_path", NO_FILE),
        ("project_import", NO_MODULE),
    ],
)
def test_trial_of_a_candidate_with_its_own_code(tmp_path: Path, function: str, reason: str) -> None:
    """The tree is on this machine, importable and readable, as it is where a team trains."""
    project = Project(tmp_path / "tree", f"tried_{function}").write()
    with project.importable() as train:
        case = Case(tmp_path / "registry", lambda _, table: table, getattr(train, function), sources=project.sources)
        result = case.train(server=LocalPackageServer())
    assert reason in reasons(result)["servable"]
    assert (case.champion is None) == bool(reason)
