"""What every Metrics promises. An adapter's test inherits it and gives the fixtures that raise here."""

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports import Metrics
from intermodal.platform.ports.metrics import Figures

SOURCES = {"prometheus", "gateway", "cloudwatch", "cloud-monitoring", "azure-monitor"}


class MetricsConformance:
    """A row for each model, target and version, of one model when it is named."""

    @pytest.fixture
    def metrics(self) -> Metrics:
        """Has measured the models ``m`` (on AWS and GCP) and ``n`` (on AWS) within the last minute."""
        raise NotImplementedError

    @pytest.fixture
    def unreachable(self) -> Metrics:
        raise NotImplementedError

    def test_rows_are_one_for_each_model_and_target(self, metrics: Metrics) -> None:
        rows = metrics.read(60)
        assert sorted((row.model, str(row.target)) for row in rows) == [
            ("m", "aws/sagemaker"),
            ("m", "gcp/cloud-run"),
            ("n", "aws/sagemaker"),
        ]
        assert {row.source for row in rows} == {metrics.source} <= SOURCES

    def test_rows_of_a_named_model_are_its_own(self, metrics: Metrics) -> None:
        assert {row.model for row in metrics.read(60, "n")} == {"n"}
        assert list(metrics.read(60, "unheard_of")) == []

    def test_shares_are_between_0_and_1(self, metrics: Metrics) -> None:
        def shares(row: Figures) -> list[float]:
            return [share for share in (row.error_rate, row.throttled, row.saturation) if share is not None]

        assert all(0 <= share <= 1 for row in metrics.read(60) for share in shares(row))

    def test_source_that_does_not_answer_is_unavailable(self, unreachable: Metrics) -> None:
        with pytest.raises(Unavailable):
            unreachable.read(60)
