"""An example of every field of a spec. tests/docs/test_reference.py lays each over BASE and validates the result."""

BASE = """
name: no_show
owner: team:clinics
data: {function: data.visits, partitions: {monthly: {start: "2024-01"}}}
features: {function: data.features, target: came}
train: {function: train.fit}
gate: {metric: roc_auc}
serve: [aws/sagemaker, gcp/cloud-run, azure/ml]
"""

PARTS = {
    "data": "Where rows come from.",
    "features": "How rows become inputs and target, and which columns are special.",
    "train": "How the model is fitted, and on how many partitions.",
    "gate": "What a candidate must achieve to get a version. It is a blocking check.",
    "route": "How traffic is shared among the targets.",
    "objectives": "What alerts and drills are compared with.",
    "budget": "What the model may cost. No spend is gathered yet, so no alert compares it with this.",
}
"""What parts are for whose classes have no docstring."""

EXAMPLES = {
    "name": "name: no_show",
    "owner": "owner: team:clinics",
    "description": "description: Will this patient come?",
    "data": 'data:\n  function: data.visits\n  partitions: {monthly: {start: "2024-01"}}',
    "data.function": "data:\n  function: data.visits          # data.py beside the spec, function visits(key)\n"
    '  partitions: {monthly: {start: "2024-01"}}',
    "data.partitions": 'data:\n  function: data.visits\n  partitions: {monthly: {start: "2024-01", end: "2024-12"}}',
    "data.partitions.monthly": 'data:\n  function: data.visits\n  partitions:\n    monthly: {start: "2024-01"}',
    "data.partitions.monthly.start": "data:\n  function: data.visits\n  partitions:\n    monthly:\n"
    '      start: "2024-01"',
    "data.partitions.monthly.end": "data:\n  function: data.visits\n  partitions:\n    monthly:\n"
    '      start: "2024-01"\n      end: "2024-12"',
    "data.partitions.weekly": 'data:\n  function: data.visits\n  partitions:\n    weekly: {start: "2024-01-01"}',
    "data.partitions.weekly.start": "data:\n  function: data.visits\n  partitions:\n    weekly:\n"
    '      start: "2024-01-01"',
    "data.partitions.weekly.end": "data:\n  function: data.visits\n  partitions:\n    weekly:\n"
    '      start: "2024-01-01"\n      end: "2024-12-30"',
    "data.partitions.daily": 'data:\n  function: data.visits\n  partitions:\n    daily: {start: "2024-01-01"}',
    "data.partitions.daily.start": "data:\n  function: data.visits\n  partitions:\n    daily:\n"
    '      start: "2024-01-01"',
    "data.partitions.daily.end": "data:\n  function: data.visits\n  partitions:\n    daily:\n"
    '      start: "2024-01-01"\n      end: "2024-12-31"',
    "data.partitions.hourly": 'data:\n  function: data.visits\n  partitions:\n    hourly: {start: "2024-01-01-00:00"}',
    "data.partitions.hourly.start": "data:\n  function: data.visits\n  partitions:\n    hourly:\n"
    '      start: "2024-01-01-00:00"',
    "data.partitions.hourly.end": "data:\n  function: data.visits\n  partitions:\n    hourly:\n"
    '      start: "2024-01-01-00:00"\n      end: "2024-12-31-23:00"',
    "data.partitions.static": "data:\n  function: data.visits\n  partitions:\n"
    "    static: [zurich, bern, basel, geneva]   # with window: 3, geneva is held out",
    "data.partitions.dynamic": "data:\n  function: data.visits\n  partitions: {dynamic: true}",
    "features": "features:\n  function: data.features\n  target: came\n  sensitive: [postcode]\n  id: visit_id",
    "features.function": "features:\n  function: data.features      # features(frame) gives inputs and target\n"
    "  target: came",
    "features.target": "features:\n  function: data.features\n  target: came",
    "features.sensitive": "features:\n  function: data.features\n  target: came\n  sensitive: [postcode, birthday]",
    "features.id": "features:\n  function: data.features\n  target: came\n  id: visit_id",
    "train": "train:\n  function: train.fit\n  window: 6\n  hyperparameters: {max_depth: 4}",
    "train.function": "train:\n  function: train.fit           # fit(inputs, target, **hyperparameters)",
    "train.window": "train:\n  function: train.fit\n  window: 6                     # six, then one held out",
    "train.hyperparameters": "train:\n  function: train.fit\n  hyperparameters: {max_depth: 4, n_estimators: 200}",
    "gate": "gate:\n  metric: roc_auc\n  better_than: train.baseline\n  margin: 0.01",
    "gate.metric": "gate:\n  metric: log_loss",
    "gate.goal": "gate:\n  metric: train.cost              # cost(target, predictions, features) gives one number\n"
    "  goal: minimize",
    "gate.slices": "gate:\n  metric: roc_auc\n  slices: [clinic, first_visit]",
    "gate.worst_slice": "gate:\n  metric: roc_auc\n  slices: [clinic]\n  worst_slice: 0.6",
    "gate.better_than": "gate:\n  metric: roc_auc\n  better_than: train.baseline",
    "gate.not_worse_than": "gate:\n  metric: roc_auc\n  not_worse_than: null     # do not compare with the champion",
    "gate.margin": "gate:\n  metric: roc_auc\n  better_than: train.baseline\n  margin: 0.01",
    "serve": "serve: [aws/sagemaker, gcp/cloud-run, aws/sagemaker@eu-west-1]",
    "replicas": "replicas: 2",
    "route": "route: {policy: weighted, weights: {aws: 60, gcp: 40, azure: 0}}",
    "route.policy": "route:\n  policy: even",
    "route.weights": "serve: [aws/sagemaker, aws/sagemaker@eu-west-1, gcp/cloud-run]\nroute:\n  policy: weighted\n"
    "  weights:\n    aws@default: 30              # the site in AWS's default region\n    aws@eu-west-1: 30\n"
    "    gcp: 40                      # a cloud: shared evenly over its targets",
    "rollout": "rollout: {steps: [5, 25, 100], pause: 10m, min_requests: 500}",
    "rollout.steps": "rollout:\n  steps: [1, 10, 50, 100]",
    "rollout.pause": "rollout:\n  pause: 30m",
    "rollout.min_requests": "rollout:\n  min_requests: 2000",
    "rollout.max_error_rate_increase": "rollout:\n  max_error_rate_increase: 0.005",
    "rollout.max_p95_increase": "rollout:\n  max_p95_increase: 0.1    # a tenth",
    "failover": "failover: {order: [aws, azure, gcp], cold: [azure]}",
    "failover.order": "failover:\n  order: [gcp, aws, azure]",
    "failover.cold": "failover:\n  cold: [azure/ml]              # holds the mirror, runs nothing until a failover",
    "objectives": "objectives: {availability: 99.9, p95_ms: 100, capacity_seconds: 60}",
    "objectives.availability": "objectives:\n  availability: 99.95",
    "objectives.p95_ms": "objectives:\n  p95_ms: 100",
    "objectives.drained_seconds": "objectives:\n  drained_seconds: 2",
    "objectives.capacity_seconds": "objectives:\n  capacity_seconds: 60",
    "drift": "drift: {psi: 0.25, share: 0.5, rows: 5000, retrains_per_day: 1}",
    "drift.psi": "drift:\n  psi: 0.2",
    "drift.share": "drift:\n  share: 0.3                   # of the columns",
    "drift.prediction_psi": "drift:\n  prediction_psi: 0.2",
    "drift.rows": "drift:\n  rows: 20000",
    "drift.min_rows": "drift:\n  min_rows: 2000",
    "drift.cooldown_hours": "drift:\n  cooldown_hours: 12",
    "drift.retrains_per_day": "drift:\n  retrains_per_day: 2",
    "log_sample": "log_sample: 0.1                # one request of ten",
    "log_rows_per_second": "log_rows_per_second: 5000",
    "log_keep_days": "log_keep_days: 90",
    "errors": "errors: short                  # callers get a request id, and nothing about their rows",
    "stale_after_days": "stale_after_days: 60",
    "budget": "budget: {usd_per_month: 200}",
    "budget.usd_per_month": "budget:\n  usd_per_month: 200",
    "tags": "tags: {cost_centre: med-7}",
}
