"""Server-side apply against what the API server's own library answers. ``vectors/README.md`` says how that was made."""

import json
from pathlib import Path
from typing import Any

import pytest

from intermodal.sandbox.kubernetes.merging.apply import server_side_apply, track_update
from intermodal.sandbox.kubernetes.merging.errors import Conflicts
from intermodal.sandbox.kubernetes.schemas import Schemas

FOLDER = Path(__file__).parent / "vectors"
SEQUENCES = json.loads((FOLDER / "sequences.json").read_text("utf-8"))
EXPECTED = json.loads((FOLDER / "expected.json").read_text("utf-8"))
SCHEMAS = Schemas()


def outcome(live: dict[str, Any] | None, step: dict[str, Any]) -> tuple[dict[str, Any] | None, list[list[str]]]:
    manager, config = step["manager"], step["object"]
    try:
        if step["operation"] == "Apply":
            force = step.get("force", False)
            return server_side_apply(live, config, manager, SCHEMAS, force=force, now="t"), []
        return track_update(live or {}, config, manager, SCHEMAS, now="t"), []
    except Conflicts as conflicts:
        owners = {cause: "Update" if " using " in cause.message else "Apply" for cause in conflicts.causes}
        return live, sorted([f"{cause.manager}/{operation}", cause.field] for cause, operation in owners.items())


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["name"])
def test_apply_answers_as_the_library_does(sequence: dict[str, Any]) -> None:
    live: dict[str, Any] | None = None
    for step, expected in zip(sequence["steps"], EXPECTED[sequence["name"]], strict=True):
        live, conflicts = outcome(live, step)
        assert live is not None
        entries = live["metadata"].get("managedFields", [])
        bare = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
        owners = {f"{entry['manager']}/{entry['operation']}": entry["fieldsV1"] for entry in entries}
        assert conflicts == expected["conflicts"], step
        assert live | {"metadata": bare} == expected["live"], step
        assert owners == expected["managers"], step
