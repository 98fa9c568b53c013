"""Load the models of the process. With one process, a thread does it behind the listening server."""

import gc
import logging
import threading
from pathlib import Path
from time import perf_counter

import uvicorn

from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import StartError, print_status
from intermodal.serving.service import Model, Service
from intermodal.serving.signed import require_signed

logger = logging.getLogger(__name__)


def read_packages(folders: list[Path]) -> list[Model]:
    """The models of these packages, not loaded yet. Raises StartError when two have the same name."""
    models = [Model(Package.read(folder), folder) for folder in folders]
    first: dict[str, Path] = {}
    for model in models:
        if (other := first.setdefault(model.package.model, model.folder)) is not model.folder:
            name = model.package.model
            raise StartError(f"{other} and {model.folder} both hold {name}.", hint="Point at one of them.")
    return models


def load_models(service: Service) -> None:
    """Verify and load each model. Any error becomes an IntermodalError."""
    settings, model = service.settings, service.models[0]
    try:
        for model in service.models:
            version = settings.identity.version
            require_signed(model.package, model.folder, settings.trust)
            model.plane = open_plane(
                model.package,
                model.folder,
                version,
                fast_path=settings.fast_path,
                sensitive=settings.sensitive,
            )
    except IntermodalError:
        raise
    except BaseException as error:
        logger.exception("loading failed")
        raise StartError(f"{model.folder}: {type(error).__name__}: {error}") from error
    gc.collect()
    gc.freeze()  # loaded models stay, so the collector need not visit them


class Loader:
    """Loads the models in a thread. ``failure`` is the error that kept a model from loading."""

    def __init__(self, service: Service, server: uvicorn.Server) -> None:
        self._service, self._server = service, server
        self.failure: IntermodalError | None = None

    def start(self) -> None:
        """The thread is a daemon, so that SIGTERM during loading does not wait for it."""
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        started = perf_counter()
        try:
            load_models(self._service)
        except IntermodalError as error:
            self.failure = error
            self._server.should_exit = True
        else:
            print_status(f"ready after {perf_counter() - started:.1f} s")
