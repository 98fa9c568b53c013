"""``<model>/version``: the candidate that passed its gate, signed and registered with a semantic version number."""

import dagster as dg

from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.keys import hint_of
from intermodal.platform.registry.registration import register_next
from intermodal.platform.registry.signing import with_signature
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.gate import judge_record, judge_servable

REMEMBERED = 20
"""Materializations that are read for their numbers, newest first."""


def version(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "version",
            kinds={"mlflow"},
            description="Signs and registers the candidate with a semantic version and makes it the champion.",
        ),
        deps=[key(spec, "model")],
    )
    @with_cached_signature
    def _version(
        context: Context,
        registry: dg.ResourceParam[ports.ModelRegistry],
        signer: dg.ResourceParam[ports.Signer],
    ) -> dg.MaterializeResult[None]:
        candidate = registry.candidate(spec.name)
        quality = judge_record(spec.gate, candidate.record)
        servable = judge_servable(candidate.record.servable)
        # The checks block a run of both; this also covers a run of the version alone.
        if reasons := [reason for verdict in (quality, servable) if not verdict.passed for reason in verdict.reasons]:
            raise IntermodalError(
                f"The newest candidate of '{spec.name}' did not pass its gate. {' '.join(reasons)}",
                hint="Train a better candidate. The champion is unchanged.",
            )
        candidate = with_signature(registry, signer, candidate)
        registration = register_next(registry, candidate, _given(context), context.log)
        registered = registration.version
        registry.promote(registered)
        return dg.MaterializeResult(
            metadata={
                "version": registered.version,
                "why": registration.why,
                **({"lost": " ".join(registration.lost)} if registration.lost else {}),
                "registry_number": int(registered.number),
                "files": len(candidate.manifest.files),
                "bytes": candidate.manifest.size,
                "digest": candidate.manifest.digest,
                "signed_by": hint_of(signer.key) if signer.key else "not signed: INTERMODAL_SIGNING_KEY is not set",
                **candidate.record.metrics,
            },
            data_version=dg.DataVersion(candidate.manifest.digest),
        )

    return _version


def _given(context: Context) -> list[str]:
    """Numbers that this asset gave before. They are known even when the whole registry was deleted or restored from a
    backup."""
    made = context.instance.fetch_materializations(context.asset_key, limit=REMEMBERED).records
    events = (record.asset_materialization for record in made)
    found = (event.metadata.get("version") for event in events if event is not None)
    return [str(number.value) for number in found if number is not None]
