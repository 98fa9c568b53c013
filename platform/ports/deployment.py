"""The deployment's own settings: its environment, its images, and the keys that it trusts."""

from collections.abc import Sequence
from typing import Protocol

from intermodal.platform.protocol.keys import Key
from intermodal.platform.targets import Site


class Deployment(Protocol):
    """Which environment this is, and what its endpoints run."""

    @property
    def environment(self) -> str: ...

    def image(self, site: Site) -> str:
        """The reference of the image that a team brings for every version at this site. '' when each version's own
        image is built and pushed to the site's registry. SpecError when the site has neither."""

    @property
    def trusted_keys(self) -> Sequence[Key]:
        """Public keys of signers whose packages may be loaded. Without any, no signature is verified."""
