"""Where the commands write: what was asked for to ``out``, what is beside it to ``err``."""

from rich.console import Console

out, err = Console(), Console(stderr=True)
