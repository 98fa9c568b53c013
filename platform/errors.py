"""One family of errors. Each says what is wrong and, in ``hint``, what to do next."""


class IntermodalError(Exception):
    """Base of every error that a person is meant to read.

    ``message`` says what is wrong and where; ``hint`` says what to do next.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class SpecError(IntermodalError):
    """What a user wrote (a spec, a row, a command) cannot be taken as it is."""


class UntrustedPackage(SpecError):
    """A package is not what the holder of a trusted key signed, or it is not signed. It must not be loaded."""


class NotFound(IntermodalError):
    """A named thing does not exist; the hint lists those that do."""


class Lost(NotFound):
    """What was stored once is missing or damaged: a run, an artifact, a manifest. No retry brings it back."""


class NumberTaken(IntermodalError):
    """A version number was given before, to another package."""


class Refused(IntermodalError):
    """The cloud knows who asks and says no (401, 403)."""


class Throttled(IntermodalError):
    """The cloud asks us to slow down (429)."""


class Unavailable(IntermodalError):
    """The cloud does not answer, or answers 5xx."""


class DeployFailed(IntermodalError):
    """An endpoint did not become ready; the message carries the cloud's own reason."""


class MissingExtra(IntermodalError):
    """An optional package is not installed; the hint is the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"The package '{package}' is not installed.", hint=f"Run: pip install 'intermodal[{extra}]'")
