"""``python -m tests.conformance.push_child ADAPTER LAYOUT REPOSITORY``: a push that the parent kills."""

import sys
from pathlib import Path

from intermodal.platform.targets import Site
from tests.plain_registry import images_adapter

if __name__ == "__main__":
    images_adapter(sys.argv[1]).of(Site(sys.argv[1])).push(Path(sys.argv[2]), sys.argv[3])
