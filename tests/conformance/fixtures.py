"""Which test class is the fixture of which entry point, found in the source of the tests without importing them.

A fixture is a class that inherits a suite and names its entry point: ``adapter: ClassVar[str] = "aws/sagemaker"``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def fixtures(suite: str, tests: Path = TESTS) -> dict[str, str]:
    """Entry point -> test class (``resources/aws/test_object_store.py::TestS3``) that inherits ``suite``."""
    found = {}
    for path in sorted(tests.rglob("test_*.py")):
        text = path.read_text("utf-8")
        if suite in text:
            for name, adapter in _of_module(ast.parse(text), suite):
                found[adapter] = f"{path.relative_to(tests)}::{name}"
    return found


def _of_module(module: ast.Module, suite: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == suite for b in node.bases):
            for line in node.body:
                if (
                    isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and line.target.id == "adapter"
                    and isinstance(line.value, ast.Constant)
                ):
                    yield node.name, str(line.value.value)
