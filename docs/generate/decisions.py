"""The index of the architecture decision records: one line for each."""

import re
from dataclasses import dataclass

from docs.generate.markdown import ROOT, table

FOLDER = ROOT / "docs/adr"
TITLE = re.compile(r"^# (\d+)\. (.+)$", re.MULTILINE)
STATUS = re.compile(r"Status: ([a-z]+)")
DECISION = re.compile(r"\*\*Decision\.\*\*\s+(.+?)(?:\n\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Decision:
    number: int
    title: str
    status: str
    summary: str
    file: str


def decisions() -> list[Decision]:
    """In order of number. ValueError names a record without a title or a decision."""
    return [_read(file.name, file.read_text("utf-8")) for file in sorted(FOLDER.glob("[0-9]*.md"))]


def _read(name: str, text: str) -> Decision:
    title, status, decision = TITLE.search(text), STATUS.search(text), DECISION.search(text)
    if title is None or status is None or decision is None:
        raise ValueError(f"docs/adr/{name} needs '# <number>. <title>', 'Status:' and '**Decision.**'")
    first = re.split(r"(?<=[.:])\s+(?=[A-Z`-])", " ".join(decision[1].split()))[0].rstrip(":")
    return Decision(int(title[1]), title[2], status[1], first, name)


def page() -> str:
    rows = [(str(found.number), f"[{found.title}]({found.file})", found.summary) for found in decisions()]
    return (
        "# Architecture decisions\n\nA record says what was decided, in which situation, and what follows from it. "
        "When a decision changes, a later record supersedes an earlier one, which stays.\n\n"
        + table(("No.", "Decision", "In one line"), rows)
    )
