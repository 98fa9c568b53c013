"""What a process that answers requests is made of: its uvicorn server, its prediction log, and how it ends.

One process has it (``server.py``), and so has each of several (``processes``).
"""

from collections.abc import Mapping
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn

from intermodal.serving.contract import IDLE_CONNECTION, STOP
from intermodal.serving.errors import print_status
from intermodal.serving.http.app import App
from intermodal.serving.prediction_log.log import PredictionLog, Put
from intermodal.serving.prediction_log.store import open_log_store
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


class Server(uvicorn.Server):
    """uvicorn's server. On SIGTERM it also makes the service not ready."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.drain()
        super().handle_exit(sig, frame)


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


def log_store(settings: Settings, environment: Mapping[str, str]) -> Put | None:
    """Where the prediction log goes. None when nothing is logged."""
    return open_log_store(settings.predictions, environment) if settings.predictions and settings.sample else None


def open_log(service: Service, put: Put) -> PredictionLog:
    return PredictionLog({model.package: model.counts for model in service.models}, service.settings, put)


def close(app: App, service: Service) -> bool:
    """Store the rest of the prediction log. Returns whether all predictions have ended."""
    ended = app.close(seconds=0.5)
    _close_log(service)
    if not ended:
        print_status(f"gave up on a prediction that ran for more than {DRAIN_SECONDS} s after the signal to stop")
    return ended


def _close_log(service: Service) -> None:
    if service.log is None:
        return
    since = monotonic() - service.stopping_at if service.draining else 0
    if lost := service.log.close(max(MIN_LOG_SECONDS, SHUTDOWN_SECONDS - since)):
        print_status(f"{lost} predictions are lost: the store of the prediction log did not take them in time")
