"""The sandbox's AWS."""

from tests.sandbox_fixture import sandbox  # noqa: F401
