"""The requests to the servers: the golden rows without missing values, in each server's format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import request_body
from tests.bench.peers.peer import SPLIT, V2

ROWS = (1, 100)


@dataclass(frozen=True)
class GoldenRequests:
    """Bodies in the two formats, and the model's predictions for them."""

    bodies: dict[tuple[str, int], bytes]
    expected: Sequence[float]


def golden_requests(package: Path) -> GoldenRequests:
    golden = json.loads((package / "golden.json").read_text())
    whole = [
        (row, predicted[0])
        for row, predicted in zip(golden["rows"], golden["predictions"], strict=True)
        if None not in row.values()
    ]
    bodies = {}
    for count in ROWS:
        rows = [row for row, _ in islice(cycle(whole), count)]
        bodies[V2, count] = request_body(Package.read(package).signature, rows)
        split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
        bodies[SPLIT, count] = json.dumps({SPLIT: split}).encode()
    return GoldenRequests(bodies, [predicted for _, predicted in islice(cycle(whole), max(ROWS))])
