"""The server process: listen at once, load the models in the background, drain on SIGTERM.

``serving/processes`` does the same with several processes.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn

from intermodal.platform.errors import IntermodalError
from intermodal.serving.contract import IDLE_CONNECTION, STOP
from intermodal.serving.errors import StartError, join_names, print_status
from intermodal.serving.http.app import App
from intermodal.serving.loading import Loader, read_packages
from intermodal.serving.locate import find_models
from intermodal.serving.prediction_log.log import PredictionLog, Put
from intermodal.serving.prediction_log.store import open_log_store
from intermodal.serving.processes.count import usable_processes
from intermodal.serving.service import Service
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


class Server(uvicorn.Server):
    """uvicorn's server. On SIGTERM it also makes the service not ready."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.drain()
        super().handle_exit(sig, frame)


def run(environment: Mapping[str, str], root: Path, host: str, port: int | None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 0 after draining, 1 when the server could not start."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        settings = Settings.of(environment, port)
        service = Service(read_packages(find_models(environment, root)), settings)
        processes = usable_processes(settings.processes, environment)
        put = None if processes > 1 else log_store(settings, environment)
        listener = _listen(host, settings.port)
    except IntermodalError as error:
        return _fail(error)
    names = join_names(model.package.model for model in service.models)
    print_status(f"{names} {settings.identity.version} listens on {host}:{listener.getsockname()[1]}")
    if processes > 1:
        from intermodal.serving.processes.parent import serve  # one process needs none of it

        return serve(service, listener, environment)
    if put:
        service.log = open_log(service, put)
    failure = _serve(service, listener)
    return _fail(failure) if failure else 0


def log_store(settings: Settings, environment: Mapping[str, str]) -> Put | None:
    """Where the prediction log goes. None when nothing is logged."""
    return open_log_store(settings.predictions, environment) if settings.predictions and settings.sample else None


def open_log(service: Service, put: Put) -> PredictionLog:
    return PredictionLog({model.package: model.counts for model in service.models}, service.settings, put)


def _serve(service: Service, listener: socket.socket) -> IntermodalError | None:
    """Run the event loop until the server has drained. Returns the error that kept a model from loading."""
    app = App(service)
    config = config_of(app, service.settings)
    server = Server(config, service)

    # uvicorn raises the signal again after draining. This handler keeps the exit code from becoming the signal's.
    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    loader = Loader(service, server)

    async def main() -> None:
        loader.start()
        await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(main())
    if not close(app, service):
        os._exit(1)  # a normal exit would wait for the prediction's thread
    return loader.failure


def close(app: App, service: Service) -> bool:
    """Store the rest of the prediction log. Returns whether all predictions have ended."""
    ended = app.close(seconds=0.5)
    _close_log(service)
    if not ended:
        print_status(f"gave up on a prediction that ran for more than {DRAIN_SECONDS} s after the signal to stop")
    return ended


def config_of(app: App, settings: Settings) -> uvicorn.Config:
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
        print_status(f"{lost} predictions are lost: the store of the prediction log did not take them in time")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Set another PORT.") from error


def _fail(error: IntermodalError) -> int:
    print_status(str(error))
    return 1
