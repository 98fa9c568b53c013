"""A folder as an object store (``lab``)."""

from pathlib import Path
from typing import Any, ClassVar, Self

from intermodal_lab.settings import LabSettings
from pydantic import Field

from intermodal.platform.errors import NotFound
from intermodal.platform.targets import Site
from intermodal.resources.storage.object_store import ObstoreResource


class FolderObjectStore(ObstoreResource):
    """``<folder>/objects``, through obstore. The folder must exist, as a bucket must elsewhere."""

    kind: ClassVar[str] = "folder"
    kinds: ClassVar[frozenset[str]] = frozenset({"lab"})
    extra: ClassVar[str] = ""
    package: ClassVar[str] = "intermodal_lab"

    folder: str = Field(description="The site's folder.")
    named_region: str = Field(default="", description="The region in the site's name; empty: the default region.")

    @classmethod
    def of(cls, site: Site) -> Self:
        return cls(folder=LabSettings.of(site).folder, named_region=site.region)

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        return LabSettings.missing(site)

    @property
    def site(self) -> Site:
        return Site("lab", self.named_region)

    @property
    def description(self) -> str:
        return f"folder '{self.folder}' (setting: folder)"

    def uri(self, prefix: str) -> str:
        return f"{self._objects.as_uri()}/{prefix.strip('/')}"

    @property
    def _objects(self) -> Path:
        return Path(self.folder).absolute() / "objects"

    def connect(self) -> Any:
        from obstore.store import LocalStore

        if not Path(self.folder).is_dir():
            raise NotFound(f"There is no {self.description}.", hint="Create it, or correct that setting.")
        return LocalStore(self._objects, mkdir=True)
