"""The component that turns a spec into a model's assets, checks, jobs and schedule."""

import re
from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel, ValidationError

from intermodal.assets import jobs
from intermodal.assets.deployment import endpoint, image, mirror, mirror_unchanged, rollout, route
from intermodal.assets.functions import ModelFunctions, where
from intermodal.assets.monitoring import drift, drift_checks, drift_report, health, predictions
from intermodal.assets.monitoring import jobs as monitoring_jobs
from intermodal.assets.registry import version
from intermodal.assets.resilience import drill, incidents, timeline
from intermodal.assets.resilience import jobs as resilience_jobs
from intermodal.assets.scaffold import ModelScaffolder
from intermodal.assets.training import dataset, gates, model
from intermodal.platform.catalogue import CLOUDS_VARIABLE, default_targets, names, require_enabled
from intermodal.platform.errors import SpecError
from intermodal.platform.spec import ModelSpec
from intermodal.platform.spec.schema import plain

TEMPLATE = re.compile(r"\{[{%#]")
"""The start of a Jinja expression, statement or comment. JSON never contains it outside of a text."""


@dg.scaffold_with(ModelScaffolder)
class Model(dg.Component, dg.Resolvable, ModelSpec):
    """One model, from data to the clouds that serve it.

    Write `defs.yaml` in a folder below the project's definitions, with plain Python functions beside it:

    - `data.function` takes the key of a partition (a month is `2013-01-01`) and returns a table: of
      pandas, Polars or PyArrow;
    - `features.function` takes these rows as a DataFrame of pandas and returns the inputs and the target
      column in one table;
    - `train.function` takes inputs, target and the hyperparameters and returns a fitted estimator with scikit-learn's
      `predict` (and `predict_proba` for a classifier);
    - `gate.metric`, when it is no metric's name, takes the target, the predictions and the inputs of held-out rows and
      returns one number;
    - `gate.better_than`, optional, takes inputs and target and returns a function from rows to predictions.
    """

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model that a spec is validated with. Its schema names the field of a mistake."""
        return plain(cls.model(), names("targets"))

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """Resolve a spec. Dagster's resolver compiles every text with Jinja, so only a template needs it."""
        if TEMPLATE.search(model.model_dump_json(exclude_unset=True)):
            return super().resolve_from_model(context, model)
        return cls(**{name: getattr(model, name) for name in model.model_fields_set})

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        spec = resolved(self, context.path)
        functions = ModelFunctions.usable(spec, context)
        assets = dg.Definitions(
            assets=[
                dataset.dataset(spec, functions),
                dataset.features(spec, functions),
                model.model(spec, functions),
                version.version(spec),
                image.image(spec),
                *(mirror.mirror(spec, site) for site in spec.sites),
                *(endpoint.endpoint(spec, target) for target in spec.targets),
                *([rollout.rollout(spec, spec.rollout)] if spec.rollout else []),
                route.route(spec),
                predictions.predictions_asset(spec),
                drift.drift(spec, functions.metric),
                drift_report.report(spec),
                health.health(spec),
                incidents.incidents(spec),
                timeline.timeline(spec),
                drill.drill(spec),
                *([functions.broken.asset()] if functions.broken else ()),
            ],
            asset_checks=[
                gates.quality(spec),
                gates.servable(spec),
                image.digest_equal(spec),
                *(mirror.mirror_verified(spec, site) for site in spec.sites),
                *(mirror_unchanged.mirror_unchanged(spec, site) for site in spec.sites),
                *(endpoint.parity(spec, target) for target in spec.targets),
                route.route_answers(spec),
                drift_checks.no_drift(spec),
                drift_checks.no_target_findings(spec),
                drift_checks.no_quality_findings(spec),
            ],
            jobs=[
                resilience_jobs.failover_job(spec),
                resilience_jobs.recover_job(spec),
                *([rollout.rollout_job(spec)] if spec.rollout else []),
            ],
        )
        return dg.Definitions.merge(assets, jobs.jobs(spec), monitoring_jobs.jobs(spec))


def resolved(spec: ModelSpec, folder: Path) -> ModelSpec:
    """The spec with all of its targets listed. SpecError names file, line and field of a target that cannot be used."""
    targets = spec.targets or default_targets()
    if not targets:
        field = where(folder, "serve", spec.name)
        raise SpecError(
            f"{field}: no cloud is enabled, so no target can serve this model.", hint=f"Set {CLOUDS_VARIABLE}."
        )
    for target in targets:
        try:
            require_enabled(target)
        except SpecError as error:
            raise SpecError(f"{where(folder, 'serve', str(target))}: {error.message}", hint=error.hint) from error
    try:
        return spec.serving_on(targets)
    except ValidationError as error:
        reasons = "; ".join(str(detail["msg"]) for detail in error.errors())
        raise SpecError(f"{where(folder, 'serve', spec.name)}: {reasons}") from error
