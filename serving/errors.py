"""How the server says no."""

from intermodal.platform.errors import IntermodalError


class RequestError(IntermodalError):
    """A request that is answered with a 4xx or a 503, and with one sentence about what was expected.

    ``headers`` go into the answer as they are (``allow``, ``retry-after``).
    """

    def __init__(self, message: str, *, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class StartError(IntermodalError):
    """The server cannot start; the process ends with this sentence on stderr."""


def shown(value: object) -> str:
    """A value as an error may repeat it: short, printable, and cheap whatever it is."""
    match value:
        case str():
            return repr(value if len(value) <= 40 else value[:37] + "...")
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int():
            return str(value) if abs(value) < 10**20 else f"an integer of {value.bit_length()} bits"
        case float():
            return repr(value)
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def listed(names: object) -> str:
    """Names in a row, at most forty of them."""
    known = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(known[:40]) + (f" and {len(known) - 40} more" if len(known) > 40 else "")
