"""wrk, a load generator that is faster than what it measures. https://github.com/wg/wrk"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Request-Id"] = "5d5b3cf7-7c1e-4d2a-9d6e-0f0a8f1b2c3d"
local file = io.open("{body}", "rb"); wrk.body = file:read("*a"); file:close()
local paths, sent = {{{paths}}}, 0
if #paths > 0 then
  request = function() sent = sent + 1; return wrk.format(nil, paths[sent % #paths + 1]) end
end
done = function(summary, latency)
  io.write(string.format("p50=%d p99=%d bad=%d", latency:percentile(50), latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Result:
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    bad: int


def require() -> None:
    """Install wrk where that is possible, else say what is missing."""
    if shutil.which("wrk") is None:
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False, capture_output=True)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing, and without it no server can be measured: apt-get install wrk")


def version() -> dict[str, str]:
    """As a section's ``versions``."""
    text = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout
    return {"wrk": text.split()[1]}


def run(url: str, body: bytes, connections: int, seconds: int, paths: Sequence[str] = ()) -> Result:
    """POST ``body`` as fast as ``connections`` allow; to the ``paths`` in turn when there are any."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "body", Path(folder) / "post.lua"
        data.write_bytes(body)
        script.write_text(SCRIPT.format(body=data, paths=", ".join(f'"{path}"' for path in paths)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    figures = re.search(r"p50=(\d+) p99=(\d+) bad=(\d+)", text)
    assert rate is not None, text
    assert figures is not None, text
    p50, p99, bad = (int(figure) for figure in figures.groups())
    return Result(float(rate[1]), p50 / 1000, p99 / 1000, bad)
