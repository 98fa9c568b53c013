"""The client of the OCI distribution API against docker-registry itself, without a login."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.conformance.image_registry import ImageRegistryConformance, Served
from tests.plain_registry import NAME, VARIABLE, running


class TestPlain(ImageRegistryConformance):
    adapter: ClassVar[str] = NAME

    @pytest.fixture(scope="class")
    def served(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
        with running(tmp_path_factory.mktemp("registry")) as url:
            yield Served(url, lambda origin: {VARIABLE: f"{origin}/team/models"})
