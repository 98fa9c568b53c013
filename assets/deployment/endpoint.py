"""``<model>/endpoint/<target>``: the champion, deployed on a target. It gets no traffic until the route changes."""

import statistics
import time

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import incident_of, not_deployed, skipped_check, unavailable_targets
from intermodal.assets.keys import Context, attributes, endpoint_key, image_key, mirror_key, with_cached_signature
from intermodal.platform.catalogue import target_adapter
from intermodal.platform.deployment.requests import deploy_request, deployment_fingerprint
from intermodal.platform.deployment.route_change import require_same
from intermodal.platform.ports import EndpointTarget, ModelRegistry
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.registry import Candidate
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import GOLDEN, Golden
from intermodal.platform.protocol.parity import RULE, worst
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.failover_plan import desired_replicas
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

LATENCY_SAMPLES = 5
"""Requests that the latency of a new endpoint is measured with."""
SERVES_BUILT = "the version's image, by its digest"
SERVES_OWN = "the image that the settings name, with the version's artifacts"
COLD_STATE = "cold: nothing runs until a failover"


def golden_of(registry: ModelRegistry, candidate: Candidate) -> Golden:
    return Golden.from_json(registry.read(candidate, GOLDEN))


def endpoint(spec: ModelSpec, target: Target) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            *endpoint_key(spec, target).path[1:],
            kinds=set(target_adapter(target).kinds),
            description=f"The champion on {target}: the packaged server with the version's artifacts.",
            code_version=deployment_fingerprint(spec, target),
        ),
        deps=[mirror_key(spec, target.site), image_key(spec)],
        required_resource_keys={
            *(ports.REGISTRY, ports.DEPLOYMENT, ports.INCIDENTS),
            *(ports.TARGETS, ports.STORES),
        },
    )
    @with_cached_signature
    def _endpoint(context: Context) -> dg.MaterializeResult[None]:
        registry, deployment = ports.registry(context), ports.deployment(context)
        adapter, store = ports.targets(context).get(target), ports.stores(context).get(target.site)
        champion = champion_of(registry, spec.name)
        if (incident := incident_of(context, spec, target)) is not None:
            return not_deployed(incident, champion.version)
        replicas = desired_replicas(spec, unavailable_targets(context, spec))[target]
        if not replicas:
            return dg.MaterializeResult(
                metadata={"target": str(target), "version": champion.version, "state": COLD_STATE},
                data_version=dg.DataVersion(f"cold-{champion.candidate.manifest.digest}"),
            )
        request = deploy_request(spec, deployment, store, champion.identity, replicas)
        started = time.perf_counter()
        served = adapter.deploy(request)
        seconds = time.perf_counter() - started
        golden = golden_of(registry, champion.candidate)
        body = v2.golden_body(champion.candidate.record.signature, golden.rows[:1])
        return dg.MaterializeResult(
            metadata={
                "target": str(target),
                "name": served.name,
                "url": dg.MetadataValue.url(served.url),
                "version": served.version,
                "digest": champion.candidate.manifest.digest,
                "state": served.state,
                "replicas": replicas,
                "image": request.image,
                "serves": SERVES_OWN if deployment.image(target.site) else SERVES_BUILT,
                "deploy_seconds": round(seconds, 3),
                "p50_ms": round(_median_ms(adapter, served.name, body), 3),
            },
            data_version=dg.DataVersion(champion.candidate.manifest.digest),
        )

    return _endpoint


def _median_ms(adapter: EndpointTarget, name: str, body: bytes) -> float:
    """Median latency of LATENCY_SAMPLES predictions through the cloud's own client, in milliseconds."""
    times = []
    for _ in range(LATENCY_SAMPLES):
        started = time.perf_counter()
        adapter.invoke(name, body)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def parity(spec: ModelSpec, target: Target) -> dg.AssetChecksDefinition:
    """The golden rows get the same predictions on this target as on every other, before the route changes."""

    @dg.asset_check(
        asset=endpoint_key(spec, target),
        name="parity",
        blocking=True,
        description=f"Golden rows agree with every other target within {RULE}.",
        required_resource_keys={
            *(ports.REGISTRY, ports.DEPLOYMENT, ports.INCIDENTS, ports.TARGETS),
        },
    )
    @with_cached_signature
    def _parity(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        registry, deployment = ports.registry(context), ports.deployment(context)
        adapter = ports.targets(context).get(target)
        if (incident := incident_of(context, spec, target)) is not None:
            return skipped_check(incident)
        if not desired_replicas(spec, unavailable_targets(context, spec))[target]:
            return dg.AssetCheckResult(passed=True, metadata={"state": COLD_STATE})
        champion = champion_of(registry, spec.name)
        golden = golden_of(registry, champion.candidate)
        name = endpoint_name(spec.name, champion.version, deployment.environment)
        if (served := adapter.describe(name)) is not None:
            require_same(served, champion.identity)
        answer = v2.predictions(adapter.invoke(name, v2.golden_body(champion.candidate.record.signature, golden.rows)))
        deviation = worst(golden.predictions, answer)
        return dg.AssetCheckResult(
            passed=deviation.holds,
            metadata={
                "rows": len(golden.rows),
                "largest_difference": deviation.difference,
                "allowed": deviation.allowed,
            },
        )

    return _parity
