"""What ``dg scaffold defs intermodal.assets.Model <name>`` writes: a spec, and functions that run as they are."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component

from intermodal.platform.spec import NAME

FOLDER = Path(__file__).parent
FILES = ("defs.yaml", "model.py", "example.csv")
PLACEHOLDER = "MODEL_NAME"


class ModelScaffolder(dg.Scaffolder[Any]):
    """The model is named after its folder. Its functions make up rows, so that it trains before they are replaced."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        name = request.target_path.name
        if request.append or request.scaffold_format != "yaml":
            scaffold_component(request, {})  # a further document, or Python: the user writes the rest
            return
        if not re.fullmatch(NAME, name):
            with suppress(OSError):  # dg has made it; one with files in it stays
                request.target_path.rmdir()
            raise ValueError(f"'{name}' is no name for a model: use lower case, digits and underscores ({NAME}).")
        for file in FILES:
            text = (FOLDER / f"{file}.tmpl").read_text(encoding="utf-8")
            (request.target_path / file).write_text(text.replace(PLACEHOLDER, name), encoding="utf-8")
