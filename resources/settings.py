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
"""``json_schema_extra`` of a field with a value for each region, such as a bucket, which belongs to one region. The
cloud's own value never counts in a named region."""
ENVIRONMENTS = ("sandbox", "staging", "production")


def environment(environ: Mapping[str, str] = os.environ) -> str:
    """The environment's name, by ``INTERMODAL_ENV``. SpecError lists the known ones."""
    name = environ.get("INTERMODAL_ENV", "sandbox")
    if name not in ENVIRONMENTS:
        raise SpecError(f"INTERMODAL_ENV is '{name}'.", hint=f"Known environments: {', '.join(ENVIRONMENTS)}.")
    return name


class SiteSettings(BaseSettings):
    """One cloud's settings at one site.

    For a named region, a variable's name ends in the region: ``INTERMODAL_AWS_BUCKET_EU_WEST_1``. Regional fields must
    be set so, or have their default; other fields fall back to the cloud's own value. Fields are read by their
    ``validation_alias`` only, so an unrelated variable named ``BUCKET`` is not a setting.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)
    cloud: ClassVar[str]

    @classmethod
    def of(cls, site: Site) -> Self:
        """SpecError names the site, every variable that is not set or wrong, and the page that explains them."""
        found, missing, wrong = cls._read(site)
        if found is None:
            problems = [f"{', '.join(missing)} not set"] if missing else []
            raise SpecError(
                f"{site} is not configured: {'; '.join([*problems, *wrong])}.", hint=f"See {SETTINGS_PAGE}."
            )
        return found

    @classmethod
    def missing(cls, site: Site) -> tuple[str, ...]:
        """The variables that are not set; none when the site is configured. A wrong value is not missing: ``of`` raises
        it, so that a typing mistake does not silently disable a cloud."""
        return cls._read(site)[1]

    @classmethod
    def _read(cls, site: Site) -> tuple[Self | None, tuple[str, ...], tuple[str, ...]]:
        """The settings, or the variables that are not set and those that are wrong, with the reason."""
        own, absent = cls._of_region(site.region) if site.region else ({}, ())
        try:
            found = cls(**own)
        except ValidationError as error:
            missing, wrong = [], []
            for problem in error.errors():
                alias = str(problem["loc"][0])
                if problem["type"] == "missing":
                    missing.append(alias)
                else:
                    name = regional_variable(alias, site.region) if alias in own else alias
                    wrong.append(f"{name} is wrong ({problem['msg']})")
            return None, (*absent, *missing), tuple(wrong)
        return (None, absent, ()) if absent else (found, (), ())

    @classmethod
    def _of_region(cls, region: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Values of the region by the alias of their field, and the variables of regional ones that are not set."""
        own: dict[str, Any] = {}
        absent = []
        for name, field in cls.model_fields.items():
            alias, extra = str(field.validation_alias), field.json_schema_extra
            variable = regional_variable(alias, region)
            if name == "region":
                own[alias] = region
            elif value := os.environ.get(variable):
                own[alias] = value
            elif isinstance(extra, dict) and extra.get("regional"):
                own[alias] = field.default
                if field.is_required():
                    absent.append(variable)
                    own[alias] = "absent"  # so that validation reports the other fields
        return own, tuple(absent)


def regional_variable(name: str, region: str) -> str:
    """``INTERMODAL_AWS_BUCKET`` in eu-west-1: ``INTERMODAL_AWS_BUCKET_EU_WEST_1``."""
    return f"{name}_{region.upper().replace('-', '_')}" if region else name
