"""Addresses: of folders and buckets, as fsspec takes them, and how those with a password in them are shown."""

import re

from upath import UPath

USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def at_address(address: str) -> UPath:
    """A folder's path, or what fsspec knows by ``address`` (``s3://bucket/incidents``).

    Nothing that was listed is kept: s3fs and its like keep listings for as long as their process lives, and a sensor's
    would never see what runs have written since.
    """
    return UPath(address, use_listings_cache=False) if "://" in address else UPath(address)


def without_passwords(text: str) -> str:
    """The text with the name and the password taken out of every URL in it."""
    return USERINFO.sub("", text)
