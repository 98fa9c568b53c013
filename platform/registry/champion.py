"""The champion: the version that should serve."""

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import ModelRegistry
from intermodal.platform.ports.registry import RegisteredVersion


def champion_of(registry: ModelRegistry, model: str) -> RegisteredVersion:
    """The champion. NotFound if no candidate has passed the gate yet."""
    champion = registry.champion(model)
    if champion is None:
        raise NotFound(f"'{model}' has no champion.", hint=f"Run the job train_{model} first.")
    return champion
