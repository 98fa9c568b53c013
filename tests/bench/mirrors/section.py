"""The mirrors' measurements as a section."""

import statistics
from collections.abc import Sequence

from tests.bench.mirrors import programs, tools
from tests.bench.mirrors.cases import CASES, Case
from tests.bench.mirrors.install import AWS, AZCOPY, RCLONE, SEAWEEDFS
from tests.bench.mirrors.rounds import BY_TIME, CHANGED, FIRST, SAME, STEPS, Found, Tool, measure
from tests.bench.mirrors.usage import LIMIT
from tests.bench.report import Rounds, Section

OURS, COPY, RCLONES, PROGRAMS, GSUTIL, LISTING = (
    "ours",
    "ours, not read back",
    f"rclone {RCLONE.version}",
    "clouds' own",
    "gsutil",
    "bare listing",
)
EACH = (FIRST, CHANGED, SAME)
TOOLS = {
    OURS: Tool({**dict.fromkeys(EACH, tools.ours), LISTING: tools.listing}),
    COPY: Tool({FIRST: tools.copy}, once=True),
    RCLONES: Tool({**dict.fromkeys(EACH, tools.rclone), BY_TIME: tools.rclone_by_time}),
    PROGRAMS: Tool(dict.fromkeys(EACH, programs.programs), once=True),
    GSUTIL: Tool(dict.fromkeys(EACH, programs.gsutil), once=True),
}
VERSIONS = {program.name.rpartition("/")[2]: program.version for program in (SEAWEEDFS, RCLONE, AWS, AZCOPY)}
CLOUDS = ("aws", "gcp", "azure")
HEADER = ["files", "step", "what", "seconds", "S3", "GCS", "Blob", "peak MB", "S3 requests"]


def section(cases: Sequence[Case] = CASES) -> Section:
    untried = {name: tool for name, tool in TOOLS.items() if name != GSUTIL}  # its answer is the same in every case
    found = {case: measure(case, untried if number else TOOLS) for number, case in enumerate(cases)}
    rows = [row for case, tools_ in found.items() for step in (*STEPS, LISTING) for row in _step(case, step, tools_)]
    return Section("Mirrors", f"{TEXT} {_goals(found)}", HEADER, rows, VERSIONS)


TEXT = (
    "One folder to three empty stores at once: SeaweedFS as S3, fake-gcs-server on files behind the sandbox's "
    "translation, azurite in memory, each with one object written before; then with one file changed, then as it is. "
    "Seconds until the last store was done, and until each was. What every tool left in the stores was compared: all "
    "names and sizes, and the SHA-256 of up to 100 objects. Of one file nothing is changed: that would be the first "
    "copy again. Ours is `mirror` of the three adapters in one process, "
    "which reads every object back, proves it by SHA-256 and writes the manifest last; timed in a process that is up, "
    "as a Dagster run is, and has loaded the clouds' libraries; in brackets after its memory what that held before. "
    "*ours, not read back*: the same code without the reading; no peer reads back. rclone is three processes, start "
    f"included, with {tools.AT_ONCE} transfers and checkers (its best of 4, 8, 16 and 32), `--fast-list`, "
    "`--s3-no-head`, no looking for buckets, and `--checksum`: it compares MD5s, and hashes the local files again when "
    "nothing changed, where ours compares the stores with the manifest that came with the version. *by time*: rclone "
    "with `--update --use-server-modtime`, which compares sizes and times and no bytes. *clouds' own*: `aws s3 sync`, "
    f"`gcloud storage rsync`, `azcopy sync` together, one round; what takes more than {LIMIT} s is stopped and named, "
    "and has no further steps. gsutil: its JSON API insists on https, which the "
    "emulator does not speak; its XML API is what is tried, in the first case. *bare listing*: one of each store at "
    "once with the same library, which nothing that looks at a store can do without. Memory is the sum of "
    "every process's highest."
)


def _step(case: Case, step: str, found: dict[str, Found]) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, tool in found.items():
        if tool.unfit and step == FIRST:
            rows.append([case, step, name, tool.unfit.replace("|", "/"), *[""] * 5])
        elif taken := tool.taken.get(step, []):
            clouds = [
                Rounds([each.each[cloud] for each in taken]) if cloud in taken[0].each else taken[0].failed[cloud]
                for cloud in CLOUDS
            ]
            before = max(each.before_mb for each in taken)
            peak = f"{max(each.peak_mb for each in taken):.0f}" + (f" ({before:.0f})" if before else "")
            seconds = Rounds([each.seconds for each in taken])
            rows.append([case, SAME if step == LISTING else step, LISTING if step == LISTING else name])
            rows[-1] += [seconds, *clouds, peak, tool.requests[step]]
    return rows


def _goals(found: dict[Case, dict[str, Found]]) -> str:
    """The goals, and the results."""
    sentences = []
    for case, tools_ in found.items():
        ours, copy = _median(tools_[OURS], FIRST), _median(tools_[COPY], FIRST)
        fastest, name = min((_median(tools_[peer], FIRST), peer) for peer in (RCLONES, PROGRAMS))
        same, listing = _median(tools_[OURS], SAME), _median(tools_[OURS], LISTING)
        theirs, by_time = _median(tools_[RCLONES], SAME), _median(tools_[RCLONES], BY_TIME)
        if theirs == float("inf"):
            sentences.append(f"{case}: rclone did not end, so there is nothing to compare with")
            continue
        sentences.append(
            f"{case}: first copy in {ours / fastest:.2f} of {name}'s time, the copying alone in {copy / fastest:.2f}; "
            f"unchanged in 1/{theirs / same:.1f} of rclone's time (1/{by_time / same:.1f} by time; a bare listing in "
            f"1/{theirs / listing:.1f})"
        )
    everything = [each for tools_ in found.values() for some in tools_[OURS].taken.values() for each in some]
    if not everything:
        return "Ours did not end in any case."
    most = max(each.peak_mb for each in everything)
    growth = max(each.peak_mb - each.before_mb for each in everything)
    connect = statistics.median(each.connect for each in everything)
    return (
        "Goals: the first copy as fast as the fastest peer, at most 150 MB, the unchanged run in 1/10 of rclone's "
        f"time. Reached: {'; '.join(sentences)}. Ours took at most {most:.0f} MB, {growth:.0f} MB over what the "
        f"process held before. Loading the clouds' libraries took {connect:.2f} s, once a process."
    )


def _median(found: Found, step: str) -> float:
    """Infinite for what did not reach every store."""
    taken = found.taken[step]
    return statistics.median([each.seconds for each in taken]) if taken and not taken[0].failed else float("inf")
