"""What 1, 10, 100 and 1,000 models cost Dagster, the sensors and the gateway; and what Dagster costs a run."""

from tests.bench.orchestration.overhead import overhead
from tests.bench.orchestration.section import section as measure

__all__ = ["measure", "overhead"]
