"""The Dagster project that ``intermodal up`` serves: the user's own, or the checkout of Intermodal."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from intermodal.platform.errors import IntermodalError


@dataclass(frozen=True)
class Project:
    """``module`` has the definitions; ``location`` is the code location's name, the same as ``dg`` gives it; ``defs``
    is the folder of the models."""

    root: Path
    module: str
    location: str
    defs: Path

    @classmethod
    def find(cls, start: Path) -> "Project":
        """The nearest project upwards of ``start``, else the checkout that this code lies in. IntermodalError when
        there is none."""
        checkout = Path(__file__).resolve().parents[2]
        for folder in (start, *start.parents, checkout):
            if config := _config(folder):
                return cls._of(folder, config)
        raise IntermodalError(
            f"{start} is in no Dagster project: no pyproject.toml here or above has [tool.dg.project].",
            hint="Make one with 'intermodal init NAME', and run this in its folder.",
        )

    @classmethod
    def _of(cls, root: Path, config: Mapping[str, Any]) -> "Project":
        if not (package := config.get("root_module")):
            raise IntermodalError(
                f"{root / 'pyproject.toml'}: [tool.dg.project] has no root_module.", hint="Name the project's package."
            )
        module = str(config.get("code_location_target_module") or f"{package}.definitions")
        location = str(config.get("code_location_name") or root.name)
        defs = str(config.get("defs_module") or f"{package}.defs")
        return cls(root, module, location, _sources(root).joinpath(*defs.split(".")))

    @property
    def sources(self) -> Path:
        """The folder that the project's package lies in."""
        return _sources(self.root)

    def dagster_yaml(self) -> Path:
        """The project's own, else the one that Intermodal brings."""
        own = self.root / "dagster.yaml"
        return own if own.is_file() else package_data("dagster.yaml")

    def write_workspace(self, folder: Path) -> Path:
        """The project's own workspace.yaml, else one that is written into ``folder``: one code location."""
        own = self.root / "workspace.yaml"
        if own.is_file():
            return own
        import yaml

        location = {
            "module_name": self.module,
            "location_name": self.location,
            "working_directory": str(self.sources),  # so that a project that is not installed is found
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "workspace.yaml"
        path.write_text(yaml.safe_dump({"load_from": [{"python_module": location}]}), encoding="utf-8")
        return path

    def example(self, model: str) -> Path | None:
        """Rows to try a model with, where its folder has them."""
        found = self.defs / model / "example.csv"
        return found.resolve() if found.is_file() else None


def package_data(name: str) -> Path:
    """A file or folder that is no Python: in a checkout through the links of ``src/``, else in the installed wheel."""
    return Path(str(files("intermodal").joinpath(name)))


def _sources(root: Path) -> Path:
    return root / "src" if (root / "src").is_dir() else root


def _config(folder: Path) -> Mapping[str, Any] | None:
    """The table ``[tool.dg.project]`` of pyproject.toml, or ``[project]`` of dg.toml; None where there is none."""
    for name, path in (("dg.toml", ("project",)), ("pyproject.toml", ("tool", "dg", "project"))):
        file = folder / name
        if not file.is_file():
            continue
        try:
            found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise IntermodalError(f"{file} is no TOML: {error}.", hint="Correct the file.") from error
        for part in path:
            found = found.get(part, {}) if isinstance(found, dict) else {}
        if isinstance(found, dict) and found:
            return found
    return None
