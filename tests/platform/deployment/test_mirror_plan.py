"""Manifests and mirror plans; the plan is tried on a model of a store."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.mirror_plan import Plan, Record, StoredObject, plan
from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest, sha256_of

# A store in the model is path → content; a content is (size, sha256, etag). Few values, so that they often collide.
PATHS = st.sampled_from(["a", "b", "c/d", "e f"])
SHAS = st.sampled_from(["s1", "s2"])
ENTRIES = st.builds(FileEntry, st.integers(1, 2), SHAS)
MANIFESTS = st.builds(Manifest, st.dictionaries(PATHS, ENTRIES))
OBJECTS = st.dictionaries(PATHS | st.just("stray"), st.tuples(ENTRIES, st.sampled_from(["", "e1", "e2"])))


def listed(store: dict[str, tuple[FileEntry, str]]) -> dict[str, StoredObject]:
    return {path: StoredObject(entry.size, etag) for path, (entry, etag) in store.items()}


def damaged(manifest: Manifest, store: dict[str, tuple[FileEntry, str]], todo: Plan) -> set[str]:
    return {path for path in todo.verify if store[path][0] != manifest.files[path]}


def apply(manifest: Manifest, store: dict[str, tuple[FileEntry, str]], todo: Plan) -> dict[str, tuple[FileEntry, str]]:
    resolved = todo.resolve(damaged(manifest, store, todo))
    after = {path: content for path, content in store.items() if path not in resolved.remove}
    return after | {path: (manifest.files[path], "new") for path in resolved.send}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Manifest, dict[str, tuple[FileEntry, str]], Record | None]:
    """A wanted manifest, a store, and a record that may be stale but never lies: equal etags are equal bytes."""
    manifest, store = draw(MANIFESTS), draw(OBJECTS)
    if draw(st.booleans()):
        return manifest, store, None
    known = draw(st.dictionaries(PATHS, st.tuples(ENTRIES, st.sampled_from(["", "e3", "e4"]))))
    for path in draw(st.sets(st.sampled_from(sorted(store)))) if store else ():
        known[path] = store[path]
    record = Record(Manifest({p: e for p, (e, _) in known.items()}), {p: etag for p, (_, etag) in known.items()})
    return manifest, store, record


@given(worlds())
def test_the_applied_plan_gives_exactly_the_manifest(world) -> None:
    manifest, store, record = world
    todo = plan(manifest, listed(store), record)
    after = apply(manifest, store, todo)
    assert {path: entry for path, (entry, _) in after.items()} == manifest.files
    record = Record(manifest, {path: etag for path, (_, etag) in after.items()})
    again = plan(manifest, listed(after), record)
    assert (again.send, again.remove) == ((), ())
    assert all(not after[path][1] for path in again.verify)  # only where the store gives no etag
    assert apply(manifest, after, again) == after


@given(worlds())
def test_every_path_has_one_fate(world) -> None:
    manifest, store, record = world
    todo = plan(manifest, listed(store), record)
    wanted = sorted(todo.copy + todo.repair + todo.verify + todo.keep)
    assert wanted == sorted(manifest.files)
    assert set(todo.remove) == store.keys() - manifest.files.keys()
    for path in todo.keep:
        assert store[path][0] == manifest.files[path]
    resolved = todo.resolve(damaged(manifest, store, todo))
    assert sorted(resolved.copy + resolved.repair + resolved.keep) == wanted
    assert resolved.verify == ()


@given(worlds())
def test_what_is_there_with_the_right_bytes_is_never_sent(world) -> None:
    manifest, store, record = world
    todo = plan(manifest, listed(store), record)
    right = {path for path, entry in manifest.files.items() if path in store and store[path][0] == entry}
    assert right.isdisjoint(todo.resolve(damaged(manifest, store, todo)).send)


def test_the_manifest_object_is_no_stray() -> None:
    assert plan(Manifest(), {MANIFEST: StoredObject(1, "x")}, None) == Plan()


@given(MANIFESTS)
def test_a_record_comes_back(manifest: Manifest) -> None:
    record = Record(manifest, {path: f"etag-{path}" for path in manifest.files})
    assert Record.from_json(record.to_json()) == record
    assert Manifest.from_json(record.to_json()) == manifest
    assert Record.from_json(manifest.to_json()) == Record(manifest, dict.fromkeys(manifest.files, ""))


@pytest.mark.parametrize("text", ["", "[]", "[1]", "{", '{"a": 1}', '{"a": {}}', '{"a": {"size": 1}}'])
def test_what_is_not_a_record(text: str) -> None:
    with pytest.raises(ValueError):
        Record.from_json(text)


def test_a_manifest_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a b").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    manifest = Manifest.of(tmp_path)
    assert manifest.files["deep/er/a b"] == FileEntry(3, sha256_of(tmp_path / "deep/er/a b"))
    assert manifest.files["empty"].sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert manifest.size == 3
    before = manifest.digest
    (tmp_path / "empty").rename(tmp_path / "other")
    assert Manifest.of(tmp_path).digest != before


@pytest.mark.parametrize(
    "name", ["a\\b", "a/./b", "../a", "a//b", "/a", "a/", "a.", "a./b", "\x00", "é" * 401, MANIFEST]
)
def test_a_name_that_some_cloud_cannot_hold(name: str) -> None:
    with pytest.raises(SpecError):
        Manifest({name: FileEntry(0, "")}).require_portable()


@pytest.mark.parametrize("name", ["a b", "ü/日本", ".hidden", "..x", "a.b", f"deep/{MANIFEST}", "#%?&+", "x" * 800])
def test_a_name_that_every_cloud_can_hold(name: str) -> None:
    Manifest({name: FileEntry(0, "")}).require_portable()
