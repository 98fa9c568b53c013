"""What every ModelRegistry promises. An adapter's test inherits it, with fixtures ``registry`` and ``start_run``, and
says how a version, a model's entry, a run and a manifest get lost in it."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intermodal.platform.errors import IntermodalError, Lost, NotFound, NumberTaken
from intermodal.platform.ports import ModelRegistry
from intermodal.platform.ports.registry import Candidate, Fingerprint, Identity, RegisteredVersion, TrainingRecord
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.parity import holds
from intermodal.platform.registry.registration import register_next
from intermodal.platform.registry.versioning import SemanticVersion
from tests import tiny_package

LOG = logging.getLogger(__name__)
StartRun = Callable[[], str]


class ModelRegistryConformance:
    """Versions are registered once, the champion is one of them, and a package is read as it was recorded."""

    def delete_version(self, registry: ModelRegistry, version: RegisteredVersion) -> None:
        raise NotImplementedError

    def delete_model(self, registry: ModelRegistry, model: str) -> None:
        """With all of its versions."""
        raise NotImplementedError

    def lose_run(self, registry: ModelRegistry, candidate: Candidate) -> None:
        """For good, with its artifacts, as ``mlflow gc`` does."""
        raise NotImplementedError

    def damage_manifest(self, registry: ModelRegistry, candidate: Candidate) -> None:
        raise NotImplementedError

    def lose_artifact(self, registry: ModelRegistry, candidate: Candidate, path: str) -> None:
        """One file of the package."""
        raise NotImplementedError

    @pytest.fixture
    def candidate(self, registry: ModelRegistry, start_run: StartRun, tmp_path: Path) -> Candidate:
        return self.recorded(registry, start_run, tmp_path / "one")

    def recorded(self, registry: ModelRegistry, start_run: StartRun, folder: Path, code: str = "c") -> Candidate:
        folder.mkdir()
        tiny_package.build(folder)
        package = Package.read(folder)
        record = TrainingRecord(
            model=package.model,
            run_id=start_run(),
            task=package.task,
            signature=package.signature,
            fingerprint=Fingerprint("s", "d", code, "p", "e"),
            partitions={"2013-01-01": "ab", "2013-02-01": "cd"},
            holdout="2013-03-01",
            parameters={"depth": 3, "rate": 0.5},
            metrics={"roc_auc": 0.7, "baseline_roc_auc": 0.6},
            environment={"python": "3.11.7"},
            code=code,
        )
        return registry.record(folder, record)

    def test_attach_page_again_replaces_it(self, registry: ModelRegistry, candidate: Candidate) -> None:
        version = registry.register(candidate, "1.0.0")
        first, second = (registry.attach(version, "drift/today.html", data) for data in (b"one", b"two"))
        assert first == second
        assert "drift/today.html" in first

    def test_candidate_of_an_untrained_model_is_not_found(self, registry: ModelRegistry) -> None:
        with pytest.raises(NotFound):
            registry.candidate("unheard_of")
        assert registry.champion("unheard_of") is None
        assert list(registry.versions("unheard_of")) == []

    def test_candidate_is_read_as_recorded(self, registry: ModelRegistry, candidate: Candidate) -> None:
        assert registry.candidate(candidate.model) == candidate

    def test_candidate_of_several_is_the_newest(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        newer = self.recorded(registry, start_run, tmp_path / "two", code="other")
        assert registry.candidate(candidate.model) == newer

    def test_download_package_is_complete(self, registry: ModelRegistry, candidate: Candidate, tmp_path: Path) -> None:
        folder = registry.download(candidate, tmp_path / "down")
        assert candidate.manifest == type(candidate.manifest).of(folder)
        assert registry.read(candidate, "golden.json") == (folder / "golden.json").read_bytes()

    def test_signature_is_downloaded_and_leaves_the_digest(
        self, registry: ModelRegistry, candidate: Candidate, tmp_path: Path
    ) -> None:
        version = registry.register(candidate, "1.0.0")
        for signature in (b"first", b"second"):
            signed = registry.add_signature(candidate, signature)
            assert signed.manifest.digest == candidate.manifest.digest
            assert signed.manifest == candidate.manifest.signed(signature)
            assert registry.candidate(candidate.model) == signed
            assert registry.read(signed, SIGNATURE) == signature
        assert registry.register(signed, "1.0.1").version == version.version
        (known,) = registry.versions(candidate.model)
        assert known.candidate.manifest == signed.manifest
        assert Manifest.of(registry.download(known.candidate, tmp_path / "downloaded")) == signed.manifest

    def test_register_twice_gives_one_version(self, registry: ModelRegistry, candidate: Candidate) -> None:
        first = registry.register(candidate, "1.0.0")
        assert registry.register(candidate, "1.0.1") == first
        assert [known.version for known in registry.versions(candidate.model)] == ["1.0.0"]
        assert registry.champion(candidate.model) is None

    def test_versions_are_in_order_of_numbers(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        registry.register(candidate, "1.9.0")
        other = self.recorded(registry, start_run, tmp_path / "two")
        registry.register(other, "1.10.0")
        assert [known.version for known in registry.versions(candidate.model)] == ["1.9.0", "1.10.0"]

    def test_promote_another_version_replaces_the_champion(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        first = registry.register(candidate, "1.0.0")
        registry.promote(first)
        assert registry.champion(candidate.model) == first
        second = registry.register(self.recorded(registry, start_run, tmp_path / "two"), "1.0.1")
        registry.promote(second)
        assert registry.champion(candidate.model) == second

    def test_champions_are_the_promoted_version_of_each_model(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        assert registry.champions() == {}
        first = registry.register(candidate, "1.0.0")
        second = registry.register(self.recorded(registry, start_run, tmp_path / "two"), "1.1.0")
        other = self.recorded(registry, start_run, tmp_path / "three")
        unpromoted = replace(other, record=replace(other.record, model="waiting"))
        registry.register(unpromoted, "3.0.0")
        assert registry.champions() == {}
        registry.promote(second)
        digest = candidate.manifest.digest
        assert registry.champions() == {candidate.model: Identity("1.1.0", second.candidate.manifest.digest)}
        registry.promote(first)  # back to one that is not the newest
        assert registry.champions() == {candidate.model: Identity("1.0.0", digest)}

    def test_predictor_predicts_the_golden_rows(self, registry: ModelRegistry, candidate: Candidate) -> None:
        golden = json.loads(registry.read(candidate, "golden.json"))
        predictions = registry.predictor(candidate)(pd.DataFrame(golden["rows"]))
        assert holds(golden["predictions"], predictions.reshape(len(golden["rows"]), -1).tolist())

    @pytest.mark.parametrize("wrong", [{"hour": None}, {"hour": 1.5}, {"distance": "far"}])
    def test_predictor_that_refuses_rows_is_an_error_of_ours(
        self, registry: ModelRegistry, candidate: Candidate, wrong: dict[str, object]
    ) -> None:
        rows = pd.DataFrame(json.loads(registry.read(candidate, "golden.json"))["rows"]).assign(**wrong)
        with pytest.raises(IntermodalError):
            registry.predictor(candidate)(rows)

    def test_read_record_without_its_run_is_not_found(self, registry: ModelRegistry, candidate: Candidate) -> None:
        unknown = replace(candidate, record=replace(candidate.record, run_id="0" * 32))
        with pytest.raises(NotFound):
            registry.read(unknown, "golden.json")

    def test_register_number_that_was_given_is_refused(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        registry.register(candidate, "1.1.0")
        other = self.recorded(registry, start_run, tmp_path / "two")
        for number in ("1.1.0", "1.0.7"):
            with pytest.raises(NumberTaken, match=r"1\.1\.0"):
                registry.register(other, number)
        assert [known.version for known in registry.versions(candidate.model)] == ["1.1.0"]

    @pytest.mark.parametrize("deleted", ["version", "version and run", "model and run"])
    def test_number_is_not_given_again_after_deletion(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path, deleted: str
    ) -> None:
        registry.register(candidate, "1.0.0")
        newest = self.recorded(registry, start_run, tmp_path / "two", code="new")
        version = registry.register(newest, "1.1.0")
        if "version" in deleted:
            self.delete_version(registry, version)
        if "model" in deleted:
            self.delete_model(registry, candidate.model)
        if "run" in deleted:
            self.lose_run(registry, newest)
        again = self.recorded(registry, start_run, tmp_path / "three", code="newer")
        with pytest.raises(NumberTaken):
            registry.register(again, "1.1.0")
        found = register_next(registry, again, [], LOG)
        assert SemanticVersion.parse(found.version.version) > SemanticVersion.parse("1.1.0")
        assert registry.history(candidate.model).newest == found.version.version
        assert "1.1.0" in found.why

    def test_registrations_at_once_get_different_numbers(
        self, registry: ModelRegistry, start_run: StartRun, tmp_path: Path
    ) -> None:
        candidates = [self.recorded(registry, start_run, tmp_path / str(n), code=str(n)) for n in range(3)]
        with ThreadPoolExecutor(len(candidates)) as pool:
            found = list(pool.map(lambda candidate: register_next(registry, candidate, [], LOG), candidates))
        numbers = {registration.version.version for registration in found}
        assert len(numbers) == len(candidates)
        history = registry.history(candidates[0].model)
        assert {known.version for known in history.versions} == numbers
        assert history.newest == history.versions[-1].version

    def test_lost_run_of_an_old_version_is_named(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        registry.register(candidate, "1.0.0")
        second = self.recorded(registry, start_run, tmp_path / "two")
        registry.promote(registry.register(second, "1.1.0"))
        self.lose_run(registry, candidate)
        history = registry.history(candidate.model)
        assert [known.version for known in history.versions] == ["1.1.0"]
        assert [(lost.version, lost.run_id) for lost in history.lost] == [("1.0.0", candidate.record.run_id)]
        third = register_next(registry, self.recorded(registry, start_run, tmp_path / "three"), [], LOG)
        assert third.version.version == "1.1.1"
        assert len(third.lost) == 1
        assert all(text in third.lost[0] for text in ("1.0.0", candidate.record.run_id))
        assert registry.champion(candidate.model) is not None

    def test_damaged_manifest_is_a_lost_version(self, registry: ModelRegistry, candidate: Candidate) -> None:
        registry.register(candidate, "1.0.0")
        self.damage_manifest(registry, candidate)
        (lost,) = registry.history(candidate.model).lost
        assert lost.version == "1.0.0"
        assert "damaged" in lost.reason

    def test_lost_champion_names_run_and_way_out(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        registry.register(candidate, "1.0.0")
        second = self.recorded(registry, start_run, tmp_path / "two")
        registry.promote(registry.register(second, "1.1.0"))
        self.lose_run(registry, second)
        with pytest.raises(Lost) as caught:
            registry.champion(candidate.model)
        text = str(caught.value)
        assert all(
            part in text for part in ("1.1.0", second.record.run_id, "version 1.0.0", f"train_{candidate.model}")
        )
        assert registry.champions() == {candidate.model: Identity("1.1.0", second.manifest.digest)}
        registry.promote(registry.versions(candidate.model)[0])  # the way out
        champion = registry.champion(candidate.model)
        assert champion is not None
        assert champion.version == "1.0.0"

    def test_missing_artifact_of_a_package_is_lost(
        self, registry: ModelRegistry, candidate: Candidate, tmp_path: Path
    ) -> None:
        self.lose_artifact(registry, candidate, "golden.json")
        with pytest.raises(Lost, match=candidate.record.run_id):
            registry.download(candidate, tmp_path / "down")
        with pytest.raises(IntermodalError, match=candidate.record.run_id):
            registry.predictor(candidate)
        with pytest.raises(Lost, match=candidate.record.run_id):
            registry.read(candidate, "golden.json")
