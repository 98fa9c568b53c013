"""Correlated trouble: when most failure domains look bad together, the observer or an overload is the likelier cause.

Clouds fail independently of each other. What they share is the gateway, the network in front of it, the load and the
watcher. On 30 November 2026 three times the load opened an incident for each of three clouds that all answered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from intermodal.platform.resilience.detection import UpstreamKey
from intermodal.platform.targets import Target

MOST = 0.5
"""More than this share of the domains must look bad: of two domains both, of three two. With half, the other half is
the comparison that makes one domain's trouble an outage."""
WINDOW_SECONDS = 60.0
"""Domains whose trouble began no further apart look bad together. The three
false incidents began within 10 s; a minute is chosen to be well above that."""
PAUSE_SECONDS = 0.2
"""A watcher that is so late in the median of its own short pauses is starved. Chosen, not measured for pauses: it is
the limit that separated a starved gateway (1,700 ms for its own health) from an overloaded one (3 to 11 ms)."""
ADMIN_SECONDS = 1.5
"""Chosen, not measured: a gateway with a tenth of a processor took 1.7 s for its own health. The admin's time says
nothing of the thread that serves requests, only that the machine is starved."""
PRESSURE = 0.6
"""Share of 10 s in which something waited for a processor or a disk (/proc/pressure, some avg10). Measured: 0.1 normal,
0.5 overloaded, 0.6 to 0.8 starved. A busy machine has as much while it answers in time: so it is no sign alone, and
halves the limits above."""


@dataclass(frozen=True)
class SelfView:
    """What the watcher measured of itself: how late it wakes from a pause and answers itself over loopback (median, in
    seconds), how long the gateway's admin took, and the pressure by resource (0 to 1, only where it is readable)."""

    pause_seconds: float = 0.0
    admin_seconds: float = 0.0
    pressure: Mapping[str, float] = field(default_factory=dict)

    def lateness(self) -> str:
        """What is late, as text; '' when nothing is."""
        pressed = {name: share for name, share in sorted(self.pressure.items()) if share >= PRESSURE}
        part = 0.5 if pressed else 1.0
        late = []
        if self.pause_seconds > PAUSE_SECONDS * part:
            late.append(f"the watcher is {self.pause_seconds:.2f} s late")
        if self.admin_seconds > ADMIN_SECONDS * part:
            late.append(f"the gateway's admin took {self.admin_seconds:.1f} s")
        if late:
            late += [f"pressure on {name} is {share:.0%}" for name, share in pressed.items()]
        return ", ".join(late)


@dataclass(frozen=True)
class OverloadOrBlindness:
    """One look's finding, which is no outage. ``blindness``: the watcher or the gateway's admin is late, so that
    nothing is known of any upstream. ``overload``: the ``bad`` upstreams of ``models`` look bad together, and
    ``well`` are the others that were compared; ``out`` are dead by a second witness, which stays an outage."""

    kind: Literal["overload", "blindness"]
    models: frozenset[str]
    text: str
    bad: frozenset[UpstreamKey] = frozenset()
    well: frozenset[UpstreamKey] = frozenset()
    out: frozenset[UpstreamKey] = frozenset()


def blindness(view: SelfView, models: Collection[str]) -> OverloadOrBlindness | None:
    """Whether the watcher may trust what it saw in this look."""
    text = view.lateness()
    return OverloadOrBlindness("blindness", frozenset(models), text) if text else None


def overload(
    serves: Mapping[UpstreamKey, bool | None],
    handled: Collection[UpstreamKey] = (),
    apart: Collection[UpstreamKey] = (),
) -> OverloadOrBlindness | None:
    """Whether upstreams look bad together: those of most domains of all models, or else of single models.

    ``handled`` have an incident already: they count as bad, but give no finding alone. ``apart`` are left out of the
    comparison: known to be out for another reason, such as an older incident or ``dead``.
    """
    seen = {key: ok for key, ok in serves.items() if ok is not None and key not in apart}
    models = frozenset(model for model, _ in seen)
    if not _together(seen, handled):
        models = frozenset(
            model for model in models if _together({key: ok for key, ok in seen.items() if key[0] == model}, handled)
        )
    if not models:
        return None
    concerned = {key: ok for key, ok in seen.items() if key[0] in models}
    bad = frozenset(key for key, ok in concerned.items() if not ok)
    targets = ", ".join(sorted({str(target) for _, target in bad}))
    text = f"{len(bad)} of {len(concerned)} upstreams look bad together, on {targets}"
    return OverloadOrBlindness("overload", models, text, bad, frozenset(concerned) - bad)


def dead(bad: Collection[UpstreamKey], answers: Mapping[Target, bool]) -> frozenset[UpstreamKey]:
    """Those of the bad upstreams that a second witness finds out: their cloud's API is silent, while that of another
    cloud answers the same watcher. When no API answers, it is the watcher that sees none."""
    heard = {target.cloud for target, ok in answers.items() if ok}
    return frozenset(
        (model, target) for model, target in bad if answers.get(target) is False and heard - {target.cloud}
    )


def _together(seen: Mapping[UpstreamKey, bool], handled: Collection[UpstreamKey]) -> bool:
    if all(ok or key in handled for key, ok in seen.items()):
        return False
    clouds = {target.cloud for _, target in seen}
    domains: dict[object, list[bool]] = {}
    for (_, target), ok in seen.items():
        domains.setdefault(target.cloud if len(clouds) > 1 else target.site, []).append(ok)
    bad = sum(oks.count(False) > MOST * len(oks) for oks in domains.values())
    return bad >= 2 and bad > MOST * len(domains)
