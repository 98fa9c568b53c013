"""Settings of a machine as a site."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class OnpremSettings(SiteSettings):
    cloud: ClassVar[str] = "onprem"
    folder: str = Field(
        validation_alias="INTERMODAL_ONPREM_FOLDER",
        description="The folder for mirrors, prediction logs and the state of endpoints.",
        json_schema_extra=REGIONAL,
    )
