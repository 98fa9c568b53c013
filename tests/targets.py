"""Targets that tests name."""

from intermodal.platform.targets import Site, Target

AWS = Target("aws", "sagemaker")
AWS_EU = Target("aws", "sagemaker", "eu-west-1")
LAMBDA = Target("aws", "lambda")
FUNCTIONS = Target("azure", "functions")
EKS = Target("aws", "eks")
GCP = Target("gcp", "cloud-run")
AZURE = Target("azure", "ml")
TARGETS = (AWS, GCP, AZURE)
"""One in each cloud: what most tests serve on."""
SERVE = [str(target) for target in TARGETS]
SITES = (Site("aws"), Site("gcp"), Site("azure"))

CLOUDS = tuple(target.cloud for target in TARGETS)
ON = {target.cloud: target for target in TARGETS}
"""The target of a cloud, where a test kills whole clouds."""
