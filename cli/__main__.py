"""``python -m intermodal.cli``."""

from intermodal.cli import main

main()
