"""The champion: the version that should serve."""

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import ModelRegistry
from intermodal.platform.ports.registry import RegisteredVersion


def champion_of(registry: ModelRegistry, model: str) -> RegisteredVersion:
    """The champion. NotFound if no candidate has passed the gate yet, or if the champion was deleted. Lost if its run
    or artifacts were."""
    champion = registry.champion(model)
    if champion is None:
        known = registry.history(model)
        if not known.newest:
            raise NotFound(f"'{model}' has no champion.", hint=f"Run the job train_{model} first.")
        back = f"Move the alias 'champion' to version {known.versions[-1].version}, or run" if known.versions else "Run"
        raise NotFound(
            f"'{model}' has no champion any more; {known.newest} is the newest version that was registered.",
            hint=f"{back} the job train_{model}. What is deployed goes on.",
        )
    return champion
