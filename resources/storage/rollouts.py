"""Rollouts as JSON documents in a folder or bucket, one for each model: ``<address>/rollouts/<model>.json``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.rollouts import Rollout
from intermodal.resources.storage.documents import Documents
from intermodal.resources.storage.incidents import documents

FOLDER = "rollouts"
ROLLOUT = TypeAdapter(Rollout)


class JsonRollouts(BaseModel):
    """Fulfils ``platform.ports.Rollouts``. A change that was made from an older document is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(description="A folder or a bucket, as that of the incidents.")

    def get(self, model: str) -> Rollout | None:
        with self._reached():
            found = self._documents.read(_key(model))
        return None if found is None else self._parsed(model, found.text)

    def put(self, rollout: Rollout, known: Rollout | None) -> bool:
        key, text = _key(rollout.model), ROLLOUT.dump_json(rollout, indent=1).decode()
        with self._reached():
            found = self._documents.read(key)
            if found is None:
                return known is None and self._documents.create(key, text)
            if self._parsed(rollout.model, found.text) != known:
                return False
            return self._documents.replace(key, text, found.version)

    def models(self) -> Sequence[str]:
        with self._reached():
            names = self._documents.names(FOLDER)
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))

    @cached_property
    def _documents(self) -> Documents:
        return documents(self.address)

    def _parsed(self, model: str, text: str) -> Rollout:
        try:
            return ROLLOUT.validate_json(text)
        except ValidationError as error:
            raise IntermodalError(
                f"The rollout {self.address}/{_key(model)} cannot be read: {error.errors()[0]['msg']}.",
                hint=f"Remove the document, then run the job deploy_{model}, which begins it again.",
            ) from error

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except IntermodalError:
            raise
        except Exception as error:  # each kind of store raises its own
            raise Unavailable(
                f"The rollouts at {self.address} cannot be reached: {type(error).__name__}: {error}.",
                hint="Check INTERMODAL_INCIDENTS, and that its store answers and lets us read and write.",
            ) from error


def _key(model: str) -> str:
    return f"{FOLDER}/{model}.json"
