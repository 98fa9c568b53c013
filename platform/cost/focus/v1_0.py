"""FOCUS 1.0 (June 2024), 43 columns.

https://focus.finops.org/focus-specification/v1-0. It has one pair of provider columns. 1.3 replaced ``ProviderName`` by
``ServiceProviderName``, and allows ``HostProviderName`` to be equal to it where the host is not known.
"""

from types import MappingProxyType

from intermodal.platform.cost.focus.version import Version

PROVIDERS = MappingProxyType({"ServiceProviderName": "ProviderName", "HostProviderName": "ProviderName"})
VERSION = Version("1.0", PROVIDERS)
