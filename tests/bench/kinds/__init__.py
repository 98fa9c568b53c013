"""Typical models, one and more processes, beside other servers."""

from tests.bench.kinds.section import section as measure

__all__ = ["measure"]
