"""Load the definitions of a project so that a model's folder that is wrong stops no other model.

A code location is loaded whole by every process that needs it: webserver, daemon and each run. Without isolation, a
missing package in one folder would end the failover of every model.
"""

import importlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg

from intermodal.assets.broken import VALIDATING, BrokenModel, broken_folder
from intermodal.platform.errors import SpecError

SPEC_FILES = ("defs.yaml", "component.yaml")


def load_models(project: Path) -> dg.Definitions:
    """All definitions below the project's ``defs_module``, as ``dg.load_from_defs_folder`` loads them.

    When that fails, each folder with a spec is loaded by itself, and one that does not load becomes the asset
    ``<model>/broken``, which holds the reason. When each of them loads, what is wrong is between them, and the project
    is listed so. ``dg check defs`` raises one SpecError with the reasons of all of them.
    """
    try:
        models = dg.load_from_defs_folder(path_within_project=project)
        _require_new(models, {})
        return models
    except (Exception, SystemExit) as error:  # noqa: BLE001  a folder may raise anything
        whole = error
    tree = dg.ComponentTree.for_project(project)
    loaded, broken = _each(tree, _units(tree.defs_module_path), whole)
    if os.environ.get(VALIDATING):
        raise SpecError(_complaint(broken)) from whole
    return dg.Definitions.merge(*loaded, dg.Definitions(assets=[model.asset() for model in broken]))


def _complaint(broken: Sequence[BrokenModel]) -> str:
    """A line for each model. Dagster's own check ends at the first mistake, and draws the component tree around it."""
    count = "1 model does" if len(broken) == 1 else f"{len(broken)} models do"
    lines = (f"{model.model}: {model.reason}" for model in broken)
    return "\n".join([f"{count} not load. Correct what stands below, then check again.", *lines])


def _units(folder: Path) -> Iterator[Path]:
    """Folders with a spec, and Python files outside of them: what can be loaded by itself. A folder of such folders is
    not loaded as a whole, whether it has a spec or not."""
    if _has_spec(folder) and not any(map(_has_specs, _folders(folder))):
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.name != "__init__.py":
            yield path
    for path in _folders(folder):
        yield from _units(path)


def _folders(folder: Path) -> list[Path]:
    visible = (path for path in sorted(folder.iterdir()) if path.name != "__pycache__" and path.name[0] != ".")
    return [path for path in visible if path.is_dir()]


def _has_spec(folder: Path) -> bool:
    return any((folder / name).exists() for name in SPEC_FILES)


def _has_specs(folder: Path) -> bool:
    return _has_spec(folder) or any(map(_has_specs, _folders(folder)))


def _each(
    project: dg.ComponentTree, units: Iterable[Path], whole: BaseException
) -> tuple[list[dg.Definitions], list[BrokenModel]]:
    """What loads by itself, and what does not. ``whole`` is the error of the project as a whole. Of two models with one
    name the one whose folder has that name is kept, since the other is more likely a copy."""
    each, wrong = list[tuple[Path, dg.Definitions]](), list[tuple[Path, BaseException]]()
    for path in units:
        try:
            each.append((path, _loaded(project, path)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a folder may raise anything
            wrong.append((path, error))
    loaded, defined_in = list[dg.Definitions](), dict[str, Path]()
    for path, found in sorted(each, key=lambda unit: not _has_the_name_of_its_folder(*unit)):
        try:
            names = _require_new(found, defined_in)
        except SpecError as error:
            wrong.append((path, error))
            continue
        defined_in |= dict.fromkeys(names, path)
        loaded.append(found)
    wrong = wrong or [(project.defs_module_path, whole)]
    taken = {name.partition("/")[0] for name in defined_in}
    broken = list[BrokenModel]()
    for path, raised in wrong:  # only now, when the names of all others are known
        broken.append(broken_folder(path, raised, taken))
        taken.add(broken[-1].model)
    return loaded, broken


def _loaded(project: dg.ComponentTree, path: Path) -> dg.Definitions:
    relative = path.relative_to(project.defs_module_path).with_suffix("")
    module = importlib.import_module(".".join([project.defs_module_name, *relative.parts]))
    if path.suffix == ".py":
        return dg.load_definitions_from_module(module)
    return dg.ComponentTree(defs_module=module, project_root=project.project_root).build_defs_at_path(path)


def _has_the_name_of_its_folder(folder: Path, found: dg.Definitions) -> bool:
    return any(name.startswith(f"{folder.name}/") for name in _names(found))


def _names(found: dg.Definitions) -> list[str]:
    """The keys of the assets."""
    assets = [asset for asset in found.assets or () if isinstance(asset, (dg.AssetsDefinition, dg.AssetSpec))]
    keys = [key for asset in assets for key in (asset.keys if isinstance(asset, dg.AssetsDefinition) else [asset.key])]
    return [key.to_user_string() for key in keys]


def _require_new(found: dg.Definitions, defined_in: Mapping[str, Path]) -> list[str]:
    """The keys of the assets. SpecError when one is defined twice: two models have the same name."""
    names = _names(found)
    for name, count in Counter(names).items():
        if count > 1 or name in defined_in:
            raise SpecError(
                f"The asset {name} is defined twice{f', also by {defined_in[name]}' if name in defined_in else ''}.",
                hint="Give each model a name of its own: `name` in defs.yaml.",
            )
    return names
