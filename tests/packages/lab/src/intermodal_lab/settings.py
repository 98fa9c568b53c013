"""Settings of a machine as a site."""

from typing import ClassVar

from pydantic import Field

from intermodal.resources.settings import REGIONAL, SiteSettings


class LabSettings(SiteSettings):
    cloud: ClassVar[str] = "lab"
    folder: str = Field(
        validation_alias="INTERMODAL_LAB_FOLDER",
        description="The folder for mirrors, prediction logs and the state of endpoints.",
        json_schema_extra=REGIONAL,
    )
