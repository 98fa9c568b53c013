"""A certificate for one host name, and the authority that signed it."""

from pathlib import Path

import trustme


def make_certificate(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """PEM files of the authority, the certificate and its key."""
    authority = trustme.CA()
    server = authority.issue_cert(host)
    files = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(str(files[0]))
    server.cert_chain_pems[0].write_to_path(str(files[1]))
    server.private_key_pem.write_to_path(str(files[2]))
    return files
