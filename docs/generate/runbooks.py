"""The index of the runbooks: one line for each alert."""

from pathlib import Path

from docs.generate.markdown import ROOT, table
from docs.generate.metrics import action, alerts

FOLDER = ROOT / "docs/runbooks"


def files() -> list[Path]:
    return sorted(file for file in FOLDER.glob("*.md") if file.stem != "index")


def page() -> str:
    known = {file.stem for file in files()}
    rows = []
    for name, found in alerts().items():
        first = found[0]
        title = f"[{name}]({name}.md)" if name in known else name
        severities = ", ".join(dict.fromkeys(alert["labels"]["severity"] for alert in found))
        rows.append((title, severities, action(first).split("First step: ")[-1]))
    others = [f"- [{name}]({name}.md)" for name in sorted(known - set(alerts()))]
    return (
        "# Runbooks\n\nOne page for each alert: what it means, how to confirm it, and what to do. "
        "`page` wakes the on-call engineer; `warning` waits for working hours.\n\n"
        + table(("Alert", "Severity", "First action"), rows)
        + ("\n## Other procedures\n\n" + "\n".join(others) + "\n" if others else "")
    )
