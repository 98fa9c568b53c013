"""The deployment's own settings: its environment and its images."""

from typing import Protocol

from intermodal.platform.targets import Site


class Deployment(Protocol):
    """Which environment this is, and what its endpoints run."""

    @property
    def environment(self) -> str: ...

    def image(self, site: Site) -> str:
        """The image reference in that site's registry."""
