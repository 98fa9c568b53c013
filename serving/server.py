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

from intermodal.platform.errors import IntermodalError
from intermodal.serving.errors import StartError, join_names, print_status
from intermodal.serving.fetch import fetched
from intermodal.serving.http.app import App
from intermodal.serving.lifecycle import Server, close, config_of, log_store, open_log
from intermodal.serving.loading import Loader, read_packages
from intermodal.serving.locate import find_models
from intermodal.serving.processes.count import usable_processes
from intermodal.serving.service import Service
from intermodal.serving.settings import Settings

BACKLOG = 2048


def run(environment: Mapping[str, str], root: Path, host: str, port: int | None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 0 after draining, 1 when the server could not start."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        settings = Settings.of(environment, port)
        environment = fetched(environment, root)
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


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Set another PORT.") from error


def _fail(error: IntermodalError) -> int:
    print_status(str(error))
    return 1
