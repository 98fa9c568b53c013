"""``python -m intermodal.serving serve`` and ``score``: the entry point of the image."""

import argparse
import os
import sys
from pathlib import Path

from intermodal.serving.contract import START_COMMAND
from intermodal.serving.errors import print_status
from intermodal.serving.processes.count import NUMERIC_THREADS
from intermodal.serving.server import run

SCORE, TRAIN = "score", "train"
NO_SUCH_VERB = 2
"""The exit code of a wrong command line, as argparse has it."""
NO_TRAINING = (
    "this image has no training code, so it cannot 'train': a version is trained by the asset <model>/model, and the "
    f"image is built from it; it can '{START_COMMAND.name}' and '{SCORE}'"
)


def main() -> int:
    command = START_COMMAND.name
    if sys.argv[1:2] == [TRAIN]:
        print_status(NO_TRAINING)
        return NO_SUCH_VERB
    parser = argparse.ArgumentParser(prog="intermodal.serving", description="Serve one packaged model, or score rows.")
    parser.add_argument("command", nargs="?", choices=[command, SCORE], default=command, help="may be left out")
    parser.add_argument("rows", nargs="?", type=Path, help=f"{SCORE}: a file of rows (default: stdin)")
    parser.add_argument("--output", type=Path, help=f"{SCORE}: the file of predictions (default: stdout)")
    parser.add_argument("--format", choices=["csv", "jsonl", "parquet"], help=f"{SCORE}: default: by the file's name")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, help="overrides the port variables; 0 takes a free port")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where absolute model paths are looked up")
    parser.add_argument("--packages", action="append", default=[], help="a folder with packages of the model")
    args = parser.parse_args()
    sys.path.extend(args.packages)  # behind the server's own
    for name in NUMERIC_THREADS:
        os.environ.setdefault(name, "1")
    if args.command == SCORE:
        from intermodal.serving.score import STDIN, score  # serving needs none of it

        return score(os.environ, args.root, args.rows or STDIN, args.output, args.format)
    if args.rows or args.output or args.format:
        parser.error(f"rows are for '{SCORE}'")
    return run(os.environ, args.root, args.host, args.port)


if __name__ == "__main__":
    sys.exit(main())
