"""A model whose folder has a requirements.txt: locked, recorded, tried and served with its own packages, or refused."""

import importlib
import json
import zipfile
from pathlib import Path

import pytest

from intermodal.platform.protocol.requirements import LOCK, pinned
from intermodal.platform.training.requirements import Requirements
from intermodal.platform.training.sources import Sources
from intermodal.resources.package_server import LocalPackageServer
from intermodal.resources.requirements import UvLocker
from tests.assets.training.cases import Case, failure, reasons
from tests.wheels import installed, wheels

__all__ = ["installed", "wheels"]


def case(tmp_path: Path, requirements: str) -> Case:
    def fit(X, y):
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline

        times = importlib.import_module("tinyscale").Times
        return make_pipeline(times(10), LinearRegression()).fit(X, y)

    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").unlink(missing_ok=True)
    if requirements:
        (folder / "requirements.txt").write_text(requirements)
    found = Case(tmp_path / "registry", lambda _, table: table, fit, sources=Sources(folder, "m"), locker=UvLocker())
    (tmp_path / "registry").mkdir(exist_ok=True)
    return found


@pytest.mark.usefixtures("installed")
def test_package_of_an_index_is_locked_recorded_and_tried(tmp_path: Path) -> None:
    made = case(tmp_path, "tinyscale>=1\n")
    result = made.train(server=LocalPackageServer())
    assert result.success, reasons(result)
    assert made.champion
    assert made.record.environment["tinyscale"] == "1.0"
    package = Path(made.registry.candidate("case").artifacts)
    assert pinned((package / LOCK).read_text()) == {"tinyscale": "1.0"}
    with LocalPackageServer().start(package, "case") as answer:
        body = {
            "inputs": [{"name": n, "datatype": "FP64", "shape": [1], "data": [v]} for n, v in (("a", 2.0), ("b", 1.0))]
        }
        (output,) = json.loads(answer(json.dumps(body).encode()))["outputs"]
    assert output["data"][0] == pytest.approx(3 * 2.0 - 1.0, abs=0.1)


@pytest.mark.usefixtures("installed")
def test_trial_without_the_file_names_the_module(tmp_path: Path) -> None:
    made = case(tmp_path, "")
    reason = reasons(made.train(server=LocalPackageServer()))["servable"]
    assert "imports tinyscale, which is neither in its package nor in this image" in reason
    assert "requirements.txt beside the spec" in reason
    assert made.champion is None


@pytest.mark.usefixtures("installed")
def test_unchanged_file_has_an_unchanged_environment(tmp_path: Path, wheels: Path) -> None:
    made = case(tmp_path, "tinyscale>=1\n")
    made.train()
    for path in wheels.iterdir():
        path.unlink()  # a second request to the index would fail
    made.train(2)
    first, second = made.registry.candidates
    assert first.record.holdout != second.record.holdout
    assert first.record.fingerprint.environment == second.record.fingerprint.environment
    assert first.manifest.files[LOCK] == second.manifest.files[LOCK]


def test_other_version_is_another_environment(tmp_path: Path, installed: Path, wheels: Path) -> None:
    made = case(tmp_path, "tinyscale>=1\n")
    made.train()
    first = made.record
    (installed / "tinyscale-1.0.dist-info").rename(installed / "gone")
    with zipfile.ZipFile(wheels / "tinyscale-1.1-py3-none-any.whl") as archive:
        archive.extractall(installed)
    importlib.invalidate_caches()
    made.train()
    assert made.record.environment["tinyscale"] == "1.1"
    assert made.record.fingerprint.environment != first.fingerprint.environment


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tinyabsent", "names tinyabsent, which is not installed in the training environment. Run: pip install -r"),
        ("tinyscale>=2", "names tinyscale>=2, and the training environment has tinyscale 1.0. Run: pip install -r"),
        ("-e ./mine", "the line '-e ./mine' is not a package with versions"),
        ("--find-links x", "the line '--find-links x' is not a package with versions"),
        ("tinyscale @ file:///x.whl", "is not a package with versions"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_line_that_training_cannot_have_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    made = case(tmp_path, line)
    assert reason in failure(made.train())


def test_lines_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    text = "\ufeff# why\nTiny_Scale >=1 # scales\n\nb[x]==2 \\\n    --hash=sha256:00\nc; python_version < '3'\n"
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    found = Requirements.of(tmp_path)
    assert found is not None
    assert [str(each) for each in found.wanted()] == ["Tiny_Scale>=1", "b[x]==2"]
