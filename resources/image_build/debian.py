"""A base from Debian's own packages: Python 3.11 and the libraries that it loads, without a shell or a package manager.

apt only downloads, as any user. The packages are pinned by name, version and SHA-256 in ``deploy/docker``.
"""

import json
import logging
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from intermodal.platform.deployment.oci import Layer
from intermodal.platform.deployment.provenance import Material
from intermodal.platform.deployment.sbom import Component, debian
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.manifest import sha256_of
from intermodal.resources.image_build.base import Base
from intermodal.resources.image_build.bytecode import compile_folder, compiler
from intermodal.resources.image_build.cache import LayerCache
from intermodal.resources.image_build.deb import MERGED, entries
from intermodal.resources.image_build.layers import Entry, file_entry, folder_entries, write_layer

logger = logging.getLogger(__name__)

PYTHON, STANDARD_LIBRARY = "/usr/bin/python3.11", "usr/lib/python3.11"
CERTIFICATES, CERTIFICATE_FOLDER = "etc/ssl/certs/ca-certificates.crt", "usr/share/ca-certificates/"
LEFT_OUT = (
    *("usr/share/man/", "usr/share/lintian/", "usr/share/bug/", "usr/share/locale/", "usr/share/apport/"),
    *("usr/share/menu/", "usr/share/pixmaps/", "usr/share/applications/", "usr/share/binfmts/"),
    *("usr/lib/x86_64-linux-gnu/gconv/", f"{STANDARD_LIBRARY}/lib2to3/", f"{STANDARD_LIBRARY}/pydoc_data/"),
)
DOCUMENTATION, LICENCE = "usr/share/doc/", "copyright"
PASSWD = b"root:x:0:0:root:/root:/usr/sbin/nologin\nnonroot:x:65534:65534:nonroot:/nonexistent:/usr/sbin/nologin\n"
GROUP = b"root:x:0:\nnonroot:x:65534:\n"
MOUNT_POINTS = ("dev", "proc", "sys")
DOWNLOAD_SECONDS = 600
LOCK = "base.lock.json"
"""Below ``deploy/docker``."""


@dataclass(frozen=True)
class DebianPackage:
    """One pinned package. ``sha256`` is of the .deb file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class DebianBase:
    """The base of these packages. It is the same on another day as long as the lock is, or the cache has it."""

    packages: tuple[DebianPackage, ...]
    lock_sha256: str = ""
    """Of the lock's file, where they come from one."""

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(debian(each.name, each.version, each.sha256) for each in self.packages)

    def get(self, cache: LayerCache) -> Base:
        interpreter, version = compiler()

        def make(target: BinaryIO) -> Layer:
            with TemporaryDirectory() as scratch:
                root = Path(scratch)
                archives = download(self.packages, root)
                whole = [*_compiled(assemble(archives), root / "library", interpreter)]
                return write_layer("base", whole, target)

        layer = cache.get("base", [version, [asdict(package) for package in self.packages]], make)
        materials = (Material(LOCK, self.lock_sha256),) if self.lock_sha256 else ()
        return Base((layer,), PYTHON, {"SSL_CERT_FILE": f"/{CERTIFICATES}"}, self.components, materials)


def shipped_base() -> DebianBase:
    """The base of the lock that this release has."""
    spec = find_spec("intermodal.deploy")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, "docker", LOCK)).is_file():
            packages = tuple(DebianPackage(**fields) for fields in json.loads(path.read_text(encoding="utf-8")))
            return DebianBase(packages, sha256_of(path))
    raise IntermodalError("This installation has no lock of the base image.", hint="Name a base image by its digest.")


def download(packages: Sequence[DebianPackage], folder: Path) -> list[Path]:
    """The packages' files, in the order of the lock. IntermodalError says which of them cannot be had."""
    if shutil.which("apt-get") is None:
        raise IntermodalError("Debian's packages need apt-get, which is not here.", hint="Name a base image by digest.")
    logger.info("downloading %d packages of Debian ...", len(packages))
    done = subprocess.run(
        ["apt-get", "-q", "download", *(f"{package.name}={package.version}" for package in packages)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    found = {sha256_of(path): path for path in folder.glob("*.deb")}
    absent = [f"{package.name} {package.version}" for package in packages if package.sha256 not in found]
    if absent:
        raise IntermodalError(
            f"Debian does not have {', '.join(absent)} any more, or not with the pinned hash: {done.stderr[-300:]}",
            hint="Run 'apt-get update' and 'make lock'; images then get another base and a new patch version.",
        )
    return [found[package.sha256] for package in packages]


def assemble(archives: Sequence[Path]) -> Iterator[Entry]:
    """The files of all packages, without documentation but with licences, and what their scripts would have made."""
    certificates = {}
    for archive in archives:
        for entry in entries(archive.read_bytes()):
            if entry.path.startswith(CERTIFICATE_FOLDER) and isinstance(entry.data, bytes):
                certificates[entry.path] = entry.data
            elif not _is_left_out(entry):
                yield entry
    yield file_entry(CERTIFICATES, b"".join(certificates[path].rstrip() + b"\n" for path in sorted(certificates)))
    yield file_entry("etc/passwd", PASSWD)
    yield file_entry("etc/group", GROUP)
    for name in MERGED:
        yield Entry(name, 0o777, link=f"usr/{name}")
        yield Entry(f"usr/{name}", 0o755)
    for name in MOUNT_POINTS:
        yield Entry(name, 0o755)
    yield Entry("tmp", 0o1777)
    yield Entry("etc/localtime", 0o777, link="/usr/share/zoneinfo/Etc/UTC")


def _is_left_out(entry: Entry) -> bool:
    path = f"{entry.path}/"
    if path.startswith(DOCUMENTATION):
        return not path.endswith(f"/{LICENCE}/")
    return path.startswith((*LEFT_OUT, CERTIFICATE_FOLDER))


def _compiled(whole: Iterator[Entry], scratch: Path, interpreter: str) -> Iterator[Entry]:
    """The entries, and the bytecode of the standard library, which Debian's packages make when they are installed."""
    for entry in whole:
        yield entry
        if entry.path.startswith(f"{STANDARD_LIBRARY}/") and entry.path.endswith(".py") and not entry.link:
            path = scratch / entry.path.removeprefix(f"{STANDARD_LIBRARY}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.data if isinstance(entry.data, bytes) else b"")
    logger.info("compiling the standard library ...")
    compile_folder(scratch, STANDARD_LIBRARY, interpreter)
    for entry in folder_entries(scratch, STANDARD_LIBRARY):
        if entry.path.endswith(".pyc"):
            yield entry
