"""Tags under AWS's rules: letters, digits, spaces and ``_ . : / = + - @``.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
Any other character is written as ``=XX`` for each byte of its UTF-8 form, as in quoted-printable, and is read back.
"""

import re
from collections.abc import Iterable, Mapping

_FORBIDDEN = re.compile(r"[^A-Za-z0-9 _.:/=+\-@]|=(?=[0-9A-F]{2})")
_ESCAPED = re.compile(r"(?:=[0-9A-F]{2})+")


def _escape(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: "".join(f"={byte:02X}" for byte in found[0].encode()), text)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("=", "")).decode(errors="replace"), text)


def to_aws(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": _escape(key), "Value": _escape(value)} for key, value in sorted(tags.items())]


def from_aws(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {_unescape(tag["Key"]): _unescape(tag["Value"]) for tag in tags}
