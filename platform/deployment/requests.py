"""The request that deploys a version on a target, and the verification of its predictions. Needs no registry."""

import json
from collections.abc import Iterable

from intermodal.platform import ports
from intermodal.platform.deployment.images import image_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.keys import key_text
from intermodal.platform.protocol.package import DESCRIPTOR, GOLDEN, Golden
from intermodal.platform.protocol.parity import worst
from intermodal.platform.protocol.signature import Signature
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

NOT_DEPLOYED = "not deployed"
FINGERPRINT_FIELDS = {"owner", "replicas", "log_sample", "log_rows_per_second", "errors", "tags"}
"""Fields of a spec that change an endpoint, in addition to ``features.sensitive``."""


def prefix(model: str, version: str) -> str:
    """The prefix of a version's artifacts in every site's object store."""
    return f"{model}/{version}"


def deploy_request(
    spec: ModelSpec,
    deployment: ports.Deployment,
    store: ports.ObjectStore,
    version: Identity,
    replicas: int,
    others: Iterable[ports.ObjectStore] = (),
) -> DeployRequest:
    """The request for a target at the store's site. Keys of the prediction log (``prediction_log.object_key``) are
    relative to the root of that site's bucket. ``others`` name the image when that store does not answer."""
    return DeployRequest(
        model=spec.name,
        version=version.version,
        environment=deployment.environment,
        owner=spec.team,
        image=image_of(deployment, store, spec.name, version, others),
        artifacts=store.uri(prefix(spec.name, version.version)),
        replicas=replicas,
        predictions=store.uri("") if spec.log_sample else "",
        sample=spec.log_sample,
        rows_per_second=spec.log_rows_per_second,
        sensitive=_sensitive(spec),
        errors=spec.errors,
        tags=spec.tags,
        digest=version.digest,
        trusted_keys=tuple(map(key_text, deployment.trusted_keys)),
    )


def deployment_fingerprint(spec: ModelSpec, target: Target) -> str:
    """The spec's fields that change the endpoint, as its asset's code version. A change deploys the endpoint again.

    Defaults are left out, so that a release which adds a field does not deploy every endpoint again.
    """
    fields = spec.model_dump(include=FINGERPRINT_FIELDS, exclude_defaults=True)
    fields |= {"sensitive": _sensitive(spec)} if spec.features.sensitive else {}
    return json.dumps(fields | ({"cold": True} if target in spec.cold_targets else {}), sort_keys=True)


def _sensitive(spec: ModelSpec) -> tuple[str, ...]:
    """Sorted, so that another order of the names is no change."""
    return tuple(sorted(set(spec.features.sensitive)))


def golden_of_mirror(store: ports.ObjectStore, model: str, version: str) -> tuple[bytes, Golden]:
    """The golden rows of a mirror as a V2 body, and with the expected predictions. NotFound, Unavailable, or
    IntermodalError if the mirror is damaged."""
    folder = prefix(model, version)
    try:
        signature = Signature.from_dict(json.loads(store.get(f"{folder}/{DESCRIPTOR}"))["signature"])
        golden = Golden.from_json(store.get(f"{folder}/{GOLDEN}"))
    except (ValueError, KeyError, TypeError) as error:
        raise IntermodalError(
            f"The mirror {store.uri(folder)} is damaged: {error!r}.", hint="Mirror it again."
        ) from error
    return v2.golden_body(signature, golden.rows), golden


def verify(adapter: ports.EndpointTarget, name: str, body: bytes, golden: Golden) -> None:
    """IntermodalError unless the endpoint's predictions equal the golden ones."""
    answer = v2.predictions(adapter.invoke(name, body))
    if not (deviation := worst(golden.predictions, answer)).holds:
        raise IntermodalError(
            f"{adapter.target}: '{name}' differs from the golden predictions by {deviation}.",
            hint="It gets no traffic. Check its image and mirror.",
        )
