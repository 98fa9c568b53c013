"""FOCUS 1.3 (December 2025): 1.2, split cost allocation, applied contracts and the new provider columns; 65 columns.

https://focus.finops.org/focus-specification/v1-3. ``ProviderName`` and ``PublisherName`` are deprecated: a file may
leave them out, and then the provider of the service is both.
"""

from types import MappingProxyType

from intermodal.platform.cost.focus.version import Version

VERSION = Version(
    "1.3", MappingProxyType({"ProviderName": "ServiceProviderName", "PublisherName": "ServiceProviderName"})
)
