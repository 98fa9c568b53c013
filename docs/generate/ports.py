"""The reference of the ports, from the source of platform/ports/: nothing is imported."""

import ast
from collections.abc import Iterator

from docs.generate.markdown import GENERATED, ROOT, fence, from_docstring

FOLDER = ROOT / "platform/ports"


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(FOLDER.glob("*.py")):
        if file.stem != "__init__":
            yield file.stem, ast.parse(file.read_text("utf-8"))


def page() -> str:
    parts = [
        GENERATED.format(name="ports"),
        "# Ports\n",
        "A port is a `typing.Protocol` that assets, sensors and procedures ask for; an adapter in `resources/` "
        "fulfils it. Requests and results are frozen dataclasses. Every port has a conformance suite in "
        "`tests/conformance/`, which each adapter runs. Errors are the classes of `platform/errors.py`; each has "
        "a `hint`.\n",
    ]
    for name, module in modules():
        parts.append(f"## platform.ports.{name}\n")
        parts.append(from_docstring(ast.get_docstring(module) or "") + "\n")
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                parts += _class(node)
    return "\n".join(parts)


def _class(node: ast.ClassDef) -> Iterator[str]:
    protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    yield f"### {node.name}" + (" (port)" if protocol else "") + "\n"
    if text := ast.get_docstring(node):
        yield from_docstring(text) + "\n"
    fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
    if fields:
        yield fence("\n".join(fields), "python")
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            yield _method(item)


def _method(node: ast.FunctionDef) -> str:
    names = {ast.unparse(decorator) for decorator in node.decorator_list}
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("self").removeprefix("cls, ")
    returns = ast.unparse(node.returns) if node.returns else "None"
    signature = f"{node.name}: {returns}" if "property" in names else f"{node.name}({arguments}) -> {returns}"
    text = from_docstring(ast.get_docstring(node) or "")
    return fence(signature, "python") + (f"\n{text}\n" if text else "")
