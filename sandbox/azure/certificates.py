"""A certificate authority for one sandbox, and its Azure front's certificate: the management clients want https."""

from pathlib import Path

import certifi
import trustme

from intermodal.sandbox.azure.pem import BUNDLE, CA, CERTIFICATE, KEY


def make(folder: Path) -> None:
    """Write the authority, the server's certificate with its key, and a bundle: certifi's authorities and ours.

    The authority's own key is not kept, so that nothing else can be signed with it.
    """
    authority = trustme.CA(organization_name="Intermodal sandbox")
    server, ca = authority.issue_cert("127.0.0.1", "localhost"), authority.cert_pem.bytes()
    write_private(folder / KEY, server.private_key_pem.bytes())
    write_private(folder / CERTIFICATE, b"".join(blob.bytes() for blob in server.cert_chain_pems))
    write_private(folder / BUNDLE, Path(certifi.where()).read_bytes() + b"\n" + ca)
    write_private(folder / CA, ca)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.replace(path)
