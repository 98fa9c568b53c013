"""FOCUS 1.2 (May 2025): 1.1 and seven columns for invoices, kinds of accounts and the currency of prices; 57 columns.

https://focus.finops.org/focus-specification/v1-2.
"""

from intermodal.platform.cost.focus import v1_0
from intermodal.platform.cost.focus.version import Version

VERSION = Version("1.2", v1_0.PROVIDERS)
