"""A server whose prediction log is switched off by SIGUSR1 and on by SIGUSR2.

Two processes differ by several percent for where their memory lies, more than the log costs; one process, switched off
and on in turn, differs only by the log.
"""

import signal
import sys
from typing import Any

from intermodal.serving import server
from intermodal.serving.__main__ import main
from intermodal.serving.service import Service


class Switched(Service):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        signal.signal(signal.SIGUSR1, lambda *_: self._switch(on=False))
        signal.signal(signal.SIGUSR2, lambda *_: self._switch(on=True))

    def _switch(self, on: bool) -> None:
        if self.log:
            self._whole = self.log
        self.log = self._whole if on else None


if __name__ == "__main__":
    server.Service = Switched  # type: ignore[misc]
    sys.exit(main())
