"""``python -m tests.bench.mirrors [--small]``: this part alone, without an installation."""

import sys

from rich.console import Console
from rich.markdown import Markdown

from tests.bench.mirrors.cases import CASES, SMALL
from tests.bench.mirrors.section import section

Console(width=200).print(Markdown(section(cases=SMALL if "--small" in sys.argv else CASES).markdown()))
