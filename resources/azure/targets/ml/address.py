"""The address of a mirror on Azure, in the parts that Azure ML's datastores have."""

import hashlib
import ipaddress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from intermodal.platform.errors import SpecError


@dataclass(frozen=True)
class BlobAddress:
    """A folder of blobs. ``endpoint`` is the address without protocol and account: ``core.windows.net``."""

    protocol: str
    endpoint: str
    account: str
    container: str
    path: str

    @property
    def datastore(self) -> str:
        """Its name in the workspace: letters, digits and underscores."""
        plain = "".join(letter if letter.isalnum() else "_" for letter in self.container)
        digest = hashlib.sha256(f"{self.endpoint}/{self.account}/{self.container}".encode()).hexdigest()[:8]
        return f"intermodal_{plain}_{digest}"


def blob_address(uri: str) -> BlobAddress:
    """Parse a mirror's URI; SpecError when it is no blob address.

    The account is the host's first label, or, where the host is an IP address, the path's first segment. Source:
    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    url = urlsplit(uri)
    parts = [unquote(part) for part in url.path.split("/") if part]
    try:
        ipaddress.ip_address(url.hostname or "")
        account, endpoint = (parts.pop(0) if parts else ""), url.netloc
    except ValueError:
        account, _, endpoint = url.netloc.partition(".blob.")
    if url.scheme not in ("http", "https") or not account or not endpoint or len(parts) < 2:
        raise SpecError(
            f"'{uri}' is not the address of a mirror on Azure.",
            hint="It looks like https://<account>.blob.core.windows.net/<container>/<prefix>.",
        )
    return BlobAddress(url.scheme, endpoint, account, parts[0], "/".join(parts[1:]))
