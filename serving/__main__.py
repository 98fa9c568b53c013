"""``python -m intermodal.serving serve``: what the image runs."""

import argparse
import os
import sys
from pathlib import Path

from intermodal.serving.server import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="intermodal.serving", description="Serve one packaged model.")
    # SageMaker starts every image with this argument.
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve", help="accepted for SageMaker")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, help="overrides the port rule; 0 takes a free one")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where absolute model paths are looked up")
    args = parser.parse_args()
    return run(os.environ, args.root, args.host, args.port)


if __name__ == "__main__":
    sys.exit(main())
