"""Manifests and mirror plans; the plan is tried on a model of a store."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.mirror_plan import MirrorPlan, MirrorRecord, StoredObject, plan_mirror
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


def damaged(manifest: Manifest, store: dict[str, tuple[FileEntry, str]], todo: MirrorPlan) -> set[str]:
    return {path for path in todo.verify if store[path][0] != manifest.files[path]}


def apply(
    manifest: Manifest, store: dict[str, tuple[FileEntry, str]], todo: MirrorPlan
) -> dict[str, tuple[FileEntry, str]]:
    verified = todo.after_verification(damaged(manifest, store, todo))
    after = {path: content for path, content in store.items() if path not in verified.remove}
    return after | {path: (manifest.files[path], "new") for path in verified.send}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Manifest, dict[str, tuple[FileEntry, str]], MirrorRecord | None]:
    """A wanted manifest, a store, and a record that may be stale but never lies: equal etags are equal bytes."""
    manifest, store = draw(MANIFESTS), draw(OBJECTS)
    if draw(st.booleans()):
        return manifest, store, None
    known = draw(st.dictionaries(PATHS, st.tuples(ENTRIES, st.sampled_from(["", "e3", "e4"]))))
    for path in draw(st.sets(st.sampled_from(sorted(store)))) if store else ():
        known[path] = store[path]
    record = MirrorRecord(Manifest({p: e for p, (e, _) in known.items()}), {p: etag for p, (_, etag) in known.items()})
    return manifest, store, record


@given(worlds())
def test_plan_when_applied_gives_exactly_the_manifest(world) -> None:
    manifest, store, record = world
    todo = plan_mirror(manifest, listed(store), record)
    after = apply(manifest, store, todo)
    assert {path: entry for path, (entry, _) in after.items()} == manifest.files
    record = MirrorRecord(manifest, {path: etag for path, (_, etag) in after.items()})
    again = plan_mirror(manifest, listed(after), record)
    assert (again.send, again.remove) == ((), ())
    assert all(not after[path][1] for path in again.verify)  # only where the store gives no etag
    assert apply(manifest, after, again) == after


@given(worlds())
def test_plan_has_each_path_once(world) -> None:
    manifest, store, record = world
    todo = plan_mirror(manifest, listed(store), record)
    wanted = sorted(todo.copy + todo.repair + todo.verify + todo.keep)
    assert wanted == sorted(manifest.files)
    assert set(todo.remove) == store.keys() - manifest.files.keys()
    for path in todo.keep:
        assert store[path][0] == manifest.files[path]
    verified = todo.after_verification(damaged(manifest, store, todo))
    assert sorted(verified.copy + verified.repair + verified.keep) == wanted
    assert verified.verify == ()


@given(worlds())
def test_plan_never_sends_objects_with_the_right_bytes(world) -> None:
    manifest, store, record = world
    todo = plan_mirror(manifest, listed(store), record)
    right = {path for path, entry in manifest.files.items() if path in store and store[path][0] == entry}
    assert right.isdisjoint(todo.after_verification(damaged(manifest, store, todo)).send)


def test_plan_keeps_the_manifest_object() -> None:
    assert plan_mirror(Manifest(), {MANIFEST: StoredObject(1, "x")}, None) == MirrorPlan()


@given(MANIFESTS)
def test_record_comes_back_from_its_json(manifest: Manifest) -> None:
    record = MirrorRecord(manifest, {path: f"etag-{path}" for path in manifest.files})
    assert MirrorRecord.from_json(record.to_json()) == record
    assert Manifest.from_json(record.to_json()) == manifest
    assert MirrorRecord.from_json(manifest.to_json()) == MirrorRecord(manifest, dict.fromkeys(manifest.files, ""))


@pytest.mark.parametrize("text", ["", "[]", "[1]", "{", '{"a": 1}', '{"a": {}}', '{"a": {"size": 1}}'])
def test_record_from_other_text_raises(text: str) -> None:
    with pytest.raises(ValueError):
        MirrorRecord.from_json(text)


def test_manifest_of_a_folder_has_every_file(tmp_path: Path) -> None:
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
def test_manifest_with_an_unportable_name_is_refused(name: str) -> None:
    with pytest.raises(SpecError):
        Manifest({name: FileEntry(0, "")}).require_portable()


@pytest.mark.parametrize("name", ["a b", "ü/日本", ".hidden", "..x", "a.b", f"deep/{MANIFEST}", "#%?&+", "x" * 800])
def test_manifest_with_a_portable_name_is_accepted(name: str) -> None:
    Manifest({name: FileEntry(0, "")}).require_portable()
