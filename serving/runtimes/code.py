"""The modules that travel in a package. They are imported from its folder ``code``, by the names that its pickle has.

A server can run where a team's working tree is importable. Names below the model's own module therefore come from the
package or from nowhere: what was tried at training is what serves.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any

from intermodal.platform.protocol.package import CODE, Package
from intermodal.serving.errors import StartError


class _Source(SourceFileLoader):
    """A source that was read with its package, whose folder may be gone when a method imports it. Bytecode is neither
    read nor written: the folder stays as it was verified."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, path: str | bytes) -> bytes:
        del path  # a loader has one module
        return self._source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self._source, self.get_filename(fullname))
        return code


class Code:
    """The modules of one package. ``active`` is entered around everything that may import them."""

    def __init__(self, package: Package, folder: Path) -> None:
        self.model, self._prefix, self._folder = package.model, package.modules, folder / CODE
        self._files = dict(self._walk())
        self._sources = {name: path.read_bytes() for name, path in self._files.items()}
        self._packages = {parent for name in self._files for parent in _parents(name)}
        self._roots: tuple[str, ...] = ()
        self._modules: dict[str, ModuleType] = {}
        self._scoped = False

    @classmethod
    def of(cls, package: Package, folder: Path) -> "Code":
        """The package's modules, importable where ``active`` is entered. Packages with equal modules share them, so
        that versions and models of one folder stand side by side."""
        code = cls(package, folder)
        with _LOCK:
            if _FINDER not in sys.meta_path:
                sys.meta_path.insert(0, _FINDER)
            if code._files and code.digest not in _KNOWN:
                code._mount()
                _KNOWN[code.digest] = code
            return _KNOWN.get(code.digest, code)

    def _walk(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self._folder.rglob("*.py")):
            parts = path.relative_to(self._folder).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path

    @cached_property
    def digest(self) -> str:
        lines = [f"{name} {hashlib.sha256(source).hexdigest()}" for name, source in self._sources.items()]
        return hashlib.sha256("\n".join([self._prefix, *lines]).encode()).hexdigest()

    def _mount(self) -> None:
        """Serve these modules for the rest of the process; during each ``active`` only, if the process has others of
        the same names, as a training has when it loads the champion."""
        self._scoped = any(self._is_own(name) for name in sys.modules)
        chain = [*_parents(self._prefix), self._prefix]
        self._roots = tuple(name for name in chain if name not in sys.modules)[:1] or (self._prefix,)
        if not self._scoped:
            _FINDER.mounts.append(self)

    def active(self) -> AbstractContextManager[None]:
        return self._swapped() if self._scoped else nullcontext()

    @contextmanager
    def _swapped(self) -> Iterator[None]:
        """Other threads wait here, and import the package's modules if they import these names meanwhile."""
        with _LOCK:
            before, others = set(sys.modules), self._taken()
            _attach(self._modules)
            _FINDER.mounts.insert(0, self)
            try:
                yield
            finally:
                _FINDER.mounts.remove(self)
                made = {name: sys.modules.pop(name) for name in self._packages - before if name in sys.modules}
                self._modules = self._taken() | made
                _attach(others)

    def _taken(self) -> dict[str, ModuleType]:
        return {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_own(name)}

    def _is_own(self, name: str) -> bool:
        return _is_below(name, [self._prefix]) or name in self._files

    def spec(self, name: str) -> ModuleSpec | None:
        """A package without a file of its own holds modules and is empty."""
        inside = self._folder.joinpath(*name.split("."))
        if (path := self._files.get(name)) is not None:
            inner = [str(inside)] if path.name == "__init__.py" else None
            loader = _Source(name, str(path), self._sources[name])
            return spec_from_file_location(name, path, loader=loader, submodule_search_locations=inner)
        if name not in self._packages:
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(inside)]
        return spec

    def refuses(self, name: str) -> bool:
        return _is_below(name, self._roots)


class _Finder(MetaPathFinder):
    """The first finder of the process, for all of its packages: their names are found in them, or not at all."""

    def __init__(self) -> None:
        self.mounts: list[Code] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        del path, target  # part of the interface
        for mount in self.mounts:
            if (spec := mount.spec(name)) is not None:
                return spec
        for mount in self.mounts:
            if mount.refuses(name):
                raise ModuleNotFoundError(f"No module named {name!r} in the package of {mount.model}", name=name)
        return None


_LOCK, _FINDER = RLock(), _Finder()
_KNOWN: dict[str, Code] = {}
"""The modules of the process, by digest."""


def _parents(name: str) -> Sequence[str]:
    """``a``, ``a.b`` of ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _is_below(name: str, roots: Sequence[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def _attach(modules: Mapping[str, ModuleType]) -> None:
    """Put modules back, each also as an attribute of its parent, where ``from parent import module`` looks first."""
    sys.modules.update(modules)
    for name, module in modules.items():
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], last, module)


def missing(error: BaseException) -> StartError | None:
    """A sentence for what a model's code looks for and did not bring along. None for any other error."""
    if isinstance(error, ModuleNotFoundError):
        return StartError(
            f"The model imports {error.name}, which is neither in its package nor in this image.",
            hint="The Python files of the model's own folder are in the package: move that code there, or import it "
            "where only training does. Packages of an index belong in requirements.txt beside the spec.",
        )
    if isinstance(error, FileNotFoundError):
        return StartError(
            f"The model reads the file {error.filename}, which the server does not have.",
            hint="Data files do not travel: read it in the fit function, and keep what it says in the fitted object.",
        )
    return None
