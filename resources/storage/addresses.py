"""Addresses of folders and buckets, for fsspec and for display."""

import re

from upath import UPath

USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")


def at_address(address: str) -> UPath:
    """The path of a folder, or of any address that fsspec knows (``s3://bucket/incidents``).

    Listings are not cached: s3fs and others cache them for the life of the process, and a sensor would then never see
    what runs write.
    """
    return UPath(address, use_listings_cache=False) if "://" in address else UPath(address)


def without_passwords(text: str) -> str:
    """The text, without user name and password in its URLs."""
    return USERINFO.sub("", text)
