"""Bring Envoy from what its files say to what they should say, without a request noticing.

Make before break, each step taken by Envoy before the next is written: endpoints and lanes, then upstreams and failover
orders (which probe through the lanes), then the entrance; when the old ones carry nothing any more they go. Every step
leaves a configuration that works, so a kill anywhere does too, and the next publish starts from what is there.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from intermodal.platform.endpoints import AwsSignature, BearerToken
from intermodal.platform.envelope import MAX_ANSWER_SECONDS
from intermodal.platform.errors import IntermodalError
from intermodal.resources.envoy import config, credentials, files, state, validation
from intermodal.resources.envoy.admin import Admin, Kind, Rejected
from intermodal.resources.envoy.lane import Lane, Published
from intermodal.resources.envoy.proto import Json
from intermodal.resources.envoy.settings import Places

Secrets = Mapping[Lane, AwsSignature | BearerToken]


@dataclass(frozen=True)
class Publisher:
    """Writes the gateway's files, in order. Hold the gateway's lock while using it."""

    places: Places
    admin: Admin
    patience: float
    undo: ExitStack = field(default_factory=ExitStack)

    def publish(self, name: str, model: Published | None, secrets: Secrets, target: config.Config) -> None:
        """Take ``target`` into use, in which ``name`` is ``model`` (None: withdrawn). On any error all is put back."""
        with self.undo:
            self._secrets(secrets)
            old_clusters, old_hosts = self._clusters(), self._hosts()
            hosts = {**old_hosts, **target.lane_hosts}
            self._put("clusters", config.clusters_file({**old_clusters, **target.endpoints}))
            self._put("lanes", config.lanes_file(hosts))
            clusters = {**old_clusters, **target.endpoints, **target.upstreams}
            self._put("clusters", config.clusters_file(clusters))
            self._state(name, model)
            self._put("entrance", config.entrance_file(target.entrance))
            self.undo.pop_all()
        self._retire(clusters, target)

    def _retire(self, clusters: Mapping[str, Json], target: config.Config) -> None:
        """Remove what nobody asks any more. Should this fail, the next publish does it."""
        wanted = {**target.endpoints, **target.upstreams}
        gone = set(clusters) - set(wanted)
        if gone:
            self.admin.wait_idle(gone, MAX_ANSWER_SECONDS)
        self._put("clusters", config.clusters_file(wanted))
        self._put("lanes", config.lanes_file(target.lane_hosts))
        used = {name.split("/")[2] for name in target.endpoints}
        for path in self.places.secrets.iterdir():
            if path.stem not in used:
                path.unlink(missing_ok=True)

    def renew(self, secrets: Secrets) -> None:
        """Replace secrets of lanes that are there; nothing else changes."""
        with self.undo:
            self._secrets(secrets)
            self.undo.pop_all()

    def _secrets(self, secrets: Secrets) -> None:
        for lane, credential in secrets.items():
            path = credentials.secret_file(lane, self.places)
            if path is None:
                continue
            old, new = files.read(path), credentials.secret_text(lane, credential)
            if old is None or not credentials.same_secret(old, new):
                self._replace(path, old, new)
            until, expires = credentials.expiry_file(lane, self.places), credential.expires_at
            known = files.read(until)
            if known != (None if expires is None else repr(expires)):
                self._replace(until, known, None if expires is None else repr(expires))

    def _replace(self, path: Path, old: str | None, new: str | None) -> None:
        self.undo.callback(files.put_back, path, old)
        if new is None:
            path.unlink(missing_ok=True)
        else:
            files.write(path, new)

    def _state(self, name: str, model: Published | None) -> None:
        path = state.state_file(name, self.places)
        self.undo.callback(files.put_back, path, files.read(path))
        files.put_back(path, state.state_text(model) if model else None)

    def _put(self, kind: Kind, document: Json) -> None:
        """Write one of Envoy's files and wait until Envoy uses it; unchanged, only make sure that it does."""
        path, text = generated(kind, self.places), json.dumps(document)
        old, rejections = files.read(path), None
        if old != text:
            rejections = self.admin.rejections(kind)
            self.undo.callback(files.put_back, path, old)
            files.write(path, text)
        try:
            self.admin.wait_taken(kind, document["version_info"], rejections, self.patience)
        except Rejected as refusal:
            reason = validation.reason(kind, document["resources"])
            raise Rejected(f"{refusal.message} {reason}".strip(), hint=refusal.hint) from refusal

    def _clusters(self) -> dict[str, Json]:
        return config.by_name(resources(self.places.clusters))

    def _hosts(self) -> dict[str, Json]:
        return config.by_name(resources(self.places.lanes)[0]["virtual_hosts"])


def generated(kind: Kind, places: Places) -> Path:
    return {"clusters": places.clusters, "lanes": places.lanes, "entrance": places.entrance}[kind]


def resources(path: Path) -> list[Json]:
    text = files.read(path)
    if text is None:
        raise IntermodalError(
            f"{path} is missing: the gateway was not set up here.", hint="Call write_bootstrap, then start Envoy."
        )
    found: list[Json] = json.loads(text)["resources"]
    return found
