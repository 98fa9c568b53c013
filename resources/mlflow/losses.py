"""What MLflow lost: a run that was deleted for good, a missing artifact, a damaged record or manifest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intermodal.platform.errors import Lost, NotFound, SpecError
from intermodal.platform.ports.registry import Candidate, History, LostVersion


@contextmanager
def reading(run_id: str, path: str) -> Iterator[None]:
    """Lost, with the path, when the file of the run is missing or is not what it should be."""
    try:
        yield
    except NotFound as error:
        raise Lost(f"{path} of run {run_id} is missing. {error.message}") from None
    except (ValueError, KeyError, TypeError, AttributeError, SpecError) as error:
        raise Lost(f"{path} of run {run_id} is damaged: {error!r}.") from error


def require_whole(candidate: Candidate, folder: Path) -> None:
    """Lost when a file of the package was not downloaded, or has another size."""
    for path, entry in candidate.manifest.files.items():
        file = folder / path
        if not file.is_file() or file.stat().st_size != entry.size:
            raise Lost(
                f"The package of '{candidate.model}' in run {candidate.record.run_id} is damaged: {path} is missing or "
                "has another size.",
                hint=f"Move the alias 'champion' to a version that is whole, or run the job train_{candidate.model}.",
            )


def lost_champion(model: str, lost: LostVersion, history: History) -> Lost:
    """The error that names version, run and the ways out: a version to roll back to, or training."""
    error = Lost(f"Champion {lost.version} of '{model}' is lost: run {lost.run_id}, {lost.reason}")
    train = f"run the job train_{model}. What is deployed goes on."
    if not history.versions:
        error.hint = train[0].upper() + train[1:]
        return error
    back = history.versions[-1]
    error.hint = f"Move the alias 'champion' to version {back.version} (number {back.number} in MLflow), or {train}"
    return error
