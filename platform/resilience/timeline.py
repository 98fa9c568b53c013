"""A timeline: what happened to a model, when, in the words of whoever was called at night."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, order=True)
class Event:
    """``at`` is Unix seconds; ``what`` is a word or two (``route``, ``drift``, ``incident aws``)."""

    at: float
    what: str
    text: str


def markdown(events: Iterable[Event]) -> str:
    """A table in order, with the seconds since the first event."""
    ordered = sorted(events)
    lines = ["| UTC | + s | what | |", "| --- | ---: | --- | --- |"]
    for event in ordered:
        clock = datetime.fromtimestamp(event.at, UTC).strftime("%H:%M:%S")
        text = event.text.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {clock} | {event.at - ordered[0].at:.1f} | {event.what} | {text} |")
    return "\n".join(lines)
