"""A project of generated models, written as a team writes one: a folder with a spec and plain functions each."""

from pathlib import Path

SOURCE = Path(__file__).parents[3] / "models" / "flight_delay"
NAME = "name: flight_delay"
PYPROJECT = """[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "{package}"
defs_module = "{package}"
registry_modules = ["intermodal.assets"]
"""


def write(folder: Path, models: int) -> Path:
    """``models`` copies of flight_delay's folder, each under a name of its own; the project's folder."""
    package = folder / f"models_{models}"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(PYPROJECT.format(package=package.name))
    spec = (SOURCE / "defs.yaml").read_text()
    if spec.count(NAME) != 1:
        raise SystemExit(f"{SOURCE / 'defs.yaml'} does not say '{NAME}' once")
    for number in range(models):
        name = f"model_{number:04}"
        (package / name).mkdir()
        (package / name / "defs.yaml").write_text(spec.replace(NAME, f"name: {name}"))
        for source in SOURCE.glob("*.py"):
            (package / name / source.name).write_text(source.read_text())
    return folder
