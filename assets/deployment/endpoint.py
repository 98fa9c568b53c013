"""``<model>/endpoint/<cloud>``: the champion, serving on its target, off to the side until the route moves."""

import statistics
import time

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import down, incident_of, not_deployed, not_looked_at
from intermodal.assets.keys import CLOUD_KINDS, Context, attributes, key, signed
from intermodal.platform.deployment.requests import deploy_request, stated
from intermodal.platform.ports import EndpointTarget, ModelRegistry
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.registry import Candidate
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import GOLDEN, Golden
from intermodal.platform.protocol.parity import TOLERANCE, holds, largest_difference
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.failover_plan import wanted
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

SAMPLES = 5
COLD = "cold: nothing runs until a failover"


def golden_of(registry: ModelRegistry, candidate: Candidate) -> Golden:
    return Golden.from_json(registry.read(candidate, GOLDEN))


def endpoint(spec: ModelSpec, target: Target) -> dg.AssetsDefinition:
    cloud = target.cloud

    @dg.asset(
        **attributes(
            spec,
            "endpoint",
            cloud,
            kinds=CLOUD_KINDS[str(target)],
            description=f"The champion on {target}: the packaged server with the version's artifacts.",
            code_version=stated(spec, cloud),
        ),
        deps=[key(spec, "mirror", cloud)],
        required_resource_keys={
            *(ports.REGISTRY, ports.DEPLOYMENT, ports.INCIDENTS),
            *(ports.target_key(target), ports.store_key(cloud)),
        },
    )
    @signed
    def _endpoint(context: Context) -> dg.MaterializeResult[None]:
        registry, deployment = ports.registry(context), ports.deployment(context)
        place, store = ports.place(context, target), ports.store(context, cloud)
        champion = champion_of(registry, spec.name)
        if (incident := incident_of(context, spec, cloud)) is not None:
            return not_deployed(incident, champion.version)
        replicas = wanted(spec, down(context, spec))[cloud]
        if not replicas:
            return dg.MaterializeResult(
                metadata={"target": str(target), "version": champion.version, "state": COLD},
                data_version=dg.DataVersion(f"cold-{champion.candidate.manifest.digest}"),
            )
        request = deploy_request(spec, deployment, store, champion.version, replicas)
        started = time.perf_counter()
        served = place.deploy(request)
        seconds = time.perf_counter() - started
        golden = golden_of(registry, champion.candidate)
        body = v2.golden_body(champion.candidate.record.signature, golden.rows[:1])
        return dg.MaterializeResult(
            metadata={
                "target": str(target),
                "name": served.name,
                "url": dg.MetadataValue.url(served.url),
                "version": served.version,
                "state": served.state,
                "replicas": replicas,
                "image": request.image,
                "serves": "the packaged server and the version's artifacts (no image of its own yet)",
                "deploy_seconds": round(seconds, 3),
                "p50_ms": round(_median_ms(place, served.name, body), 3),
            },
            data_version=dg.DataVersion(champion.candidate.manifest.digest),
        )

    return _endpoint


def _median_ms(place: EndpointTarget, name: str, body: bytes) -> float:
    """The median of a few predictions through the cloud's own client, in milliseconds."""
    times = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        place.invoke(name, body)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def parity(spec: ModelSpec, target: Target) -> dg.AssetChecksDefinition:
    """The same golden rows give the same predictions here as everywhere, before any traffic moves."""

    @dg.asset_check(
        asset=key(spec, "endpoint", target.cloud),
        name="parity",
        blocking=True,
        description=f"Golden rows agree with every other target within {TOLERANCE:g}.",
        required_resource_keys={
            *(ports.REGISTRY, ports.DEPLOYMENT, ports.INCIDENTS),
            ports.target_key(target),
        },
    )
    @signed
    def _parity(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        registry, deployment = ports.registry(context), ports.deployment(context)
        place = ports.place(context, target)
        if (incident := incident_of(context, spec, target.cloud)) is not None:
            return not_looked_at(incident)
        if not wanted(spec, down(context, spec))[target.cloud]:
            return dg.AssetCheckResult(passed=True, metadata={"state": COLD})
        champion = champion_of(registry, spec.name)
        golden = golden_of(registry, champion.candidate)
        name = endpoint_name(spec.name, champion.version, deployment.environment)
        answer = v2.predictions(place.invoke(name, v2.golden_body(champion.candidate.record.signature, golden.rows)))
        return dg.AssetCheckResult(
            passed=holds(golden.predictions, answer),
            metadata={
                "rows": len(golden.rows),
                "largest_difference": largest_difference(golden.predictions, answer),
                "allowed": TOLERANCE / 2,
            },
        )

    return _parity
