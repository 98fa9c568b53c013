"""``python -m tests.chaos [--rounds N] [--write] [part...]``: break a real installation and check its end state."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator

from tests.bench.report import PAGE, load, updated
from tests.chaos import blind, drills, report, rounds
from tests.chaos.report import Row
from tests.chaos.scene import Scene, installed_scene, out

PARTS: dict[str, Callable[[Scene, int], Iterator[Row]]] = {
    "killed": rounds.killed,
    "two": rounds.two,
    "blind": blind.blind,
    "storage": blind.storage,
    "drills": drills.drills,
}


def main(chosen: list[str], number: int, seed: int, write: bool) -> int:
    before = load()
    out.print(f"seed {seed}; bringing up an installation of its own ...", highlight=False)
    rows: list[Row] = []
    with installed_scene(seed) as scene:
        try:
            for name in chosen or PARTS:
                out.print(f"{name}:")
                rows.extend(PARTS[name](scene, number))
        finally:
            out.print(report.table(rows))
    wrong, failed = sum(bool(row.wrong) for row in rows), sum(len(row.failed) for row in rows)
    out.print(
        f"seed {seed}: {len(rows)} steps, {wrong} did not end as they should; "
        f"failed requests: {failed} of {sum(row.requests for row in rows)}",
        highlight=False,
    )
    if write:
        command = " ".join(["python -m tests.chaos", *chosen, f"--rounds {number} --seed {seed}"])
        PAGE.write_text(updated(PAGE.read_text("utf-8"), report.section(rows, command), before), encoding="utf-8")
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all when none is named")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    given = parser.parse_args()
    # Both signals end the installation too. A shell's background process, and its children, would ignore them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(given.parts, given.rounds, given.seed, given.write))
