"""Errors of HTTP APIs as data: which class a status is, and its text and hint for each class."""

from collections.abc import Mapping

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable

Templates = Mapping[type[IntermodalError], tuple[str, str]]
"""Class of error → (text, hint), both with fields in braces. ``IntermodalError`` is the entry for other classes."""
CLASSES: Mapping[int, type[IntermodalError]] = {401: Refused, 403: Refused, 404: NotFound, 429: Throttled}


def from_status(status: int, templates: Templates, /, **fields: object) -> IntermodalError:
    """The error for an HTTP status: Unavailable from 500 on, else that of ``CLASSES``, if it has a template."""
    kind = Unavailable if status >= 500 else CLASSES.get(status, IntermodalError)
    kind = kind if kind in templates else IntermodalError
    text, hint = templates[kind]
    return kind(text.format(**fields), hint=hint.format(**fields))
