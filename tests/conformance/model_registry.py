"""What every ModelRegistry promises. An adapter's test inherits it, with fixtures ``registry`` and ``start_run``."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports import ModelRegistry
from intermodal.platform.ports.registry import Candidate, Fingerprint, TrainingRecord
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.parity import holds
from tests import tiny_package

StartRun = Callable[[], str]


class ModelRegistryConformance:
    """Versions are registered once, the champion is one of them, and a package is read as it was recorded."""

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

    def test_register_twice_gives_one_version(self, registry: ModelRegistry, candidate: Candidate) -> None:
        first = registry.register(candidate, "1.0.0")
        assert registry.register(candidate, "1.0.1") == first
        assert [known.version for known in registry.versions(candidate.model)] == ["1.0.0"]
        assert registry.champion(candidate.model) is None

    def test_versions_are_in_order_of_numbers(
        self, registry: ModelRegistry, start_run: StartRun, candidate: Candidate, tmp_path: Path
    ) -> None:
        registry.register(candidate, "1.10.0")
        other = self.recorded(registry, start_run, tmp_path / "two")
        registry.register(other, "1.9.0")
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
        assert registry.champions() == {candidate.model: "1.1.0"}
        registry.promote(first)  # back to one that is not the newest
        assert registry.champions() == {candidate.model: "1.0.0"}

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
