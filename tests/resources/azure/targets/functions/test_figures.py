"""Azure Monitor of function apps: the conformance suite with the real adapter against the sandbox."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

import pytest

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.azure.targets.functions.target import FunctionsTarget
from tests.conformance.endpoint_target import Upload
from tests.conformance.monitor import MonitorConformance
from tests.resources.azure.support import make_functions, upload
from tests.sandbox_fixture import Sandbox


@pytest.mark.sandbox
class TestFunctionFigures(MonitorConformance):
    adapter: ClassVar[str] = "azure/functions"
    source: ClassVar[str] = "azure-monitor"
    percentiles: ClassVar[bool] = False
    instances: ClassVar[bool] = False

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[str], FunctionsTarget]:
        return lambda environment: make_functions(variables, environment=environment, monitor_delay_seconds=0)

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AZURE_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return partial(upload, variables)

    def test_figures_of_what_azure_does_not_measure_are_none(self, figures: Figures, endpoint: Endpoint) -> None:
        assert endpoint.version == figures.version
        assert (figures.saturation, figures.cold_starts, figures.throttled) == (None, None, None)
