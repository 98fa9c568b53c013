"""What a write refuses, with the texts of the API server (``apimachinery/pkg/util/managedfields``)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One entry of ``details.causes``: ``field`` is a path, ``message`` names who owns it."""

    manager: str
    field: str
    message: str
    reason: str = "FieldManagerConflict"


class Conflicts(Exception):
    """409 of server-side apply: others own what would change, and ``force`` was not given."""

    def __init__(self, causes: list[Cause]) -> None:
        self.causes = sorted(causes, key=lambda cause: (cause.message, cause.field))
        super().__init__(self._message())

    def _message(self) -> str:
        if len(self.causes) == 1:
            return f"Apply failed with 1 conflict: {self.causes[0].message}: {self.causes[0].field}"
        lines = []
        for message in dict.fromkeys(cause.message for cause in self.causes):
            lines.append(message.replace("conflict with", "conflicts with", 1) + ":")
            lines += [f"- {cause.field}" for cause in self.causes if cause.message == message]
        return f"Apply failed with {len(self.causes)} conflicts: " + "\n".join(lines)


class MalformedItem(ValueError):
    """A list that is merged by keys has an item without its keys, or two items with the same ones (400)."""


class PatchRefused(ValueError):
    """A patch that cannot be applied to this object (422), or is none (400): see ``code``."""

    def __init__(self, message: str, code: int = 422) -> None:
        super().__init__(message)
        self.code = code
