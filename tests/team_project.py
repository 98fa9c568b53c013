"""A project on disk with one model folder, whose fit functions return objects that need the folder's own code."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from intermodal.platform.protocol.signature import Column
from intermodal.platform.training import fit
from intermodal.platform.training.sources import Sources

ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.5, 0.25, -1.0, 0.0]})
FILES: Mapping[str, str] = {
    "__init__.py": '"""Common code of the project."""\n',
    "common.py": "FACTOR = 3\n",
    "defs/wine/train.py": """
import functools
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .helpers import scale
from .parts.base import Base


class Times:
    def __init__(self, k): self.k = k
    def predict(self, X): return X["a"].to_numpy() * self.k

class Kind(Enum):
    DOUBLE = 2

@dataclass(frozen=True)
class Config:
    kind: Kind

class Configured:
    def __init__(self, config): self.config = config
    def predict(self, X): return X["a"].to_numpy() * Kind(self.config.kind).value

class Derived(Base):
    def predict(self, X): return super().predict(X) + self.offset

class Lazy:
    def predict(self, X):
        from .late import negative
        from PROJECT.defs.wine.parts.later import plus_one
        return plus_one(negative(X["a"].to_numpy()))

class Partial:
    def __init__(self): self.call = functools.partial(scale, factor=5)
    def predict(self, X): return self.call(X["a"].to_numpy())

class WithFile:
    def predict(self, X): return X["a"].to_numpy() * float(Path(__file__).with_name("factor.txt").read_text())

class WithPath:
    def __init__(self): self.path = Path(__file__).with_name("factor.txt")
    def predict(self, X): return X["a"].to_numpy() * float(open(self.path).read())

class WithProject:
    def predict(self, X):
        from PROJECT.common import FACTOR
        return X["a"].to_numpy() * FACTOR

def double(X): return X * 2

def chained(function):
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    model = LinearRegression()
    return make_pipeline(FunctionTransformer(function), model)

def closed(factor):
    class Closed:
        def predict(self, X): return scale(X["a"].to_numpy(), factor)
    return Closed()

def own_class(X, y): return Times(2.0)
def function(X, y): return chained(double).fit(X, y)
def a_lambda(X, y): return chained(lambda X: scale(X, 2)).fit(X, y)
def inherited(X, y): return Derived(0.5)
def dataclass_and_enum(X, y): return Configured(Config(Kind.DOUBLE))
def partial(X, y): return Partial()
def lazy_import(X, y): return Lazy()
def closure(X, y): return closed(4)
def data_file(X, y): return WithFile()
def data_path(X, y): return WithPath()
def project_import(X, y): return WithProject()
def plain(X, y):
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(X, y)
""",
    "defs/wine/helpers.py": "def scale(x, factor): return x * factor\n",
    "defs/wine/parts/__init__.py": "",
    "defs/wine/parts/base.py": """
from ..helpers import scale

class Base:
    def __init__(self, offset): self.offset = offset
    def predict(self, X): return scale(X["a"].to_numpy(), 10)
""",
    "defs/wine/parts/later.py": "def plus_one(x): return x + 1\n",
    "defs/wine/late.py": "def negative(x): return -x\n",
    "defs/wine/factor.txt": "7",
    "defs/wine/test_train.py": "raise AssertionError('a test is not imported')\n",
}


@dataclass(frozen=True)
class Project:
    """``name`` is the top-level package, so a test that uses another name has modules of its own."""

    root: Path
    name: str

    def write(self) -> "Project":
        for file, text in FILES.items():
            path = self.root / self.name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("PROJECT", self.name), encoding="utf-8")
        return self

    @property
    def module(self) -> str:
        return f"{self.name}.defs.wine"

    @property
    def sources(self) -> Sources:
        return Sources(self.root / self.name / "defs" / "wine", self.module)

    @contextmanager
    def importable(self) -> Iterator[Any]:
        """The module ``train``. Afterwards the process knows nothing of the project."""
        sys.path.insert(0, str(self.root))
        importlib.invalidate_caches()
        try:
            yield importlib.import_module(f"{self.module}.train")
        finally:
            sys.path.remove(str(self.root))
            for name in [name for name in sys.modules if name.partition(".")[0] == self.name]:
                del sys.modules[name]

    def package(self, train: Any, function: str, folder: Path, model: str = "") -> Path:
        """The package of what a fit function returns, made as training makes it."""
        folder.mkdir(parents=True)
        columns, target = (Column("a", "FP64"), Column("b", "FP64")), 3 * ROWS["a"] - ROWS["b"]
        fitted = fit.fit(getattr(train, function), ROWS, target, {}, columns)
        spec: Any = SimpleNamespace(name=model or function, features=SimpleNamespace(sensitive=()))
        fit.package(spec, fitted, ROWS, ROWS, folder, self.sources)
        return folder


BARE = """
import json, sys, traceback
from pathlib import Path
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.serving.dataplane import open_plane

found, rows = {}, json.load(sys.stdin)
for folder in map(Path, sys.argv[1:]):
    package = Package.read(folder)
    try:
        plane = open_plane(package, folder, "1.0.0")
        body = plane.answer(plane.read_v2(request_body(package.signature, rows), "json")).body
        found[folder.name] = [values[0] for values in predictions(body)]
    except Exception as error:
        found[folder.name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


def in_bare_process(*folders: Path, importable: Path | None = None) -> dict[str, Any]:
    """What a process without the project predicts for ROWS from each package, or the error's text. ``importable`` is on
    its import path."""
    path = [*([str(importable)] if importable else []), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-P", "-c", BARE, *map(str, folders)],
        input=json.dumps(ROWS.to_dict("records")),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
