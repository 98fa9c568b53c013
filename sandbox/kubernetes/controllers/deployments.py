"""Deployment -> ReplicaSets: rolls a template out, and undoes nothing by itself.

One step a sync, from what is there, as pkg/controller/deployment does. When replicas change in the middle of a rolling
update, the newest ReplicaSet takes the difference (a cluster spreads it over all in proportion).
"""

from intermodal.sandbox.kubernetes.controllers import parts, revisions
from intermodal.sandbox.kubernetes.controllers.deployment_status import status_of
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.controllers.rolling import Bounds, Set, bounds, grown, shrunk
from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import DEPLOYMENT, POD, REPLICA_SET, Resource
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

DEADLINE_CHECK_SECONDS = 1.0


def limits(deployment: Document) -> Bounds:
    spec = deployment["spec"]
    rolling = spec["strategy"].get("rollingUpdate")
    return bounds(spec["replicas"], rolling["maxSurge"], rolling["maxUnavailable"]) if rolling else Bounds(0, 0)


class Deployments:
    """Runs after ReplicaSets in a sync, so that their counts are of now."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._events = objects, Recorder(objects, "deployment-controller")

    def sync(self) -> float | None:
        done = [self._sync(found) for found in self._objects.list(DEPLOYMENT)]
        return None if all(done) else DEADLINE_CHECK_SECONDS

    def _sync(self, deployment: Document) -> bool:
        """Whether it is complete."""
        sets = parts.owned(self._objects, REPLICA_SET, deployment)
        new, note = revisions.newest(deployment, sets), ""
        if not parts.leaving(deployment) and all(map(_observed, sets)):
            if not deployment["spec"].get("paused"):
                new, note = self._newest(deployment, sets, new)
            sets = parts.owned(self._objects, REPLICA_SET, deployment)
            old = sorted(
                (each for each in sets if new is None or parts.uid_of(each) != parts.uid_of(new)),
                key=lambda each: (each["metadata"]["creationTimestamp"], revisions.revision(each)),
            )
            if not deployment["spec"].get("paused"):
                self._step(deployment, new, old)
            elif len(active := [each for each in sets if each["spec"]["replicas"]]) == 1:
                self._scale(deployment, active[0], deployment["spec"]["replicas"])
        sets = parts.owned(self._objects, REPLICA_SET, deployment)
        deployment = self._objects.get(DEPLOYMENT, *parts.key_of(deployment))
        new = revisions.newest(deployment, sets)
        status = status_of(deployment, new, sets, limits(deployment).unavailable, note)
        deployment = parts.write_status(self._objects, DEPLOYMENT, deployment, status)
        complete = parts.condition(deployment, "Progressing").get("reason") == "NewReplicaSetAvailable"
        if complete and not parts.leaving(deployment):
            self._forget(deployment, [each for each in sets if new is None or each is not new])
        return complete

    def _newest(self, deployment: Document, sets: list[Document], new: Document | None) -> tuple[Document | None, str]:
        """The ReplicaSet of the template, made where it lacks, with the highest revision; and what was done, as the
        reason of the condition Progressing. None while Recreate waits for the end of the Pods before."""
        others = [each for each in sets if new is None or parts.uid_of(each) != parts.uid_of(new)]
        number = max(map(revisions.revision, others), default=0) + 1
        replicas = deployment["spec"]["replicas"]
        maximum, note = replicas + limits(deployment).surge, ""
        if new is None:
            if deployment["spec"]["strategy"]["type"] == "Recreate" and self._recreating(deployment, others):
                return None, ""
            size = grown(replicas, limits(deployment), 0, sum(each["spec"]["replicas"] for each in others))
            if deployment["spec"]["strategy"]["type"] == "Recreate":
                size = replicas
            new, note = self._create(deployment, revisions.new_set(deployment, size, maximum, number)), "created"
            if new is None:
                return None, ""
        else:
            note = "found" if revisions.revision(new) < number else ""
            number = max(number, revisions.revision(new))
            wanted = revisions.annotations(deployment, maximum, number)
            before = new["metadata"].get("annotations") or {}
            if note and (last := before.get(revisions.REVISION)):
                history = before.get(revisions.HISTORY)
                wanted[revisions.HISTORY] = f"{history},{last}" if history else last
            self._annotate(REPLICA_SET, new, before | wanted)
        mine = deployment["metadata"].get("annotations") or {}
        self._annotate(DEPLOYMENT, deployment, mine | {revisions.REVISION: str(number)})
        return self._objects.get(REPLICA_SET, *parts.key_of(new)), note

    def _create(self, deployment: Document, wanted: Document) -> Document | None:
        try:
            new = self._objects.create(REPLICA_SET, wanted, options=Options(parts.MANAGER))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            # Another's ReplicaSet has the name: the next hash counts the collision.
            status = deployment.get("status") or {}
            status = status | {"collisionCount": status.get("collisionCount", 0) + 1}
            parts.write_status(self._objects, DEPLOYMENT, deployment, status)
            return None
        if replicas := new["spec"]["replicas"]:
            self._say(deployment, new, 0, replicas)
        return new

    def _annotate(self, resource: Resource, document: Document, wanted: dict[str, str]) -> None:
        if (document["metadata"].get("annotations") or {}) == wanted:
            return

        def work(live: Document) -> Document:
            return live | {"metadata": live["metadata"] | {"annotations": wanted}}

        self._objects.change(resource, *parts.key_of(document), work, Options(parts.MANAGER))

    def _recreating(self, deployment: Document, old: list[Document]) -> bool:
        """Scale all down; whether a Pod of an earlier template still runs."""
        for each in old:
            self._scale(deployment, each, 0)
        return any(not parts.is_over(pod) for each in old for pod in parts.owned(self._objects, POD, each))

    def _step(self, deployment: Document, new: Document | None, old: list[Document]) -> None:
        replicas = deployment["spec"]["replicas"]
        if new is None:
            return
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            if not self._recreating(deployment, old):
                self._scale(deployment, new, replicas)
            return
        allowed = limits(deployment)
        total = sum(each["spec"]["replicas"] for each in (*old, new))
        size = grown(replicas, allowed, new["spec"]["replicas"], total)
        if size != new["spec"]["replicas"]:
            self._scale(deployment, new, size)
            return
        kept = shrunk(replicas, allowed, _set(new), [_set(each) for each in old])
        for each, size in zip(old, kept, strict=True):
            self._scale(deployment, each, size)

    def _scale(self, deployment: Document, found: Document, replicas: int) -> None:
        before = found["spec"]["replicas"]
        if before != replicas:
            parts.replace_spec(self._objects, REPLICA_SET, found, replicas=replicas)
            self._say(deployment, found, before, replicas)

    def _say(self, deployment: Document, found: Document, before: int, after: int) -> None:
        way, name = "up" if after > before else "down", found["metadata"]["name"]
        text = f"Scaled {way} replica set {name} from {before} to {after}"
        self._events.normal(deployment, "ScalingReplicaSet", text)

    def _forget(self, deployment: Document, old: list[Document]) -> None:
        """Of earlier ReplicaSets without Pods, as many stay as the history has room for."""
        idle = [each for each in old if not each["spec"]["replicas"] and not each["status"]["replicas"]]
        idle = sorted((each for each in idle if not parts.leaving(each)), key=revisions.revision)
        for each in idle[: max(0, len(old) - deployment["spec"]["revisionHistoryLimit"])]:
            self._objects.delete(REPLICA_SET, *parts.key_of(each))


def _observed(found: Document) -> bool:
    return bool(found["status"].get("observedGeneration", 0) >= found["metadata"]["generation"])


def _set(found: Document) -> Set:
    return Set(found["spec"]["replicas"], found["status"].get("availableReplicas", 0))
