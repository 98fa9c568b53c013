"""The process: listen at once, load behind that, drain on SIGTERM."""

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

import uvicorn

from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.serving.dataplane import open_plane
from intermodal.serving.errors import StartError, listed
from intermodal.serving.fast_path.connection import ShortWay
from intermodal.serving.http.app import App
from intermodal.serving.locate import find_models
from intermodal.serving.prediction_log.log import PredictionLog
from intermodal.serving.prediction_log.store import open_place
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Settings

DRAIN_SECONDS = 8
GRACE_SECONDS = 9.5
"""Requests are drained for 8 s, and the prediction log is stored by 9.5 s: Cloud Run kills 10 s after SIGTERM."""

KEEP_ALIVE_SECONDS = 620
"""Longer than any load balancer in front keeps an idle connection (Google's 600 s), so that the server is never the one
that closes: https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries"""

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn, with a readiness that knows of SIGTERM."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._service.draining:
            self._service.draining, self._service.stopping_at = True, monotonic()
            if self._service.log:
                self._service.log.leaving = True
        super().handle_exit(sig, frame)


def run(environment: Mapping[str, str], root: Path, host: str, port: int | None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 0 after draining, 1 when it could not start."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        settings = Settings.of(environment, port)
        service = Service(_models(find_models(environment, root)), settings)
        put = open_place(settings.predictions, environment) if settings.predictions and settings.sample else None
        listener = _listen(host, settings.port)
    except IntermodalError as error:
        return _failed(error)
    names = listed(model.package.model for model in service.models)
    _say(f"{names} {settings.identity.version} listens on {host}:{listener.getsockname()[1]}")
    if put:
        service.log = PredictionLog({model.package: model.counts for model in service.models}, settings, put)
    failure = _serve(service, listener)
    return _failed(failure) if failure else 0


def _models(folders: list[Path]) -> list[Model]:
    models = [Model(Package.read(folder), folder) for folder in folders]
    first: dict[str, Path] = {}
    for model in models:
        if (other := first.setdefault(model.package.model, model.folder)) is not model.folder:
            name = model.package.model
            raise StartError(f"{other} and {model.folder} both hold {name}.", hint="Point at one of them.")
    return models


def _serve(service: Service, listener: socket.socket) -> IntermodalError | None:
    """Run the loop; the error is what kept the model from loading."""
    app = App(service)
    config = uvicorn.Config(
        app,
        http=ShortWay,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, service)

    # uvicorn raises the signal again when it has drained; the process must not end with that signal's exit code.
    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    failures: list[IntermodalError] = []

    def load() -> None:
        started = perf_counter()
        try:
            for model in service.models:
                model.plane = open_plane(model.package, model.folder, service.settings.identity.version)
        except IntermodalError as error:
            failures.append(error)
            server.should_exit = True
        except BaseException as error:
            logger.exception("loading failed")
            failures.append(StartError(f"{model.folder}: {type(error).__name__}: {error}"))
            server.should_exit = True
        else:
            # What is loaded stays; the collector need not look at it again.
            gc.collect()
            gc.freeze()
            _say(f"ready after {perf_counter() - started:.1f} s")

    async def main() -> None:
        # A daemon: a SIGTERM while loading must not wait for it.
        threading.Thread(target=load, name="load", daemon=True).start()
        await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    ended = app.close(seconds=0.5)
    _close_log(service)
    if not ended:
        _say(f"gave up on a prediction that ran for more than {DRAIN_SECONDS} s after the signal to stop")
        os._exit(1)  # the interpreter would wait for its thread until somebody kills it
    return failures[0] if failures else None


def _close_log(service: Service) -> None:
    if service.log is None:
        return
    since = monotonic() - service.stopping_at if service.draining else 0
    if lost := service.log.close(max(1, GRACE_SECONDS - since)):
        _say(f"{lost} predictions are lost: the store of the prediction log did not take them in time")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise StartError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Set another PORT.") from error


def _failed(error: IntermodalError) -> int:
    _say(str(error))
    return 1


def _say(line: str) -> None:
    sys.stderr.write(f"intermodal.serving: {line}\n")
    sys.stderr.flush()
