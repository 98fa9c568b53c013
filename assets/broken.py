"""A model that does not load, as an asset: it is listed in the UI, and sensors and ``status`` find the reason in it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from pathlib import Path

import dagster as dg
from pydantic import ValidationError
from yaml import MarkedYAMLError

from intermodal.platform.errors import IntermodalError
from intermodal.platform.spec import NAME
from intermodal.platform.tracebacks import innermost_line

BROKEN, GROUP = "intermodal/broken", "broken_models"
"""The metadata that holds the reason, and the group of such assets."""
VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
"""Set by ``dg check defs``, which must fail at the first mistake."""
SPEC_FILE = "defs.yaml"
PLATFORM_OWNER = "team:platform"
MAX_REASON_CHARACTERS = 600
NO_SUCH_FIELD = "a spec has no such field. Correct its name, or remove it."


@dataclass(frozen=True)
class BrokenModel:
    """``reason``: what is wrong, with file and line, and how to correct it."""

    model: str
    owner: str
    reason: str

    def asset(self) -> dg.AssetSpec:
        return dg.AssetSpec(
            key=[self.model, "broken"],
            group_name=GROUP,
            owners=[self.owner],
            description=f"{self.model} does not load. {self.reason}",
            metadata={BROKEN: self.reason},
        )


def broken_folder(folder: Path, error: BaseException, taken: Collection[str] = ()) -> BrokenModel:
    """The model that a folder (or a Python file) declares. Its spec may not be YAML, so its text is searched. A model
    whose name is ``taken`` by another gets that of its folder, with a number if that is taken too."""
    spec = folder / SPEC_FILE
    text = spec.read_text("utf-8", errors="replace") if spec.is_file() else ""
    name = _field(text, "name")
    model = name if re.fullmatch(NAME, name) and name not in taken else re.sub(r"\W", "_", folder.stem)
    numbered = (f"{model}_{number}" for number in count(2))
    model = next(free for free in chain([model], numbered) if free not in taken)
    owner = _field(text, "owner")
    known = re.fullmatch(r"team:[\w-]+", owner)
    return BrokenModel(model, owner if known else PLATFORM_OWNER, reason(folder, error))


def _field(text: str, name: str) -> str:
    found = re.search(rf"^\s+{name}:\s*[\"']?([^\"'\s#]+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def reason(folder: Path, error: BaseException) -> str:
    """What a person needs of an error: our own message, or the first cause with the line of the folder that raised it.

    Dagster wraps each error in one that draws the whole component tree.
    """
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    ours = next((each for each in causes if isinstance(each, IntermodalError)), None)
    text = str(ours) if ours else _described(folder, causes[-1])
    # A checkout reaches its folders by symbolic links below src/, which are not what a person edits.
    return text.replace(str(folder), str(folder.resolve()))[:MAX_REASON_CHARACTERS]


def _described(folder: Path, error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return _wrong_fields(folder / SPEC_FILE, error)
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f"{folder / SPEC_FILE}:{error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    text = re.sub(r"\s+", " ", str(error)).strip()
    if type(error) is ModuleNotFoundError:
        text += ". Correct the import, or install the package where Dagster runs."
    return f"{innermost_line(error, folder) or folder}: {type(error).__name__}: {text}"


def _wrong_fields(spec: Path, error: ValidationError) -> str:
    """Dagster's own check puts file and line into the location of each mistake, after the field."""
    wrong = []
    for detail in error.errors(include_url=False):
        field, _, line = ".".join(map(str, detail["loc"])).partition(f" at {spec}:")
        source = f"{spec}:{line}" if line else f"{spec}"
        message = NO_SUCH_FIELD if detail["type"] == "extra_forbidden" else detail["msg"].removeprefix("Value error, ")
        wrong.append(": ".join(part for part in (source, field, message) if part))
    return "; ".join(wrong)


def broken_names(models: dg.Definitions) -> set[str]:
    """The models of definitions that do not load, before a repository is made of them."""
    specs = [asset for asset in models.assets or () if isinstance(asset, dg.AssetSpec)]
    return {spec.key.path[0] for spec in specs if BROKEN in spec.metadata}


@lru_cache(maxsize=4)
def broken_models(repository: dg.RepositoryDefinition) -> Mapping[str, BrokenModel]:
    """The models of a code location that do not load, by name."""
    graph, found = repository.asset_graph, {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if BROKEN in node.metadata:
            owner = next(iter(node.owners), PLATFORM_OWNER)
            found[key.path[0]] = BrokenModel(key.path[0], owner, str(node.metadata[BROKEN]))
    return found
