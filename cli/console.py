"""Where the commands write: results to ``out``, all else to ``err``."""

from rich.console import Console

out, err = Console(), Console(stderr=True)
