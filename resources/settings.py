"""Settings of a site, from environment variables by pydantic-settings."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site

REGIONAL: dict[str, Any] = {"regional": True}
"""``json_schema_extra`` of a field that each region has its own value of: a bucket is read in its own region only."""


ENVIRONMENTS = ("sandbox", "staging", "production")


def environment(environ: Mapping[str, str] = os.environ) -> str:
    """The environment's name, by ``INTERMODAL_ENV``. SpecError lists the known ones."""
    name = environ.get("INTERMODAL_ENV", "sandbox")
    if name not in ENVIRONMENTS:
        raise SpecError(f"INTERMODAL_ENV is '{name}'.", hint=f"Known environments: {', '.join(ENVIRONMENTS)}.")
    return name


class SiteSettings(BaseSettings):
    """One cloud's settings at one site.

    For another region than the cloud's own, a variable's name ends in the region: ``INTERMODAL_AWS_BUCKET_EU_WEST_1``.
    Regional fields must be set so; of the others the cloud's own value holds where there is none.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)
    cloud: ClassVar[str]

    @classmethod
    def of(cls, site: Site) -> Self:
        """SpecError names the site, the variables and the page that explains them."""
        found, missing = cls._read(site)
        if found is None:
            raise SpecError(f"{site} is not configured: {', '.join(missing)} not set.", hint=f"See {SETTINGS_PAGE}.")
        return found

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        """The variables that are not set; none when the site is configured."""
        return cls._read(site)[1]

    @classmethod
    def _read(cls, site: Site) -> tuple[Self | None, tuple[str, ...]]:
        own, absent = cls._of_region(site.region) if site.region else ({}, ())
        try:
            found = cls(**own)
        except ValidationError as error:
            return None, (*absent, *(_variable(cls, one["loc"]) for one in error.errors()))
        return (None, absent) if absent else (found, ())

    @classmethod
    def _of_region(cls, region: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The fields that the region has values of, and the variables of regional ones that are not set."""
        own: dict[str, Any] = {"region": region}
        absent = []
        for name, field in cls.model_fields.items():
            variable = regional_variable(str(field.validation_alias), region)
            extra = field.json_schema_extra
            if value := os.environ.get(variable):
                own[name] = value
            elif isinstance(extra, dict) and extra.get("regional"):
                absent.append(variable)
                own[name] = "absent"  # so that validation reports the other fields
        return own, tuple(absent)


def regional_variable(name: str, region: str) -> str:
    """``INTERMODAL_AWS_BUCKET`` in eu-west-1: ``INTERMODAL_AWS_BUCKET_EU_WEST_1``."""
    return f"{name}_{region.upper().replace('-', '_')}" if region else name


def _variable(cls: type[BaseSettings], location: tuple[Any, ...]) -> str:
    name = str(location[0]) if location else ""
    field = cls.model_fields.get(name)
    return str(field.validation_alias) if field else name
