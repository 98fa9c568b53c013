"""FOCUS 1.1 (November 2024): 1.0 and seven columns for commitments, capacity reservations and SKUs.

https://focus.finops.org/focus-specification/v1-1.
"""

from intermodal.platform.cost.focus import v1_0
from intermodal.platform.cost.focus.version import Version

VERSION = Version("1.1", v1_0.PROVIDERS)
