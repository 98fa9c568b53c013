"""The index of the runbooks: one line for each alert."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docs.generate.markdown import ROOT, table
from docs.generate.metrics import action, alerts, readable

FOLDER = ROOT / "docs/runbooks"


def files() -> list[Path]:
    return sorted(file for file in FOLDER.glob("*.md") if file.stem != "index")


def _first_step(rule: Mapping[str, Any]) -> str:
    text = readable(action(rule).split("First step: ")[-1])
    return text[:1].upper() + text[1:]


def page() -> str:
    known = {file.stem for file in files()}
    rows = []
    for name, found in alerts().items():
        first = found[0]
        title = f"[{name}]({name}.md)" if name in known else name
        severities = ", ".join(dict.fromkeys(alert["labels"]["severity"] for alert in found))
        rows.append((title, severities, _first_step(first)))
    others = [f"- [{name}]({name}.md)" for name in sorted(known - set(alerts()))]
    return (
        "# Runbooks\n\nOne page for each alert: what it means, how to confirm it, and what to do. "
        "`page` wakes the on-call engineer; `warning` waits for working hours.\n\n"
        + table(("Alert", "Severity", "First action"), rows)
        + ("\n## Other procedures\n\n" + "\n".join(others) + "\n" if others else "")
    )
