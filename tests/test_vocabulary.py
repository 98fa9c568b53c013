"""The vocabulary of docs/glossary.md: no file has a retired word, and no code gives a retired name.

``python -m tests.test_vocabulary`` prints the count of each folder, and with a folder's name each line.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = ("docs/adr", "docs/glossary.md", "tests/test_vocabulary.py")
"""ADRs are dated and stay as they were written; the others list the retired words."""
PENDING = {
    "resources/envoy/control/state.py": {"lanes"},  # a field of release 0.1
    "tests/resources/envoy/control/test_state.py": {"lanes"},
}
"""Words that a file still has. A file that is clean is taken out."""
RETIRED = frozenset(
    {"lane", "lanes", "place", "places", "away", "told", "telling", "shown", "asked", "ears"}
    | {"settle", "settles", "settled", "settling", "rests", "rested", "resting"}
)
PRONOUNS = frozenset({"nobody", "somebody", "everybody", "whoever"})
"""Retired outside tests, in which some of them are made-up names: a sentence says which person or program."""
RETIRED_NAMES = frozenset({"one", "at", "who", "said", "tell", "rest", "ask"})
"""Pronouns and verbs of speech: fine in a sentence, retired as names in Python."""
IDIOMS = re.compile(r"\b(in|takes?|took) place\b", re.IGNORECASE)
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def retired_words(text: str, retired: frozenset[str] = RETIRED) -> list[str]:
    """Retired words in prose and in identifiers: ``lane_of`` and ``LaneKey`` have one, ``placement`` has none."""
    return [word for found in WORD.findall(IDIOMS.sub("", text)) if (word := found.lower()) in retired]


def retired_names(source: str) -> list[str]:
    """Names that Python code gives: arguments, variables, attributes, functions and classes."""
    given = list[str]()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                given.append(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                given.append(name)
    return [name for name in given if name in RETIRED_NAMES]


def tracked() -> Iterator[str]:
    """Paths of the Python, Markdown and YAML files that git knows."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "*.py", "*.md", "*.yaml"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for path in filter(None, listed.split("\0")):
        if not _below(path, ALLOWED) and (ROOT / path).is_file():
            yield path


def lines_with_retired_words(path: str) -> list[str]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    pending = PENDING.get(path, set())
    retired = RETIRED if path.startswith("tests/") else RETIRED | PRONOUNS
    return [
        f"{path}:{number}: {', '.join(sorted(words))}"
        for number, line in enumerate(lines, 1)
        if (words := set(retired_words(line, retired)) - pending)
    ]


def names_in(path: str) -> list[str]:
    """Retired names that a Python file gives, each once."""
    if not path.endswith(".py"):
        return []
    given = set(retired_names((ROOT / path).read_text(encoding="utf-8")))
    return sorted(given)


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def test_files_have_no_retired_words() -> None:
    found = [line for path in tracked() for line in lines_with_retired_words(path)]
    assert not found, "\n".join(["Retired words (docs/glossary.md):", *found])


def test_code_gives_no_retired_names() -> None:
    found = [f"{path}: {', '.join(names)}" for path in tracked() if (names := names_in(path))]
    assert not found, "\n".join(["Retired names (docs/glossary.md):", *found])


@pytest.mark.parametrize("path", PENDING)
def test_pending_words_are_still_there(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert PENDING[path] <= set(retired_words(text, RETIRED | PRONOUNS)), f"{path} is clean: take it out of PENDING"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lane_of(x) and LaneKey, LANES", ["lane", "lane", "lanes"]),
        ("a placement in place, displaced", []),
        ("the first place", ["place"]),
        ("the rest of it; ears, years", ["ears"]),
        ("people.told('x'), was asked", ["told", "asked"]),
    ],
)
def test_retired_words_are_found_in_prose_and_identifiers(text: str, words: list[str]) -> None:
    assert retired_words(text) == words


def test_retired_names_are_those_that_code_gives() -> None:
    source = "def tell(one, at=1):\n    who = one\n    return [said for said in who], 'one of two'\n"
    assert sorted(retired_names(source)) == ["at", "one", "said", "tell", "who"]


def test_glossary_links_to_what_there_is() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    anchors |= set(re.findall(r'<a id="([^"]+)">', text))
    for link in re.findall(r"\]\(([^)]+)\)", text):
        known = link[1:] in anchors if link.startswith("#") else (ROOT / "docs" / link).is_file()
        assert known, f"docs/glossary.md links to {link}, which is not there"
    for name, path in re.findall(r"`(\w+)`\s+in\s+\[`([^`]+)`\]", text):
        assert re.search(rf"^class {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), (name, path)
    for path, name in re.findall(r"Defined\s+in\s+\[`([^`]+)`\]\([^)]*\) as `(\w+)`", text):
        assert re.search(rf"^class {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), (name, path)


def report(folder: str = "") -> None:
    """Print a line for each folder with retired words and names; for a given folder each line with a word."""
    words, names = Counter[str](), Counter[str]()
    for path in tracked():
        name = str(Path(path).parent)
        found = lines_with_retired_words(path)
        words[name] += len(found)
        names[name] += len(retired_names((ROOT / path).read_text(encoding="utf-8"))) if path.endswith(".py") else 0
        if folder and _below(path, (folder,)):
            print("\n".join(found), end="\n" if found else "")  # noqa: T201
    if not folder:
        print(f"{'lines':>6} {'names':>6}")  # noqa: T201
        for name in sorted(words, key=lambda name: (-words[name], name)):
            print(f"{words[name]:6} {names[name]:6} {name}")  # noqa: T201


if __name__ == "__main__":
    report(*sys.argv[1:2])
