"""The mirrors' measurements as a section."""

import statistics
from collections.abc import Sequence

from tests.bench.mirrors import tools
from tests.bench.mirrors.cases import CASES, Case
from tests.bench.mirrors.install import RCLONE
from tests.bench.mirrors.rounds import STEPS, Found, measure
from tests.bench.report import Rounds, Section

OURS, RCLONES, PROGRAMS, GSUTIL, PUTS = "ours", f"rclone {RCLONE.version}", "clouds' own", "gsutil", "bare puts"
TOOLS = {OURS: tools.ours, RCLONES: tools.rclone, PROGRAMS: tools.programs, GSUTIL: tools.gsutil, PUTS: tools.puts}
HEADER = ["files", "step", "what", "seconds", "S3", "GCS", "Blob", "peak MB", "S3 requests"]


def section(_: object = None, cases: Sequence[Case] = CASES) -> Section:
    found = {case: measure(case, TOOLS, {PROGRAMS, GSUTIL, PUTS}) for case in cases}
    rows = [row for case, tools in found.items() for step in STEPS for row in _step(case, step, tools)]
    return Section("Mirrors", f"{TEXT} {_goals(found)}", HEADER, rows)


TEXT = (
    "One folder to three empty stores at once: SeaweedFS as S3, fake-gcs-server behind the sandbox's translation, "
    "azurite; then with one file changed, then as it is. Seconds until the last store was done, and until each was. "
    "Ours is `mirror` of the three adapters in one process, which proves every object by SHA-256 and writes the "
    "manifest last; timed in a process that is up, as a Dagster run is; in brackets after its memory what that held "
    f"before. rclone is three processes with `--checksum` and {tools.AT_ONCE} transfers and checkers, start "
    "included; it compares MD5s and reads nothing back. Its unchanged run hashes the local files again, ours "
    "compares the stores with the manifest that came with the version. *clouds' own*: `aws s3 sync`, `gcloud storage "
    "rsync`, `azcopy sync` together, one round. *bare puts*: the same library and nothing but puts, 16 at once: "
    "what the emulators and this machine allow. Memory is the sum of every process's highest."
)


def _step(case: Case, step: str, found: dict[str, Found]) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, one in found.items():
        if one.unfit and step == STEPS[0]:
            rows.append([case, step, name, one.unfit.replace("|", "/"), *[""] * 5])
        elif taken := ([] if name == PUTS and step != STEPS[0] else one.taken.get(step, [])):
            clouds = [Rounds([each.each[cloud] for each in taken]) for cloud in ("aws", "gcp", "azure")]
            before = max(each.before_mb for each in taken)
            peak = f"{max(each.peak_mb for each in taken):.0f}" + (f" ({before:.0f})" if before else "")
            seconds = Rounds([each.seconds for each in taken])
            rows.append([case, step, name, seconds, *clouds, peak, one.requests[step]])
    return rows


def _goals(found: dict[Case, dict[str, Found]]) -> str:
    """What was asked, and what came of it."""
    said = []
    for case, tools_ in found.items():
        peers = {name: _median(tools_[name], STEPS[0]) for name in (RCLONES, PROGRAMS)}
        fastest = min((seconds, name) for name, seconds in peers.items())
        share = _median(tools_[RCLONES], STEPS[2]) / _median(tools_[OURS], STEPS[2])
        said.append(
            f"{case}: {_median(tools_[OURS], STEPS[0]) / fastest[0]:.2f} of {fastest[1]}'s time, unchanged "
            f"1/{share:.1f} of rclone's"
        )
    everything = [each for tools_ in found.values() for some in tools_[OURS].taken.values() for each in some]
    growth = max(each.peak_mb - each.before_mb for each in everything)
    return (
        "Goals: the first copy as fast as the fastest peer, at most 150 MB, the unchanged run in 1/10 of rclone's "
        f"time. Reached: {'; '.join(said)}; {growth:.0f} MB over what the process held before."
    )


def _median(found: Found, step: str) -> float:
    return statistics.median([each.seconds for each in found.taken[step]]) if found.taken[step] else float("inf")
