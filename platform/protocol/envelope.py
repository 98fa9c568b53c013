"""Limits of a request that hold on every target, so that any target can serve it (vendors' limits, November 2026)."""

MAX_BODY_BYTES = 1_500_000
"""Vertex AI shared endpoints, the smallest of the nine:
https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type"""

MAX_ANSWER_SECONDS = 60
"""SageMaker: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""
