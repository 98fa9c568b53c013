"""How many processes serve."""

import os
from collections.abc import Mapping
from pathlib import Path

from intermodal.serving.errors import print_status

MAX_PROCESSES = 64
NUMERIC_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""How many threads the numeric libraries start. They read it when they are loaded; the server sets 1 unless it is set.
For a few rows a second thread only adds waiting: on a busy machine, a scikit-learn model of 200 trees took 25 ms
instead of 9.5 ms with two, and 2 s for the slowest calls."""
QUOTA = Path("sys/fs/cgroup/cpu.max")
QUOTA_V1, PERIOD_V1 = Path("sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("sys/fs/cgroup/cpu/cpu.cfs_period_us")


def container_cores(root: Path = Path("/")) -> int:
    """The cores that this container may use, at least 1. A part of a core is left out: one process more than there are
    cores only adds waiting."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = _quota(root)
        cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError):  # no limit
        pass
    return max(1, min(cores, MAX_PROCESSES))


def _quota(root: Path) -> list[str]:
    """Time and period of the container's limit. Version 2 of cgroups writes 'max' when there is none, version 1 -1."""
    if (root / QUOTA).exists():
        return (root / QUOTA).read_text().split()
    quota = (root / QUOTA_V1).read_text().strip()
    return ["max" if quota == "-1" else quota, (root / PERIOD_V1).read_text().strip()]


def usable_processes(processes: int, environment: Mapping[str, str]) -> int:
    """One, when a numeric library has several threads: GCC's OpenMP hangs in a process that was forked after it ran."""
    several = [name for name in NUMERIC_THREADS if environment.get(name, "") != "1"]
    if processes > 1 and several:
        print_status(f"one process serves, because {several[0]} is not 1")
        return 1
    return processes
