"""The registry on MLflow. Candidates are runs with a package; versions are model versions with a semantic tag."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from intermodal.platform.errors import IntermodalError, Lost, NotFound, NumberTaken, SpecError, Unavailable
from intermodal.platform.ports.registry import (
    Candidate,
    History,
    Identity,
    LostVersion,
    RegisteredVersion,
    TrainingRecord,
)
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.signing import verify_folder
from intermodal.platform.registry.versioning import SemanticVersion
from intermodal.resources.mlflow.losses import lost_champion, reading, require_whole
from intermodal.resources.mlflow.numbers import newest_number, remember
from intermodal.resources.mlflow.package import write_mlmodel
from intermodal.resources.signing import trusted_keys
from intermodal.resources.storage.addresses import without_passwords

PACKAGE, RECORD, MANIFEST = "package", "record.json", "manifest.json"
CHAMPION = "champion"
MODEL_TAG, VERSION_TAG, DIGEST_TAG = "intermodal.model", "intermodal.version", "intermodal.digest"


class MlflowRegistry(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``tracking_uri`` is the MLflow server's address."""

    tracking_uri: str

    def record(self, folder: Path, record: TrainingRecord) -> Candidate:
        """Log parameters, metrics, the package and the record. The record is last: a run with one is complete."""
        write_mlmodel(folder, record)
        manifest = Manifest.of(folder)
        with self._client() as client:
            for name, value in record.parameters.items():
                client.log_param(record.run_id, name, value)
            for name, figure in record.metrics.items():
                client.log_metric(record.run_id, name, figure)
            client.log_artifacts(record.run_id, str(folder), PACKAGE)
            client.log_text(record.run_id, manifest.to_json(), MANIFEST)
            client.log_text(record.run_id, record.to_json(), RECORD)
            client.set_tag(record.run_id, DIGEST_TAG, manifest.digest)
            client.set_tag(record.run_id, MODEL_TAG, record.model)
            client.set_terminated(record.run_id)
        return Candidate(record, f"runs:/{record.run_id}/{PACKAGE}", manifest)

    def add_signature(self, candidate: Candidate, signature: bytes) -> Candidate:
        """The manifest is last, so that after a kill the signature is not in it, and is written again."""
        run_id, manifest = candidate.record.run_id, candidate.manifest.signed(signature)
        with self._client() as client, TemporaryDirectory() as folder:
            (Path(folder) / SIGNATURE).write_bytes(signature)
            client.log_artifact(run_id, str(Path(folder) / SIGNATURE), PACKAGE)
            client.log_text(run_id, manifest.to_json(), MANIFEST)
        return replace(candidate, manifest=manifest)

    def candidate(self, model: str) -> Candidate:
        with self._client() as client:
            experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            runs = client.search_runs(
                experiments,
                filter_string=f"tags.`{MODEL_TAG}` = '{model}'",
                order_by=["attributes.start_time DESC"],
                max_results=1,
            )
        if not runs:
            raise NotFound(f"'{model}' was never trained.", hint=f"Run the job train_{model}.")
        return self._load(runs[0].info.run_id)

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        return self.history(model).versions

    def history(self, model: str) -> History:
        with self._client() as client:
            entries = _numbered(client, model)
            newest = newest_number(client, model, entries)
        known, lost = list[RegisteredVersion](), list[LostVersion]()
        for entry in entries.values():
            try:
                known.append(self._version(entry))
            except Lost as error:
                lost.append(_lost(entry, error))
        return History(known, lost, newest)

    def champion(self, model: str) -> RegisteredVersion | None:
        with self._client() as client:
            entry = _absent_is_none(lambda: client.get_model_version_by_alias(model, CHAMPION))
        if entry is None:
            return None
        try:
            return self._version(entry)
        except Lost as error:
            raise lost_champion(model, _lost(entry, error), self.history(model)) from error

    def champions(self) -> Mapping[str, Identity]:
        """A call for each 1,000 models, which has the version of every model whose champion is its newest, and one
        for each 100 other models. A champion without a semantic version is foreign, and is left out."""
        numbers, found = dict[str, str](), dict[str, Identity]()
        with self._client() as client:
            for model in _pages(partial(client.search_registered_models, max_results=1000)):
                if CHAMPION in model.aliases:
                    numbers[model.name] = str(model.aliases[CHAMPION])
                    _add_champions(found, numbers, model.latest_versions or ())
            # A name with a quote is foreign, and MLflow's filter cannot express it.
            others = sorted(name for name in numbers.keys() - found.keys() if "'" not in name)
            for start in range(0, len(others), 100):
                names = ", ".join(f"'{name}'" for name in others[start : start + 100])
                entries = _pages(partial(client.search_model_versions, f"name IN ({names})"))
                _add_champions(found, numbers, entries)
        return found

    def register(self, candidate: Candidate, version: str) -> RegisteredVersion:
        """MLflow counts a model's entries itself, so of two entries with one version the one with the lower count was
        first. The other is deleted."""
        model, run_id = candidate.model, candidate.record.run_id
        with self._client() as client:
            _create_if_absent(client, model)
            entries = _numbered(client, model)
            entry = next((entry for entry in entries.values() if entry.run_id == run_id), None)
            if entry is None:
                newest = newest_number(client, model, entries)
                if newest and SemanticVersion.parse(version) <= SemanticVersion.parse(newest):
                    raise _taken(model, version, newest)
                entry = client.create_model_version(
                    model,
                    source=candidate.artifacts,
                    run_id=run_id,
                    tags={VERSION_TAG: version, DIGEST_TAG: candidate.manifest.digest},
                )
                if _numbered(client, model)[version].version != entry.version:
                    client.delete_model_version(model, entry.version)
                    raise _taken(model, version, version)
            number = entry.tags[VERSION_TAG]
            remember(client, model, run_id, lambda: [number, *_numbered(client, model)])
        return RegisteredVersion(number, str(entry.version), candidate, entry.creation_timestamp / 1000)

    def promote(self, version: RegisteredVersion) -> None:
        with self._client() as client:
            client.set_registered_model_alias(version.model, CHAMPION, version.number)

    def download(self, candidate: Candidate, folder: Path) -> Path:
        """Lost when a file of the manifest is missing."""
        run_id = candidate.record.run_id
        with reading(run_id, PACKAGE), self._client() as client:
            package = Path(client.download_artifacts(run_id, PACKAGE, str(folder)))
        require_whole(candidate, package)
        return package

    def read(self, candidate: Candidate, path: str) -> bytes:
        with reading(candidate.record.run_id, path):
            return self._read(candidate.record.run_id, f"{PACKAGE}/{path}")

    def attach(self, version: RegisteredVersion, path: str, data: bytes) -> str:
        """Beside the package, in the version's run. Returns the address of its page in MLflow's UI."""
        run_id, (folder, _, name) = version.candidate.record.run_id, path.rpartition("/")
        with self._client() as client, TemporaryDirectory() as local:
            (Path(local) / name).write_bytes(data)
            client.log_artifact(run_id, str(Path(local) / name), folder or None)
            experiment = client.get_run(run_id).info.experiment_id
        return f"{self._address.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}/artifacts/{path}"

    def predictor(self, candidate: Candidate) -> Callable[[Any], Any]:
        """The package, loaded by MLflow's own loader, which uses the server's runtime. With trusted keys, its signature
        is verified first."""
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException

        def predict(rows: Any) -> Any:
            try:
                return model.predict(rows)
            except MlflowException as error:  # MLflow compares the rows with the package's signature first
                raise SpecError(str(error)) from error

        with TemporaryDirectory() as folder:
            package = self.download(candidate, Path(folder))
            if keys := trusted_keys():
                verify_folder(package, keys)
            try:
                model = mlflow.pyfunc.load_model(str(package))
            except IntermodalError:
                raise
            except Exception as error:
                raise SpecError(f"Its package cannot be loaded: {type(error).__name__}: {error}") from error
        return predict

    def _version(self, entry: Any) -> RegisteredVersion:
        """Lost when its record or manifest is missing or damaged, or the manifest is not that of the digest."""
        created_at, candidate = entry.creation_timestamp / 1000, self._load(entry.run_id)
        digest = entry.tags.get(DIGEST_TAG, candidate.manifest.digest)
        if digest != candidate.manifest.digest:
            raise Lost(f"{MANIFEST} of run {entry.run_id} is damaged: its digest is not the registered {digest}.")
        return RegisteredVersion(entry.tags[VERSION_TAG], str(entry.version), candidate, created_at)

    def _load(self, run_id: str) -> Candidate:
        with reading(run_id, RECORD):
            record = TrainingRecord.from_json(self._read(run_id, RECORD))
        with reading(run_id, MANIFEST):
            manifest = Manifest.from_json(self._read(run_id, MANIFEST))
        return Candidate(record, f"runs:/{run_id}/{PACKAGE}", manifest)

    def _read(self, run_id: str, path: str) -> bytes:
        with self._client() as client, TemporaryDirectory() as folder:
            return Path(client.download_artifacts(run_id, path, folder)).read_bytes()

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client. NotFound and Unavailable replace its exceptions."""
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
        from requests import RequestException

        try:
            yield MlflowClient(self.tracking_uri)
        except (MlflowException, RequestException) as error:
            reason = without_passwords(str(error))
            if isinstance(error, MlflowException) and error.error_code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
                raise NotFound(f"MLflow at {self._address}: {reason}") from None
            raise Unavailable(
                f"MLflow at {self._address}: {reason}",
                hint="Look at its log, or set INTERMODAL_MLFLOW_URL to a server that runs.",
            ) from None  # the cause has the address with its password, and Dagster displays causes

    @property
    def _address(self) -> str:
        return without_passwords(self.tracking_uri)


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    """The entries of every page."""
    page = search()
    yield from page
    while page.token:
        page = search(page_token=page.token)
        yield from page


def _numbered(client: Any, model: str) -> dict[str, Any]:
    """The entries by semantic version, in its order. Of several with one version only the first that was made."""
    found = [entry for entry in client.search_model_versions(f"name = '{model}'") if VERSION_TAG in entry.tags]
    found.sort(key=lambda entry: (SemanticVersion.parse(entry.tags[VERSION_TAG]), -int(entry.version)))
    return {entry.tags[VERSION_TAG]: entry for entry in found}


def _create_if_absent(client: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _taken(model: str, version: str, newest: str) -> NumberTaken:
    return NumberTaken(
        f"{version} cannot be given to a version of '{model}': {newest} was given, and a number is given once.",
        hint="Run the asset again: it finds the next number.",
    )


def _lost(entry: Any, error: Lost) -> LostVersion:
    return LostVersion(entry.tags[VERSION_TAG], str(entry.version), entry.run_id, error.message)


def _add_champions(found: dict[str, Identity], numbers: Mapping[str, str], entries: Iterable[Any]) -> None:
    """Add to ``found`` the semantic version of each entry that is its model's champion."""
    for entry in entries:
        if str(entry.version) == numbers.get(entry.name) and VERSION_TAG in entry.tags:
            found[entry.name] = Identity(entry.tags[VERSION_TAG], entry.tags.get(DIGEST_TAG, ""))


def _absent_is_none(get: Callable[[], Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return get()
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST" or ("alias" in str(error) and "not found" in str(error)):
            return None
        raise
