"""``python -m intermodal.serving serve``: the entry point of the image."""

import argparse
import os
import sys
from pathlib import Path

from intermodal.serving.contract import START_COMMAND
from intermodal.serving.errors import print_status
from intermodal.serving.processes.count import NUMERIC_THREADS
from intermodal.serving.server import run

NOT_BUILT = frozenset({"train", "score"})
"""Verbs that the image is meant to have and does not have yet."""
NO_SUCH_VERB = 2
"""The exit code of a wrong command line, as argparse has it."""


def main() -> int:
    command = START_COMMAND.name
    if NOT_BUILT.intersection(sys.argv[1:2]):
        print_status(f"'{sys.argv[1]}' is not built yet; this image can '{command}'")
        return NO_SUCH_VERB
    parser = argparse.ArgumentParser(prog="intermodal.serving", description="Serve one packaged model.")
    parser.add_argument("command", nargs="?", choices=[command], default=command, help="may be left out")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, help="overrides the port variables; 0 takes a free port")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where absolute model paths are looked up")
    parser.add_argument("--packages", action="append", default=[], help="a folder with packages of the model")
    args = parser.parse_args()
    sys.path.extend(args.packages)  # behind the server's own
    for name in NUMERIC_THREADS:
        os.environ.setdefault(name, "1")
    return run(os.environ, args.root, args.host, args.port)


if __name__ == "__main__":
    sys.exit(main())
