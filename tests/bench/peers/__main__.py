"""``python -m tests.bench.peers PACKAGE``: this part alone, one short round, without an installation."""

import sys
from pathlib import Path

from tests.bench.peers.section import section

sys.stdout.write(section(Path(sys.argv[1]), 1, 1).markdown())
