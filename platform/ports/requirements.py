"""The packages that one model needs, locked with hashes when it is trained."""

from collections.abc import Mapping
from typing import Protocol

from intermodal.platform.protocol.package import Format


class Locker(Protocol):
    """Chooses a version and its hashes for every package, with the packages of the format's server as constraints."""

    def lock(self, text: str, form: Format, installed: Mapping[str, str], previous: str = "") -> str:
        """The lock of a ``requirements.txt``, without the packages that the server has.

        ``installed`` maps the packages of the training environment to their versions: the lock has these, so that the
        server runs what the model was fitted with. ``previous`` is an earlier lock, given back if it still holds, so
        that no index is requested. SpecError when packages contradict each other or have no wheel, Unavailable
        when no index answers.
        """
