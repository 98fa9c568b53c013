"""The sandbox's AWS for the adapters."""

from tests.sandbox_fixture import sandbox  # noqa: F401
