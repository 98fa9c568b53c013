"""Whether a package may be loaded: by its signature, and without keys by its format."""

import logging
from pathlib import Path

from intermodal.platform.protocol.keys import VARIABLE
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signing import verify_folder
from intermodal.serving.errors import StartError
from intermodal.serving.runtimes.loader import adapter
from intermodal.serving.settings import UNSIGNED_VARIABLE, Trust

logger = logging.getLogger(__name__)


def require_signed(package: Package, folder: Path, trust: Trust) -> None:
    """UntrustedPackage when keys are trusted and none of them signed these files. StartError without keys, when the
    format is code and ``trust`` does not allow it."""
    if trust.keys:
        verify_folder(folder, trust.keys)
    elif trust.unsigned or not adapter(folder, package.format).holds_code:
        logger.warning("%s is loaded without its signature being verified: %s is not set", folder, VARIABLE)
    else:
        raise StartError(
            f"{folder} is not verified, and its format '{package.format}' can run code: {VARIABLE} is not set.",
            hint=f"Set it to the public keys that you trust, or {UNSIGNED_VARIABLE}=1 for a package of your own.",
        )
