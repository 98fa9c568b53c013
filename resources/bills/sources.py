"""The sources of charges that the environment names.

``INTERMODAL_BILLS`` is a list of ``<source>=<adapter>:<address>``, by spaces:
``aws-main=focus:s3://exports/focus gke=opencost:http://opencost.opencost:9003``. Adapters are the entry points of
``intermodal.bills``.
"""

import os
from collections.abc import Mapping, Sequence

from intermodal.platform import catalogue
from intermodal.platform.errors import SpecError
from intermodal.platform.ports import Bills

BILLS_VARIABLE = "INTERMODAL_BILLS"
EXAMPLE = "aws-main=focus:s3://exports/focus"


def sources(environ: Mapping[str, str] = os.environ) -> Sequence[Bills]:
    """In the order given; none when the variable is empty. SpecError for what is no source, or is named twice."""
    found = list[Bills]()
    for text in environ.get(BILLS_VARIABLE, "").split():
        name, _, adapter_and_address = text.partition("=")
        adapter, _, address = adapter_and_address.partition(":")
        if not (name and adapter and address):
            raise SpecError(f"{BILLS_VARIABLE} has {text!r}, which is no source.", hint=f"Write it as {EXAMPLE}.")
        if any(each.source == name for each in found):
            hint = "Give each source its own name: charges are stored by it."
            raise SpecError(f"{BILLS_VARIABLE} names the source {name} twice.", hint=hint)
        found.append(catalogue.bills_adapter(adapter).of(name, address))
    return found
