"""MkDocs' hooks: add the generated pages, and navigation for what files there are.

MkDocs loads this file by its path, so the repository's root is put on the path first.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.utils import get_relative_url  # noqa: E402

from docs.generate import cli, decisions, metrics, ports, runbooks, settings, spec  # noqa: E402

SHIM = "https://unpkg.com/iframe-worker/shim"
"""What Material's offline plugin loads from the network; docs/javascripts/ has the same file."""
CONDITION = re.compile(r"^(?P<line>.*?)\s*<!-- needs: (?P<page>\S+) -->$", re.MULTILINE)
"""A line that stands only when a page of that path exists."""
LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]*)(?:#[^)]*)?\)")
"""A link that goes up: perhaps to a file that is no page."""
PAGES: dict[str, Callable[[], str]] = {
    "reference/spec.md": spec.page,
    "reference/cli.md": cli.page,
    "reference/settings.md": settings.page,
    "reference/metrics.md": metrics.page,
    "reference/ports.md": ports.page,
    "adr/index.md": decisions.page,
    "runbooks/index.md": runbooks.page,
}
COPIED = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
"""Pages of the site that lie in the repository's root, where GitHub looks for them."""


def on_config(config: Any) -> Any:
    """Runbooks, decisions and the glossary come into the navigation by the files that exist."""
    nav: list[Any] = config["nav"]
    concepts = next(entry["Concepts"] for entry in nav if isinstance(entry, dict) and "Concepts" in entry)
    if (ROOT / "docs/glossary.md").exists():
        concepts.append({"Glossary": "glossary.md"})
    project = len(nav) - 1
    nav.insert(project, {"Runbooks": ["runbooks/index.md", *(f"runbooks/{file.name}" for file in runbooks.files())]})
    entries = [{f"{found.number}. {found.title}": f"adr/{found.file}"} for found in decisions.decisions()]
    nav.insert(project + 1, {"Decisions": ["adr/index.md", *entries]})
    return config


def on_files(files: Files, config: Any) -> Files:
    for path, make in PAGES.items():
        if files.get_file_from_path(path) is None:
            files.append(File.generated(config, path, content=make()))
    for path, source in COPIED.items():
        text = (ROOT / source).read_text("utf-8").replace("](docs/", "](")
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:  # noqa: ARG001
    """Lines with ``<!-- needs: path -->`` are left out while there is no such page. A link to a file of the repository
    that is no part of the site becomes its text: on GitHub it works, in the site it would lead nowhere."""
    kept = CONDITION.sub(
        lambda found: found["line"] if files.get_file_from_path(found["page"]) is not None else "", markdown
    )
    folder = (ROOT / "docs" / page.file.src_uri).parent
    return LINK.sub(lambda found: _linked(found, folder), kept)


def _linked(found: re.Match[str], folder: Path) -> str:
    """The link as it is when it stays in docs/; else only its text."""
    reached = (folder / found[2]).resolve()
    return found[0] if reached.is_relative_to(ROOT / "docs") else found[1]


def on_post_page(output: str, page: Any, config: Any) -> str:  # noqa: ARG001
    """The built site loads nothing from the network."""
    return output.replace(SHIM, get_relative_url("javascripts/iframe-worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: Any) -> str:  # noqa: ARG001
    return output_content.replace(SHIM, "/javascripts/iframe-worker.js")
