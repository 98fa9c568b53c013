"""Networks of a setting."""

import ipaddress

from intermodal.platform.errors import SpecError

HINT = "Write networks: 10.0.0.0/24,fd00::/64."


def networks(text: str, variable: str) -> list[str]:
    """SpecError names the variable for what is no network, and for none at all: that would open endpoints to anyone."""
    try:
        found = [str(ipaddress.ip_network(part)) for part in text.replace(",", " ").split()]
    except ValueError as error:
        raise SpecError(f"{variable} is wrong: {error}.", hint=HINT) from None
    if not found:
        raise SpecError(f"{variable} has no network.", hint=HINT)
    return found
