"""The site builds without a warning, and reading it needs no network."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.generate.markdown import ROOT

pytestmark = pytest.mark.skipif(find_spec("material") is None, reason="the extra docs is not installed")
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=[\"']?(https?:)?//[^>]*>")
LINKS_ONLY = ('rel="canonical"', "rel=canonical")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_site_build_strict_has_every_generated_page(site: Path) -> None:
    for page in ("spec", "cli", "settings", "metrics", "ports"):
        assert (site / f"reference/{page}.html").exists()
    for page in ("adr/index", "runbooks/index", "changelog", "contributing", "security"):
        assert (site / f"{page}.html").exists()


def test_site_pages_load_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    found = {tag.group(0) for page in pages for tag in LOADED.finditer(page.read_text("utf-8"))}
    assert {tag for tag in found if not any(mark in tag for mark in LINKS_ONLY)} == set()
