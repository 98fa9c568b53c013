"""Keys of partitions as names of files: any text, which never leaves its folder."""

from urllib.parse import quote

from intermodal.platform.errors import SpecError

MAX_NAME_BYTES = 200
"""File systems have 255 for a name, and a file that is being written has a longer one."""


def file_name(key: str) -> str:
    """Percent-encoded, so that ``/`` and ``:`` are in no name, and so is a dot at the beginning, so that no name is
    hidden or is another folder. Hours, months and sites (``aws@eu-west-1``) are as they are, but for ``:``. Different
    keys have different names; ``urllib.parse.unquote`` gives the key. SpecError if the name is too long."""
    try:
        name = quote(key, safe="@")
    except UnicodeEncodeError as error:
        raise SpecError(f"The partition {key!r} is no text that UTF-8 can write.", hint="Rename it.") from error
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if not name or len(name) > MAX_NAME_BYTES:
        raise SpecError(
            f"The partition '{key[:40]}' has {len(name)} bytes as a file name; 1 to {MAX_NAME_BYTES} are possible.",
            hint="Give the partition a shorter key.",
        )
    return name
