"""The registry on MLflow. Candidates are runs with a package; versions are model versions with a semantic tag."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Unavailable
from intermodal.platform.ports.registry import Candidate, RegisteredVersion, TrainingRecord
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.registry.versioning import SemanticVersion
from intermodal.resources.mlflow.package import write_mlmodel
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
        with self._client() as client:
            found = client.search_model_versions(f"name = '{model}'")
        ours = [entry for entry in found if VERSION_TAG in entry.tags]
        ours.sort(key=lambda entry: SemanticVersion.parse(entry.tags[VERSION_TAG]))
        return [self._version(entry) for entry in ours]

    def champion(self, model: str) -> RegisteredVersion | None:
        with self._client() as client:
            entry = _absent_is_none(lambda: client.get_model_version_by_alias(model, CHAMPION))
        return None if entry is None else self._version(entry)

    def champions(self) -> Mapping[str, str]:
        """A call for each 1,000 models, which has the version of every model whose champion is its newest, and one
        for each 100 other models. A champion without a semantic version is foreign, and is left out."""
        numbers, found = dict[str, str](), dict[str, str]()
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
        with self._client() as client:
            if _absent_is_none(lambda: client.get_registered_model(candidate.model)) is None:
                client.create_registered_model(candidate.model)
            for entry in client.search_model_versions(f"name = '{candidate.model}'"):
                if entry.run_id == candidate.record.run_id and VERSION_TAG in entry.tags:
                    return self._version(entry)
            entry = client.create_model_version(
                candidate.model,
                source=candidate.artifacts,
                run_id=candidate.record.run_id,
                tags={VERSION_TAG: version, DIGEST_TAG: candidate.manifest.digest},
            )
        return RegisteredVersion(version, str(entry.version), candidate, entry.creation_timestamp / 1000)

    def promote(self, version: RegisteredVersion) -> None:
        with self._client() as client:
            client.set_registered_model_alias(version.model, CHAMPION, version.number)

    def download(self, candidate: Candidate, folder: Path) -> Path:
        with self._client() as client:
            return Path(client.download_artifacts(candidate.record.run_id, PACKAGE, str(folder)))

    def read(self, candidate: Candidate, path: str) -> bytes:
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
        """The package, loaded by MLflow's own loader, which uses the server's runtime."""
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException

        def predict(rows: Any) -> Any:
            try:
                return model.predict(rows)
            except MlflowException as error:  # MLflow compares the rows with the package's signature first
                raise SpecError(str(error)) from error

        with TemporaryDirectory() as folder:
            package = self.download(candidate, Path(folder))
            try:
                model = mlflow.pyfunc.load_model(str(package))
            except IntermodalError:
                raise
            except Exception as error:
                raise SpecError(f"Its package cannot be loaded: {type(error).__name__}: {error}") from error
        return predict

    def _version(self, entry: Any) -> RegisteredVersion:
        created_at = entry.creation_timestamp / 1000
        return RegisteredVersion(entry.tags[VERSION_TAG], str(entry.version), self._load(entry.run_id), created_at)

    def _load(self, run_id: str) -> Candidate:
        record = TrainingRecord.from_json(self._read(run_id, RECORD))
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


def _add_champions(found: dict[str, str], numbers: Mapping[str, str], entries: Iterable[Any]) -> None:
    """Add to ``found`` the semantic version of each entry that is its model's champion."""
    for entry in entries:
        if str(entry.version) == numbers.get(entry.name) and VERSION_TAG in entry.tags:
            found[entry.name] = entry.tags[VERSION_TAG]


def _absent_is_none(get: Callable[[], Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return get()
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST" or ("alias" in str(error) and "not found" in str(error)):
            return None
        raise
