"""Bring Envoy from what its files have to what they should have, without a request noticing.

Make before break, each step taken by Envoy before the next is written: endpoints and their virtual hosts, then
upstreams and failover orders (which probe through the upstream listener), then the entrance; when the old ones carry
nothing any more they go. Every step leaves a configuration that works, so a kill anywhere does too, and the next
publish starts from what is there.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from msgspec import Raw

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import ApiKey, AwsSignature, BearerToken
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.resources.envoy import files
from intermodal.resources.envoy.control import state, validation
from intermodal.resources.envoy.control.admin import Admin, Kind, Rejected
from intermodal.resources.envoy.render import config, credentials
from intermodal.resources.envoy.settings import Paths
from intermodal.resources.envoy.upstream import Published, UpstreamConfig, key_of

log = logging.getLogger(__name__)

Secrets = Mapping[UpstreamConfig, AwsSignature | BearerToken | ApiKey]


@dataclass(frozen=True)
class Publisher:
    """Writes the gateway's files, in order. Hold the gateway's lock while using it."""

    paths: Paths
    admin: Admin
    patience: float
    undo: ExitStack = field(default_factory=ExitStack)
    taken: dict[Kind, config.Document] = field(default_factory=dict)
    """What Envoy is known to use of each file."""

    @cached_property
    def refused(self) -> Mapping[Kind, int]:
        """How many configurations Envoy had refused before this wrote the first: it stops at the first."""
        return self.admin.rejections()

    def publish(self, name: str, model: Published | None, secrets: Secrets, desired: config.Config) -> None:
        """Take ``desired`` into use, in which ``name`` is ``model`` (None: withdrawn). On any error all is put back."""
        with self.undo:
            self._secrets(secrets)
            old_clusters = config.by_name(self._read("clusters").resources)
            spent = self._spent(old_clusters)
            hosts = {**config.hosts_in(self._read("upstreams").resources), **desired.hosts}
            self._put("clusters", {**old_clusters, **desired.endpoints}.values())
            self._put("upstreams", config.listener_routes(hosts))
            clusters = {**old_clusters, **desired.endpoints, **desired.upstreams}
            self._put("clusters", clusters.values())
            self._state(name, model)
            self._put("entrance", [desired.entrance])
            self.undo.pop_all()
        try:
            self._retire(clusters, hosts, desired, spent)
        except IntermodalError as error:  # the new route serves, so its publisher gets no error
            log.warning("What gets no more requests stays with the gateway until something is published: %s", error)

    def _retire(
        self, clusters: config.Texts, hosts: config.Texts, desired: config.Config, spent: Collection[str]
    ) -> None:
        """Remove what gets no more requests. Should this fail, the next publish does it.

        An order whose upstreams stay may still have requests that are to be tried again, and nothing shows whether it
        has: it is removed with a later publish.
        """
        wanted = {*desired.endpoints, *desired.upstreams}
        wanted |= {
            name
            for name, cluster in clusters.items()
            if name not in spent and any(member in wanted for member in config.members(name, cluster))
        }
        hosted = {name for name in set(clusters) - wanted if not config.members(name, clusters[name])}
        if hosted:
            self.admin.wait_idle(hosted, MAX_ANSWER_SECONDS)
        self._put("clusters", [clusters[name] for name in clusters if name in wanted])
        kept = {name: host for name, host in hosts.items() if name in desired.hosts}
        self._put("upstreams", config.listener_routes(kept))
        used = {key_of(name) for name in desired.endpoints}
        for path in self.paths.secrets.iterdir():
            if path.stem not in used:
                path.unlink(missing_ok=True)
        for folder in (self.paths.directory, self.paths.routes):
            files.remove_leftovers(folder)

    def renew(self, secrets: Secrets) -> None:
        """Replace secrets of upstreams that are there; nothing else changes."""
        with self.undo:
            self._secrets(secrets)
            self.undo.pop_all()

    def _secrets(self, secrets: Secrets) -> None:
        for upstream, credential in secrets.items():
            path = credentials.secret_file(upstream, self.paths)
            if path is None:
                continue
            old, new = files.read(path), credentials.secret_text(upstream, credential)
            if old is None or not credentials.same_secret(old, new):
                self._replace(path, old, new)
            until, expires = credentials.expiry_file(upstream, self.paths), credential.expires_at
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
        path = state.state_file(name, self.paths)
        for file in (state.spare_of(path), path):
            self.undo.callback(files.put_back, file, files.read(file))
            files.put_back(file, state.state_text(model) if model else None)

    def _put(self, kind: Kind, resources: Iterable[Raw]) -> None:
        """Write one of Envoy's files and wait until Envoy uses it; unchanged, only make sure that it does."""
        document = config.discovery(resources)
        if kind in self.taken and self.taken[kind].version_info == document.version_info:
            return
        path, rejections = generated(kind, self.paths), None
        if self._read(kind).version_info != document.version_info:
            rejections = self.refused[kind]
            self.undo.callback(files.put_back, path, files.read(path))
            files.write(path, config.text(document))
        try:
            self.admin.wait_taken(kind, document.version_info, rejections, self.patience)
        except Rejected as refusal:
            reason = validation.reason(kind, document.resources)
            raise Rejected(f"{refusal.message} {reason}".strip(), hint=refusal.hint) from refusal
        self.taken[kind] = document

    def _spent(self, clusters: config.Texts) -> set[str]:
        """The failover orders that no request can be in: not named at the entrance, and not since a request's life."""
        entrance = self.paths.entrance
        text = files.read(entrance)
        if text is None or time.time() - entrance.stat().st_mtime < MAX_ANSWER_SECONDS:
            return set()
        return {name for name, cluster in clusters.items() if config.members(name, cluster) and name not in text}

    def _read(self, kind: Kind) -> config.Document:
        if kind in self.taken:
            return self.taken[kind]
        text = files.read(generated(kind, self.paths))
        if text is None:
            raise IntermodalError(
                f"{generated(kind, self.paths)} is missing: the gateway was not set up here.",
                hint="Call write_bootstrap, then start Envoy.",
            )
        return config.parse(text)


def generated(kind: Kind, paths: Paths) -> Path:
    return {"clusters": paths.clusters, "upstreams": paths.upstreams, "entrance": paths.entrance}[kind]
