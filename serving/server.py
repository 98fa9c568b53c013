"""The server process: listen at once, load the models in the background, drain on SIGTERM."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, perf_counter
from types import FrameType
from typing import Any

import uvicorn

from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.serving.contract import IDLE_CONNECTION, STOP
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import StartError, join_names
from intermodal.serving.http.app import App
from intermodal.serving.locate import find_models
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.prediction_log.store import open_log_store
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Settings

DRAIN_SECONDS = int(STOP.seconds - 2)
SHUTDOWN_SECONDS = STOP.seconds - 0.5
"""After SIGTERM, requests may take DRAIN_SECONDS, and the prediction log is stored by SHUTDOWN_SECONDS. Both are below
the strictest platform's time to SIGKILL."""

MIN_LOG_SECONDS = 1
"""The prediction log gets at least this long to be stored, even when draining took all the time."""

KEEP_ALIVE_SECONDS = int(IDLE_CONNECTION.seconds + 20)
"""Longer than the load balancers', so that the server is never the side that closes an idle connection."""

BACKLOG = 2048

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn's server. On SIGTERM it also makes the service not ready."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._service.draining:
            self._service.draining, self._service.stopping_at = True, monotonic()
            if self._service.log:
                self._service.log.stopping = True
        super().handle_exit(sig, frame)


class _Loader:
    """Loads the models in a thread. ``failure`` is the error that kept one from loading."""

    def __init__(self, service: Service, server: uvicorn.Server) -> None:
        self._service, self._server = service, server
        self.failure: IntermodalError | None = None

    def start(self) -> None:
        """The thread is a daemon, so that SIGTERM during loading does not wait for it."""
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        started, settings = perf_counter(), self._service.settings
        model = self._service.models[0]
        try:
            for model in self._service.models:
                version = settings.identity.version
                model.plane = open_plane(model.package, model.folder, version, fast_path=settings.fast_path)
        except IntermodalError as error:
            self._fail(error)
        except BaseException as error:
            logger.exception("loading failed")
            self._fail(StartError(f"{model.folder}: {type(error).__name__}: {error}"))
        else:
            gc.collect()
            gc.freeze()  # loaded models stay, so the collector need not visit them
            _report(f"ready after {perf_counter() - started:.1f} s")

    def _fail(self, error: IntermodalError) -> None:
        self.failure = error
        self._server.should_exit = True


def run(environment: Mapping[str, str], root: Path, host: str, port: int | None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 0 after draining, 1 when the server could not start."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        settings = Settings.of(environment, port)
        service = Service(_models(find_models(environment, root)), settings)
        put = open_log_store(settings.predictions, environment) if settings.predictions and settings.sample else None
        listener = _listen(host, settings.port)
    except IntermodalError as error:
        return _fail(error)
    names = join_names(model.package.model for model in service.models)
    _report(f"{names} {settings.identity.version} listens on {host}:{listener.getsockname()[1]}")
    if put:
        service.log = PredictionLog({model.package: model.counts for model in service.models}, settings, put)
    failure = _serve(service, listener)
    return _fail(failure) if failure else 0


def _models(folders: list[Path]) -> list[Model]:
    models = [Model(Package.read(folder), folder) for folder in folders]
    first: dict[str, Path] = {}
    for model in models:
        if (other := first.setdefault(model.package.model, model.folder)) is not model.folder:
            name = model.package.model
            raise StartError(f"{other} and {model.folder} both hold {name}.", hint="Point at one of them.")
    return models


def _serve(service: Service, listener: socket.socket) -> IntermodalError | None:
    """Run the event loop until the server has drained. Returns the error that kept a model from loading."""
    app = App(service)
    config = _config(app, service.settings)
    server = _Server(config, service)

    # uvicorn raises the signal again after draining. This handler keeps the exit code from becoming the signal's.
    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    loader = _Loader(service, server)

    async def main() -> None:
        loader.start()
        await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    ended = app.close(seconds=0.5)
    _close_log(service)
    if not ended:
        _report(f"gave up on a prediction that ran for more than {DRAIN_SECONDS} s after the signal to stop")
        os._exit(1)  # a normal exit would wait for the prediction's thread
    return loader.failure


def _config(app: App, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_http_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def _http_protocol(settings: Settings) -> Any:
    """The fast path's protocol, or uvicorn's own. The import is inside, so that without the fast path the server does
    not depend on uvicorn's private names."""
    if not settings.fast_path:
        return "httptools"
    from intermodal.serving.fast_path.connection import FastPathProtocol

    return FastPathProtocol


def _close_log(service: Service) -> None:
    if service.log is None:
        return
    since = monotonic() - service.stopping_at if service.draining else 0
    if lost := service.log.close(max(MIN_LOG_SECONDS, SHUTDOWN_SECONDS - since)):
        _report(f"{lost} predictions are lost: the store of the prediction log did not take them in time")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Set another PORT.") from error


def _fail(error: IntermodalError) -> int:
    _report(str(error))
    return 1


def _report(line: str) -> None:
    sys.stderr.write(f"intermodal.serving: {line}\n")
    sys.stderr.flush()
