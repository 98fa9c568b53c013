"""A model's own packages by uv: locked when it is trained, and installed for servers on this machine."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.protocol.package import Format, Package
from intermodal.platform.protocol.requirements import lock_to_install, pinned
from intermodal.platform.training.requirements import made_from, still_holds
from intermodal.resources.python_packages import PLATFORM, install, shipped_locks, uv
from intermodal.resources.user_cache import user_cache

CACHE_VARIABLE = "INTERMODAL_PACKAGES_CACHE"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NO_ANSWER = re.compile(r"error sending request|failed to fetch|could not connect|network was disabled", re.IGNORECASE)
NO_WHEEL = re.compile(r"no usable wheels|no wheels|building from source is disabled", re.IGNORECASE)


class UvLocker:
    """Fulfils ``ports.Locker``. uv reads its indexes from its own variables and files."""

    def lock(self, text: str, form: Format, installed: Mapping[str, str], previous: str = "") -> str:
        server = pinned(shipped_locks()[form].read_text(encoding="utf-8"))
        first_line = made_from(text, server, PYTHON)
        if still_holds(previous, first_line, installed):
            return previous
        constraints = {**installed, **server}
        with TemporaryDirectory() as scratch:
            (Path(scratch) / "constraints.txt").write_text(
                "".join(f"{name}=={version}\n" for name, version in constraints.items()), encoding="utf-8"
            )
            done = subprocess.run(
                [
                    *(uv(), "pip", "compile", "--quiet", "-", "-c", str(Path(scratch) / "constraints.txt")),
                    *("--python", sys.executable, "--python-version", PYTHON, "--python-platform", PLATFORM),
                    *("--only-binary", ":all:", "--generate-hashes", "--no-header", "--no-annotate"),
                    *("--no-emit-index-url", "--no-emit-find-links"),
                    *(part for name in server for part in ("--no-emit-package", name)),
                ],
                input=text,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise _lock_error(done.stderr, form)
        return first_line + done.stdout


def _lock_error(stderr: str, form: Format) -> IntermodalError:
    reason = " ".join(re.sub(r"[×╰├─▶│]", " ", stderr).split())
    if NO_WHEEL.search(stderr):
        return SpecError(
            f"requirements.txt needs a package that exists only as source for this platform and Python. {reason}",
            hint="Name a version that has a wheel. Or make one with 'pip wheel' and put it in an index of yours, or in "
            "a folder that UV_FIND_LINKS names.",
        )
    if NO_ANSWER.search(stderr):
        return Unavailable(
            f"requirements.txt cannot be locked, since the package index does not answer. {reason}",
            hint="Train again when it does. UV_DEFAULT_INDEX names another one.",
        )
    return SpecError(
        f"requirements.txt has no solution beside the packages of the {form} server and of the training environment. "
        f"{reason}",
        hint="Change the versions in requirements.txt, and install them where you train.",
    )


def packages_of(folder: Path) -> Path | None:
    """A folder with the packages that the package in ``folder`` needs beside the server's own, installed once on this
    machine. None when it needs none."""
    lock = lock_to_install(Package.read(folder), folder)
    return installed_folder(lock, user_cache("packages", CACHE_VARIABLE)) if lock else None


def installed_folder(lock: Path, cache: Path) -> Path:
    """The folder of this lock in the cache. A process that needs the same one waits, and what a killed one left is
    removed. IntermodalError has uv's own words."""
    key = hashlib.sha256(f"{sys.implementation.cache_tag} {sys.platform}\n".encode() + lock.read_bytes()).hexdigest()
    home = cache / key
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not home.is_dir():
            partial = home.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            install(lock, partial)
            partial.rename(home)
    return home
