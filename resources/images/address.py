"""Addresses of registries: ``host[:port][/prefix]``, and the repositories of models below them."""

import ipaddress
import re
from dataclasses import dataclass

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site
from intermodal.resources.settings import regional_variable

ADDRESS = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]+(?::\d+)?)((?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*)/?")


@dataclass(frozen=True)
class Address:
    """``host`` is what a reference begins with; ``prefix`` is the beginning of every repository's name."""

    scheme: str
    host: str
    prefix: str = ""

    @classmethod
    def read(cls, text: str, variable: str) -> "Address":
        """SpecError names the variable. Plain http is used on loopback only, as container engines do, unless the
        address says which."""
        match = ADDRESS.fullmatch(text)
        if match is None:
            # The text is not repeated: it may hold a password.
            raise SpecError(f"{variable} is not a registry's address.", hint="Write host/prefix: ghcr.io/team.")
        scheme = match[1] or ("http" if _is_loopback(match[2].partition(":")[0]) else "https")
        return cls(scheme, match[2], match[3].strip("/"))

    @classmethod
    def of(cls, text: str, variable: str, site: Site) -> "Address":
        """The address that a site's settings have. SpecError when they have none."""
        variable = regional_variable(variable, site.region)
        if not text:
            raise SpecError(f"{site} has no image registry: {variable} not set.", hint=f"See {SETTINGS_PAGE}.")
        return cls.read(text, variable)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def repository(self, model: str) -> str:
        """The model's repository. Registries allow '_' only once and between letters or digits, so other runs of it are
        written as their length: ``a__b`` is ``a.2.b``. Model names have no dot, so different models differ."""
        name = re.sub(r"_+", lambda run: _separator(run, model), model)
        return f"{self.prefix}/{name}" if self.prefix else name


def _separator(run: "re.Match[str]", model: str) -> str:
    if len(run[0]) == 1 and run.end() < len(model):
        return "_"
    return f".{len(run[0])}" + ("." if run.end() < len(model) else "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
