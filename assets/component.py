"""The component that turns a spec into a model's assets, checks, jobs and schedule."""

import re
from typing import Self

import dagster as dg
from pydantic import BaseModel

from intermodal.assets import jobs
from intermodal.assets.deployment import endpoint, mirror, route
from intermodal.assets.functions import ModelFunctions
from intermodal.assets.monitoring import drift, drift_checks, drift_report, health, predictions
from intermodal.assets.monitoring import jobs as monitoring_jobs
from intermodal.assets.registry import version
from intermodal.assets.resilience import drill, incidents, timeline
from intermodal.assets.resilience import jobs as resilience_jobs
from intermodal.assets.training import dataset, model
from intermodal.platform.spec import ModelSpec
from intermodal.platform.spec.schema import plain
from intermodal.platform.targets import parse_target

TEMPLATE = re.compile(r"\{[{%#]")
"""How Jinja's expressions, statements and comments begin; nothing in JSON does."""


class Model(dg.Component, dg.Resolvable, ModelSpec):
    """One model, from data to three clouds.

    Write `defs.yaml` in a folder below `models/`, with plain Python functions beside it:

    - `data.function` takes a month (`2013-01-01`) and gives a DataFrame;
    - `features.function` takes that DataFrame and gives inputs and target;
    - `train.function` takes inputs, target and the hyper-parameters and gives a fitted estimator with scikit-learn's
      `predict` (and `predict_proba` when it classifies);
    - `gate.better_than`, if given, takes inputs and target and gives a function from rows to predictions.
    """

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What a spec is checked against, by a schema that names a mistake."""
        return plain(cls.model())

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """Only a spec with a template in it needs Dagster's resolver, which has Jinja compile every text."""
        if TEMPLATE.search(model.model_dump_json(exclude_unset=True)):
            return super().resolve_from_model(context, model)
        return cls(**{name: getattr(model, name) for name in model.model_fields_set})

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        functions = ModelFunctions.of(self, context)
        targets = [parse_target(name) for name in self.serve]
        assets = dg.Definitions(
            assets=[
                dataset.dataset(self, functions),
                dataset.features(self, functions),
                model.model(self, functions),
                version.version(self),
                *(mirror.mirror(self, target.cloud) for target in targets),
                *(endpoint.endpoint(self, target) for target in targets),
                route.route(self, targets),
                predictions.predictions_asset(self),
                drift.drift(self),
                drift_report.report(self),
                health.health(self),
                incidents.incidents(self),
                timeline.timeline(self),
                drill.drill(self),
            ],
            asset_checks=[
                model.quality(self),
                *(mirror.mirror_verified(self, target.cloud) for target in targets),
                *(endpoint.parity(self, target) for target in targets),
                route.route_answers(self),
                drift_checks.no_drift(self),
                drift_checks.no_cloud_findings(self),
                drift_checks.no_quality_findings(self),
                drill.objectives(self),
            ],
            jobs=[resilience_jobs.failover_job(self, targets), resilience_jobs.recover_job(self, targets)],
        )
        return dg.Definitions.merge(assets, jobs.jobs(self), monitoring_jobs.jobs(self))
