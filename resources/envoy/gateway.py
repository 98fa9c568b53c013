"""The gateway: one address for every model, whichever target answers. Fulfils the port ``Gateway`` with Envoy.

Envoy itself is started separately: ``envoy -c <directory>/bootstrap.json --disable-hot-restart``.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Throttled, Unavailable
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Canary, Disturbance, Route, Totals, Tries
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.platform.targets import Target, parse_target
from intermodal.resources.envoy import files
from intermodal.resources.envoy.control import state
from intermodal.resources.envoy.control.admin import Admin
from intermodal.resources.envoy.control.client import client
from intermodal.resources.envoy.control.publisher import Publisher, Secrets
from intermodal.resources.envoy.render import config, drills
from intermodal.resources.envoy.render.bootstrap import bootstrap
from intermodal.resources.envoy.render.credentials import expiry_file
from intermodal.resources.envoy.render.listeners import ReservedHeaders
from intermodal.resources.envoy.settings import Paths, Settings
from intermodal.resources.envoy.stats import counters, samples
from intermodal.resources.envoy.stats.config import NAMESPACE
from intermodal.resources.envoy.upstream import (
    MODEL_NAME,
    UPSTREAM,
    Published,
    published,
    shifted,
    split,
    upstream_config,
)
from intermodal.resources.storage.addresses import without_passwords


def write_bootstrap(
    directory: str | Path,
    listen_port: int,
    admin_port: int,
    listen_host: str = "127.0.0.1",
    reserved_headers: Iterable[str] = (),
    reserved_prefixes: Iterable[str] = (),
) -> Path:
    """Make ``directory`` ready for an Envoy and return the file to start it with.

    ``reserved_headers`` and ``reserved_prefixes`` are request headers of the serving platforms that no client may send,
    by name and by the beginning of their names; credentials and the gateway's own are removed in any case.
    Routes that were published before stay published. Writing the same again changes nothing.
    """
    paths = Paths(Path(directory).absolute())
    for folder in (paths.directory, paths.routes, paths.secrets, paths.socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = paths.socket.parent.stat()
    if found.st_mode & 0o077 or found.st_uid != os.getuid():
        raise IntermodalError(
            f"Others can enter {paths.socket.parent}, where the upstream listener is.", hint="Make it 0700 and yours."
        )
    rendered = config.render(state.read_all(paths).values(), paths, Settings())
    for path, resources in (
        (paths.clusters, [*rendered.endpoints.values(), *rendered.upstreams.values()]),
        (paths.upstreams, config.listener_routes(rendered.hosts)),
        (paths.entrance, [rendered.entrance]),
    ):
        if not path.exists():
            files.write(path, config.text(config.discovery(resources)))
    reserved = ReservedHeaders(tuple(reserved_headers), tuple(reserved_prefixes))
    files.write(paths.bootstrap, json.dumps(bootstrap(paths, listen_port, admin_port, listen_host, reserved), indent=1))
    return paths.bootstrap


class EnvoyGateway(BaseModel):
    """Envoy, configured by files in ``directory``. Errors: SpecError, Unavailable, Rejected with Envoy's reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: str = Field(description="Where Envoy's files are; the same as given to write_bootstrap.")
    url: str = Field(description="What clients call, such as http://127.0.0.1:8080.")
    admin_url: str = Field(description="Envoy's admin interface, on loopback.")
    ca_bundle: str = Field(
        default="", description="PEM file that https endpoints are checked against; empty: the system's."
    )
    try_seconds: float = Field(
        default=0.8, gt=0, description="How long one upstream may take before the next is tried."
    )
    probe_seconds: float = Field(default=10.0, gt=0, description="Between golden-row probes of a healthy upstream.")
    recovery_seconds: float = Field(default=1.0, gt=0, description="Between probes of an unhealthy upstream.")
    take_seconds: float = Field(default=15.0, gt=0, description="How long Envoy may need to take a configuration.")

    def publish(self, route: Route, upstreams: Sequence[Upstream]) -> None:
        """Make the gateway use this route, and return when Envoy does.

        Until then, and whenever this raises, the old route keeps serving. The same again writes nothing. A credential
        that is new and nothing else rewrites one file and touches no connection.
        """
        model = published(route, upstreams)
        credentials = {upstream.target: upstream.credential for upstream in upstreams}
        secrets = {
            upstream: secret for upstream in model.upstreams if (secret := credentials[upstream.target]) is not None
        }
        admin = Admin(self.admin_url)
        admin.get("/ready")
        with self._lock():
            self._use(admin, route.model, model, secrets)

    def shift(self, model: str, weights: Mapping[Target, int], added: Sequence[Upstream] = ()) -> None:
        """Move traffic among the upstreams that the route has and those in ``added``, and return when Envoy does so.

        Only Envoy is called, and the credentials that are there stay. A target that is not named gets weight 0: no
        traffic, and the golden row still. As with ``publish``, the old weights hold until then, the same again writes
        nothing, and after a kill it is done again. NotFound: no route; SpecError: a weight without an upstream.
        """
        admin = Admin(self.admin_url)
        admin.get("/ready")
        with self._lock():
            changed = shifted(self._known(model), weights, added)
            secrets = {
                upstream_config(model, upstream): upstream.credential
                for upstream in added
                if upstream.credential is not None
            }
            self._use(admin, model, changed, secrets)

    def split(self, model: str, canary: Canary | None, upstreams: Sequence[Upstream] = ()) -> None:
        """Send a share of the model's requests to another version, and return when Envoy does so; as with ``publish``,
        nothing has changed until then, and the same again writes nothing."""
        admin = Admin(self.admin_url)
        admin.get("/ready")
        with self._lock():
            changed = split(self._known(model), canary, upstreams)
            secrets = {
                upstream_config(model, upstream): upstream.credential
                for upstream in upstreams
                if upstream.credential is not None
            }
            self._use(admin, model, changed, secrets)

    def canary(self, model: str) -> Canary | None:
        found = self._published(model)
        return Canary(found.canary.route, found.share) if found and found.canary else None

    def tries(self, model: str) -> Mapping[tuple[Target, str], Tries]:
        """What each target and version was sent since Envoy was started, by its counters at the upstream listener."""
        counted = counters.of(samples.read(Admin(self.admin_url), rf"^{NAMESPACE}\.tries_"))
        return {(target, version): tries for (name, target, version), tries in counted.items() if name == model}

    def _use(self, admin: Admin, name: str, model: Published | None, secrets: Secrets) -> None:
        """Bring Envoy to this (None: withdrawn), beside all other models. Hold the lock."""
        models = [*state.read_all(self._paths, but=name).values(), *([model] if model else [])]
        desired = config.render(models, self._paths, self._settings)
        Publisher(self._paths, admin, self.take_seconds).publish(name, model, secrets, desired)

    def renew(self, model: str, upstream: Upstream) -> None:
        """Replace one upstream's credential: a file is rewritten, and no connection or request is touched.

        The route may be older than this release, whose adapter gives other headers or another form of errors: only what
        the credential is for counts. NotFound when the route has no such upstream.
        """
        with self._lock():
            found, fresh = self._published(model), upstream_config(model, upstream)
            known = (
                next((each for each in found.all_upstreams if each.is_same_endpoint(fresh)), None) if found else None
            )
            if known is None:
                raise NotFound(
                    f"The route of '{model}' has no such upstream on {upstream.target}.",
                    hint="Publish the route instead.",
                )
            if upstream.credential is not None:
                publisher = Publisher(self._paths, Admin(self.admin_url), self.take_seconds)
                publisher.renew({known: upstream.credential})

    def credential_expiry(self, model: str, version: str = "") -> Mapping[Target, float]:
        """Unix seconds at which each upstream's credential expires; one that does not is absent."""
        found = self._published(model)
        kept = {
            upstream.target: files.read(expiry_file(upstream, self._paths))
            for upstream in (found.of_version(version).upstreams if found else ())
        }
        return {target: float(text) for target, text in kept.items() if text is not None}

    def addresses(self, model: str, version: str = "") -> Mapping[Target, str]:
        """The URL of each upstream of the route, or of the canary that has the version."""
        found = self._published(model)
        return {upstream.target: upstream.url for upstream in (found.of_version(version).upstreams if found else ())}

    def withdraw(self, model: str) -> None:
        """Idempotent, also after a kill: the model answers 404 from then on, and its credentials are gone; should Envoy
        fall silent between the two, they go with the next publish."""
        if not MODEL_NAME.fullmatch(model):
            return
        admin = Admin(self.admin_url)
        admin.get("/ready")
        with self._lock():
            self._use(admin, model, None, {})

    def route(self, model: str) -> Route | None:
        found = self._published(model)
        return found.route if found else None

    def models(self) -> Sequence[str]:
        return state.names(self._paths)

    def infer(self, model: str, body: bytes) -> tuple[bytes, Target, str]:
        """A V2 body through the gateway: the answer, the target that gave it and its version.

        NotFound: unknown model. SpecError: the body is wrong. Throttled: every target answers 429. Unavailable:
        none answers, or ``url`` is no gateway's.
        """
        try:
            answer = client().post(
                f"{self.url.rstrip('/')}/v2/models/{model}/infer",
                content=body,
                headers={"content-type": "application/json"},
                timeout=MAX_ANSWER_SECONDS + 5,
            )
        except httpx.HTTPError as error:
            raise Unavailable(
                without_passwords(f"The gateway does not answer at {self.url}: {error}."),
                hint="Start it with 'intermodal up'.",
            ) from error
        if answer.status_code != 200:
            raise _error(model, answer)
        target, version = (answer.headers.get(f"x-intermodal-{name}", "") for name in ("target", "version"))
        if not target:
            raise Unavailable(
                without_passwords(f"What answers at {self.url} is not the gateway."),
                hint="Correct INTERMODAL_GATEWAY_URL.",
            )
        return answer.content, parse_target(target), version

    def upstream_health(self, model: str) -> Mapping[Target, bool]:
        """Whether each upstream is sent first tries now: its golden row answers, and it neither is ejected nor fails
        more than the others.

        One with weight 0 is among them; a target that has no upstream is not.
        """
        known = self._known(model)
        return known.health(Admin(self.admin_url).turns(f"^{re.escape(model)}/{UPSTREAM}$"))

    def health(self) -> Mapping[str, Mapping[Target, bool]]:
        """``upstream_health`` of every model. Envoy is called once, and a state file is read only when it is new; one
        that is damaged is logged, and its model left out."""
        models = state.read_sound(self._paths)
        turns = Admin(self.admin_url).turns(f"^[^/]+/{UPSTREAM}$")
        return {name: model.health(turns) for name, model in models.items()}

    def disturb(self, target: Target, disturbance: Disturbance | None) -> None:
        """Drill: do this to every request for ``target``, probes too, from now on; None or a restart ends it."""
        Admin(self.admin_url).post("/runtime_modify", drills.settings(target, disturbance))

    def disturbances(self) -> Mapping[Target, Disturbance]:
        """The drills that are on now."""
        return drills.read(Admin(self.admin_url).get("/runtime", format="json").json())

    def totals(self) -> Mapping[str, Totals]:
        """What each model's callers got since Envoy was started, by its own counters at the entrance."""
        return counters.totals(samples.read(Admin(self.admin_url), f"^{NAMESPACE}\\.answers_total\\.model\\."))

    def _published(self, model: str) -> Published | None:
        if not MODEL_NAME.fullmatch(model):
            return None
        return state.read_known(state.state_file(model, self._paths))

    def _known(self, model: str) -> Published:
        found = self._published(model)
        if found is None:
            raise NotFound(f"The gateway has no route for '{model}'.", hint=f"It serves: {', '.join(self.models())}.")
        return found

    def _lock(self) -> AbstractContextManager[object]:
        if not self._paths.directory.is_dir():
            raise Unavailable(f"There is no gateway in {self.directory}.", hint="Start it with 'intermodal up'.")
        return FileLock(self._paths.lock, mode=0o600)

    @property
    def _paths(self) -> Paths:
        return Paths(Path(self.directory).absolute())

    @property
    def _settings(self) -> Settings:
        return Settings(self.try_seconds, self.probe_seconds, self.recovery_seconds, self.ca_bundle)


def _error(model: str, answer: httpx.Response) -> IntermodalError:
    try:
        reason = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        reason = answer.text[:200]
    message = f"'{model}' through the gateway: {answer.status_code}, {reason}"
    match answer.status_code:
        case 404:
            return NotFound(message)
        case 429:
            return Throttled(message, hint="Wait a little and try again.")
        case code if code < 500:
            return SpecError(message)
        case _:
            return Unavailable(message, hint="See 'intermodal status' for what is down.")
