"""``<model>/version``: the candidate that passed its gate, registered with a semantic version number."""

import dagster as dg

from intermodal.assets.keys import attributes, key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.registry.versioning import next_version
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.gate import judge_record, judge_servable


def version(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "version",
            kinds={"mlflow"},
            description="Registers the candidate with a semantic version and makes it the champion.",
        ),
        deps=[key(spec, "model")],
    )
    @with_cached_signature
    def _version(registry: dg.ResourceParam[ports.ModelRegistry]) -> dg.MaterializeResult[None]:
        candidate = registry.candidate(spec.name)
        quality = judge_record(spec.gate.metric, candidate.record, spec.gate.margin)
        servable = judge_servable(candidate.record.servable)
        # The checks block a run of both; this also covers a run of the version alone.
        if reasons := [reason for verdict in (quality, servable) if not verdict.passed for reason in verdict.reasons]:
            raise IntermodalError(
                f"The newest candidate of '{spec.name}' did not pass its gate. {' '.join(reasons)}",
                hint="Train a better candidate. The champion is unchanged.",
            )
        earlier = [
            (known.version, known.candidate.record.fingerprint)
            for known in registry.versions(spec.name)
            if known.candidate.record.run_id != candidate.record.run_id
        ]
        number, why = next_version(earlier, candidate.record.fingerprint)
        registered = registry.register(candidate, str(number))
        registry.promote(registered)
        return dg.MaterializeResult(
            metadata={
                "version": registered.version,
                "why": why,
                "registry_number": int(registered.number),
                "files": len(candidate.manifest.files),
                "bytes": candidate.manifest.size,
                "digest": candidate.manifest.digest,
                **candidate.record.metrics,
            },
            data_version=dg.DataVersion(candidate.manifest.digest),
        )

    return _version
