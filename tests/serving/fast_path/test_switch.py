"""The switch of the fast path, and its dependence on uvicorn's private names."""

import re
import subprocess
import sys
from pathlib import Path

import uvicorn

import intermodal.serving.contract as contract
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import open_plane
from intermodal.serving.fast_path.connection import FastPathProtocol
from intermodal.serving.fast_path.uvicorn_internals import CHECKED_VERSION
from intermodal.serving.lifecycle import _http_protocol
from intermodal.serving.settings import Settings
from tests.serving.conftest import FLIGHTS, Row

SERVING = Path(contract.__file__).parent
INTERNALS = "fast_path/uvicorn_internals.py"


def test_uvicorn_version_is_the_checked_one() -> None:
    assert uvicorn.__version__ == CHECKED_VERSION, (
        f"uvicorn is {uvicorn.__version__}, and the fast path was checked with {CHECKED_VERSION}. Compare "
        "uvicorn/protocols/http/httptools_impl.py of both releases for the methods and attributes that "
        f"serving/{INTERNALS} lists, run tests/serving/fast_path, then set CHECKED_VERSION."
    )


def test_uvicorn_private_imports_are_in_one_file() -> None:
    pattern = re.compile(r"^\s*(from uvicorn\.|import uvicorn\.)", re.M)
    files = [path for path in SERVING.rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]
    assert [path.relative_to(SERVING).as_posix() for path in files] == [INTERNALS]


def test_fast_path_switch_selects_protocol() -> None:
    assert _http_protocol(Settings()) is FastPathProtocol
    assert _http_protocol(Settings(fast_path=False)) == "httptools"


def test_fast_path_off_imports_no_uvicorn_internals() -> None:
    code = (
        "import sys; from intermodal.serving import lifecycle; from intermodal.serving.settings import Settings; "
        "lifecycle._http_protocol(Settings(fast_path=False)); "
        "sys.exit('intermodal.serving.fast_path.uvicorn_internals' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fast_path_off_declines_plain_rows(lightgbm_package: Path, row: Row) -> None:
    package, body = Package.read(lightgbm_package), request_body(FLIGHTS, [row])
    off = open_plane(package, lightgbm_package, "1.2.3", fast_path=False)
    on = open_plane(package, lightgbm_package, "1.2.3")
    assert off.plain_rows(body) is None
    assert off.answer(off.read_v2(body, "json")) == on.plain_rows(body)
