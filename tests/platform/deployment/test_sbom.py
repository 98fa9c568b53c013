"""SBOMs by the schema of CycloneDX 1.6, and what is read from locks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from intermodal.platform.deployment import sbom
from intermodal.platform.deployment.sbom import Component, debian, locked, python
from intermodal.resources.image_build.debian import shipped_base
from intermodal.resources.python_packages import shipped_locks

SCHEMAS = Path(__file__).parent / "cyclonedx"
"""CycloneDX's own schemas (Apache 2.0), without descriptions."""
IMAGE = "sha256:" + "c" * 64
TOOL = python("intermodal", "1.0")


def problems(document: bytes) -> list[str]:
    found = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in found.values()]
    validator = Draft7Validator(found["bom-1.6"], registry=Registry().with_resources(resources))
    return [error.message for error in validator.iter_errors(json.loads(document))]


def of(parts: list[Component], digest: str = IMAGE) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sbom.sbom("m", "1.0.0", digest, TOOL, parts).data)
    return found


def test_sbom_of_shipped_locks_is_valid_cyclonedx() -> None:
    parts = [*shipped_base().components, *locked(shipped_locks()["sklearn"].read_text()), TOOL]
    made = sbom.sbom("m", "1.0.0", IMAGE, TOOL, [*parts, Component("m", "1.0.0", kind="machine-learning-model")])
    assert problems(made.data) == []
    found = {part["bom-ref"]: part for part in json.loads(made.data)["components"]}
    assert len(found) == len(parts) + 1
    assert found[next(ref for ref in found if ref.startswith("pkg:deb/debian/libc6@"))]["hashes"][0]["alg"] == "SHA-256"
    (learn,) = [part for part in found.values() if part["name"] == "scikit-learn"]
    assert len(learn["externalReferences"][0]["hashes"]) > 1


def test_problems_of_a_wrong_sbom_are_found() -> None:
    document = json.loads(sbom.sbom("m", "1.0.0", IMAGE, TOOL, [Component("x", "1", kind="no such kind")]).data)
    assert problems(json.dumps(document).encode())


def test_sbom_of_same_image_has_the_same_bytes() -> None:
    first, again = (sbom.sbom("m", "1.0.0", IMAGE, TOOL, [TOOL]) for _ in range(2))
    assert first == again
    assert of([TOOL])["serialNumber"] != of([TOOL], "sha256:" + "d" * 64)["serialNumber"]
    assert "timestamp" not in of([TOOL])["metadata"]


def test_sbom_part_that_occurs_twice_is_listed_once() -> None:
    assert len(of([TOOL, TOOL, debian("libc6", "1:2+b1", "a" * 64)])["components"]) == 2


def test_debian_epoch_is_quoted_in_the_purl() -> None:
    assert debian("libcrypt1", "1:4.4+b1", "a" * 64).purl == "pkg:deb/debian/libcrypt1@1%3A4.4%2Bb1?arch=amd64"


@pytest.mark.parametrize("text", ["", "# a comment\n", "--index-url x\n"])
def test_locked_without_packages_is_empty(text: str) -> None:
    assert locked(text) == []


names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}", fullmatch=True)
hashes = st.lists(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=3, unique=True)


@given(st.dictionaries(names.map(str.lower), hashes, max_size=5))
def test_locked_gives_each_package_its_own_hashes(packages: dict[str, list[str]]) -> None:
    text = "".join(
        f"{name}==1.0" + "".join(f" \\\n    --hash=sha256:{each}" for each in files) + "\n    # via x\n"
        for name, files in packages.items()
    )
    assert {part.name: list(part.files) for part in locked(text)} == {n: sorted(f) for n, f in packages.items()}
